"""A time limit that also stops code which never awaits."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class HangError(AssertionError):
    """The time limit was exceeded."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise HangError in the main thread after some seconds; on Windows do nothing.

    A timer that was running before continues at exit with the time that it had left at the start.
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
    if rung:  # the interrupted code has caught the error
        raise error
