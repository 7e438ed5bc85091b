"""`UnreliableCache` fails on request, and shows when a claim was held."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from aioalf import CacheError
from aioalf.caches import Claim, TokenCache
from aioalf.testing import CacheCall, CacheFault, CacheMethod, UnreliableCache

METHODS: dict[CacheMethod, Callable[[TokenCache, Claim], Awaitable[object]]] = {
    "get": lambda cache, _: cache.get("k"),
    "set": lambda cache, _: cache.set("k", "new", None),
    "delete": lambda cache, _: cache.delete("k"),
    "claim": lambda cache, _: cache.claim("other"),
    "wait": lambda cache, _: cache.wait("k", 0),
    "holder": lambda cache, _: cache.holder("k"),
    "replace": lambda _, claim: claim.replace("new", None),
    "remove": lambda _, claim: claim.remove(),
    "release": lambda _, claim: claim.release(),
}
each_method = pytest.mark.parametrize("method", METHODS)


async def claim_of(cache: TokenCache, key: str) -> Claim:
    """Return the claim to a key, which must be free."""
    claim = await cache.claim(key)
    assert claim is not None
    return claim


async def call(cache: UnreliableCache, method: CacheMethod, fault: CacheFault) -> object:
    """Call one method once with a fault, while the claim to "k" is held; give the claim back."""
    claim = await claim_of(cache, "k")
    cache.faults[method] = fault.times(1)
    try:
        return await asyncio.wait_for(METHODS[method](cache, claim), 0.05)
    finally:
        assert cache.faults[method] is None, "the fault was not used"
        await claim.release()


@each_method
async def test_method_raises_cache_error(method: CacheMethod) -> None:
    """The call raises CacheError and changes nothing."""
    cache = UnreliableCache()
    await cache.set("k", "old", None)
    with pytest.raises(CacheError, match="A fault is set"):
        await call(cache, method, CacheFault.error())
    assert await cache.get("k") == "old"
    assert not cache.is_claimed


@each_method
@pytest.mark.parametrize("error", [KeyError("k"), asyncio.CancelledError()], ids=repr)
async def test_method_raises_any_exception(method: CacheMethod, error: BaseException) -> None:
    """The exception of the fault is raised, CancelledError too."""
    with pytest.raises(type(error)):
        await call(UnreliableCache(), method, CacheFault.error(error))


@each_method
async def test_method_hangs(method: CacheMethod) -> None:
    """The call ends only if it is cancelled, and changes nothing."""
    cache = UnreliableCache()
    await cache.set("k", "old", None)
    with pytest.raises(TimeoutError):
        await call(cache, method, CacheFault.hang())
    assert await cache.get("k") == "old"


@each_method
@pytest.mark.parametrize("answer", [None, "{}", b"", 7])
async def test_method_lies(method: CacheMethod, answer: object) -> None:
    """The call returns the object of the fault, whatever its type, and changes nothing."""
    cache = UnreliableCache()
    await cache.set("k", "old", None)
    lie = CacheFault.answer(answer)
    # These methods return None by their own signature.
    expected = None if method in {"set", "delete", "wait", "release"} else answer
    assert await call(cache, method, lie) == expected
    assert await cache.get("k") == "old"


@pytest.mark.parametrize("method", ["set", "replace", "delete", "remove"])
@pytest.mark.parametrize("fault", [CacheFault.error, CacheFault.hang], ids=["error", "hang"])
async def test_answer_of_a_change_is_lost(
    method: CacheMethod, fault: Callable[..., CacheFault]
) -> None:
    """With `takes_effect`, the change is made although the caller gets an error or nothing."""
    cache = UnreliableCache()
    await cache.set("k", "old", None)
    with pytest.raises((CacheError, TimeoutError)):
        await call(cache, method, fault(takes_effect=True))
    assert await cache.get("k") == ("new" if method in {"set", "replace"} else None)


@pytest.mark.parametrize("fault", [CacheFault.error, CacheFault.hang], ids=["error", "hang"])
async def test_lost_answer_of_a_claim_is_repeated(fault: Callable[..., CacheFault]) -> None:
    """The next call of the same client returns the claim; until then, others do not get it."""
    cache = UnreliableCache()
    other = cache.new_client()
    cache.faults["claim"] = fault(takes_effect=True).times(1)
    with pytest.raises((CacheError, TimeoutError)):
        await asyncio.wait_for(cache.claim("k"), 0.05)
    assert await other.claim("k") is None
    claim = await claim_of(cache, "k")
    assert await claim.replace("1", None)
    assert await cache.claim("k") is None
    await claim.release()


async def test_lost_claim_ends_with_its_lease() -> None:
    """If the client does not ask again, the claim is free for others after the lease."""
    cache = UnreliableCache(lease=0.05)
    other = cache.new_client()
    cache.faults["claim"] = CacheFault.answer("no claim", takes_effect=True).times(1)
    answer: object = await cache.claim("k")
    assert answer == "no claim"
    await other.wait("k", 5)
    await (await claim_of(other, "k")).release()


async def test_slow_method_answers_late() -> None:
    """The call does its work after the delay."""
    cache = UnreliableCache()
    await cache.set("k", "1", None)
    cache.faults["get"] = CacheFault.slow(0.02)
    assert await cache.get("k") == "1"
    call = cache.log[-1]
    assert call.ended is not None
    assert call.ended - call.started >= 0.02


async def test_holder_loses_its_claims_on_request() -> None:
    """`lose_claims` ends all claims; the holder learns it from its next change."""
    cache = UnreliableCache()
    first, other_key = await claim_of(cache, "a"), await claim_of(cache, "b")
    waiting = asyncio.create_task(cache.wait("a", 3600))
    await asyncio.sleep(0.01)
    cache.lose_claims()
    await asyncio.wait_for(waiting, 5)
    second = await claim_of(cache, "a")
    assert first.is_held
    assert await first.replace("old", None) is False
    assert not first.is_held
    assert await second.replace("new", None) is True
    for claim in (first, second, other_key):
        await claim.release()


@pytest.mark.parametrize(
    "fault",
    [
        CacheFault.error(),
        CacheFault.hang(),
        CacheFault.answer(answer=False),
        CacheFault.answer(answer=True),
    ],
    ids=["error", "hang", "lost", "not lost"],
)
async def test_holder_that_cannot_extend_loses_its_claim(fault: CacheFault) -> None:
    """A fault of ``extend`` lets the lease run out, and tells the holder or not."""
    cache = UnreliableCache(lease=0.1)
    other = cache.new_client()
    claim = await claim_of(cache, "k")
    cache.faults["extend"] = fault
    await asyncio.sleep(0.01)
    await other.wait("k", 5)
    second = await claim_of(other, "k")
    assert await claim.remove() is False
    assert not claim.is_held
    await claim.release()
    await second.release()


async def test_holder_learns_at_the_next_extension_that_its_claim_is_lost() -> None:
    """`is_held` is False then, without any call."""
    cache = UnreliableCache(lease=0.1)
    claim = await claim_of(cache, "k")
    cache.lose_claims()
    await asyncio.sleep(0.05)
    assert not claim.is_held
    await claim.release()


async def test_whole_store_is_down() -> None:
    """`set_all` sets the fault of each method, but releasing a claim still does not raise."""
    cache = UnreliableCache()
    claim = await claim_of(cache, "k")
    cache.faults.set_all(CacheFault.error())
    for method, call_method in METHODS.items():
        if method != "release":
            with pytest.raises(CacheError):
                await call_method(cache, claim)
    await claim.release()
    cache.faults.set_all(None)
    await cache.set("k", "1", None)


async def test_fault_belongs_to_one_client() -> None:
    """Another client of the same store works, as if only one connection is broken."""
    cache = UnreliableCache()
    other = cache.new_client()
    cache.faults["get"] = CacheFault.error()
    await cache.set("k", "1", None)
    assert await other.get("k") == "1"
    assert [call.method for call in other.log] == ["get"]


async def test_log_has_each_call_with_its_times() -> None:
    """An entry says whether the key was claimed at the start; extensions have no entry."""
    cache = UnreliableCache(lease=0.03)
    await cache.set("k", "1", None)
    claim = await claim_of(cache, "k")
    await cache.get("other")
    await asyncio.sleep(0.05)
    await claim.remove()
    await claim.release()
    running = asyncio.create_task(cache.get("k"))
    await asyncio.sleep(0)
    assert [(call.method, call.key, call.was_claimed) for call in cache.log] == [
        ("set", "k", False),
        ("claim", "k", False),
        ("get", "other", False),
        ("remove", "k", True),
        ("release", "k", True),
        ("get", "k", False),
    ]
    assert all(is_in_order(first, second) for first, second in pairwise(cache.log))
    assert cache.log[-1].ended is None
    await running


def is_in_order(first: CacheCall, second: CacheCall) -> bool:
    """Whether a call ended before the next one started."""
    return first.ended is not None and first.started <= first.ended <= second.started


async def test_cache_knows_when_a_claim_was_held() -> None:
    """`is_claimed` is about now, `was_claimed` about a period; both are about all clients."""
    cache = UnreliableCache()
    other = cache.new_client()
    now = asyncio.get_running_loop().time
    start = now()
    await asyncio.sleep(0.01)
    before = now()
    await asyncio.sleep(0.01)
    claim = await claim_of(other, "k")
    assert cache.is_claimed
    assert cache.was_claimed(start)
    assert not cache.was_claimed(start, before)
    await claim.release()
    assert not cache.is_claimed
    await asyncio.sleep(0.01)
    assert not cache.was_claimed(now())
    assert cache.was_claimed(before)


async def test_waiting_task_of_a_closed_loop_does_not_matter() -> None:
    """A claim can be lost after the loop of a waiting task was closed."""
    cache = UnreliableCache(lease=60)

    async def leave_waiting() -> None:
        await claim_of(cache, "k")
        waiting = asyncio.create_task(cache.wait("k", 3600))
        await asyncio.sleep(0.01)
        assert not waiting.done()

    await asyncio.to_thread(asyncio.run, leave_waiting())
    cache.lose_claims()
    await (await claim_of(cache, "k")).release()


def test_unknown_method_is_refused() -> None:
    """A fault with a mistyped name would never happen."""
    cache = UnreliableCache()
    with pytest.raises(KeyError, match="'gett' is not a method of a cache: use one of get, set"):
        cache.faults["gett"] = CacheFault.error()  # type: ignore[index]


async def test_fault_is_used_up() -> None:
    """`times` limits a fault to a number of calls, at least one."""
    cache = UnreliableCache()
    cache.faults["get"] = CacheFault.error().times(2)
    for _ in range(2):
        with pytest.raises(CacheError):
            await cache.get("k")
    assert await cache.get("k") is None
    with pytest.raises(ValueError, match="at least 1, not 0"):
        CacheFault.error().times(0)


async def test_repr_shows_no_value() -> None:
    """The repr has only the name of the client."""
    cache = UnreliableCache()
    await cache.set("k", "the-token", None)
    assert [repr(cache), repr(cache.new_client())] == [
        "<UnreliableCache client 1>",
        "<UnreliableCache client 2>",
    ]
