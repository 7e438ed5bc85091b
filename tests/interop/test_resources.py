"""Tokens for a resource of the caller's choice at oidc-provider (RFC 8707).

A user can allow several resources in one sign-in. Each token is for one of them: the first, in this
configuration, if several are requested. A request that is rejected for its resource also uses up a
rotating refresh token, which ends the login.
"""

import asyncio

import pytest
from aiohttp import ClientSession

from aioalf import AuthorizationError, TokenHTTPError
from aioalf.grants import AuthorizationCode
from tests.interop.client_registrations import (
    DESKTOP,
    OFFICE,
    PLAIN,
    RESOURCE_SERVER,
    ClientRegistration,
    make_client,
)
from tests.interop.conftest import CallApi
from tests.interop.form_visitor import FormVisitor
from tests.interop.provider import Provider, Setup
from tests.interop.resource_server import ResourceServer
from tests.interop.scripted_user import ScriptedUser

THINGS, BOOKS = "https://things.example.com/", "urn:example:books"
CODE, REFRESH = "authorization_code", "refresh_token"
UNKNOWN = "https://unknown.example.com"


@pytest.fixture(scope="module")
def setup() -> Setup:
    """Two resources, one with more scopes."""
    return Setup(
        [PLAIN, DESKTOP, OFFICE, RESOURCE_SERVER],
        resources={THINGS: "things:read things:write", BOOKS: "things:read"},
    )


@pytest.mark.rule("R126")
@pytest.mark.parametrize("resource", [THINGS, BOOKS])
async def test_token_is_for_the_requested_resource(
    provider: Provider, call_api: CallApi, resource: str
) -> None:
    """A URL or URN is sent unchanged and becomes the audience."""
    async with make_client(provider, PLAIN, scope="things:read", resource=resource) as client:
        assert (await call_api(client))["audience"] == resource


@pytest.mark.rule("R029", "R126")
@pytest.mark.parametrize("resource", [UNKNOWN, [THINGS, BOOKS]], ids=["unknown", "more than one"])
async def test_unavailable_resource_is_rejected_once(
    provider: Provider, session: ClientSession, resource: str | list[str]
) -> None:
    """The error invalid_target is raised after one request."""
    async with make_client(provider, PLAIN, resource=resource, raise_token_errors=True) as client:
        with pytest.raises(TokenHTTPError) as caught:
            await client.get(f"{provider.issuer}/things")
    assert caught.value.error == "invalid_target"
    assert await provider.requests(session) == ["client_credentials invalid_target"]


@pytest.mark.rule("R126")
async def test_refreshed_tokens_are_for_the_resource_of_the_login(
    provider: Provider, session: ClientSession, api: ResourceServer, call_api: CallApi
) -> None:
    """Every refreshed token has the same resource."""
    grant = AuthorizationCode(open_browser=ScriptedUser(), timeout=30)
    async with make_client(
        provider, DESKTOP, grant=grant, scope="things:write", resource=THINGS
    ) as client:
        for _ in range(3):
            info = await call_api(client)
            assert (info["audience"], info["scope"]) == (THINGS, ["things:write"])
            api.reject_known_tokens()
    assert await provider.requests(session) == [CODE, REFRESH, REFRESH]


@pytest.mark.rule("R108", "R126")
async def test_sign_in_for_an_unknown_resource_is_an_error(
    provider: Provider, session: ClientSession, call_api: CallApi
) -> None:
    """The redirect has invalid_target before the user sees a page."""
    async with FormVisitor() as visitor:
        grant = AuthorizationCode(open_browser=visitor.open, timeout=30)
        async with make_client(provider, DESKTOP, grant=grant, resource=UNKNOWN) as client:
            with pytest.raises(AuthorizationError) as caught:
                await call_api(client)
    assert caught.value.error == "invalid_target"
    assert await provider.requests(session) == []


@pytest.mark.rule("R040", "R073", "R126")
@pytest.mark.parametrize("registration", [DESKTOP, OFFICE], ids=["rotating", "static"])
@pytest.mark.parametrize("is_derived", [False, True], ids=["client first", "derived client first"])
async def test_one_login_serves_two_resources(
    provider: Provider,
    session: ClientSession,
    api: ResourceServer,
    call_api: CallApi,
    registration: ClientRegistration,
    *,
    is_derived: bool,
) -> None:
    """The token of the derived client comes from a refresh, whichever client is first."""
    user = ScriptedUser()
    grant = AuthorizationCode(open_browser=user, timeout=30)
    async with make_client(
        provider, registration, grant=grant, scope="things:read", resource=[THINGS, BOOKS]
    ) as client:
        books = client.with_options(resource=BOOKS)
        await call_api(books if is_derived else client)
        for _ in range(2):
            info = await asyncio.gather(call_api(client), call_api(books))
            assert [each["audience"] for each in info] == [THINGS, BOOKS]
            api.reject_known_tokens()
    assert await provider.requests(session) == [CODE, REFRESH, REFRESH, REFRESH]
    assert user.logins == 1


@pytest.mark.rule("R045", "R126")
@pytest.mark.parametrize(
    ("registration", "after"),
    [(OFFICE, [REFRESH]), (DESKTOP, [f"{REFRESH} invalid_grant", CODE])],
    ids=["static refresh tokens", "rotating refresh tokens"],
)
async def test_resource_outside_the_login_is_rejected(
    provider: Provider,
    session: ClientSession,
    api: ResourceServer,
    call_api: CallApi,
    registration: ClientRegistration,
    after: list[str],
) -> None:
    """The caller gets invalid_target; other clients go on as far as the provider allows."""
    grant = AuthorizationCode(open_browser=ScriptedUser(), timeout=30)
    async with make_client(
        provider,
        registration,
        grant=grant,
        scope="things:read",
        resource=THINGS,
        raise_token_errors=True,
    ) as client:
        await call_api(client)
        with pytest.raises(TokenHTTPError) as caught:
            await call_api(client.with_options(resource=BOOKS))
        assert caught.value.error == "invalid_target"
        api.reject_known_tokens()
        assert (await call_api(client))["audience"] == THINGS
    assert await provider.requests(session) == [CODE, f"{REFRESH} invalid_target", *after]
