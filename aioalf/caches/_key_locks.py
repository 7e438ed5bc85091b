"""A lock for each key among the tasks of an event loop. It knows nothing of what is locked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aioalf.errors import CacheError


class _Queue:
    """Those who hold or want the lock of one key; ``users`` counts them."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.holder: asyncio.Task[object] | None = None
        self.users = 0


class KeyLocks:
    """Locks that are there only while somebody holds or wants them; who came first is first."""

    def __init__(self) -> None:
        # A loop that was abandoned with a lock held does not lock out the next one.
        self._queues: dict[tuple[asyncio.AbstractEventLoop, str], _Queue] = {}

    @asynccontextmanager
    async def hold(self, key: str) -> AsyncIterator[None]:
        """Hold the lock of a key. Raises CacheError where this task holds it already."""
        place = (asyncio.get_running_loop(), key)
        queue = self._queues.setdefault(place, _Queue())
        task = asyncio.current_task()
        if queue.holder is not None and queue.holder is task:
            raise CacheError(
                "The lock of the token cache is held by this task already and would never come "
                "free: do not use the client from within its own renewal"
            )
        queue.users += 1
        try:
            async with queue.lock:
                queue.holder = task
                try:
                    yield
                finally:
                    queue.holder = None
        finally:
            queue.users -= 1
            if not queue.users:
                del self._queues[place]
