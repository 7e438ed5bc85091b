"""`CacheContract` finds caches that break a promise."""

import asyncio
from collections.abc import Callable
from typing import Any
from unittest import SkipTest

import pytest

from aioalf import CacheError
from aioalf.caches import Claim, MemoryCache, TokenCache
from aioalf.testing import CacheContract, CacheFault, CacheMethod, UnreliableCache

LEASE = 0.1
PATIENCE = 0.3


def run(test: str, make_cache: Callable[[], TokenCache], **members: Any) -> None:
    """Run one test of the contract in a new event loop, in which a failure leaves no task."""
    members = {"make_cache": staticmethod(make_cache), "lease": LEASE, **members}
    contract = type("Tested", (CacheContract,), members)()
    asyncio.run(getattr(contract, test)())


# Caches that break one promise


class _KeepsForever(MemoryCache):
    async def set(self, key: str, value: str, ttl: float | None) -> None:
        await super().set(key, value, None)


class _RoundsTheTtl(MemoryCache):
    async def set(self, key: str, value: str, ttl: float | None) -> None:
        if ttl is not None and 0 < ttl < 1:
            raise CacheError("the ttl is 0")
        await super().set(key, value, ttl)


class _WritesInParts(MemoryCache):
    async def set(self, key: str, value: str, ttl: float | None) -> None:
        await super().set(key, value[:10], ttl)
        await asyncio.sleep(0)
        await super().set(key, value, ttl)

    async def get(self, key: str) -> str | None:
        await asyncio.sleep(0)
        return await super().get(key)


class _CutsKeys(MemoryCache):
    async def set(self, key: str, value: str, ttl: float | None) -> None:
        await super().set(key[:1], value, ttl)

    async def get(self, key: str) -> str | None:
        return await super().get(key[:1])


class _RemovesEverything(MemoryCache):
    async def delete(self, key: str) -> None:
        self._entries.clear()


class _GrantsEveryClaim(MemoryCache):
    async def claim(self, key: str) -> Claim | None:
        self._claims.pop(key, None)
        return await super().claim(key)


class _HasOneClaim(MemoryCache):
    async def claim(self, key: str) -> Claim | None:
        return await super().claim("")


class _WaitsForTheClaim(MemoryCache):
    async def claim(self, key: str) -> Claim | None:
        while (claim := await super().claim(key)) is None:
            await self.wait(key, 60)
        return claim


class _DoesNotWake(MemoryCache):
    async def wait(self, key: str, timeout: float) -> None:
        await asyncio.sleep(timeout)


class _IgnoresTheTimeout(MemoryCache):
    async def wait(self, key: str, timeout: float) -> None:
        await super().wait(key, 3600)


class _KeepsCancelledClaims(MemoryCache):
    async def claim(self, key: str) -> Claim | None:
        claim = await super().claim(key)
        await asyncio.sleep(0)
        return claim


class _WritesInTheBackground(MemoryCache):
    async def set(self, key: str, value: str, ttl: float | None) -> None:
        await asyncio.shield(asyncio.create_task(self._write(key, value, ttl)))

    async def _write(self, key: str, value: str, ttl: float | None) -> None:
        await asyncio.sleep(0.005 if value == "old" else 0)
        await super().set(key, value, ttl)


class _BelongsToOneLoop(MemoryCache):
    _lock: asyncio.Lock | None = None

    async def wait(self, key: str, timeout: float) -> None:
        self._lock = self._lock or asyncio.Lock()
        waiting = asyncio.create_task(super().wait(key, timeout))
        async with self._lock:
            locking = asyncio.create_task(self._lock.acquire())
            await waiting
        await locking
        self._lock.release()


class _Claim:
    """Passes on the calls to a claim; a subclass replaces one method."""

    def __init__(self, cache: MemoryCache, key: str, claim: Claim) -> None:
        self.cache, self.key, self.claim = cache, key, claim

    def __getattr__(self, name: str) -> Any:
        return getattr(self.claim, name)


class _ReplacesAlways(_Claim):
    async def replace(self, value: str, ttl: float | None) -> bool:
        await self.cache.set(self.key, value, ttl)
        return True


class _RemovesAlways(_Claim):
    async def remove(self) -> bool:
        await self.cache.delete(self.key)
        return True


class _ReleasesAnyClaim(_Claim):
    async def release(self) -> None:
        self.cache._claims.pop(self.key, None)  # noqa: SLF001 - of the cache under test


def with_claims(claim_class: type[_Claim]) -> type[MemoryCache]:
    """Return a cache that grants claims of this class."""

    class _Cache(MemoryCache):
        async def claim(self, key: str) -> Any:
            claim = await super().claim(key)
            return None if claim is None else claim_class(self, key, claim)

    return _Cache


@pytest.mark.parametrize(
    ("test", "cache_class"),
    [
        ("test_ttl_of_zero_or_less_removes_the_value", _KeepsForever),
        ("test_value_expires_after_its_ttl", _KeepsForever),
        ("test_value_expires_after_its_ttl", _RoundsTheTtl),
        ("test_readers_get_complete_values", _WritesInParts),
        ("test_odd_keys_are_not_mixed_up", _CutsKeys),
        ("test_any_text_can_be_a_key", _CutsKeys),
        ("test_deleting_removes_one_value", _RemovesEverything),
        ("test_claim_has_one_holder_at_a_time", _GrantsEveryClaim),
        ("test_claim_has_one_holder_at_a_time", _WaitsForTheClaim),
        ("test_no_update_is_lost", _GrantsEveryClaim),
        ("test_claims_of_different_keys_are_independent", _HasOneClaim),
        ("test_release_wakes_all_waiting_tasks", _DoesNotWake),
        ("test_wait_returns_at_once_if_the_claim_is_free", _DoesNotWake),
        ("test_wait_ends_after_its_timeout", _IgnoresTheTimeout),
        ("test_cancelled_claim_is_free_again", _KeepsCancelledClaims),
        ("test_cancelled_change_does_not_undo_a_later_one", _WritesInTheBackground),
        ("test_cache_works_in_one_event_loop_after_another", _BelongsToOneLoop),
        ("test_released_claim_changes_nothing", with_claims(_ReplacesAlways)),
        ("test_released_claim_changes_nothing", with_claims(_RemovesAlways)),
        ("test_released_claim_changes_nothing", with_claims(_ReleasesAnyClaim)),
    ],
)
def test_broken_promise_is_found(test: str, cache_class: type[MemoryCache]) -> None:
    """The test passes with a correct cache, and fails with one that breaks its promise."""
    correct, broken = MemoryCache(), cache_class()
    run(test, lambda: correct)
    with pytest.raises((AssertionError, CacheError, RuntimeError)):
        run(test, lambda: broken, patience=PATIENCE)


def test_clients_without_a_common_store_are_found() -> None:
    """Two caches that do not see the values of each other are not clients of one store."""
    with pytest.raises(AssertionError):
        run("test_value_set_last_is_returned_to_all_clients", MemoryCache)


@pytest.mark.parametrize(
    ("test", "method", "fault"),
    [
        ("test_value_set_last_is_returned_to_all_clients", "set", CacheFault.answer(None)),
        ("test_value_set_last_is_returned_to_all_clients", "get", CacheFault.answer("garbage")),
        ("test_value_without_a_limit_is_kept", "replace", CacheFault.answer(answer=True)),
        ("test_values_can_be_changed_without_the_claim", "set", CacheFault.error()),
        (
            "test_holder_can_replace_and_remove_the_value",
            "replace",
            CacheFault.answer(answer=False),
        ),
        ("test_holder_can_replace_and_remove_the_value", "remove", CacheFault.answer(answer=True)),
        ("test_claim_has_one_holder_at_a_time", "claim", CacheFault.answer(None)),
        ("test_claim_is_kept_until_it_is_released", "extend", CacheFault.error()),
        ("test_description_of_the_holder_has_no_value", "holder", CacheFault.answer("")),
        ("test_waiting_can_be_cancelled", "wait", CacheFault.error()),
        ("test_lost_claim_changes_nothing", "replace", CacheFault.answer(answer=True)),
        *(
            ("test_holder_can_replace_and_remove_the_value", method, CacheFault.hang())
            for method in ("get", "claim", "replace", "remove", "release")
        ),
    ],
)
def test_wrong_answer_is_found(test: str, method: CacheMethod, fault: CacheFault) -> None:
    """A call that lies, hangs or raises makes the test fail within its limits."""
    cache = UnreliableCache(LEASE)

    async def lose_claim(_: CacheContract, key: str) -> None:
        cache.lose_claims()

    run(test, cache.new_client, lose_claim=lose_claim)
    cache.faults[method] = fault
    with pytest.raises((AssertionError, CacheError)):
        run(test, lambda: cache, lose_claim=lose_claim, patience=PATIENCE)


@pytest.mark.parametrize(
    "fault",
    [
        CacheFault.error(OSError("the store is down")),
        CacheFault.error(CacheError()),
        CacheFault.error(CacheError("cannot store the-secret-value")),
        CacheFault.answer(None),
    ],
    ids=["OSError", "no message", "value in the message", "no error"],
)
def test_wrong_error_of_an_unusable_store_is_found(fault: CacheFault) -> None:
    """Each call has to raise CacheError, with a message that does not show the value."""
    cache = UnreliableCache(LEASE)

    async def break_store(_: CacheContract) -> None:
        cache.faults.set_all(fault)

    with pytest.raises((AssertionError, OSError)):
        run("test_unusable_store_raises_cache_error", lambda: cache, break_store=break_store)


@pytest.mark.parametrize(
    ("test", "hook"),
    [
        ("test_lost_claim_changes_nothing", "lose_claim"),
        ("test_unusable_store_raises_cache_error", "break_store"),
    ],
)
def test_test_without_its_hook_is_skipped(test: str, hook: str) -> None:
    """The reason of the skip names the method to override."""
    cache = MemoryCache()
    with pytest.raises(SkipTest, match=f"{hook}.* is not overridden"):
        run(test, lambda: cache)


def test_contract_without_a_cache_says_what_to_do() -> None:
    """`make_cache` has to be overridden."""
    with pytest.raises(NotImplementedError, match="Override make_cache"):
        asyncio.run(CacheContract().test_readers_get_complete_values())


def test_timeout_error_of_a_cache_is_not_hidden() -> None:
    """A TimeoutError that the cache raises itself is not reported as a slow call."""
    cache = UnreliableCache()
    cache.faults["get"] = CacheFault.error(TimeoutError("of the store"))
    with pytest.raises(TimeoutError, match="of the store"):
        run("test_readers_get_complete_values", lambda: cache)
