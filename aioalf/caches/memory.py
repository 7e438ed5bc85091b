"""A token cache in the memory of one process. This module must not know tokens."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress
from datetime import UTC, datetime

from aioalf._cache_protocol import Claim
from aioalf._error_frames import hide_locals_on_error
from aioalf._masking import Unpicklable
from aioalf._syntax import number_or_type
from aioalf.errors import TokenConfigurationError


class MemoryCache(Unpicklable):
    """Keep logins for as long as the process lives. Clients in one event loop can share it.

    When the cache is full, a new entry replaces the least recently used one. The token of a
    replaced entry is requested again, which may require a user to sign in: choose `max_entries`
    large enough. Expiry is measured with the monotonic clock. A claim is held until it is released,
    or until its event loop has stopped and a task of another event loop takes it over.

    The cache can be neither pickled nor copied, because it holds tokens.

    Args:
        max_entries: Maximum number of entries. Token exchange, for example, makes an entry for each
            subject.

    Raises:
        TokenConfigurationError: `max_entries` is not a whole number of 1 or more.
    """

    @hide_locals_on_error
    def __init__(self, max_entries: int = 10_000) -> None:
        if not isinstance(max_entries, int) or max_entries < 1:
            raise TokenConfigurationError(
                f"max_entries must be a whole number, 1 or more, not {number_or_type(max_entries)}"
            )
        self._max_entries = max_entries
        self._entries: dict[str, tuple[str, float]] = {}  # the least recently used first
        self._claims: dict[str, _MemoryClaim] = {}

    async def get(self, key: str) -> str | None:
        """Return the value; None if it is missing or has expired."""
        value, deadline = self._entries.pop(key, ("", -math.inf))
        if time.monotonic() >= deadline:
            return None
        self._entries[key] = value, deadline
        return value

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Store a value for `ttl` seconds, or without expiry if `ttl` is None."""
        self._entries.pop(key, None)
        if ttl is not None and not ttl > 0:
            return
        if len(self._entries) >= self._max_entries:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = value, math.inf if ttl is None else time.monotonic() + ttl

    async def delete(self, key: str) -> None:
        """Remove the value."""
        self._entries.pop(key, None)

    async def claim(self, key: str) -> Claim | None:
        """Return the claim to a key; None if a task of a running event loop has it."""
        if self._claim_of(key) is not None:
            return None
        claim = self._claims[key] = _MemoryClaim(self, key, self._claims)
        return claim

    async def wait(self, key: str, timeout: float) -> None:
        """Return when the claim to a key is free or was released, or after `timeout` seconds."""
        claim = self._claim_of(key)
        if claim is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await claim.released.wait()

    async def holder(self, key: str) -> str | None:
        """Return the name of the task that has the claim, and since when; None if it is free."""
        claim = self._claim_of(key)
        return None if claim is None else claim.description

    def _claim_of(self, key: str) -> _MemoryClaim | None:
        # The tasks of an event loop that has stopped cannot give their claims back.
        claim = self._claims.get(key)
        return claim if claim is not None and claim.loop.is_running() else None

    def __repr__(self) -> str:
        return f"<MemoryCache of {len(self._entries)}>"


class _MemoryClaim:
    """A claim. `claims` holds the current claim to each key, until it is released."""

    def __init__(self, cache: MemoryCache, key: str, claims: dict[str, _MemoryClaim]) -> None:
        task = asyncio.current_task()
        name = "a callback" if task is None else f"task {task.get_name()}"
        self.description = f"{name} since {datetime.now(UTC):%H:%M:%S} UTC"
        self.loop = asyncio.get_running_loop()
        self.released = asyncio.Event()
        self._cache = cache
        self._key = key
        self._claims = claims

    @property
    def is_held(self) -> bool:
        return self._claims.get(self._key) is self

    async def replace(self, value: str, ttl: float | None) -> bool:
        if not self.is_held:
            return False
        await self._cache.set(self._key, value, ttl)
        return True

    async def remove(self) -> bool:
        if not self.is_held:
            return False
        await self._cache.delete(self._key)
        return True

    async def release(self) -> None:
        if self.is_held:
            del self._claims[self._key]
        if not self.loop.is_closed():  # a closed loop cannot wake its waiting tasks
            self.released.set()
