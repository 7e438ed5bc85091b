"""Canaille's own command `run`, in the environment that holds Canaille, until stdin ends.

It outlives its tests in no case, however they end. Nothing of this project is there to import.
"""

import os
import runpy
import sys
import threading


def end_with_stdin() -> None:
    """Wait until nobody holds the other end any more, and be gone."""
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_stdin, daemon=True).start()
    sys.argv = ["canaille", "run"]
    runpy.run_module("canaille.commands", run_name="__main__")
