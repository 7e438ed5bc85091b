"""What every token cache promises, the one that docs/caches.rst sketches among them."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aioalf import CacheError
from aioalf.caches import FileCache, MemoryCache, TokenCache
from tests.caches.fake_redis import FakeRedis, sketched_cache

ODD_KEYS = ["", "a b", "../../tokens", "/etc/passwd", "a\0b", "é" * 300, "\ud800", "CON", "k.json"]


@pytest.fixture(params=["memory", "file", "redis"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> TokenCache:
    """One cache of each kind, empty."""
    match request.param:
        case "memory":
            return MemoryCache()
        case "file":
            return FileCache(tmp_path / "cache")
        case _:
            return sketched_cache(FakeRedis())


@asynccontextmanager
async def held(cache: TokenCache, key: str) -> AsyncIterator[asyncio.Event]:
    """The lock of a key held by another task, until the event is set."""
    has, let_go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with cache.lock(key):
            has.set()
            await let_go.wait()

    task = asyncio.create_task(hold())
    await has.wait()
    yield let_go
    let_go.set()
    await task


async def test_what_was_set_last_is_had(cache: TokenCache) -> None:
    """Nothing before, then the value, then the next one; each key has its own."""
    assert await cache.get("a") is None
    await cache.set("a", "1", None)
    await cache.set("b", "2", 1000)
    await cache.set("a", "3 é \n", math.inf)
    assert (await cache.get("a"), await cache.get("b")) == ("3 é \n", "2")


async def test_what_was_deleted_is_gone(cache: TokenCache) -> None:
    """It does not come back, another key's stays, and deleting nothing is no error."""
    await cache.delete("a")
    await cache.set("a", "1", None)
    await cache.set("b", "2", None)
    await cache.delete("a")
    await cache.delete("a")
    assert (await cache.get("a"), await cache.get("b")) == (None, "2")


@pytest.mark.parametrize("ttl", [0, -1.5, -math.inf, math.nan])
async def test_a_value_without_time_is_not_kept(cache: TokenCache, ttl: float) -> None:
    """It is gone at once, and what it was to replace is gone, too."""
    await cache.set("a", "1", None)
    await cache.set("a", "2", ttl)
    assert await cache.get("a") is None


@pytest.mark.parametrize("key", ODD_KEYS, ids=ascii)
async def test_any_text_is_a_key(cache: TokenCache, key: str) -> None:
    """No key is a path, too long or another one's."""
    await cache.set(key, "1", None)
    assert [await cache.get(other) for other in ODD_KEYS] == [
        "1" if other == key else None for other in ODD_KEYS
    ]
    async with cache.lock(key):
        await cache.delete(key)
    assert await cache.get(key) is None


async def test_one_task_at_a_time_holds_the_lock(cache: TokenCache) -> None:
    """Many that read, wait and write lose nothing."""

    async def add_one() -> None:
        async with cache.lock("a"):
            count = int(await cache.get("a") or 0)
            await asyncio.sleep(0)
            await cache.set("a", str(count + 1), None)

    await asyncio.gather(*(add_one() for _ in range(20)))
    assert await cache.get("a") == "20"


async def test_the_lock_of_another_key_is_free(cache: TokenCache) -> None:
    """Who renews one login does not wait for who renews another."""
    async with held(cache, "a"), cache.lock("b"):
        pass


async def test_reading_and_writing_need_no_lock(cache: TokenCache) -> None:
    """A lock that another task holds keeps nobody from the values."""
    async with held(cache, "a"):
        await cache.set("a", "1", None)
        assert await cache.get("a") == "1"
        await cache.delete("a")


async def test_who_waits_for_a_lock_can_be_cancelled(cache: TokenCache) -> None:
    """The wait ends, and the lock goes to the next one when it is free."""
    async with held(cache, "a") as let_go:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), cache.lock("a"):
                pytest.fail("two hold it")
        let_go.set()
        async with cache.lock("a"):
            pass


async def test_an_error_frees_the_lock(cache: TokenCache) -> None:
    """It comes out as it is, and the next one has the lock."""
    with pytest.raises(ZeroDivisionError):
        async with cache.lock("a"):
            raise ZeroDivisionError
    async with cache.lock("a"):
        pass


async def test_a_task_is_not_left_waiting_for_itself(cache: TokenCache) -> None:
    """Who holds the lock and asks for it again is told so, and has it still."""
    async with cache.lock("a"):
        with pytest.raises(CacheError, match="held by this task already"):
            async with cache.lock("a"):
                pytest.fail("held twice")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.create_task(_take(cache)), 0.05)
    await _take(cache)


async def _take(cache: TokenCache) -> None:
    async with cache.lock("a"):
        pass


def test_a_cache_serves_one_event_loop_after_another(cache: TokenCache) -> None:
    """With contended locks in each, which is when a lock belongs to a loop."""

    async def use() -> str | None:
        async with held(cache, "a") as let_go:
            waiting = asyncio.create_task(_take(cache))
            await asyncio.sleep(0)
            let_go.set()
            await waiting
        await cache.set("a", "1", None)
        return await cache.get("a")

    if "RedisCache" in type(cache).__name__:
        return  # a client of Redis belongs to one loop
    assert [asyncio.run(use()), asyncio.run(use())] == ["1", "1"]


async def test_a_store_that_is_down_is_a_cache_error() -> None:
    """The sketch tells of it in the way that the contract wants."""
    redis = FakeRedis()
    cache = sketched_cache(redis)
    redis.is_down = True
    with pytest.raises(CacheError, match="connection refused"):
        await cache.get("a")
