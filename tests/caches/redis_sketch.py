"""The RedisCache sketched in docs/caches.rst, and a fake of redis.asyncio.Redis for it."""

import asyncio
import time
from collections.abc import Callable
from typing import cast

from aioalf.caches import TokenCache
from tests.project.docs.blocks import blocks_in


class FakeRedisError(Exception):
    """Takes the place of redis.RedisError."""


class FakeLock:
    """A Redis lock whose lease never ends."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self.acquire = lock.acquire
        self._lock = lock

    async def release(self) -> None:
        """Release the lock."""
        self._lock.release()


class FakeRedis:
    """Store bytes, or fail if `is_down` is set."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[bytes, float]] = {}
        self.locks: dict[str, FakeLock] = {}
        self.is_down = False

    async def get(self, name: str) -> bytes | None:
        """Return the value as bytes."""
        self._check()
        value, deadline = self.values.get(name, (b"", 0.0))
        return value if time.monotonic() < deadline else None

    async def set(self, name: str, value: str, *, px: int | None) -> None:
        """Store a value for `px` milliseconds."""
        self._check()
        assert px is None or px > 0
        seconds = float("inf") if px is None else px / 1000
        self.values[name] = value.encode(), time.monotonic() + seconds

    async def delete(self, name: str) -> None:
        """Remove a value."""
        self._check()
        self.values.pop(name, None)

    def lock(self, name: str, *, timeout: float) -> FakeLock:
        """Return the lock with this name."""
        assert timeout > 0
        return self.locks.setdefault(name, FakeLock(asyncio.Lock()))

    def _check(self) -> None:
        if self.is_down:
            raise FakeRedisError("connection refused")


def sketched_cache(redis: FakeRedis) -> TokenCache:
    """Return a RedisCache, the class in the document."""
    (block,) = (block for block in blocks_in("python") if "class RedisCache" in block.text)
    names: dict[str, object] = {}
    exec(block.text, names)  # noqa: S102 - the project's own document
    make = cast("Callable[[FakeRedis, type[Exception]], TokenCache]", names["RedisCache"])
    return make(redis, FakeRedisError)
