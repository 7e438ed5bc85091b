"""The store of `UnreliableCache`: values and leases in memory, as in a key-value server.

The clock is the one of the running event loop, so that leases follow virtual time. Must not know
faults.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(eq=False)
class Lease:
    """The right of one client to change the value of a key, from `start` to `end`."""

    key: str
    client: str
    holder: str
    start: float
    end: float
    is_answer_lost: bool = False
    """Whether the client does not know that it has the lease: it gets the same lease again."""
    waiting: list[asyncio.Future[None]] = field(default_factory=list[asyncio.Future[None]])
    """Futures of the tasks that wait for the end."""


class LeaseStore:
    """Values and leases by key.

    Attributes:
        duration: The seconds of a lease that is not extended.
        leases: All leases, ended ones too.
    """

    def __init__(self, duration: float) -> None:
        self.duration = duration
        self.leases: list[Lease] = []
        self._latest: dict[str, Lease] = {}
        self._values: dict[str, tuple[str, float]] = {}
        self._clients = 0

    def add_client(self) -> str:
        """Return the name of a new client."""
        self._clients += 1
        return f"client {self._clients}"

    # Values

    async def get(self, key: str) -> str | None:
        """Return the value; None if it is missing or has expired."""
        value, deadline = self._values.get(key, ("", -math.inf))
        return value if now() < deadline else None

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Store a value; one with a ttl of 0 or less has expired at once."""
        self._values[key] = value, math.inf if ttl is None else now() + ttl

    async def delete(self, key: str) -> None:
        """Remove the value."""
        self._values.pop(key, None)

    # Leases

    def is_current(self, lease: Lease) -> bool:
        """Whether the lease has not ended."""
        return now() < lease.end

    def current(self, key: str) -> Lease | None:
        """Return the lease of a key that has not ended, or None."""
        lease = self._latest.get(key)
        return lease if lease is not None and self.is_current(lease) else None

    async def holder(self, key: str) -> str | None:
        """Return the client that has the lease, and since when. Return None without a lease."""
        lease = self.current(key)
        return None if lease is None else lease.holder

    async def grant(self, key: str, client: str) -> Lease | None:
        """Return a lease, or None if there is one whose client knows it."""
        lease = self.current(key)
        if lease is None:
            holder = f"{client} since {datetime.now(UTC):%H:%M:%S} UTC"
            lease = self._latest[key] = Lease(key, client, holder, now(), math.inf)
            self.leases.append(lease)
        elif lease.client != client or not lease.is_answer_lost:
            return None
        lease.is_answer_lost = False
        lease.end = now() + self.duration
        return lease

    async def extend(self, lease: Lease) -> bool:
        """Move the end of a lease; return False if it has ended."""
        if not self.is_current(lease):
            return False
        lease.end = now() + self.duration
        return True

    async def replace(self, lease: Lease, value: str, ttl: float | None) -> bool:
        """Store a value like `set`; return False if the lease has ended."""
        if not self.is_current(lease):
            return False
        await self.set(lease.key, value, ttl)
        return True

    async def remove(self, lease: Lease) -> bool:
        """Remove the value; return False if the lease has ended."""
        if not self.is_current(lease):
            return False
        await self.delete(lease.key)
        return True

    async def release(self, lease: Lease) -> None:
        """End a lease."""
        self.end(lease)

    def end(self, lease: Lease) -> None:
        """End a lease, if it has not ended, and wake the waiting tasks."""
        lease.end = min(lease.end, now())
        for waiting in lease.waiting:
            if not waiting.done() and not waiting.get_loop().is_closed():
                waiting.set_result(None)

    async def wait(self, key: str, timeout: float) -> None:
        """Wait until the lease of a key ends, at most `timeout` seconds."""
        lease = self.current(key)
        if lease is None:
            return
        until = now() + timeout
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lease.waiting.append(ended)
        while (left := min(until, lease.end) - now()) > 0:
            await asyncio.wait([ended], timeout=left)


def now() -> float:
    """Return the time of the running event loop."""
    return asyncio.get_running_loop().time()
