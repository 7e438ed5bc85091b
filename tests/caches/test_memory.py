"""The memory cache: values expire, and its size is limited."""

from types import SimpleNamespace

import pytest

from aioalf import TokenConfigurationError
from aioalf.caches import MemoryCache


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


@pytest.mark.parametrize("number", [0, -1, 1.5, "3", None])
def test_invalid_max_entries_is_refused(number: object) -> None:
    """The constructor raises TokenConfigurationError."""
    with pytest.raises(TokenConfigurationError, match="max_entries must be"):
        MemoryCache(number)  # type: ignore[arg-type]


async def test_repr_shows_no_value() -> None:
    """The repr has only the number of entries."""
    cache = MemoryCache()
    await cache.set("a", "the-token", None)
    assert repr(cache) == "<MemoryCache of 1>"
