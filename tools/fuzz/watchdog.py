"""A limit for what may never return, also where it awaits nothing. It knows clocks only."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class HangError(AssertionError):
    """Something took longer than it may."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise HangError in whatever runs in the main thread for longer; on Windows do nothing.

    An alarm that was set before is set again, with as much time as it had left at first.
    """
    if sys.platform == "win32":
        yield
        return
    error = HangError(f"it did not end within {seconds:g} seconds")
    rung: list[int] = []

    def ring(number: int, _: FrameType | None) -> None:
        rung.append(number)
        raise error

    handler = signal.signal(signal.SIGALRM, ring)
    before = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)
        signal.signal(signal.SIGALRM, handler)
    if rung:  # what was interrupted took the error for one of its own
        raise error
