"""`PromptCache`: a token cache whose methods fail the test if they do not end soon."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from aioalf._cache_protocol import Claim, TokenCache

Result = TypeVar("Result")


async def soon(call: Awaitable[Result], seconds: float, name: str) -> Result:
    """Return the result of a call. Raises AssertionError if it does not end in `seconds`."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await call
    except TimeoutError:
        if not limit.expired():
            raise
        raise AssertionError(f"{name} did not end within {seconds:g} seconds") from None


class PromptCache:
    """Calls another cache. A call may take some seconds, and `wait` its timeout in addition."""

    def __init__(self, cache: TokenCache, seconds: float) -> None:
        self._cache = cache
        self._seconds = seconds

    async def get(self, key: str) -> str | None:
        return await soon(self._cache.get(key), self._seconds, "get()")

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        await soon(self._cache.set(key, value, ttl), self._seconds, "set()")

    async def delete(self, key: str) -> None:
        await soon(self._cache.delete(key), self._seconds, "delete()")

    async def claim(self, key: str) -> Claim | None:
        claim = await soon(self._cache.claim(key), self._seconds, "claim()")
        return None if claim is None else _PromptClaim(claim, self._seconds)

    async def wait(self, key: str, timeout: float) -> None:
        seconds = self._seconds + max(timeout, 0)
        await soon(self._cache.wait(key, timeout), seconds, f"wait(timeout={timeout:g})")

    async def holder(self, key: str) -> str | None:
        return await soon(self._cache.holder(key), self._seconds, "holder()")


class _PromptClaim:
    def __init__(self, claim: Claim, seconds: float) -> None:
        self._claim = claim
        self._seconds = seconds

    @property
    def is_held(self) -> bool:
        return self._claim.is_held

    async def replace(self, value: str, ttl: float | None) -> bool:
        return await soon(self._claim.replace(value, ttl), self._seconds, "replace()")

    async def remove(self) -> bool:
        return await soon(self._claim.remove(), self._seconds, "remove()")

    async def release(self) -> None:
        await soon(self._claim.release(), self._seconds, "release()")
