"""The cache in memory: it forgets in time, and does not grow."""

from types import SimpleNamespace

import pytest

from aioalf import TokenConfigurationError
from aioalf.caches import MemoryCache


async def test_a_value_ends_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept to the last moment, then gone; one without a time stays."""
    now = 100.0
    monkeypatch.setattr("aioalf.caches.memory.time", SimpleNamespace(monotonic=lambda: now))
    cache = MemoryCache()
    await cache.set("a", "1", 10)
    await cache.set("b", "2", None)
    now = 109.9
    assert await cache.get("a") == "1"
    now = 110.0
    assert (await cache.get("a"), await cache.get("b")) == (None, "2")


async def test_the_longest_unused_makes_room() -> None:
    """A full cache takes a new key, and keeps what was read or written since."""
    cache = MemoryCache(max_entries=3)
    for key in "abc":
        await cache.set(key, key, None)
    await cache.get("a")
    await cache.set("b", "again", None)
    await cache.set("d", "d", None)
    assert [await cache.get(key) for key in "abcd"] == ["a", "again", None, "d"]


@pytest.mark.parametrize("number", [0, -1, 1.5, "3", None])
def test_a_cache_that_can_hold_nothing_is_refused(number: object) -> None:
    """A mistake is told when the cache is made."""
    with pytest.raises(TokenConfigurationError, match="max_entries must be"):
        MemoryCache(number)  # type: ignore[arg-type]


async def test_its_text_shows_no_value() -> None:
    """What a debugger or a log prints is how many there are."""
    cache = MemoryCache()
    await cache.set("a", "the-token", None)
    assert repr(cache) == "<MemoryCache of 1>"
