"""One lock per key, for the tasks of an event loop. This module must not know caches or tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from aioalf.errors import TokenError


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
        """Hold the lock of a key. Raises TokenError if the current task already holds it."""
        lock = self._locks.setdefault((asyncio.get_running_loop(), key), _Lock())
        task = asyncio.current_task()
        if lock.holder is not None and lock.holder is task:
            raise TokenError(
                "This task already requests a token and would wait for itself forever: do not use "
                "the client in a function that it calls to get a token"
            )
        async with lock:
            lock.holder = task
            try:
                yield
            finally:
                lock.holder = None
