"""The tests of calls that are cancelled or fail, and of use in several event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aioalf._cache_protocol import TokenCache
from aioalf.errors import CacheError
from aioalf.testing._contract.cache_under_test import (
    AN_HOUR,
    SECRET,
    CacheUnderTest,
    claim_now,
    new_key,
)
from aioalf.testing._contract.prompt_cache import soon


class FailureTests(CacheUnderTest):
    """The tests of cancellation, of event loops, and of a store that cannot be used."""

    async def test_waiting_can_be_cancelled(self) -> None:
        """The waiting task ends, and the claim stays with its holder."""
        one, two, key = self.prompt_cache(), self.prompt_cache(), new_key()
        claim = await claim_now(one, key)
        for cache in (one, two):
            await self.cancel(cache.wait(key, AN_HOUR), turns=3)
        assert await two.claim(key) is None
        await claim.release()

    async def test_cancelled_claim_is_free_again(self) -> None:
        """A client that gave up does not block others, nor itself, for longer than a lease."""
        one, two = self.prompt_cache(), self.prompt_cache()

        async def check(turns: int, next_cache: TokenCache) -> None:
            key = new_key()
            claim = await self.cancel(one.claim(key), turns)
            if claim is not None:
                await claim.release()
            await (await self.claim_when_free(next_cache, key)).release()

        await asyncio.gather(*(check(turns, cache) for turns in range(6) for cache in (one, two)))

    async def test_claim_is_free_after_a_cancelled_release(self) -> None:
        """It is no longer extended, so it is free after a lease at the latest."""
        one, two = self.prompt_cache(), self.prompt_cache()

        async def check(turns: int) -> None:
            key = new_key()
            claim = await claim_now(one, key)
            await self.cancel(claim.release(), turns)
            await (await self.claim_when_free(two, key)).release()

        await asyncio.gather(*(check(turns) for turns in range(1, 6)))

    async def test_cancelled_change_does_not_undo_a_later_one(self) -> None:
        """It takes effect before the next change of the same client, or never."""
        cache, key = self.prompt_cache(), new_key()
        claim = await claim_now(cache, key)
        changes: list[Callable[[], Awaitable[object]]] = [
            lambda: cache.set(key, "old", 60),
            lambda: cache.delete(key),
            lambda: claim.replace("old", 60),
            claim.remove,
        ]
        for turns in range(5):
            for change in changes:
                await self.cancel(change(), turns)
                await cache.set(key, "new", 60)
                await asyncio.sleep(0.01)
                assert await cache.get(key) == "new"
        await claim.release()

    async def test_cache_works_in_one_event_loop_after_another(self) -> None:
        """An object can be used in a new loop after the loop of its last use has ended."""
        cache, key = self.prompt_cache(), new_key()

        async def use() -> None:
            claim = await claim_now(cache, key)
            waiting = asyncio.create_task(cache.wait(key, AN_HOUR))
            await asyncio.sleep(0.01)
            assert await claim.replace("1", 60)
            await claim.release()
            await soon(waiting, self.patience, "wait(), after the release,")
            assert await cache.get(key) == "1"

        for _ in range(2):
            await asyncio.to_thread(asyncio.run, use())

    async def test_unusable_store_raises_cache_error(self) -> None:
        """The message says something and shows no value; releasing a claim does not raise."""
        cache, key, other = self.prompt_cache(), new_key(), new_key()
        claim = await claim_now(cache, key)
        await claim.replace(SECRET, 60)
        await self.break_store()
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: cache.get(key),
            lambda: cache.set(key, SECRET, 60),
            lambda: cache.delete(key),
            lambda: cache.claim(other),
            lambda: claim.replace(SECRET, 60),
            claim.remove,
        ]
        for call in calls:
            await _check_raises_cache_error(call())
        with suppress(CacheError):
            await cache.wait(key, 0.1)
        with suppress(CacheError):
            await cache.holder(key)
        await claim.release()
        await claim.release()


async def _check_raises_cache_error(call: Awaitable[object]) -> None:
    try:
        await call
    except CacheError as error:
        message = str(error)
    else:
        raise AssertionError("a call did not raise CacheError although the store is broken")
    assert message
    assert SECRET not in message
