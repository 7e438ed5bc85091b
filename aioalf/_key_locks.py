"""One lock per key, for the tasks of an event loop. This module must not know caches or tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from aioalf._single_flight import refuse_to_wait_for


class _Lock(asyncio.Lock):
    """The lock of one key."""

    holder: asyncio.Task[object] | None = None


class KeyLocks:
    """Locks by key, granted in the order of the requests and discarded when no task uses them."""

    def __init__(self) -> None:
        # By event loop: a loop that was abandoned while it held a lock does not block the next one.
        self._locks = WeakValueDictionary[tuple[asyncio.AbstractEventLoop, str], _Lock]()

    @asynccontextmanager
    async def hold(self, key: str) -> AsyncIterator[None]:
        """Hold the lock of a key. Raises TokenError if its holder waits for the current task."""
        lock = self._locks.setdefault((asyncio.get_running_loop(), key), _Lock())
        refuse_to_wait_for(lock.holder)
        async with lock:
            lock.holder = asyncio.current_task()
            try:
                yield
            finally:
                lock.holder = None
