"""What commands make of tokens that are kept, where nothing of it comes from a server."""

import pytest

from aioalf.caches import MemoryCache
from aioalf.cli.stored import KeptLogin, NarrowerTokens, NewLogin
from aioalf.errors import CacheError, LoginRequiredError
from aioalf.token import Token
from aioalf.token_record import Record, write_record
from tests.grants.source import ScriptedSource

KEY, LOGIN_KEY = "key", "login-key"
SCOPE = frozenset({"read"})


async def narrower(*, login: Record | None) -> tuple[NarrowerTokens, MemoryCache, MemoryCache]:
    """Tokens of less scope than a login, the login's cache, and the others' cache."""
    logins, others = MemoryCache(), MemoryCache()
    if login is not None:
        await logins.set(LOGIN_KEY, write_record(login), None)
    return NarrowerTokens(logins, LOGIN_KEY, others, SCOPE), logins, others


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


async def test_without_a_login_there_is_nothing_to_narrow() -> None:
    """And nothing that a token could be kept beside."""
    cache, logins, _ = await narrower(login=None)
    assert await cache.get(KEY) is None
    with pytest.raises(CacheError):
        await cache.set(KEY, write_record(Record(Token("a", 60))), 60)
    assert await logins.get(LOGIN_KEY) is None


async def test_what_is_no_record_is_not_kept() -> None:
    """A login is not replaced by it."""
    login = Record(Token("whole", 60), "refresh", "https://id.example.com")
    cache, logins, _ = await narrower(login=login)
    await cache.get(KEY)
    before = await logins.get(LOGIN_KEY)
    with pytest.raises(CacheError):
        await cache.set(KEY, "nonsense", None)
    assert await logins.get(LOGIN_KEY) == before


async def test_a_login_of_unknown_scope_is_asked() -> None:
    """Only the server can tell what it has."""
    login = Record(Token("whole", 60), "refresh", "https://id.example.com")
    cache, _, _ = await narrower(login=login)
    record = await cache.get(KEY)
    assert record is not None
    assert '"refresh_token":"refresh"' in record
    assert "whole" not in record


async def test_both_are_forgotten_at_once() -> None:
    """The refresh token was of both."""
    login = Record(Token("whole", 60), "refresh", "https://id.example.com")
    cache, logins, others = await narrower(login=login)
    async with cache.lock(KEY):
        await cache.get(KEY)
        await cache.set(KEY, write_record(Record(Token("less", 60), "next")), 60)
        assert await others.get(KEY) is not None
        await cache.delete(KEY)
    assert (await logins.get(LOGIN_KEY), await others.get(KEY)) == (None, None)
