"""A logout at oidc-provider: what was granted counts for nothing there, and is forgotten here."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from aioalf import TokenError
from aioalf.caches import MemoryCache
from aioalf.grants import AuthorizationCode
from aioalf.token import Token
from tests.interop.conftest import Ask
from tests.interop.middleman import Middleman
from tests.interop.provider import Provider, Setup
from tests.interop.quick_person import QuickPerson
from tests.interop.registered import (
    AT_THE_PROVIDER,
    DESKTOP,
    OFFICE,
    PLAIN,
    Registered,
    client_of,
)
from tests.interop.resource_server import ResourceServer

LOGIN, REFRESH = "authorization_code", "refresh_token"


@pytest.fixture(scope="module")
def setup() -> Setup:
    """Clients of all kinds."""
    return Setup([DESKTOP, OFFICE, PLAIN, AT_THE_PROVIDER])


@pytest.fixture
def person() -> QuickPerson:
    """Who signs in."""
    return QuickPerson()


@pytest.fixture
def login(person: QuickPerson) -> AuthorizationCode:
    """The grant, its browser being the person's."""
    return AuthorizationCode(open_browser=person, timeout=30)


async def is_active(provider: Provider, session: ClientSession, token: str | None) -> object:
    """Whether a token counts at the provider."""
    return (await provider.introspect(session, str(token), AT_THE_PROVIDER))["active"]


@pytest.mark.rule("R160")
@pytest.mark.parametrize("registered", [DESKTOP, OFFICE], ids=["public", "with a secret"])
async def test_after_a_logout_nothing_counts_that_was_granted(
    provider: Provider,
    session: ClientSession,
    things: ResourceServer,
    ask: Ask,
    login: AuthorizationCode,
    registered: Registered,
) -> None:
    """Refresh token and access tokens are refused by the provider; the next request signs in."""
    tokens: list[Token] = []
    options = {"grant": login, "scope": "things:read", "on_token": tokens.append}
    async with client_of(provider, registered, **options) as client:
        await ask(client)
        things.distrust()
        await ask(client)
        last = tokens[-1]
        for token in (last.access_token, last.refresh_token):
            assert await is_active(provider, session, token) is True
        await client.logout()
        for token in (*(token.access_token for token in tokens), last.refresh_token):
            assert await is_active(provider, session, token) is False
        assert (await ask(client))["user"] == "alf"
    assert await provider.requests(session) == [LOGIN, REFRESH, LOGIN]


@pytest.mark.rule("R160")
async def test_a_service_gives_its_token_back(
    provider: Provider, session: ClientSession, ask: Ask
) -> None:
    """Without a login and a refresh token, there is the access token to revoke."""
    async with client_of(provider, PLAIN) as client:
        await ask(client)
        token = await client._token_manager.get_token()  # noqa: SLF001 - users need not know it
        await client.logout()
        assert await is_active(provider, session, token) is False
        await ask(client)
    assert await provider.requests(session) == ["client_credentials"] * 2


@pytest.mark.rule("R160")
async def test_who_shares_the_cache_is_logged_out_too(
    provider: Provider, ask: Ask, person: QuickPerson, login: AuthorizationCode
) -> None:
    """The other client's token is refused, and nothing is left that could be refreshed."""
    options = {"grant": login, "scope": "things:read", "cache": MemoryCache()}
    async with (
        client_of(provider, DESKTOP, **options) as one,
        client_of(provider, DESKTOP, **options) as other,
    ):
        await ask(one)
        await ask(other)
        assert person.logins == 1
        await one.logout()
        assert (await ask(other))["user"] == "alf"
        assert person.logins == 2


@pytest.mark.rule("R160")
async def test_what_was_revoked_before_is_no_error(
    provider: Provider, session: ClientSession, ask: Ask, login: AuthorizationCode
) -> None:
    """The provider does not know the tokens any more, which is what a logout is for."""
    tokens: list[Token] = []
    async with client_of(
        provider, OFFICE, grant=login, scope="things:read", on_token=tokens.append
    ) as client:
        await ask(client)
        await provider.revoke(session, str(tokens[0].refresh_token), OFFICE)
        await client.logout()
        await client.logout()


@pytest.fixture
async def middleman(provider: Provider) -> AsyncIterator[Middleman]:
    """Somebody between the client and the token endpoint."""
    async with Middleman(provider.token_endpoint) as middleman:
        yield middleman


@pytest.mark.rule("R083", "R160")
async def test_what_is_on_its_way_at_a_logout_ends_too(
    provider: Provider,
    session: ClientSession,
    things: ResourceServer,
    ask: Ask,
    login: AuthorizationCode,
    middleman: Middleman,
) -> None:
    """The provider has rotated already: the new tokens end with the old, and nobody gets them."""
    tokens: list[str] = []
    cache = MemoryCache()

    def keep(members: dict[str, object]) -> dict[str, object]:
        tokens.extend(str(members[name]) for name in ("access_token", "refresh_token"))
        return members

    middleman.change_answer = keep
    async with client_of(
        provider,
        DESKTOP,
        grant=login,
        scope="things:read",
        cache=cache,
        endpoints={"token_endpoint": middleman.url},
    ) as client:
        await ask(client)
        things.distrust()
        middleman.answered.clear()
        middleman.may_answer.clear()
        waiting = ask(client)
        await middleman.answered.wait()
        leaving = asyncio.create_task(client.logout())
        await asyncio.sleep(0)
        middleman.may_answer.set()
        await leaving
        with pytest.raises(TokenError):
            await waiting
        assert len(set(tokens)) == 4
        assert {await is_active(provider, session, token) for token in tokens} == {False}
        assert (await ask(client))["user"] == "alf"
    assert await provider.requests(session) == [LOGIN, REFRESH, LOGIN]
