"""Kinds of arguments that commands share."""

import argparse


def not_negative(text: str) -> float:
    """Return a number from 0 on; nan and infinity are none."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:
        raise argparse.ArgumentTypeError("um número a partir de 0")
    return number


def port_number(text: str, *, least: int) -> int | None:
    """Return a port; None for what is none."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    return number if least <= number <= 65535 else None
