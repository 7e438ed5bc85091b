"""A token cache that tells when a call took longer than its client waits, as on a busy machine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aioalf._login.cache_calls import CALL_TIMEOUT
from aioalf.caches import Claim, TokenCache
from tests.robustness.soak.events import now

Result = TypeVar("Result")


class _Watch:
    def __init__(self, on_slow: Callable[[float], None]) -> None:
        self._on_slow = on_slow

    async def call(self, call: Awaitable[Result]) -> Result:
        begun = now()
        try:
            return await call
        except asyncio.CancelledError:
            if now() >= begun + CALL_TIMEOUT:
                self._on_slow(begun)
            raise


class WatchedCache:
    """Calls `inner`, and calls `on_slow` with the start of each call that was given up."""

    def __init__(self, inner: TokenCache, on_slow: Callable[[float], None]) -> None:
        self._inner = inner
        self._watch = _Watch(on_slow)

    async def get(self, key: str) -> str | None:
        """Implement `TokenCache`, like all that follows."""
        return await self._watch.call(self._inner.get(key))

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Store a value."""
        await self._watch.call(self._inner.set(key, value, ttl))

    async def delete(self, key: str) -> None:
        """Delete a value."""
        await self._watch.call(self._inner.delete(key))

    async def claim(self, key: str) -> Claim | None:
        """Claim a key."""
        claim = await self._watch.call(self._inner.claim(key))
        return None if claim is None else _WatchedClaim(claim, self._watch)

    async def wait(self, key: str, timeout: float) -> None:
        """Wait for the claim."""
        await self._inner.wait(key, timeout)

    async def holder(self, key: str) -> str | None:
        """Describe who has the claim."""
        return await self._watch.call(self._inner.holder(key))


class _WatchedClaim:
    def __init__(self, inner: Claim, watch: _Watch) -> None:
        self._inner = inner
        self._watch = watch

    @property
    def is_held(self) -> bool:
        return self._inner.is_held

    async def replace(self, value: str, ttl: float | None) -> bool:
        return await self._watch.call(self._inner.replace(value, ttl))

    async def remove(self) -> bool:
        return await self._watch.call(self._inner.remove())

    async def release(self) -> None:
        await self._watch.call(self._inner.release())
