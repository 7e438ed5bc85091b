"""Tests of the grant and the cache of a stored login."""

import pytest

from aioalf._cli.cached_login import CachedLoginGrant, NewLoginCache
from aioalf.caches import MemoryCache
from aioalf.errors import LoginRequiredError
from tests.grants.source import ScriptedSource

KEY = "key"


async def test_cached_login_never_starts_a_sign_in() -> None:
    """Without a refresh token, the grant raises LoginRequiredError."""
    with pytest.raises(LoginRequiredError):
        await CachedLoginGrant("authorization_code").request_token(ScriptedSource())


async def test_new_login_replaces_the_old_one_only_when_stored() -> None:
    """A new login does not see the old one, which stays until the new one is stored."""
    cache = MemoryCache()
    await cache.set(KEY, "old", None)
    new = NewLoginCache(cache)
    claim = await new.claim(KEY)
    assert await new.get(KEY) is None
    await new.delete(KEY)
    assert await claim.remove()
    assert await cache.get(KEY) == "old"
    error = new.error
    assert error is not None
    assert await claim.replace("new", None)
    await claim.release()
    assert await cache.get(KEY) == "new"
    error = new.error
    assert error is None
