"""The hooks of `CacheContract`, and what its tests have in common."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable
from typing import Final, TypeVar
from unittest import SkipTest

from aioalf._cache_protocol import Claim, TokenCache
from aioalf.testing._contract.prompt_cache import PromptCache, soon

Result = TypeVar("Result")

SECRET: Final = "the-secret-value"
AN_HOUR: Final = 3600.0


class CacheUnderTest:
    """Makes the caches to test. Each call of their methods has to end soon."""

    lease: float = 0.0
    """Seconds after which a claim is free that is not extended. 0 if claims are not leases."""

    patience: float = 5.0
    """Seconds in which each call has to end. `wait` has its timeout in addition."""

    def make_cache(self) -> TokenCache:
        """Return a cache: override this method.

        It is called several times in a test, with a running event loop. All caches of one test
        share one store, as different clients do.
        """
        raise NotImplementedError("Override make_cache(), so that it returns the cache to test")

    async def lose_claim(self, key: str) -> None:
        """Make the store lose the claim to a key. Without an override, one test is skipped."""
        raise SkipTest(f"lose_claim({key!r}) is not overridden")

    async def break_store(self) -> None:
        """Make the store fail until the test ends. Without an override, one test is skipped."""
        raise SkipTest("break_store() is not overridden")

    # For the tests

    def prompt_cache(self) -> TokenCache:
        """Return a cache whose calls raise AssertionError if they do not end soon."""
        return PromptCache(self.make_cache(), self.patience)

    async def claim_when_free(
        self, cache: TokenCache, key: str, seconds: float | None = None
    ) -> Claim:
        """Wait until the claim to a key is free, which takes a lease at most, and return it."""
        limit = self.lease + self.patience if seconds is None else seconds
        return await soon(_wait_for_claim(cache, key), limit, "the claim of another holder")

    async def cancel(self, call: Awaitable[Result], turns: int) -> Result | None:
        """Cancel a call after some turns of the event loop; return its result if it has ended."""
        task = asyncio.ensure_future(call)
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=self.patience)
        assert task.done(), f"a cancelled call did not end within {self.patience:g} seconds"
        return None if task.cancelled() else task.result()


def new_key() -> str:
    """Return a key that no other test uses."""
    return f"contract-{secrets.token_hex(8)}"


async def claim_now(cache: TokenCache, key: str) -> Claim:
    """Return the claim to a key that must be free."""
    claim = await cache.claim(key)
    assert claim is not None, "claim() returns None for a key without a claim"
    return claim


async def _wait_for_claim(cache: TokenCache, key: str) -> Claim:
    while (claim := await cache.claim(key)) is None:
        await cache.wait(key, 1)
    return claim
