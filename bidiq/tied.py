"""Processes that end with the one that started them, even when that is killed."""

import os
import signal
import sys
import threading

#: The commands' option for it: their standard input is a pipe whose other end the parent has.
OPTION = "--tied"


def end_with_parent() -> None:
    """End this process as SIGTERM does when its standard input closes."""

    def watch() -> None:
        # Not sys.stdin itself: its lock, held here, would keep the interpreter from ending.
        while os.read(sys.stdin.fileno(), 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="tied", daemon=True).start()
