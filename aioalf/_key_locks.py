"""One lock per key, for the tasks of an event loop. This module must not know caches or tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aioalf.errors import TokenError


class _KeyLock:
    """The lock of one key. `users` counts the tasks that hold it or wait for it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.holder: asyncio.Task[object] | None = None
        self.users = 0


class KeyLocks:
    """Locks by key, granted in the order of the requests and discarded when no task uses them."""

    def __init__(self) -> None:
        # By event loop: a loop that was abandoned while it held a lock does not block the next one.
        self._locks: dict[tuple[asyncio.AbstractEventLoop, str], _KeyLock] = {}

    @asynccontextmanager
    async def hold(self, key: str) -> AsyncIterator[None]:
        """Hold the lock of a key. Raises TokenError if the current task already holds it."""
        place = (asyncio.get_running_loop(), key)
        entry = self._locks.setdefault(place, _KeyLock())
        task = asyncio.current_task()
        if entry.holder is not None and entry.holder is task:
            raise TokenError(
                "This task already requests a token and would wait for itself forever: do not use "
                "the client in a function that it calls to get a token"
            )
        entry.users += 1
        try:
            async with entry.lock:
                entry.holder = task
                try:
                    yield
                finally:
                    entry.holder = None
        finally:
            entry.users -= 1
            if not entry.users:
                del self._locks[place]
