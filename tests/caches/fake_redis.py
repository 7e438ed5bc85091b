"""As much of redis.asyncio.Redis as the sketch in docs/caches.rst uses, and the sketch itself."""

import asyncio
import time
from collections.abc import Callable
from typing import cast

from aioalf.caches import TokenCache
from tests.project.docs.blocks import blocks_in


class FakeRedisError(Exception):
    """Stands for redis.RedisError."""


class FakeLock:
    """A lock as Redis has it, without the lease's end."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self.acquire = lock.acquire
        self._lock = lock

    async def release(self) -> None:
        """Free it."""
        self._lock.release()


class FakeRedis:
    """Keeps bytes, and is down when it is told to be."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[bytes, float]] = {}
        self.locks: dict[str, FakeLock] = {}
        self.is_down = False

    async def get(self, name: str) -> bytes | None:
        """Return a value's bytes."""
        self._answer()
        value, deadline = self.values.get(name, (b"", 0.0))
        return value if time.monotonic() < deadline else None

    async def set(self, name: str, value: str, *, px: int | None) -> None:
        """Keep a value for so many milliseconds."""
        self._answer()
        assert px is None or px > 0
        lasts = float("inf") if px is None else px / 1000
        self.values[name] = value.encode(), time.monotonic() + lasts

    async def delete(self, name: str) -> None:
        """Forget a value."""
        self._answer()
        self.values.pop(name, None)

    def lock(self, name: str, *, timeout: float) -> FakeLock:
        """Return the lock of a name."""
        assert timeout > 0
        return self.locks.setdefault(name, FakeLock(asyncio.Lock()))

    def _answer(self) -> None:
        if self.is_down:
            raise FakeRedisError("connection refused")


def sketched_cache(redis: FakeRedis) -> TokenCache:
    """Make a RedisCache of the class in the document, as it is written there."""
    (block,) = (block for block in blocks_in("python") if "class RedisCache" in block.text)
    names: dict[str, object] = {}
    exec(block.text, names)  # noqa: S102 - the document is the project's own
    make = cast("Callable[[FakeRedis, type[Exception]], TokenCache]", names["RedisCache"])
    return make(redis, FakeRedisError)
