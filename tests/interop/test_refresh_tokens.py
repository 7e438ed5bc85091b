"""What a login leaves, at oidc-provider: refresh tokens that rotate, and some that do not.

A public client's rotate, and one that comes back ends its whole family; a client with a secret
keeps its own, which is in each answer all the same, so that an answer without one is not seen here.
"""

import asyncio
from pathlib import Path

import pytest
from aiohttp import ClientSession

from aioalf import LoginRequiredError, Renewal, TokenHTTPError
from aioalf.caches import FileCache, MemoryCache
from aioalf.grants import AuthorizationCode, RefreshToken
from aioalf.token import Token
from tests.interop.conftest import Ask
from tests.interop.middleman import Middleman
from tests.interop.provider import Provider, Setup
from tests.interop.quick_person import QuickPerson
from tests.interop.registered import AT_THE_PROVIDER, DESKTOP, OFFICE, client_of
from tests.interop.resource_server import ResourceServer

LOGIN, REFRESH, REFUSED = "authorization_code", "refresh_token", "refresh_token invalid_grant"
MANY = 20


@pytest.fixture(scope="module")
def setup() -> Setup:
    """A client whose refresh tokens rotate, and one whose do not."""
    return Setup([DESKTOP, OFFICE, AT_THE_PROVIDER])


@pytest.fixture
def person() -> QuickPerson:
    """Who signs in."""
    return QuickPerson()


@pytest.fixture
def login(person: QuickPerson) -> AuthorizationCode:
    """The grant, its browser being the person's."""
    return AuthorizationCode(open_browser=person, timeout=30)


async def replay(provider: Provider, session: ClientSession, refresh_token: str | None) -> None:
    """Send a refresh token of the public client's once more, as who copied it would."""
    form = {"grant_type": "refresh_token", "client_id": "desktop", "refresh_token": refresh_token}
    async with session.post(provider.token_endpoint, data=form) as response:
        assert (await response.json())["error"] == "invalid_grant"


@pytest.mark.rule("R040", "R042", "R047")
async def test_a_refresh_token_that_rotates_is_used_once(
    provider: Provider,
    session: ClientSession,
    things: ResourceServer,
    ask: Ask,
    login: AuthorizationCode,
) -> None:
    """Each answer's is the one that counts next, and the person signs in once."""
    tokens: list[Token] = []
    async with client_of(
        provider, DESKTOP, grant=login, scope="things:read", on_token=tokens.append
    ) as client:
        for _ in range(4):
            said = await ask(client)
            assert (said["user"], said["scope"]) == ("alf", ["things:read"])
            things.distrust()
    assert await provider.requests(session) == [LOGIN, REFRESH, REFRESH, REFRESH]
    assert len({token.refresh_token for token in tokens}) == 4


@pytest.mark.rule("R047")
async def test_a_refresh_token_that_stays_is_used_again(
    provider: Provider,
    session: ClientSession,
    things: ResourceServer,
    ask: Ask,
    login: AuthorizationCode,
) -> None:
    """A client with a secret has one for as long as the login lasts."""
    tokens: list[Token] = []
    async with client_of(
        provider, OFFICE, grant=login, scope="things:read", on_token=tokens.append
    ) as client:
        for _ in range(3):
            assert (await ask(client))["user"] == "alf"
            things.distrust()
    assert await provider.requests(session) == [LOGIN, REFRESH, REFRESH]
    assert len({token.refresh_token for token in tokens}) == 1
    assert len({token.access_token for token in tokens}) == 3


@pytest.mark.rule("R045")
async def test_after_a_reuse_the_person_signs_in_again(
    provider: Provider,
    session: ClientSession,
    things: ResourceServer,
    ask: Ask,
    person: QuickPerson,
    login: AuthorizationCode,
) -> None:
    """The provider ends the whole family when an old one comes back: one refusal, one new login."""
    tokens: list[Token] = []
    async with client_of(
        provider, DESKTOP, grant=login, scope="things:read", on_token=tokens.append
    ) as client:
        await ask(client)
        things.distrust()
        await ask(client)
        await replay(provider, session, tokens[0].refresh_token)
        assert (await ask(client))["user"] == "alf"
        await ask(client)
    assert await provider.requests(session) == [LOGIN, REFRESH, REFUSED, REFUSED, LOGIN]
    assert person.logins == 2


@pytest.mark.rule("R045")
async def test_after_a_reuse_a_program_without_a_person_says_so(
    provider: Provider,
    session: ClientSession,
    things: ResourceServer,
    ask: Ask,
    login: AuthorizationCode,
) -> None:
    """A given refresh token lives on by rotation; once its family has ended, it asks no more."""
    tokens: list[Token] = []
    async with client_of(
        provider, DESKTOP, grant=login, scope="things:read", on_token=tokens.append
    ) as client:
        await ask(client)
    given = str(tokens[0].refresh_token)
    never_paused = Renewal(failure_backoff=0)
    async with client_of(
        provider, DESKTOP, grant=RefreshToken(given), renewal=never_paused
    ) as client:
        for _ in range(3):
            assert (await ask(client))["user"] == "alf"
            things.distrust()
        await replay(provider, session, given)
        with pytest.raises(LoginRequiredError) as caught:
            await ask(client)
        assert isinstance(caught.value.__cause__, TokenHTTPError)
        with pytest.raises(LoginRequiredError):
            await ask(client)
    assert await provider.requests(session) == [LOGIN, *[REFRESH] * 3, REFUSED, REFUSED]


@pytest.mark.rule("R045", "R060")
async def test_after_a_revocation_many_requests_wait_for_one_login(
    provider: Provider,
    session: ClientSession,
    ask: Ask,
    person: QuickPerson,
    login: AuthorizationCode,
) -> None:
    """All are refused, one refresh is tried, one login is begun, and each of them is answered."""
    tokens: list[Token] = []
    async with client_of(
        provider, OFFICE, grant=login, scope="things:read", on_token=tokens.append
    ) as client:
        await ask(client)
        await provider.revoke(session, str(tokens[0].refresh_token), OFFICE)
        said = await asyncio.gather(*(ask(client) for _ in range(MANY)))
    assert [answer["user"] for answer in said] == ["alf"] * MANY
    assert await provider.requests(session) == [LOGIN, REFUSED, LOGIN]
    assert person.logins == 2


@pytest.mark.rule("R043")
@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_clients_that_share_a_cache_make_one_refresh(
    provider: Provider,
    session: ClientSession,
    things: ResourceServer,
    ask: Ask,
    login: AuthorizationCode,
    kind: str,
    tmp_path: Path,
) -> None:
    """One signs in for both; refused at once, both go on with what one of them was given."""
    cache = MemoryCache() if kind == "memory" else FileCache(tmp_path / "tokens")
    options = {"grant": login, "scope": "things:read", "cache": cache}
    async with (
        client_of(provider, DESKTOP, **options) as one,
        client_of(provider, DESKTOP, **options) as other,
    ):
        await ask(one)
        await ask(other)
        for _ in range(2):
            things.distrust()
            said = await asyncio.gather(ask(one), ask(other))
            assert [answer["user"] for answer in said] == ["alf", "alf"]
    assert await provider.requests(session) == [LOGIN, REFRESH, REFRESH]


@pytest.mark.rule("R044")
@pytest.mark.parametrize("closes", [False, True], ids=["the caller leaves", "the client closes"])
async def test_a_refresh_whose_caller_is_gone_is_not_lost(
    provider: Provider,
    session: ClientSession,
    things: ResourceServer,
    ask: Ask,
    login: AuthorizationCode,
    *,
    closes: bool,
) -> None:
    """The provider has rotated already: what it answered is what the next client goes on with."""
    cache = MemoryCache()
    async with Middleman(provider.token_endpoint) as middleman:
        options: dict[str, object] = {
            "grant": login,
            "scope": "things:read",
            "cache": cache,
            "endpoints": {"token_endpoint": middleman.url},
        }
        async with client_of(provider, DESKTOP, **options) as client:
            await ask(client)
            things.distrust()
            middleman.answered.clear()
            middleman.may_answer.clear()
            waiting = ask(client)
            await middleman.answered.wait()
            leaving = asyncio.create_task(client.close()) if closes else waiting
            if not closes:
                waiting.cancel()
            await asyncio.sleep(0)
            middleman.may_answer.set()
            await asyncio.gather(waiting, leaving, return_exceptions=True)
        async with client_of(provider, DESKTOP, **options) as client:
            assert (await ask(client))["user"] == "alf"
            things.distrust()
            assert (await ask(client))["user"] == "alf"
    assert await provider.requests(session) == [LOGIN, REFRESH, REFRESH]
