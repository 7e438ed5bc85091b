"""What commands make of tokens that are kept, where nothing of it comes from a server."""

import pytest

from aioalf._cli.cached_login import KeptLogin, NewLogin
from aioalf.caches import MemoryCache
from aioalf.errors import LoginRequiredError
from tests.grants.source import ScriptedSource

KEY = "key"


async def test_a_kept_login_asks_nobody() -> None:
    """Without a refresh token there is no way on."""
    with pytest.raises(LoginRequiredError):
        await KeptLogin("authorization_code").request_token(ScriptedSource())


async def test_a_new_login_sees_nothing_and_replaces_what_there_is() -> None:
    """Until it is kept, the old one is as it was."""
    kept = MemoryCache()
    await kept.set(KEY, "old", None)
    new = NewLogin(kept)
    async with new.lock(KEY):
        assert await new.get(KEY) is None
        await new.delete(KEY)
        assert await kept.get(KEY) == "old"
        problem = new.problem
        assert problem is not None
        await new.set(KEY, "new", None)
    assert await kept.get(KEY) == "new"
    problem = new.problem
    assert problem is None
