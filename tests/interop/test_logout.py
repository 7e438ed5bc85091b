"""Logout at oidc-provider: the tokens are revoked there and deleted here."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from aioalf import TokenError
from aioalf.caches import MemoryCache
from aioalf.grants import AuthorizationCode
from aioalf.token import Token
from tests.interop.client_registrations import (
    DESKTOP,
    OFFICE,
    PLAIN,
    RESOURCE_SERVER,
    ClientRegistration,
    make_client,
)
from tests.interop.conftest import CallApi
from tests.interop.endpoint_proxy import EndpointProxy
from tests.interop.provider import Provider, Setup
from tests.interop.resource_server import ResourceServer
from tests.interop.scripted_user import ScriptedUser

LOGIN, REFRESH = "authorization_code", "refresh_token"


@pytest.fixture(scope="module")
def setup() -> Setup:
    """Clients of all kinds."""
    return Setup([DESKTOP, OFFICE, PLAIN, RESOURCE_SERVER])


@pytest.fixture
def user() -> ScriptedUser:
    """The user who signs in."""
    return ScriptedUser()


@pytest.fixture
def login(user: ScriptedUser) -> AuthorizationCode:
    """The grant, with the browser of the user."""
    return AuthorizationCode(open_browser=user, timeout=30)


async def is_active(provider: Provider, session: ClientSession, token: str | None) -> object:
    """Return whether a token is active at the provider."""
    return (await provider.introspect(session, str(token), RESOURCE_SERVER))["active"]


@pytest.mark.rule("R160")
@pytest.mark.parametrize("registration", [DESKTOP, OFFICE], ids=["public", "with a secret"])
async def test_logout_revokes_all_tokens(
    provider: Provider,
    session: ClientSession,
    api: ResourceServer,
    call_api: CallApi,
    login: AuthorizationCode,
    registration: ClientRegistration,
) -> None:
    """Refresh token and access tokens are inactive, and the next request signs in."""
    tokens: list[Token] = []
    options = {"grant": login, "scope": "things:read", "on_token": tokens.append}
    async with make_client(provider, registration, **options) as client:
        await call_api(client)
        api.reject_known_tokens()
        await call_api(client)
        last = tokens[-1]
        for token in (last.access_token, last.refresh_token):
            assert await is_active(provider, session, token) is True
        await client.logout()
        for token in (*(token.access_token for token in tokens), last.refresh_token):
            assert await is_active(provider, session, token) is False
        assert (await call_api(client))["user"] == "alf"
    assert await provider.requests(session) == [LOGIN, REFRESH, LOGIN]


@pytest.mark.rule("R160")
async def test_logout_revokes_the_access_token_of_a_service(
    provider: Provider, session: ClientSession, call_api: CallApi
) -> None:
    """Without a refresh token, the access token is revoked."""
    async with make_client(provider, PLAIN) as client:
        await call_api(client)
        token = await client._token_manager.get_token()  # noqa: SLF001 - users need no access to it
        await client.logout()
        assert await is_active(provider, session, token) is False
        await call_api(client)
    assert await provider.requests(session) == ["client_credentials"] * 2


@pytest.mark.rule("R160")
async def test_logout_ends_all_clients_of_a_shared_cache(
    provider: Provider, call_api: CallApi, user: ScriptedUser, login: AuthorizationCode
) -> None:
    """The token of the other client is rejected, and no refresh token is left."""
    options = {"grant": login, "scope": "things:read", "cache": MemoryCache()}
    async with (
        make_client(provider, DESKTOP, **options) as one,
        make_client(provider, DESKTOP, **options) as other,
    ):
        await call_api(one)
        await call_api(other)
        assert user.logins == 1
        await one.logout()
        assert (await call_api(other))["user"] == "alf"
        assert user.logins == 2


@pytest.mark.rule("R160")
async def test_logout_of_revoked_tokens_is_not_an_error(
    provider: Provider, session: ClientSession, call_api: CallApi, login: AuthorizationCode
) -> None:
    """The provider no longer knows the tokens, which is the purpose of a logout."""
    tokens: list[Token] = []
    async with make_client(
        provider, OFFICE, grant=login, scope="things:read", on_token=tokens.append
    ) as client:
        await call_api(client)
        await provider.revoke(session, str(tokens[0].refresh_token), OFFICE)
        await client.logout()
        await client.logout()


@pytest.fixture
async def proxy(provider: Provider) -> AsyncIterator[EndpointProxy]:
    """A proxy between the client and the token endpoint."""
    async with EndpointProxy(provider.token_endpoint) as proxy:
        yield proxy


@pytest.mark.rule("R083", "R160")
async def test_logout_revokes_tokens_of_a_refresh_in_flight(
    provider: Provider,
    session: ClientSession,
    api: ResourceServer,
    call_api: CallApi,
    login: AuthorizationCode,
    proxy: EndpointProxy,
) -> None:
    """The provider has already rotated, so the new tokens are revoked as well."""
    tokens: list[str] = []
    cache = MemoryCache()

    def record(members: dict[str, object]) -> dict[str, object]:
        tokens.extend(str(members[name]) for name in ("access_token", "refresh_token"))
        return members

    proxy.change_response = record
    async with make_client(
        provider,
        DESKTOP,
        grant=login,
        scope="things:read",
        cache=cache,
        endpoints={"token_endpoint": proxy.url},
    ) as client:
        await call_api(client)
        api.reject_known_tokens()
        proxy.responded.clear()
        proxy.may_respond.clear()
        waiting = call_api(client)
        await proxy.responded.wait()
        logging_out = asyncio.create_task(client.logout())
        await asyncio.sleep(0)
        proxy.may_respond.set()
        await logging_out
        with pytest.raises(TokenError):
            await waiting
        assert len(set(tokens)) == 4
        assert {await is_active(provider, session, token) for token in tokens} == {False}
        assert (await call_api(client))["user"] == "alf"
    assert await provider.requests(session) == [LOGIN, REFRESH, LOGIN]
