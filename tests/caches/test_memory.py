"""The memory cache: values expire, its size is limited, and claims end with their event loop."""

import asyncio
import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from aioalf import TokenConfigurationError
from aioalf.caches import Claim, MemoryCache


@pytest.fixture
def loops() -> Iterator[list[asyncio.AbstractEventLoop]]:
    """Return two event loops, which run only during `run_until_complete`."""
    both = [asyncio.new_event_loop(), asyncio.new_event_loop()]
    yield both
    for loop in both:
        loop.close()


async def claim_of(cache: MemoryCache, key: str) -> Claim:
    """Return the claim to a key, which must be free."""
    claim = await cache.claim(key)
    assert claim is not None
    return claim


async def test_value_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value is kept until its expiry; a value without a ttl stays."""
    now = 100.0
    monkeypatch.setattr("aioalf.caches.memory.time", SimpleNamespace(monotonic=lambda: now))
    cache = MemoryCache()
    await cache.set("a", "1", 10)
    await cache.set("b", "2", None)
    now = 109.9
    assert await cache.get("a") == "1"
    now = 110.0
    assert (await cache.get("a"), await cache.get("b")) == (None, "2")


async def test_least_recently_used_entry_is_replaced() -> None:
    """A full cache drops the entry that was not read or written for the longest time."""
    cache = MemoryCache(max_entries=3)
    for key in "abc":
        await cache.set(key, key, None)
    await cache.get("a")
    await cache.set("b", "again", None)
    await cache.set("d", "d", None)
    assert [await cache.get(key) for key in "abcd"] == ["a", "again", None, "d"]


@pytest.mark.parametrize(
    ("number", "found"), [(0, "0"), (-1, "-1"), (1.5, "1.5"), ("3", "str"), (None, "None")]
)
def test_invalid_max_entries_is_refused(number: object, found: str) -> None:
    """The constructor raises TokenConfigurationError."""
    with pytest.raises(TokenConfigurationError, match=f"max_entries must be .*, not {found}$"):
        MemoryCache(number)  # type: ignore[arg-type]


async def test_repr_shows_no_value() -> None:
    """The repr has only the number of entries."""
    cache = MemoryCache()
    await cache.set("a", "the-token", None)
    assert repr(cache) == "<MemoryCache of 1>"


async def test_holder_is_the_task_and_the_time() -> None:
    """`holder` names the task that has the claim, and says since when."""
    cache = MemoryCache()
    claim = await asyncio.create_task(claim_of(cache, "a"), name="nightly report")
    holder = await cache.holder("a")
    assert holder is not None
    assert re.fullmatch(r"task nightly report since \d\d:\d\d:\d\d UTC", holder)
    await claim.release()
    assert await cache.holder("a") is None


async def test_release_wakes_waiting_tasks_in_the_same_turn() -> None:
    """Waiting tasks are woken by the release itself: they do not poll."""
    cache = MemoryCache()
    claim = await claim_of(cache, "a")
    waiting = [asyncio.create_task(cache.wait("a", 3600)) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert not any(task.done() for task in waiting)
    await claim.release()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert all(task.done() for task in waiting)


def test_claim_of_a_stopped_loop_is_free(loops: list[asyncio.AbstractEventLoop]) -> None:
    """A task of another loop takes it over, and then the first holder changes nothing."""
    one, two = loops
    cache = MemoryCache()
    first = one.run_until_complete(claim_of(cache, "a"))
    two.run_until_complete(asyncio.wait_for(cache.wait("a", 3600), 5))
    assert two.run_until_complete(cache.holder("a")) is None
    assert first.is_held
    second = two.run_until_complete(claim_of(cache, "a"))
    assert not first.is_held
    assert one.run_until_complete(first.replace("1", None)) is False
    assert two.run_until_complete(second.replace("2", None)) is True
    assert one.run_until_complete(first.remove()) is False
    one.run_until_complete(first.release())
    assert second.is_held
    assert two.run_until_complete(cache.get("a")) == "2"


def test_claim_is_kept_while_its_loop_is_stopped(loops: list[asyncio.AbstractEventLoop]) -> None:
    """The holder can continue after a pause of its loop in which no other task claimed the key."""
    cache = MemoryCache()
    claim = loops[0].run_until_complete(claim_of(cache, "a"))
    assert loops[0].run_until_complete(claim.replace("1", None)) is True


def test_claim_of_a_closed_loop_can_be_released(loops: list[asyncio.AbstractEventLoop]) -> None:
    """Releasing it does not raise, although the tasks that waited for it can never run again."""
    one, two = loops
    cache = MemoryCache()
    claim = one.run_until_complete(claim_of(cache, "a"))
    waiting = one.create_task(cache.wait("a", 3600))
    one.run_until_complete(asyncio.sleep(0))
    one.close()
    two.run_until_complete(claim.release())
    assert not claim.is_held
    assert not waiting.done()
    # Its loop is closed: asyncio would log that in a later test.
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
