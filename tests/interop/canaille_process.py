"""Run Canaille's command `run` in its own environment until stdin is closed.

Closing stdin ends it even if the tests are killed. This project cannot be imported here.
"""

import os
import runpy
import sys
import threading


def exit_with_stdin() -> None:
    """Exit when the other end of stdin is closed."""
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=exit_with_stdin, daemon=True).start()
    sys.argv = ["canaille", "run"]
    runpy.run_module("canaille.commands", run_name="__main__")
