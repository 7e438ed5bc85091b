"""A token cache in the memory of one process. This module must not know tokens."""

from __future__ import annotations

import math
import time
from contextlib import AbstractAsyncContextManager

from aioalf._key_locks import KeyLocks
from aioalf.errors import TokenConfigurationError


class MemoryCache:
    """Keep logins for as long as the process lives. Clients in one event loop can share it.

    When the cache is full, a new entry replaces the least recently used one. The token of a
    replaced entry is requested again, which may require a user to sign in: choose `max_entries`
    large enough. Expiry is measured with the monotonic clock.

    Args:
        max_entries: Maximum number of entries. Token exchange, for example, makes an entry for each
            subject.

    Raises:
        TokenConfigurationError: `max_entries` is not a whole number of 1 or more.
    """

    def __init__(self, max_entries: int = 10_000) -> None:
        if not isinstance(max_entries, int) or max_entries < 1:
            raise TokenConfigurationError("max_entries must be a whole number of 1 or more")
        self._max_entries = max_entries
        self._entries: dict[str, tuple[str, float]] = {}  # the least recently used first
        self._locks = KeyLocks()

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

    def lock(self, key: str) -> AbstractAsyncContextManager[None]:
        """Return a context manager that one task of this event loop can hold at a time."""
        return self._locks.hold(key)

    def __repr__(self) -> str:
        return f"<MemoryCache of {len(self._entries)}>"
