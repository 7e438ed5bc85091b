"""The tests of claims: one holder at a time, fenced changes, and waiting."""

from __future__ import annotations

import asyncio

from aioalf._cache_protocol import Claim, TokenCache
from aioalf.testing._contract.cache_under_test import (
    AN_HOUR,
    SECRET,
    CacheUnderTest,
    claim_now,
    new_key,
)
from aioalf.testing._contract.prompt_cache import soon


class ClaimTests(CacheUnderTest):
    """The tests of `claim`, `wait` and `holder`, and of the claim itself."""

    async def test_claim_has_one_holder_at_a_time(self) -> None:
        """No client gets the claim until it is released, not even the same client."""
        one, two, key = self.prompt_cache(), self.prompt_cache(), new_key()
        claim = await claim_now(one, key)
        assert claim.is_held
        assert await one.claim(key) is None
        assert await two.claim(key) is None
        await claim.release()
        await (await claim_now(two, key)).release()

    async def test_claims_of_different_keys_are_independent(self) -> None:
        """One client can have the claims to two keys."""
        cache = self.prompt_cache()
        claims = [await claim_now(cache, new_key()), await claim_now(cache, new_key())]
        assert [await claim.replace("1", 60) for claim in claims] == [True, True]
        for claim in claims:
            await claim.release()

    async def test_values_can_be_changed_without_the_claim(self) -> None:
        """`get`, `set` and `delete` work while another client has the claim."""
        one, two, key = self.prompt_cache(), self.prompt_cache(), new_key()
        claim = await claim_now(one, key)
        await two.set(key, "1", 60)
        assert await two.get(key) == "1"
        await two.delete(key)
        assert await one.get(key) is None
        await claim.release()

    async def test_holder_can_replace_and_remove_the_value(self) -> None:
        """All clients see the change at once."""
        one, two, key = self.prompt_cache(), self.prompt_cache(), new_key()
        claim = await claim_now(one, key)
        assert await claim.replace("1", 60)
        assert await two.get(key) == "1"
        assert await claim.remove()
        assert await two.get(key) is None
        assert await claim.remove()
        await claim.release()

    async def test_released_claim_changes_nothing(self) -> None:
        """`replace` and `remove` return False, also while another client has the claim."""
        one, two, key = self.prompt_cache(), self.prompt_cache(), new_key()
        released = await claim_now(one, key)
        await released.release()
        await two.set(key, "1", 60)
        await _check_is_lost(released)
        assert await two.get(key) == "1"
        claim = await claim_now(two, key)
        await _check_is_lost(released)
        await released.release()
        assert await one.claim(key) is None, "a claim was released that belongs to another client"
        assert await claim.replace("2", 60)
        await claim.release()
        assert await one.get(key) == "2"

    async def test_lost_claim_changes_nothing(self) -> None:
        """Nor does releasing it end the claim of the next holder."""
        one, two, key = self.prompt_cache(), self.prompt_cache(), new_key()
        lost = await claim_now(one, key)
        await self.lose_claim(key)
        claim = await self.claim_when_free(two, key)
        assert await claim.replace("1", 60)
        await _check_is_lost(lost)
        await lost.release()
        assert await two.get(key) == "1"
        assert await one.claim(key) is None
        await claim.release()

    async def test_claim_is_kept_until_it_is_released(self) -> None:
        """A lease is extended while its holder does something else."""
        one, two, key = self.prompt_cache(), self.prompt_cache(), new_key()
        claim = await claim_now(one, key)
        await asyncio.sleep(2.5 * self.lease)
        assert claim.is_held
        assert await two.claim(key) is None
        assert await claim.replace("1", 60)
        await claim.release()

    async def test_no_update_is_lost(self) -> None:
        """Many tasks of two clients read and replace a value, and each change counts."""
        one, two, key = self.prompt_cache(), self.prompt_cache(), new_key()

        async def add_one(cache: TokenCache) -> None:
            claim = await self.claim_when_free(cache, key, seconds=20 * self.patience)
            count = int(await cache.get(key) or 0)
            await asyncio.sleep(0)
            assert await claim.replace(str(count + 1), 60)
            await claim.release()

        await asyncio.gather(*(add_one(cache) for cache in (one, two) * 10))
        assert await one.get(key) == "20"

    async def test_description_of_the_holder_has_no_value(self) -> None:
        """`holder` returns text or None while the claim is held, and None while it is free."""
        one, two, key = self.prompt_cache(), self.prompt_cache(), new_key()
        assert await two.holder(key) is None
        claim = await claim_now(one, key)
        await claim.replace(SECRET, 60)
        for cache in (one, two):
            holder = await cache.holder(key)
            assert holder is None or (holder.strip() and SECRET not in holder)
        await claim.release()
        assert await two.holder(key) is None

    # Waiting

    async def test_wait_returns_at_once_if_the_claim_is_free(self) -> None:
        """The claim is free before the first claim to the key, and after it was released."""
        one, two, key = self.prompt_cache(), self.prompt_cache(), new_key()
        await soon(one.wait(key, AN_HOUR), self.patience, "wait()")
        await (await claim_now(one, key)).release()
        await soon(two.wait(key, AN_HOUR), self.patience, "wait()")

    async def test_wait_ends_after_its_timeout(self) -> None:
        """The claim may still be held then."""
        one, two, key = self.prompt_cache(), self.prompt_cache(), new_key()
        claim = await claim_now(one, key)
        for timeout in (-1, 0, 0.05):
            await one.wait(key, timeout)
            await two.wait(key, timeout)
        assert claim.is_held
        await claim.release()

    async def test_release_wakes_all_waiting_tasks(self) -> None:
        """They return at about the same time, and find the new value."""
        one, two, key = self.prompt_cache(), self.prompt_cache(), new_key()
        claim = await claim_now(one, key)
        waiting = [asyncio.create_task(c.wait(key, AN_HOUR)) for c in (one, two) * 10]
        await asyncio.sleep(0.05)
        await claim.replace("1", 60)
        await claim.release()
        await soon(asyncio.gather(*waiting), self.patience, "wait(), after the release,")
        assert (await one.get(key), await two.get(key)) == ("1", "1")


async def _check_is_lost(claim: Claim) -> None:
    assert await claim.replace("of a lost claim", 60) is False
    assert await claim.remove() is False
    assert not claim.is_held
