"""Tokens for a resource of the caller's choice, at oidc-provider (RFC 8707).

It lets a person allow several resources in one login, and issues each token for one of them: for
the first, as it is set up here, where all are named. A refresh token that rotates is used up for
it also by a request that it refuses for its resource: that costs the login.
"""

import asyncio

import pytest
from aiohttp import ClientSession

from aioalf import AuthorizationError, TokenHTTPError
from aioalf.grants import AuthorizationCode
from tests.interop.conftest import Ask
from tests.interop.form_visitor import FormVisitor
from tests.interop.provider import Provider, Setup
from tests.interop.quick_person import QuickPerson
from tests.interop.registered import AT_THE_PROVIDER, DESKTOP, OFFICE, PLAIN, Registered, client_of
from tests.interop.resource_server import ResourceServer

THINGS, BOOKS = "https://things.example.com/", "urn:example:books"
CODE, REFRESH = "authorization_code", "refresh_token"
UNKNOWN = "https://unknown.example.com"


@pytest.fixture(scope="module")
def setup() -> Setup:
    """Two resources, one of which has more scopes."""
    return Setup(
        [PLAIN, DESKTOP, OFFICE, AT_THE_PROVIDER],
        resources={THINGS: "things:read things:write", BOOKS: "things:read"},
    )


@pytest.mark.rule("R126")
@pytest.mark.parametrize("resource", [THINGS, BOOKS])
async def test_a_token_is_for_the_resource_that_was_named(
    provider: Provider, ask: Ask, resource: str
) -> None:
    """A URL or a URN arrives as it was written, and is whom the token is for."""
    async with client_of(provider, PLAIN, scope="things:read", resource=resource) as client:
        assert (await ask(client))["audience"] == resource


@pytest.mark.rule("R029", "R126")
@pytest.mark.parametrize(
    "resource", [UNKNOWN, [THINGS, BOOKS]], ids=["unknown here", "more than one"]
)
async def test_a_resource_that_cannot_be_had_is_refused(
    provider: Provider, session: ClientSession, resource: str | list[str]
) -> None:
    """The provider's invalid_target is raised, after one request."""
    async with client_of(provider, PLAIN, resource=resource, raise_token_errors=True) as client:
        with pytest.raises(TokenHTTPError) as caught:
            await client.get(f"{provider.issuer}/things")
    assert caught.value.error == "invalid_target"
    assert await provider.requests(session) == ["client_credentials invalid_target"]


@pytest.mark.rule("R126")
async def test_a_login_is_for_its_resource_and_so_is_each_renewal(
    provider: Provider, session: ClientSession, things: ResourceServer, ask: Ask
) -> None:
    """What the person allowed for one resource stays for that one."""
    grant = AuthorizationCode(open_browser=QuickPerson(), timeout=30)
    async with client_of(
        provider, DESKTOP, grant=grant, scope="things:write", resource=THINGS
    ) as client:
        for _ in range(3):
            said = await ask(client)
            assert (said["audience"], said["scope"]) == (THINGS, ["things:write"])
            things.distrust()
    assert await provider.requests(session) == [CODE, REFRESH, REFRESH]


@pytest.mark.rule("R108", "R126")
async def test_a_login_for_an_unknown_resource_comes_back_with_that(
    provider: Provider, session: ClientSession, ask: Ask
) -> None:
    """invalid_target comes by the browser, before anybody is asked anything."""
    async with FormVisitor() as visitor:
        grant = AuthorizationCode(open_browser=visitor.open, timeout=30)
        async with client_of(provider, DESKTOP, grant=grant, resource=UNKNOWN) as client:
            with pytest.raises(AuthorizationError) as caught:
                await ask(client)
    assert caught.value.error == "invalid_target"
    assert await provider.requests(session) == []


@pytest.mark.rule("R040", "R073", "R126")
@pytest.mark.parametrize("registered", [DESKTOP, OFFICE], ids=["rotating", "staying"])
@pytest.mark.parametrize("is_derived", [False, True], ids=["the client first", "the derived first"])
async def test_one_login_serves_two_resources(
    provider: Provider,
    session: ClientSession,
    things: ResourceServer,
    ask: Ask,
    registered: Registered,
    *,
    is_derived: bool,
) -> None:
    """Whoever asks first: the derived client's token comes by a refresh, as do all renewals."""
    person = QuickPerson()
    grant = AuthorizationCode(open_browser=person, timeout=30)
    async with client_of(
        provider, registered, grant=grant, scope="things:read", resource=[THINGS, BOOKS]
    ) as client:
        books = client.with_options(resource=BOOKS)
        await ask(books if is_derived else client)
        for _ in range(2):
            said = await asyncio.gather(ask(client), ask(books))
            assert [answer["audience"] for answer in said] == [THINGS, BOOKS]
            things.distrust()
    assert await provider.requests(session) == [CODE, REFRESH, REFRESH, REFRESH]
    assert person.logins == 1


@pytest.mark.rule("R045", "R126")
@pytest.mark.parametrize(
    ("registered", "after"),
    [(OFFICE, [REFRESH]), (DESKTOP, [f"{REFRESH} invalid_grant", CODE])],
    ids=["refresh tokens stay", "refresh tokens rotate"],
)
async def test_a_resource_that_the_login_is_not_for_is_refused(
    provider: Provider,
    session: ClientSession,
    things: ResourceServer,
    ask: Ask,
    registered: Registered,
    after: list[str],
) -> None:
    """invalid_target is raised to who asked; the others go on as well as the provider lets them."""
    grant = AuthorizationCode(open_browser=QuickPerson(), timeout=30)
    async with client_of(
        provider,
        registered,
        grant=grant,
        scope="things:read",
        resource=THINGS,
        raise_token_errors=True,
    ) as client:
        await ask(client)
        with pytest.raises(TokenHTTPError) as caught:
            await ask(client.with_options(resource=BOOKS))
        assert caught.value.error == "invalid_target"
        things.distrust()
        assert (await ask(client))["audience"] == THINGS
    assert await provider.requests(session) == [CODE, f"{REFRESH} invalid_target", *after]
