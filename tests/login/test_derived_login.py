"""Tests of the scope of refreshes, and of derived clients that share a login."""

import pytest

from aioalf._auth_server.request_params import TokenRequestParams
from aioalf._login import login_state
from aioalf._login.login import Login
from aioalf.caches import MemoryCache, TokenCache
from aioalf.errors import ScopeNotGrantedError
from aioalf.grants import AuthorizationServer
from aioalf.token import Token
from tests.login.scripted import KEY, GivenTokenGrant, ScriptedServer, SignInGrant, stored_in


@pytest.mark.rule("R042")
async def test_refresh_requests_at_most_the_granted_scope(cache: TokenCache | None) -> None:
    """The server may have granted less scope than requested."""
    server = ScriptedServer(request_params=TokenRequestParams("read write admin"))
    login = Login(SignInGrant(frozenset({"admin", "read"})), cache=cache, key=KEY)
    token = await login.token(server, None)
    for _ in range(2):
        token = await login.token(server, token.access_token)
    assert [form["scope"] for form in server.forms] == ["read admin"] * 2


async def test_refresh_with_unknown_scope_sends_no_scope() -> None:
    """The granted scope of a given refresh token is unknown."""
    server = ScriptedServer(request_params=TokenRequestParams("read"))
    login = Login(GivenTokenGrant())
    token = await login.token(server, None)
    await login.token(server, token.access_token)
    assert all("scope" not in form for form in server.forms)


async def derived(
    login: Login, server: ScriptedServer, request_params: TokenRequestParams, *, has_own_scope: bool
) -> Token:
    """Return the token of a derived client."""
    endpoint = ScriptedServer(request_params=request_params)
    endpoint.request = server.request  # type: ignore[method-assign]
    name = f"other, {has_own_scope}"
    token = await login.derived_token(endpoint, None, name, has_own_scope=has_own_scope)
    assert token is not None
    return token


@pytest.mark.rule("R042")
async def test_derived_refresh_requests_at_most_the_granted_scope(
    server: ScriptedServer, cache: TokenCache | None
) -> None:
    """Scope that the login was not granted is left out, or an error if only the client wants it."""
    login = Login(SignInGrant(frozenset({"admin", "read"})), cache=cache, key=KEY)
    await login.token(server, None)
    await derived(login, server, TokenRequestParams("read write"), has_own_scope=False)
    assert server.forms[-1]["scope"] == "read"
    with pytest.raises(ScopeNotGrantedError, match="scope write, ") as caught:
        await derived(login, server, TokenRequestParams("read write"), has_own_scope=True)
    assert caught.value.missing == {"write"}
    assert len(server.forms) == 1


@pytest.mark.rule("R042")
async def test_derived_refresh_does_not_narrow_the_scope_of_the_login(
    server: ScriptedServer,
) -> None:
    """The login still requests the scope that it was granted."""
    server.request_params = TokenRequestParams("read write")
    login = Login(SignInGrant(frozenset({"read", "write"})))
    token = await login.token(server, None)
    await derived(login, server, TokenRequestParams("read"), has_own_scope=True)
    await login.token(server, token.access_token)
    assert [form["scope"] for form in server.forms] == ["read", "read write"]


@pytest.mark.rule("R040")
async def test_derived_token_and_refresh_token_are_stored_in_one_write(
    server: ScriptedServer,
) -> None:
    """Other processes see both or neither; expired tokens are left out."""
    cache = MemoryCache()
    login = Login(SignInGrant(), cache=cache, key=KEY)
    own = await login.token(server, None)
    server.lifetime = 0
    await derived(login, server, TokenRequestParams(), has_own_scope=False)
    server.lifetime = 60
    endpoint = ScriptedServer()
    endpoint.request = server.request  # type: ignore[method-assign]
    await login.derived_token(endpoint, None, "third", has_own_scope=False)
    stored = await stored_in(cache)
    assert stored is not None
    assert (stored.token.access_token, stored.refresh_token) == (own.access_token, "refresh-2")
    assert {name: each.access_token for name, each in stored.derived.items()} == {
        "third": "access-2"
    }
    to_revoke = login.start_logout()
    assert [token for token, _ in to_revoke.with_hints()] == [
        "refresh-2",
        "access-of-login-1",
        "access-2",
    ]


async def test_longest_lifetime_of_all_tokens_is_the_ttl(server: ScriptedServer) -> None:
    """Unless the entry contains a refresh token."""

    class ShortLivedGrant(SignInGrant):
        """Returns no refresh token; the scope is the lifetime of the token, by default 60."""

        async def request_token(self, server: AuthorizationServer) -> Token:
            return Token("short-lived", float(server.request_params.scope or 60))

    class RecordingCache(MemoryCache):
        """Records the lifetimes of its entries."""

        async def set(self, key: str, value: str, ttl: float | None) -> None:
            lifetimes.append(ttl)
            await super().set(key, value, ttl)

    lifetimes: list[float | None] = []
    login = Login(ShortLivedGrant(), cache=RecordingCache(), key=KEY)
    await login.token(server, None)
    await derived(login, server, TokenRequestParams("90"), has_own_scope=True)
    assert lifetimes == [60, 90]


async def test_cache_entry_holds_a_limited_number_of_derived_tokens(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest token is dropped, so that the entry does not grow with the callers' options."""
    monkeypatch.setattr(login_state, "MAX_STORED_DERIVED", 2)
    cache = MemoryCache()
    login = Login(SignInGrant(), cache=cache, key=KEY)
    await login.token(server, None)
    for name in ("first", "second", "third"):
        await login.derived_token(server, None, name, has_own_scope=False)
    stored = await stored_in(cache)
    assert stored is not None
    assert list(stored.derived) == ["second", "third"]
