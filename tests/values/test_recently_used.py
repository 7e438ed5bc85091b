"""Objects by key, of which a limited number is kept alive."""

import gc

import pytest

from aioalf import _recently_used
from aioalf._recently_used import RecentlyUsed


class Thing:
    """An object that can be referenced weakly."""


@pytest.fixture(autouse=True)
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep two objects only."""
    monkeypatch.setattr(_recently_used, "LIMIT", 2)


def test_same_key_returns_the_same_object() -> None:
    """An object is created once for each key."""
    things = RecentlyUsed[str, Thing]()
    first = things.get("a", Thing)
    assert things.get("a", Thing) is first
    assert things.get("b", Thing) is not first


def test_least_recently_used_object_is_dropped() -> None:
    """Beyond the limit, the object that was not used for the longest time is dropped."""
    things = RecentlyUsed[str, Thing]()
    kept = [id(things.get(key, Thing)) for key in "abac"][0:1]
    gc.collect()
    assert len(list(things)) == 2
    assert id(things.get("a", Thing)) == kept[0]


def test_object_that_the_program_uses_is_found_beyond_the_limit() -> None:
    """Two objects never share a key, and all of them can be closed."""
    things = RecentlyUsed[str, Thing]()
    held = things.get("a", Thing)
    for key in "bcdef":
        things.get(key, Thing)
    assert things.get("a", Thing) is held
    assert held in list(things)
