"""`Section`: a part of the program that runs once at a time in an event loop.

Must not know what the section does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aioalf._single_flight import refuse_to_wait_for


class Section:
    """A section that tasks enter only if it `is_running` nowhere else in their event loop.

    `changes` counts how often the section began or ended. A section of an event loop that was
    stopped does not count as running in the next one.
    """

    def __init__(self) -> None:
        self.changes = 0
        self._task: asyncio.Task[object] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_running(self) -> bool:
        return self._loop is asyncio.get_running_loop()

    def refuse_to_wait(self) -> None:
        """Raise TokenError if the section waits for the current task."""
        refuse_to_wait_for(self._task if self.is_running else None)

    @contextmanager
    def entered(self) -> Iterator[None]:
        self._task = task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self.changes += 1
        try:
            yield
        finally:
            self.changes += 1
            if self._task is task:  # not if it ends late, long after its loop was stopped
                self._task = self._loop = None
