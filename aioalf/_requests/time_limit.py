"""The total timeout of one call, which also covers the wait for a token.

aiohttp starts its own timer when it is called, so time spent before and between requests has to be
subtracted. Must not know tokens.
"""

from __future__ import annotations

import asyncio
import time

from aiohttp import ClientTimeout


class TimeLimit:
    """Runs from when it is created, for `total` seconds."""

    def __init__(self, timeout: ClientTimeout | float, total: float) -> None:
        self._timeout = timeout
        self._ends_at = time.monotonic() + total

    def wait(self) -> asyncio.Timeout:
        """Return a context that raises TimeoutError when the limit is reached."""
        return asyncio.timeout(self._left())

    def rest(self) -> ClientTimeout:
        """Return the timeout for a request that is sent now."""
        given = self._timeout
        if not isinstance(given, ClientTimeout):
            return ClientTimeout(total=self._left())
        return ClientTimeout(
            total=self._left(),
            connect=given.connect,
            sock_connect=given.sock_connect,
            sock_read=given.sock_read,
            ceil_threshold=given.ceil_threshold,
        )

    def _left(self) -> float:
        return max(self._ends_at - time.monotonic(), 0.001)  # to aiohttp, 0 means no limit


def start_time_limit(timeout: ClientTimeout | float | None) -> TimeLimit | None:
    """Start the limit of a call; return None if there is no total timeout.

    As in aiohttp, None, 0 and negative numbers mean no limit.
    """
    total = timeout.total if isinstance(timeout, ClientTimeout) else timeout
    return None if timeout is None or total is None or total <= 0 else TimeLimit(timeout, total)
