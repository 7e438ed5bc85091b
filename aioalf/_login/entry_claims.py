"""`EntryClaims`: the claim to a cache entry, and the turns in which one client uses it.

Must not know what the entry holds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

from aioalf._cache_protocol import Claim, TokenCache
from aioalf._login import cache_calls
from aioalf._login.cache_calls import CALL_TIMEOUT, ask, release
from aioalf._login.section import Section

_CLAIM_TIMEOUT: Final = 30.0
"""Seconds that a logout and the end of a sign-in wait while another client has the claim."""

_MIN_WAIT: Final = 0.01
"""The minimum seconds of `wait`: a cache may return at once, and must not block the loop."""

_MIN_WAIT_FOR_TURN: Final = 0.25
"""The same while a fetch of this client has its turn, perhaps without the claim."""


class EntryClaims:
    """The claims to one entry. There is no claim without a cache.

    A fetch has a claim only in its `turn`. So the fetches of one client take turns even if a claim
    was lost: none of them reads a newer login while another one waits for the response to a
    request with the older login.
    """

    def __init__(self, cache: TokenCache | None, key: str) -> None:
        self._cache = cache
        self._key = key
        self.turn = Section()

    @property
    def _store(self) -> TokenCache:
        return cast("TokenCache", self._cache)  # for methods that need a cache

    async def claim(self) -> Claim | None:
        """Return the claim; None if another client has it. Raises CacheError."""
        return None if self._cache is None else await cache_calls.claim(self._cache, self._key)

    async def wait(self, seconds: float) -> None:
        """Wait until another client releases the claim, for at most this many seconds."""
        asked_at = time.monotonic()
        await ask(self._store.wait, self._key, seconds, limit=seconds + CALL_TIMEOUT)
        least = _MIN_WAIT_FOR_TURN if self.turn.is_running else _MIN_WAIT
        await asyncio.sleep(max(0.0, asked_at + least - time.monotonic()))

    async def holder(self) -> str:
        if self.turn.is_running:
            return "another task of this process"
        return await ask(self._store.holder, self._key) or "another client"

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[Claim | None]:
        """Take a turn with the claim; None if another fetch or client has it. Raises CacheError."""
        if self.turn.is_running:
            yield None
            return
        claim = None
        try:
            with self.turn.entered():
                claim = await self.claim()
                yield claim
        finally:
            if claim is not None:
                await release(claim)

    @asynccontextmanager
    async def claimed(self) -> AsyncIterator[Claim | None]:
        """Wait for a turn with the claim.

        None without a cache, or if another fetch or client does not end its turn in time. Raises
        CacheError.
        """
        ends_at = time.monotonic() + _CLAIM_TIMEOUT
        while self._cache is not None and time.monotonic() < ends_at:
            async with self.taken() as claim:
                if claim is not None:
                    yield claim
                    return
            await self.wait(1.0)
        yield None
