"""Refresh tokens at oidc-provider, rotating and not.

The refresh tokens of a public client rotate, and reuse of an old one revokes the whole family.
Those of a confidential client do not rotate, but are repeated in each response; so a response
without a refresh token is not tested here.
"""

import asyncio
from pathlib import Path

import pytest
from aiohttp import ClientSession

from aioalf import LoginRequiredError, Renewal, TokenHTTPError
from aioalf.caches import FileCache, MemoryCache
from aioalf.grants import AuthorizationCode, RefreshToken
from aioalf.token import Token
from tests.interop.client_registrations import DESKTOP, OFFICE, RESOURCE_SERVER, make_client
from tests.interop.conftest import CallApi
from tests.interop.endpoint_proxy import EndpointProxy
from tests.interop.provider import Provider, Setup
from tests.interop.resource_server import ResourceServer
from tests.interop.scripted_user import ScriptedUser

LOGIN, REFRESH, REJECTED = "authorization_code", "refresh_token", "refresh_token invalid_grant"
REQUESTS = 20


@pytest.fixture(scope="module")
def setup() -> Setup:
    """A client with rotating refresh tokens, and one without rotation."""
    return Setup([DESKTOP, OFFICE, RESOURCE_SERVER])


@pytest.fixture
def user() -> ScriptedUser:
    """The user who signs in."""
    return ScriptedUser()


@pytest.fixture
def login(user: ScriptedUser) -> AuthorizationCode:
    """The grant, with the browser of the user."""
    return AuthorizationCode(open_browser=user, timeout=30)


async def replay(provider: Provider, session: ClientSession, refresh_token: str | None) -> None:
    """Send a refresh token of the public client again, as an attacker would."""
    form = {"grant_type": "refresh_token", "client_id": "desktop", "refresh_token": refresh_token}
    async with session.post(provider.token_endpoint, data=form) as response:
        assert (await response.json())["error"] == "invalid_grant"


@pytest.mark.rule("R040", "R042", "R047")
async def test_rotating_refresh_token_is_used_once(
    provider: Provider,
    session: ClientSession,
    api: ResourceServer,
    call_api: CallApi,
    login: AuthorizationCode,
) -> None:
    """Each response has the next refresh token, and the user signs in once."""
    tokens: list[Token] = []
    async with make_client(
        provider, DESKTOP, grant=login, scope="things:read", on_token=tokens.append
    ) as client:
        for _ in range(4):
            info = await call_api(client)
            assert (info["user"], info["scope"]) == ("alf", ["things:read"])
            api.reject_known_tokens()
    assert await provider.requests(session) == [LOGIN, REFRESH, REFRESH, REFRESH]
    assert len({token.refresh_token for token in tokens}) == 4


@pytest.mark.rule("R047")
async def test_static_refresh_token_is_used_again(
    provider: Provider,
    session: ClientSession,
    api: ResourceServer,
    call_api: CallApi,
    login: AuthorizationCode,
) -> None:
    """A confidential client keeps one refresh token for the whole login."""
    tokens: list[Token] = []
    async with make_client(
        provider, OFFICE, grant=login, scope="things:read", on_token=tokens.append
    ) as client:
        for _ in range(3):
            assert (await call_api(client))["user"] == "alf"
            api.reject_known_tokens()
    assert await provider.requests(session) == [LOGIN, REFRESH, REFRESH]
    assert len({token.refresh_token for token in tokens}) == 1
    assert len({token.access_token for token in tokens}) == 3


@pytest.mark.rule("R045")
async def test_user_signs_in_again_after_a_replay(
    provider: Provider,
    session: ClientSession,
    api: ResourceServer,
    call_api: CallApi,
    user: ScriptedUser,
    login: AuthorizationCode,
) -> None:
    """A replay revokes the whole family: one rejected refresh, one new sign-in."""
    tokens: list[Token] = []
    async with make_client(
        provider, DESKTOP, grant=login, scope="things:read", on_token=tokens.append
    ) as client:
        await call_api(client)
        api.reject_known_tokens()
        await call_api(client)
        await replay(provider, session, tokens[0].refresh_token)
        assert (await call_api(client))["user"] == "alf"
        await call_api(client)
    assert await provider.requests(session) == [LOGIN, REFRESH, REJECTED, REJECTED, LOGIN]
    assert user.logins == 2


@pytest.mark.rule("R045")
async def test_program_without_a_user_raises_after_a_replay(
    provider: Provider,
    session: ClientSession,
    api: ResourceServer,
    call_api: CallApi,
    login: AuthorizationCode,
) -> None:
    """A given refresh token is rotated; once its family is revoked, no request is sent."""
    tokens: list[Token] = []
    async with make_client(
        provider, DESKTOP, grant=login, scope="things:read", on_token=tokens.append
    ) as client:
        await call_api(client)
    given = str(tokens[0].refresh_token)
    no_backoff = Renewal(failure_backoff=0)
    async with make_client(
        provider, DESKTOP, grant=RefreshToken(given), renewal=no_backoff
    ) as client:
        for _ in range(3):
            assert (await call_api(client))["user"] == "alf"
            api.reject_known_tokens()
        await replay(provider, session, given)
        with pytest.raises(LoginRequiredError) as caught:
            await call_api(client)
        assert isinstance(caught.value.__cause__, TokenHTTPError)
        with pytest.raises(LoginRequiredError):
            await call_api(client)
    assert await provider.requests(session) == [LOGIN, *[REFRESH] * 3, REJECTED, REJECTED]


@pytest.mark.rule("R045", "R060")
async def test_concurrent_requests_after_a_revocation_share_one_sign_in(
    provider: Provider,
    session: ClientSession,
    call_api: CallApi,
    user: ScriptedUser,
    login: AuthorizationCode,
) -> None:
    """One refresh is rejected, one sign-in follows, and all requests succeed."""
    tokens: list[Token] = []
    async with make_client(
        provider, OFFICE, grant=login, scope="things:read", on_token=tokens.append
    ) as client:
        await call_api(client)
        await provider.revoke(session, str(tokens[0].refresh_token), OFFICE)
        info = await asyncio.gather(*(call_api(client) for _ in range(REQUESTS)))
    assert [each["user"] for each in info] == ["alf"] * REQUESTS
    assert await provider.requests(session) == [LOGIN, REJECTED, LOGIN]
    assert user.logins == 2


@pytest.mark.rule("R043")
@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_clients_with_a_shared_cache_share_one_refresh(
    provider: Provider,
    session: ClientSession,
    api: ResourceServer,
    call_api: CallApi,
    login: AuthorizationCode,
    kind: str,
    tmp_path: Path,
) -> None:
    """One sign-in serves both clients, and one refresh replaces a rejected token."""
    cache = MemoryCache() if kind == "memory" else FileCache(tmp_path / "tokens")
    options = {"grant": login, "scope": "things:read", "cache": cache}
    async with (
        make_client(provider, DESKTOP, **options) as one,
        make_client(provider, DESKTOP, **options) as other,
    ):
        await call_api(one)
        await call_api(other)
        for _ in range(2):
            api.reject_known_tokens()
            info = await asyncio.gather(call_api(one), call_api(other))
            assert [each["user"] for each in info] == ["alf", "alf"]
    assert await provider.requests(session) == [LOGIN, REFRESH, REFRESH]


@pytest.mark.rule("R044")
@pytest.mark.parametrize("closes", [False, True], ids=["caller cancelled", "client closed"])
async def test_refresh_survives_its_caller(
    provider: Provider,
    session: ClientSession,
    api: ResourceServer,
    call_api: CallApi,
    login: AuthorizationCode,
    *,
    closes: bool,
) -> None:
    """The provider has rotated already, so the next client must find the new refresh token."""
    cache = MemoryCache()
    async with EndpointProxy(provider.token_endpoint) as proxy:
        options: dict[str, object] = {
            "grant": login,
            "scope": "things:read",
            "cache": cache,
            "endpoints": {"token_endpoint": proxy.url},
        }
        async with make_client(provider, DESKTOP, **options) as client:
            await call_api(client)
            api.reject_known_tokens()
            proxy.responded.clear()
            proxy.may_respond.clear()
            waiting = call_api(client)
            await proxy.responded.wait()
            ending = asyncio.create_task(client.close()) if closes else waiting
            if not closes:
                waiting.cancel()
            await asyncio.sleep(0)
            proxy.may_respond.set()
            await asyncio.gather(waiting, ending, return_exceptions=True)
        async with make_client(provider, DESKTOP, **options) as client:
            assert (await call_api(client))["user"] == "alf"
            api.reject_known_tokens()
            assert (await call_api(client))["user"] == "alf"
    assert await provider.requests(session) == [LOGIN, REFRESH, REFRESH]
