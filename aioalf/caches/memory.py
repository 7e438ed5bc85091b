"""The token cache of one process: a bounded dictionary. It knows nothing of tokens."""

from __future__ import annotations

import math
import time
from contextlib import AbstractAsyncContextManager

from aioalf.caches._key_locks import KeyLocks
from aioalf.errors import TokenConfigurationError


class MemoryCache:
    """Keeps what was granted while the process lives; clients may share it, in one event loop.

    It holds ``max_entries`` values, and drops the one that was longest unused for a new one:
    subjects of token exchange are as many as an API has callers. What is dropped is asked for
    anew; where that would mean a login, let there be enough room. Time is the monotonic clock's.
    Raises TokenConfigurationError when ``max_entries`` is not 1 or more.
    """

    def __init__(self, max_entries: int = 10_000) -> None:
        if not isinstance(max_entries, int) or max_entries < 1:
            raise TokenConfigurationError("max_entries must be a whole number from 1 up")
        self._max_entries = max_entries
        self._entries: dict[str, tuple[str, float]] = {}  # the longest unused first
        self._locks = KeyLocks()

    async def get(self, key: str) -> str | None:
        """Return the value, None when there is none or its time is over."""
        value, deadline = self._entries.pop(key, ("", -math.inf))
        if time.monotonic() >= deadline:
            return None
        self._entries[key] = value, deadline
        return value

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Keep a value for ``ttl`` seconds, None for good."""
        self._entries.pop(key, None)
        if ttl is not None and not ttl > 0:
            return
        if len(self._entries) >= self._max_entries:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = value, math.inf if ttl is None else time.monotonic() + ttl

    async def delete(self, key: str) -> None:
        """Forget the value."""
        self._entries.pop(key, None)

    def lock(self, key: str) -> AbstractAsyncContextManager[None]:
        """Return a context that one task of this event loop holds at a time."""
        return self._locks.hold(key)

    def __repr__(self) -> str:
        return f"<MemoryCache of {len(self._entries)}>"
