"""The app that asks, watches and finds."""

import gc
import sys

from django.apps import AppConfig

#: Python hands the interpreter to the next thread after 5 ms. A loop that waits for a thread which
#: stores or matches would lose that each time a page goes back and forth, and each event would.
THREAD_SWITCH_SECONDS = 0.001


class SearchesConfig(AppConfig):
    name = "searches"
    verbose_name = "buscas"

    def ready(self) -> None:
        """Let the loop go on soon, in every process that may run one."""
        # What was imported stays: looking through it again and again holds up the loop as well.
        gc.freeze()
        gc.enable()
        sys.setswitchinterval(THREAD_SWITCH_SECONDS)
