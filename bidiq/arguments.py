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
