#!/usr/bin/env python
"""Django's command line for bidiq."""

import gc
import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bidiq.settings")
    gc.disable()  # until the apps are ready (searches.apps): what a start imports is no garbage
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
