"""The tests of values: how long they are kept, and for which keys."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Final

from aioalf.testing._contract.cache_under_test import CacheUnderTest, claim_now, new_key

_VALUES: Final = ("1", "é \n\t\"'{}[]\\ \U0001f600", "x" * 100_000)
_ASCII_KEYS: Final = (
    "a b",
    "../../tokens",
    "/etc/passwd",
    "CON",
    "k.json",
    "a*?",
    "{a}",
    "a" * 200,
)
_OTHER_KEYS: Final = ("", "a\0b", "a\nb", "é" * 300, "\U0001f600")


class ValueTests(CacheUnderTest):
    """The tests of `get`, `set` and `delete`."""

    async def test_value_set_last_is_returned_to_all_clients(self) -> None:
        """A key has no value at first, and then the value that any client set last."""
        one, two, key = self.prompt_cache(), self.prompt_cache(), new_key()
        assert await one.get(key) is None
        for value in _VALUES:
            await one.set(key, "the value before", None)
            await two.set(key, value, 60)
            assert await one.get(key) == value
        await two.delete(key)
        assert await one.get(key) is None

    async def test_deleting_removes_one_value(self) -> None:
        """Other values stay, and deleting a missing value is not an error."""
        cache, key, other = self.prompt_cache(), new_key(), new_key()
        await cache.delete(key)
        await cache.set(key, "1", 60)
        await cache.set(other, "2", 60)
        await cache.delete(key)
        await cache.delete(key)
        assert (await cache.get(key), await cache.get(other)) == (None, "2")

    async def test_ttl_of_zero_or_less_removes_the_value(self) -> None:
        """Neither the new value nor the value that it should replace is kept."""
        cache, key = self.prompt_cache(), new_key()
        claim = await claim_now(cache, key)
        for ttl in (0, -1.5, -math.inf, math.nan):
            await cache.set(key, "1", 60)
            await cache.set(key, "2", ttl)
            assert await cache.get(key) is None, f"set() keeps a value with ttl={ttl}"
            await cache.set(key, "1", 60)
            assert await claim.replace("2", ttl), f"replace() returns False with ttl={ttl}"
            assert await cache.get(key) is None, f"replace() keeps a value with ttl={ttl}"
        await claim.release()

    async def test_value_without_a_limit_is_kept(self) -> None:
        """A ttl of None or infinity, and a large one, keep the value."""
        cache, key = self.prompt_cache(), new_key()
        claim = await claim_now(cache, key)
        for ttl in (None, math.inf, 1e8):
            await cache.set(key, "1", ttl)
            assert await cache.get(key) == "1", f"set() loses a value with ttl={ttl}"
            assert await claim.replace("2", ttl)
            assert await cache.get(key) == "2", f"replace() loses a value with ttl={ttl}"
        await claim.release()
        await cache.delete(key)

    async def test_value_expires_after_its_ttl(self) -> None:
        """A value is returned during its ttl, and not long after it, however short it is."""
        cache, key = self.prompt_cache(), new_key()
        for ttl in (0.0001, 0.5):
            started = time.monotonic()
            await cache.set(key, "1", ttl)
            value = await cache.get(key)
            assert value == "1" or time.monotonic() - started >= ttl, "it expires too early"
            while await cache.get(key) is not None:
                assert time.monotonic() - started < ttl + self.patience, "it does not expire"
                await asyncio.sleep(0.02)

    async def test_readers_get_complete_values(self) -> None:
        """A concurrent reader gets the old value or the new value, never a part of one."""
        one, two, key = self.prompt_cache(), self.prompt_cache(), new_key()
        values = ("a" * 50_000, "b" * 60_000)
        await one.set(key, values[0], 60)

        async def write() -> None:
            for number in range(20):
                await one.set(key, values[number % 2], 60)

        async def read() -> set[str | None]:
            return {await two.get(key) for _ in range(20)}

        _, *found = await asyncio.gather(write(), read(), read())
        assert set().union(*found) <= set(values)

    async def test_odd_keys_are_not_mixed_up(self) -> None:
        """A key is not a path or a pattern: any printable ASCII text is a key of its own."""
        await self._check_keys(_ASCII_KEYS)

    async def test_any_text_can_be_a_key(self) -> None:
        """Empty text, control characters, other scripts and long text are keys too."""
        await self._check_keys(_OTHER_KEYS)

    async def _check_keys(self, keys: tuple[str, ...]) -> None:
        cache = self.prompt_cache()
        for key in keys:
            await cache.set(key, f"value of {key!r}", 60)
        for key in keys:
            assert await cache.get(key) == f"value of {key!r}"
            claim = await claim_now(cache, key)
            assert await claim.remove()
            await claim.release()
        assert [await cache.get(key) for key in keys] == [None] * len(keys)
