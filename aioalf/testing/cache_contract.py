"""`CacheContract`: the tests that every token cache has to pass, caches of users too.

Imports no pytest, because the test server can be used without it. Must not know any cache.
"""

from __future__ import annotations

from aioalf.testing._contract.claims import ClaimTests
from aioalf.testing._contract.failures import FailureTests
from aioalf.testing._contract.values import ValueTests


class CacheContract(FailureTests, ClaimTests, ValueTests):
    """The tests of a token cache, to be inherited by a test class that overrides `make_cache`.

    They need pytest with pytest-asyncio. Their keys are random, apart from the tests of odd keys,
    so the store need not be empty. Set `lease` if the claims are leases; override `lose_claim` and
    `break_store` to run two more tests. Assign None to a test to leave it out.
    """
