"""The implicit flow: a sign-in in the browser authorizes requests."""

import asyncio
import logging

import pytest

from aioalf import Client
from aioalf.errors import (
    TokenError,
)
from aioalf.implicit import (
    TokenStorage,
    use_implicit_flow,
)
from aioalf.testing import OAuthServer
from tests.compat.implicit import PORTS, client_of, is_listening, manager_of, query_of, status_of
from tests.support.clocks import Clock
from tests.support.person import Person, come_back


@pytest.mark.rule("R106", "R111", "R112")
async def test_sign_in_authorizes_requests_and_fills_the_storage(
    oauth_server: OAuthServer, person: Person
) -> None:
    """As on the project page: the browser opens the sign-in page, and requests have its token."""
    storage = TokenStorage()
    await use_implicit_flow(storage, PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        assert await status_of(client, oauth_server) == 200
        assert await status_of(client, oauth_server) == 200
    await person.done()
    assert storage.token is not None
    assert storage.token in person.redirects[0]
    assert person.outcomes == ["signed-in"]
    [url] = person.opened
    query = query_of(url)
    assert url.startswith(f"{oauth_server.token_endpoint}/authorize?")
    assert query["redirect_uri"] == [f"http://localhost:{PORTS[0]}"]
    assert query["response_type"] == ["token"]
    assert query["client_id"] == ["client-id"]
    assert oauth_server.token_requests == 0


@pytest.mark.rule("R051")
async def test_token_of_a_sign_in_has_the_form_that_the_api_wants(
    oauth_server: OAuthServer, person: Person
) -> None:
    """The options of the header work in this flow, too."""
    oauth_server.token_header = "X-Access-Token"
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    async with Client(
        token_endpoint=oauth_server.token_endpoint,
        client_id="client-id",
        client_secret="",
        token_header="X-Access-Token",
    ) as client:
        assert await status_of(client, oauth_server) == 200
    await person.done()


async def test_whole_token_is_that_of_the_sign_in_or_of_the_storage(
    oauth_server: OAuthServer, person: Person
) -> None:
    """The storage keeps the text only."""
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    async with client_of(oauth_server) as client, client_of(oauth_server) as other:
        token, stored = await client.token(), await other.token()
        assert await client.token() is token
    await person.done()
    assert (token.expires_in, stored.expires_in) == (3600, None)
    assert token.access_token == stored.access_token


@pytest.mark.rule("R095")
async def test_each_sign_in_has_its_own_state(oauth_server: OAuthServer, person: Person) -> None:
    """Each sign-in has a new, unguessable state."""
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        await status_of(client, oauth_server)
        oauth_server.revoke_all()
        await status_of(client, oauth_server)
    await person.done()
    states = [query_of(url)["state"][0] for url in person.opened]
    assert len(set(states)) == 2
    assert all(len(state) >= 43 for state in states)  # 256 bits in base64


@pytest.mark.rule("R106", "R116")
async def test_forged_response_does_not_end_the_sign_in(oauth_server: OAuthServer) -> None:
    """A token without the right state is refused, and the user can still sign in."""
    person = Person()
    outcomes: list[str] = []

    async def attack_first(url: str) -> None:
        redirect_uri = query_of(url)["redirect_uri"][0]
        forged = ("access_token=evil", "access_token=evil&state=guessed", "state=guessed")
        outcomes.extend([await come_back(f"{redirect_uri}#{fragment}") for fragment in forged])
        await person(url)

    storage = TokenStorage()
    await use_implicit_flow(storage, PORTS, open_browser=attack_first)
    async with client_of(oauth_server) as client:
        assert await status_of(client, oauth_server) == 200
    await person.done()
    assert outcomes == ["try-again"] * 3
    assert storage.token != "evil"


@pytest.mark.rule("R070")
async def test_concurrent_requests_share_one_sign_in(
    oauth_server: OAuthServer, person: Person
) -> None:
    """One page is opened for all requests of all clients with the same storage."""
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    async with client_of(oauth_server) as one, client_of(oauth_server) as other:
        statuses = await asyncio.gather(
            *(status_of(client, oauth_server) for client in (one, other) * 10)
        )
    await person.done()
    assert statuses == [200] * 20
    assert len(person.opened) == 1


@pytest.mark.rule("R060")
async def test_rejected_token_causes_one_new_sign_in(
    oauth_server: OAuthServer, person: Person
) -> None:
    """After a revocation, all rejected requests share one sign-in, and the old token is deleted."""
    storage = TokenStorage()
    await use_implicit_flow(storage, PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        await status_of(client, oauth_server)
        rejected = storage.token
        oauth_server.revoke_all()
        statuses = await asyncio.gather(*(status_of(client, oauth_server) for _ in range(20)))
    await person.done()
    assert statuses == [200] * 20
    assert len(person.opened) == 2
    assert storage.token not in {None, rejected}


async def test_expired_token_causes_a_new_sign_in(
    oauth_server: OAuthServer, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lifetime from the redirect is remembered, though the storage holds only the token."""
    clock = Clock(monkeypatch)
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    manager = manager_of(oauth_server)
    first = await manager.get_token()
    assert await manager.get_token() == first
    clock.advance(3600.0)
    assert await manager.get_token() != first
    await person.done()


@pytest.mark.rule("R060")
async def test_late_rejection_does_not_affect_a_newer_token(
    oauth_server: OAuthServer, person: Person
) -> None:
    """A rejection of an older token starts no pause and does not replace the newer token."""
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    manager = manager_of(oauth_server)
    first = await manager.renew_token("older-token")
    assert manager.can_renew(first)
    second = await manager.renew_token(first)
    assert await manager.renew_token(first) == second
    assert not manager.can_renew(second)
    await person.done()
    assert len(person.opened) == 2


@pytest.mark.rule("R060")
async def test_second_rejected_sign_in_starts_a_pause(
    oauth_server: OAuthServer, person: Person
) -> None:
    """If the token of the second sign-in is rejected too, there is no third one for a minute."""
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    manager = manager_of(oauth_server)
    renewed = await manager.renew_token(await manager.get_token())
    assert not manager.can_renew(renewed)
    assert await manager.renew_token(renewed) == renewed
    manager.mark_rejected(renewed)
    assert await manager.get_token() == renewed
    await person.done()
    assert len(person.opened) == 2


@pytest.mark.rule("R114")
async def test_port_is_open_only_during_a_sign_in(
    oauth_server: OAuthServer, person: Person
) -> None:
    """The listener's port is closed before the first request and after the sign-in."""
    is_open: list[bool] = []

    async def check_port(url: str) -> None:
        is_open.append(await is_listening(PORTS[0]))
        await person(url)

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=check_port)
    async with client_of(oauth_server) as client:
        assert not await is_listening(PORTS[0])
        await status_of(client, oauth_server)
        assert not await is_listening(PORTS[0])
    await person.done()
    assert is_open == [True]


@pytest.mark.rule("R118")
async def test_url_is_logged_without_a_browser(
    oauth_server: OAuthServer, person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    """If no browser can be opened, the URL is logged and the sign-in waits for the user."""

    async def no_browser(url: str) -> bool:
        await person(url)
        return False

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=no_browser)
    async with client_of(oauth_server) as client:
        with caplog.at_level(logging.WARNING):
            assert await status_of(client, oauth_server) == 200
    await person.done()
    assert person.opened[0] in caplog.text


@pytest.mark.rule("R071")
async def test_cancelled_caller_does_not_end_the_sign_in(
    oauth_server: OAuthServer, person: Person
) -> None:
    """If the first caller is cancelled during the sign-in, the second one still gets the token."""
    shown, proceed = asyncio.Event(), asyncio.Event()

    async def slowly(url: str) -> None:
        shown.set()
        await proceed.wait()
        await person(url)

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=slowly)
    async with client_of(oauth_server) as client:
        first = asyncio.create_task(status_of(client, oauth_server))
        await shown.wait()
        second = asyncio.create_task(status_of(client, oauth_server))
        await asyncio.sleep(0)
        first.cancel()
        proceed.set()
        assert await second == 200
        with pytest.raises(asyncio.CancelledError):
            await first
    await person.done()
    assert len(person.opened) == 1


@pytest.mark.rule("R077", "R114")
async def test_close_ends_the_sign_in(oauth_server: OAuthServer) -> None:
    """The waiting caller gets a TokenError, and the port is closed."""
    shown = asyncio.Event()

    async def never(_url: str) -> None:
        shown.set()

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=never)
    client = client_of(oauth_server)
    waiting = asyncio.create_task(status_of(client, oauth_server))
    await shown.wait()
    await client.close()
    with pytest.raises(TokenError, match="closed"):
        await waiting
    assert not await is_listening(PORTS[0])


async def test_closing_one_client_does_not_affect_the_other(oauth_server: OAuthServer) -> None:
    """If one of two clients with the same storage is closed, the other one continues."""
    person, shown = Person(), asyncio.Event()

    async def second_time(url: str) -> None:
        if shown.is_set():
            await person(url)
        shown.set()

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=second_time)
    first, second = client_of(oauth_server), client_of(oauth_server)
    first_request = asyncio.create_task(status_of(first, oauth_server))
    await shown.wait()
    second_request = asyncio.create_task(status_of(second, oauth_server))
    await asyncio.sleep(0)
    await first.close()
    assert await second_request == 200
    with pytest.raises(TokenError):
        await first_request
    await person.done()
    await second.close()


@pytest.mark.rule("R106")
async def test_refresh_token_is_ignored(oauth_server: OAuthServer) -> None:
    """A refresh token in the redirect is ignored, and the state is not kept with the token."""

    async def redirect(url: str) -> None:
        query = query_of(url)
        await come_back(
            f"{query['redirect_uri'][0]}#access_token=a&refresh_token=r&state={query['state'][0]}"
        )

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=redirect)
    manager = manager_of(oauth_server)
    await manager.get_token()
    assert manager._token is not None  # noqa: SLF001
    assert not manager._token.extra  # noqa: SLF001
