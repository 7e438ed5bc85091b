"""Each cache keeps the contract of token caches, also the RedisCache of docs/howto/redis.rst."""

import asyncio
import os
import re
import socket
from pathlib import Path

import pytest
from fakeredis import FakeServer

from aioalf.caches import FileCache, MemoryCache, TokenCache
from aioalf.testing import CacheContract, CacheFault, UnreliableCache
from tests.caches.redis_sketch import (
    LEASE,
    LossyConnection,
    SlowConnection,
    lose_claim,
    sketched_cache,
)


class TestMemoryCache(CacheContract):
    """The clients of a process share one object. Memory can neither lose claims nor break."""

    test_lost_claim_changes_nothing = None  # type: ignore[assignment]
    test_unusable_store_raises_cache_error = None  # type: ignore[assignment]
    cache = MemoryCache()

    def make_cache(self) -> TokenCache:
        """Return the same object each time."""
        return self.cache


class TestFileCache(CacheContract):
    """The clients share a directory. The operating system does not lose the claims of a process."""

    test_lost_claim_changes_nothing = None  # type: ignore[assignment]

    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path: Path) -> None:
        self.directory = tmp_path / "cache"

    def make_cache(self) -> TokenCache:
        """Return a cache in the directory of the test."""
        return FileCache(self.directory)

    async def break_store(self) -> None:
        """Replace the directory by a file."""
        self.directory.rename(self.directory.with_name("moved"))
        self.directory.touch()


class TestRedisCache(CacheContract):
    """The clients share a Redis server."""

    lease = LEASE

    def setup_method(self) -> None:
        """Start a server."""
        self.server = FakeServer()

    def make_cache(self) -> TokenCache:
        """Return a cache with a connection of its own."""
        return sketched_cache(self.server)

    async def lose_claim(self, key: str) -> None:
        """Delete the claim, as a failover can."""
        await lose_claim(self.server, key)

    async def break_store(self) -> None:
        """Refuse connections."""
        self.server.connected = False

    async def test_request_for_a_claim_can_be_sent_twice(self) -> None:
        """If the answer was lost, the second request gets the claim of the first one at once."""
        LossyConnection.has_broken = False
        claim = await sketched_cache(self.server, LossyConnection).claim("k")
        assert LossyConnection.has_broken
        assert claim is not None
        assert await self.make_cache().claim("k") is None
        assert await claim.replace("1", None)
        await claim.release()

    async def test_claim_taken_during_cancellation_is_given_back(self) -> None:
        """Whenever a call is cancelled, the claim is free at once, and not after the lease."""
        for turn in range(30):
            claiming = asyncio.create_task(self.make_cache().claim(f"k{turn}"))
            for _ in range(turn):
                await asyncio.sleep(0)
            claiming.cancel()
            (taken,) = await asyncio.gather(claiming, return_exceptions=True)
            if not isinstance(taken, BaseException):
                assert taken is not None
                await taken.release()
            claim = await self.make_cache().claim(f"k{turn}")
            assert claim is not None, f"cancelled after {turn} turns of the event loop"
            await claim.release()

    async def test_slow_change_that_is_cancelled_does_not_undo_a_later_one(self) -> None:
        """A cancelled call ends after its request, even if the request takes long."""
        cache = sketched_cache(self.server, SlowConnection)
        await cache.get("k")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(cache.set("k", "slow", None), 0.01)
        await cache.set("k", "new", None)
        await asyncio.sleep(0.1)
        assert await cache.get("k") == "new"

    async def test_holder_is_the_process_and_the_time(self) -> None:
        """The description helps to find the process, and does not show the token of the claim."""
        cache = self.make_cache()
        claim = await cache.claim("k")
        assert claim is not None
        place = re.escape(f"process {os.getpid()} on {socket.gethostname()}")
        assert re.fullmatch(rf"{place} since \d\d:\d\d:\d\d UTC", str(await cache.holder("k")))
        await claim.release()


class TestUnreliableCache(CacheContract):
    """Without faults, the cache for tests is a correct cache."""

    lease = 1.0

    def setup_method(self) -> None:
        """Make an empty store."""
        self.clients = [UnreliableCache(self.lease)]

    def make_cache(self) -> TokenCache:
        """Return a new client of the store."""
        self.clients.append(self.clients[0].new_client())
        return self.clients[-1]

    async def lose_claim(self, key: str) -> None:
        """Lose all claims."""
        self.clients[0].lose_claims()

    async def break_store(self) -> None:
        """Make the calls of all clients fail."""
        for client in self.clients:
            client.faults.set_all(CacheFault.error())
