"""`UnreliableCache`: a token cache in the memory of a test, which fails on request.

Follows the contract of token caches while no fault is set. Must not import the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from aioalf._cache_protocol import Claim
from aioalf.testing._lease_store import Lease, LeaseStore, now
from aioalf.testing.cache_faults import CacheFaultTable, CacheMethod

Result = TypeVar("Result")


@dataclass
class CacheCall:
    """A call of a method. Its times are in seconds of ``loop.time()``."""

    method: CacheMethod
    key: str
    was_claimed: bool
    """Whether any client had the claim to the key when the call started."""
    started: float
    ended: float | None = None
    """None while the call is running."""


class UnreliableCache:
    """A token cache in memory, whose claims are leases and whose methods can be made to fail.

    Several clients can share one object. `new_client` returns another object with the same values
    and claims, as in another process. Leases and the ttl of values are measured with
    ``loop.time()``, so the cache can be used in virtual time.

    Args:
        lease: Seconds after which a claim ends that its holder does not extend. The holder extends
            it after a third of this time.

    Attributes:
        faults: The fault of each method: ``cache.faults["claim"] = CacheFault.hang()``.
        log: The calls of this object in the order of their start, without extensions.
    """

    def __init__(self, lease: float = 1.0) -> None:
        self.faults: CacheFaultTable = CacheFaultTable()
        self.log: list[CacheCall] = []
        self._store = LeaseStore(lease)
        self._client = self._store.add_client()

    def new_client(self) -> UnreliableCache:
        """Return an object with the same values and claims, and with its own faults and log."""
        other = UnreliableCache()
        other._store = self._store
        other._client = self._store.add_client()
        return other

    async def get(self, key: str) -> str | None:
        """Return the value; None if it is missing or has expired."""
        return await self._call("get", key, lambda: self._store.get(key))

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Store a value for `ttl` seconds, or without expiry if `ttl` is None."""
        await self._call("set", key, lambda: self._store.set(key, value, ttl))

    async def delete(self, key: str) -> None:
        """Remove the value."""
        await self._call("delete", key, lambda: self._store.delete(key))

    async def claim(self, key: str) -> Claim | None:
        """Return the claim to a key, or None if another task or client has it.

        If the answer is lost, the next call of this object returns the same claim.
        """
        granted: list[Lease] = []

        async def grant() -> Lease | None:
            lease = await self._store.grant(key, self._client)
            granted.extend([] if lease is None else [lease])
            return lease

        answer = None
        try:
            answer = await self._call("claim", key, grant)
        finally:
            for lease in granted:
                lease.is_answer_lost = answer is not lease
        # The answer of a fault can be any object.
        return _LeasedClaim(self, answer) if isinstance(answer, Lease) else answer

    async def wait(self, key: str, timeout: float) -> None:
        """Return when the claim to a key is free or was released, or after `timeout` seconds."""
        await self._call("wait", key, lambda: self._store.wait(key, timeout))

    async def holder(self, key: str) -> str | None:
        """Return the client that has the claim, and since when; None if it is free."""
        return await self._call("holder", key, lambda: self._store.holder(key))

    # For tests

    def lose_claims(self) -> None:
        """End all claims to all keys. Their holders notice it at their next call or extension."""
        for lease in self._store.leases:
            self._store.end(lease)

    def was_claimed(self, since: float, until: float | None = None) -> bool:
        """Whether any client had a claim at any time between two times.

        Args:
            since: The start by the event loop's clock (``loop.time()``).
            until: The end. None means now.
        """
        end = now() if until is None else until
        return any(lease.start <= end and since < lease.end for lease in self._store.leases)

    @property
    def is_claimed(self) -> bool:
        """Whether any client has a claim to any key now."""
        return self.was_claimed(now())

    async def _call(
        self, method: CacheMethod, key: str, work: Callable[[], Awaitable[Result]]
    ) -> Result:
        call = CacheCall(method, key, self._store.current(key) is not None, started=now())
        self.log.append(call)
        try:
            # As with a real store, a task can be cancelled before the work and after it.
            await asyncio.sleep(0)
            answer = await self.faults.apply(method, work)
            await asyncio.sleep(0)
        finally:
            call.ended = now()
        return answer

    def __repr__(self) -> str:
        return f"<UnreliableCache {self._client}>"


class _LeasedClaim:
    """A claim whose holder extends the lease, until it releases or loses the claim."""

    def __init__(self, cache: UnreliableCache, lease: Lease) -> None:
        self._cache = cache
        self._store = cache._store
        self._lease = lease
        self._held_until = lease.end  # as far as the holder knows
        self._extending = asyncio.create_task(self._extend_repeatedly())

    @property
    def is_held(self) -> bool:
        return now() < self._held_until

    async def _extend_repeatedly(self) -> None:
        while self.is_held:
            await asyncio.sleep(self._store.duration / 3)
            with suppress(Exception):  # a fault; the lease ends if it is not extended in time
                await self._extend()

    async def _extend(self) -> None:
        end = now() + self._store.duration
        if await self._cache.faults.apply("extend", lambda: self._store.extend(self._lease)):
            self._held_until = end
        else:
            self._held_until = now()

    async def replace(self, value: str, ttl: float | None) -> bool:
        return await self._call("replace", lambda: self._store.replace(self._lease, value, ttl))

    async def remove(self) -> bool:
        return await self._call("remove", lambda: self._store.remove(self._lease))

    async def release(self) -> None:
        self._extending.cancel()
        self._held_until = now()
        await self._cache._call(
            "release", self._lease.key, lambda: self._store.release(self._lease)
        )

    async def _call(self, method: CacheMethod, work: Callable[[], Awaitable[bool]]) -> bool:
        is_done = await self._cache._call(method, self._lease.key, work)
        if not is_done:
            self._held_until = now()
        return is_done
