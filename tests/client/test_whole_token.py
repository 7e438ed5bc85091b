"""`token()` of clients and managers returns the whole `Token`, fetching one if needed."""

import asyncio
from typing import Any

import pytest

from aioalf import Client, Token, TokenError, TokenManager, TokenResponseError
from aioalf.caches import MemoryCache
from aioalf.grants import AuthorizationCode
from aioalf.testing import MISSING, Fault, OAuthServer
from tests.support.clocks import Clock
from tests.support.front import FixedManager, UserClient, client_of, manager_of
from tests.support.signed_in import SignedIn


async def test_manager_returns_the_whole_token(oauth_server: OAuthServer) -> None:
    """Expiry, scope and further members come from the token response."""
    oauth_server.changes["token"] = {"instance_url": "https://api.example.com", "scope": "a b"}
    async with manager_of(oauth_server) as manager:
        token = await manager.token()
        assert await manager.token() is token
        assert await manager.get_token() == token.access_token
    assert token.extra["instance_url"] == "https://api.example.com"
    assert token.scope == frozenset({"a", "b"})
    assert token.expires_in == 3600
    assert oauth_server.token_requests == 1


async def test_concurrent_callers_share_one_token_request(oauth_server: OAuthServer) -> None:
    """Callers of `token` and of `get_token` get the same token."""
    async with manager_of(oauth_server) as manager:
        tokens = await asyncio.gather(*(manager.token() for _ in range(10)))
        assert {token.access_token for token in tokens} == {await manager.get_token()}
    assert oauth_server.token_requests == 1


async def test_expired_token_is_fetched_again(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`token` returns no expired token."""
    clock = Clock(monkeypatch)
    async with manager_of(oauth_server) as manager:
        first = await manager.token()
        clock.advance(3601)
        assert await manager.token() is not first
    assert oauth_server.token_requests == 2


@pytest.mark.rule("R027", "R028")
@pytest.mark.parametrize("granted", ["a", "c"])
@pytest.mark.parametrize("repeated", [True, False])
async def test_missing_scope_is_known_after_a_refresh(
    oauth_server: OAuthServer, granted: str, *, repeated: bool
) -> None:
    """A refresh requests only what was granted, but the client still lacks the rest."""
    scene = SignedIn(oauth_server)
    oauth_server.changes["token"] = {"scope": granted}
    grant = AuthorizationCode(open_browser=scene.visitor)
    async with scene.client(grant, scope=["a", "b"]) as client:
        first = await client.token()
        oauth_server.changes["token"] = {"scope": granted if repeated else MISSING}
        oauth_server.revoke(first.access_token)
        async with client.get(oauth_server.url("/things")) as response:
            assert response.status == 200
        second = await client.token()
    await scene.visitor.done()
    assert second.access_token != first.access_token
    assert first.missing_scope == second.missing_scope == frozenset({"a", "b"}) - {granted}


@pytest.mark.rule("R028")
async def test_cached_token_with_less_scope_is_refused(oauth_server: OAuthServer) -> None:
    """A client without ``require_scope`` stored it; another client does not get it."""
    scene, cache = SignedIn(oauth_server), MemoryCache()
    oauth_server.changes["token"] = {"scope": "a"}
    options: dict[str, Any] = {"scope": ["a", "b"], "cache": cache}
    grant = AuthorizationCode(open_browser=scene.visitor)
    async with scene.client(grant, **options) as client:
        await client.token()
    async with scene.client(grant, **options, require_scope=True) as client:
        for _ in range(2):
            with pytest.raises(TokenResponseError, match="less scope than requested: b is missing"):
                await client.token()
        oauth_server.changes["token"] = {}
        await client.logout()
        assert (await client.token()).scope == frozenset({"a", "b"})
    await scene.visitor.done()


async def test_error_is_raised(oauth_server: OAuthServer) -> None:
    """As `get_token` does; a client never returns a response instead."""
    oauth_server.token_fault = Fault.body(b'{"error": "invalid_client"}', status=401)
    async with manager_of(oauth_server) as manager, client_of(oauth_server) as client:
        for sender in (manager, client):
            with pytest.raises(TokenError, match="invalid_client"):
                await sender.token()


async def test_client_returns_the_token_of_its_requests(oauth_server: OAuthServer) -> None:
    """A derived client has a token of its own."""
    async with client_of(oauth_server) as client:
        token = await client.token()
        async with client.get(oauth_server.url("/things")) as response:
            assert response.status == 200
        assert await client.token() is token
        assert await client.with_options(scope="more").token() is not token
    assert oauth_server.token_requests == 2


async def test_closed_client_returns_no_token(oauth_server: OAuthServer) -> None:
    """It raises aiohttp's error, and sends no token request."""
    client = client_of(oauth_server)
    await client.close()
    with pytest.raises(RuntimeError, match="Session is closed"):
        await client.token()
    assert oauth_server.token_requests == 0


async def test_foreign_manager_knows_only_the_text() -> None:
    """Its token has no lifetime."""
    async with UserClient("client-id", "secret", "https://auth.example.com/token") as client:
        token = await client.token()
    assert (token.access_token, token.expires_in, token.extra) == ("token-0", None, {})


async def test_attribute_of_a_foreign_manager_is_no_method() -> None:
    """A manager of 0.4.0 may have an attribute `token` of its own."""

    class OwnManager(FixedManager):
        def __init__(self, **_: object) -> None:
            super().__init__("own")

    class OwnClient(Client):
        token_manager_class = OwnManager

    async with OwnClient() as client:
        assert (await client.token()).access_token == "own"


class OwnGetManager(TokenManager):
    """A subclass that overrides ``get_token`` only."""

    async def get_token(self) -> str:
        """Return a token that the inherited methods do not know."""
        return "own"


class OwnTokenManager(OwnGetManager):
    """A subclass that overrides ``token`` as well."""

    async def token(self) -> Token:
        """Return a token with a lifetime."""
        return Token("own", 60)


@pytest.mark.parametrize(
    ("manager_class", "lifetime"), [(OwnGetManager, None), (OwnTokenManager, 60)]
)
async def test_overridden_get_token_is_the_source_of_the_token(
    oauth_server: OAuthServer, manager_class: type[TokenManager], lifetime: int | None
) -> None:
    """A client returns no other token than its requests carry."""
    made: Any = manager_class

    class OwnClient(Client):
        token_manager_class = made

    async with OwnClient("client-id", "secret", oauth_server.token_endpoint) as client:
        token = await client.token()
    assert (token.access_token, token.expires_in) == ("own", lifetime)
    assert oauth_server.token_requests == 0
