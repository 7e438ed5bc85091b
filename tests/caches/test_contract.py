"""The contract of token caches, for each cache and for the RedisCache in docs/caches.rst."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aioalf import CacheError
from aioalf.caches import FileCache, MemoryCache, TokenCache
from tests.caches.redis_sketch import FakeRedis, sketched_cache

ODD_KEYS = ["", "a b", "../../tokens", "/etc/passwd", "a\0b", "é" * 300, "\ud800", "CON", "k.json"]


@pytest.fixture(params=["memory", "file", "redis"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> TokenCache:
    """An empty cache of each kind."""
    match request.param:
        case "memory":
            return MemoryCache()
        case "file":
            return FileCache(tmp_path / "cache")
        case _:
            return sketched_cache(FakeRedis())


@asynccontextmanager
async def held(cache: TokenCache, key: str) -> AsyncIterator[asyncio.Event]:
    """Hold the lock of a key in another task until the event is set."""
    acquired, release = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with cache.lock(key):
            acquired.set()
            await release.wait()

    task = asyncio.create_task(hold())
    await acquired.wait()
    yield release
    release.set()
    await task


async def test_get_returns_the_last_value_set(cache: TokenCache) -> None:
    """A key has no value at first, then the value set last; keys are independent."""
    assert await cache.get("a") is None
    await cache.set("a", "1", None)
    await cache.set("b", "2", 1000)
    await cache.set("a", "3 é \n", math.inf)
    assert (await cache.get("a"), await cache.get("b")) == ("3 é \n", "2")


async def test_deleted_value_is_gone(cache: TokenCache) -> None:
    """Deleting removes only the value of this key; deleting a missing value is not an error."""
    await cache.delete("a")
    await cache.set("a", "1", None)
    await cache.set("b", "2", None)
    await cache.delete("a")
    await cache.delete("a")
    assert (await cache.get("a"), await cache.get("b")) == (None, "2")


@pytest.mark.parametrize("ttl", [0, -1.5, -math.inf, math.nan])
async def test_value_with_ttl_of_zero_or_less_is_not_stored(cache: TokenCache, ttl: float) -> None:
    """Neither the new value nor the value that it should replace is kept."""
    await cache.set("a", "1", None)
    await cache.set("a", "2", ttl)
    assert await cache.get("a") is None


@pytest.mark.parametrize("key", ODD_KEYS, ids=ascii)
async def test_any_text_can_be_a_key(cache: TokenCache, key: str) -> None:
    """Keys are not paths, may be long, and are not mixed up."""
    await cache.set(key, "1", None)
    assert [await cache.get(other) for other in ODD_KEYS] == [
        "1" if other == key else None for other in ODD_KEYS
    ]
    async with cache.lock(key):
        await cache.delete(key)
    assert await cache.get(key) is None


async def test_lock_is_held_by_one_task_at_a_time(cache: TokenCache) -> None:
    """No update is lost when many tasks read, wait and write under the lock."""

    async def add_one() -> None:
        async with cache.lock("a"):
            count = int(await cache.get("a") or 0)
            await asyncio.sleep(0)
            await cache.set("a", str(count + 1), None)

    await asyncio.gather(*(add_one() for _ in range(20)))
    assert await cache.get("a") == "20"


async def test_locks_of_different_keys_are_independent(cache: TokenCache) -> None:
    """Renewing one login does not wait for the renewal of another."""
    async with held(cache, "a"), cache.lock("b"):
        pass


async def test_reading_and_writing_do_not_need_the_lock(cache: TokenCache) -> None:
    """Values can be read and written while another task holds the lock."""
    async with held(cache, "a"):
        await cache.set("a", "1", None)
        assert await cache.get("a") == "1"
        await cache.delete("a")


async def test_waiting_for_the_lock_can_be_cancelled(cache: TokenCache) -> None:
    """The waiting task ends, and another task gets the lock when it is released."""
    async with held(cache, "a") as release:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), cache.lock("a"):
                pytest.fail("two tasks hold the lock")
        release.set()
        async with cache.lock("a"):
            pass


async def test_error_releases_the_lock(cache: TokenCache) -> None:
    """An exception inside the lock is raised unchanged, and the lock is released."""
    with pytest.raises(ZeroDivisionError):
        async with cache.lock("a"):
            raise ZeroDivisionError
    async with cache.lock("a"):
        pass


async def test_task_that_holds_the_lock_cannot_take_it_again(cache: TokenCache) -> None:
    """Taking the lock twice in one task raises, and the task still holds it."""
    async with cache.lock("a"):
        with pytest.raises(CacheError, match="already holds the lock"):
            async with cache.lock("a"):
                pytest.fail("the lock is held twice")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.create_task(_take(cache)), 0.05)
    await _take(cache)


async def _take(cache: TokenCache) -> None:
    async with cache.lock("a"):
        pass


def test_cache_can_be_used_in_one_event_loop_after_another(cache: TokenCache) -> None:
    """Contended locks work in each loop, although asyncio binds them to a loop."""

    async def use() -> str | None:
        async with held(cache, "a") as release:
            waiting = asyncio.create_task(_take(cache))
            await asyncio.sleep(0)
            release.set()
            await waiting
        await cache.set("a", "1", None)
        return await cache.get("a")

    if "RedisCache" in type(cache).__name__:
        return  # a Redis client is bound to one loop
    assert [asyncio.run(use()), asyncio.run(use())] == ["1", "1"]


async def test_unreachable_store_raises_cache_error() -> None:
    """The sketched cache raises the CacheError that the contract requires."""
    redis = FakeRedis()
    cache = sketched_cache(redis)
    redis.is_down = True
    with pytest.raises(CacheError, match="connection refused"):
        await cache.get("a")
