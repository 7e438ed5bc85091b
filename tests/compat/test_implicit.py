"""The implicit flow, from `use_implicit_flow` to an authorized request."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

import aioalf.implicit_manager
from aioalf.client import Client
from aioalf.errors import (
    AccessDeniedError,
    AuthorizationError,
    AuthorizationServerError,
    InsecureTransportWarning,
    ListenerError,
    LoginTimeoutError,
    TemporarilyUnavailableError,
    TokenConfigurationError,
    TokenError,
    TokenResponseError,
)
from aioalf.grants import ClientCredentials
from aioalf.implicit import (
    OAuthImplicitTokenManager,
    OAuthImplictTokenManager,
    TokenStorage,
    use_implicit_flow,
)
from aioalf.manager import TokenManager
from aioalf.retry import Retry
from aioalf.testing import OAuthServer
from tests.support.person import Person, come_back


def free_ports() -> tuple[int, int]:
    """A range whose first port is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    return (port, min(port + 9, 65535))


PORTS = free_ports()


@pytest.fixture(autouse=True)
def no_flow_left() -> Iterator[None]:
    """What `use_implicit_flow` sets up for the whole process ends with the test."""
    yield
    Client.token_manager_class = TokenManager
    OAuthImplicitTokenManager.flow = None


@pytest.fixture
async def person() -> Person:
    """Somebody who signs in."""
    return Person()


def client_of(
    server: OAuthServer, client_id: str = "client-id", scope: str | None = None
) -> Client:
    """A client as the project page makes it."""
    return Client(
        token_endpoint=server.token_endpoint, client_id=client_id, client_secret="", scope=scope
    )


async def status_of(client: Client, server: OAuthServer) -> int:
    """The status of a request to the API."""
    async with client.get(server.url("/things")) as response:
        return response.status


def query_of(url: str) -> dict[str, list[str]]:
    """The parameters in a URL."""
    return parse_qs(urlsplit(url).query, strict_parsing=True)


async def is_listening(port: int) -> bool:
    """Whether anything accepts connections there."""
    try:
        _, writer = await asyncio.open_connection("localhost", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


@pytest.mark.rule("R106", "R111", "R112")
async def test_a_login_authorizes_the_request_and_fills_the_storage(
    oauth_server: OAuthServer, person: Person
) -> None:
    """The page's example: the browser is shown the login, the request carries its token."""
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


@pytest.mark.rule("R095")
async def test_each_login_has_a_state_of_its_own(oauth_server: OAuthServer, person: Person) -> None:
    """Nobody can guess it, and none is used twice."""
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
async def test_a_forged_answer_does_not_end_the_login(oauth_server: OAuthServer) -> None:
    """Without the state of this login a token is nobody's, and the person can still sign in."""
    person = Person()
    outcomes: list[str] = []

    async def attacked(url: str) -> None:
        redirect_uri = query_of(url)["redirect_uri"][0]
        forged = ("access_token=evil", "access_token=evil&state=guessed", "state=guessed")
        outcomes.extend([await come_back(f"{redirect_uri}#{fragment}") for fragment in forged])
        await person(url)

    storage = TokenStorage()
    await use_implicit_flow(storage, PORTS, open_browser=attacked)
    async with client_of(oauth_server) as client:
        assert await status_of(client, oauth_server) == 200
    await person.done()
    assert outcomes == ["try-again"] * 3
    assert storage.token != "evil"


@pytest.mark.rule("R070")
async def test_many_requests_wait_for_one_login(oauth_server: OAuthServer, person: Person) -> None:
    """One browser page, whatever the number of clients that share the storage."""
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    async with client_of(oauth_server) as one, client_of(oauth_server) as other:
        statuses = await asyncio.gather(
            *(status_of(client, oauth_server) for client in (one, other) * 10)
        )
    await person.done()
    assert statuses == [200] * 20
    assert len(person.opened) == 1


@pytest.mark.rule("R060")
async def test_a_refused_token_leads_to_one_new_login(
    oauth_server: OAuthServer, person: Person
) -> None:
    """After a revocation all who were refused wait for the same login, the old token is gone."""
    storage = TokenStorage()
    await use_implicit_flow(storage, PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        await status_of(client, oauth_server)
        refused = storage.token
        oauth_server.revoke_all()
        statuses = await asyncio.gather(*(status_of(client, oauth_server) for _ in range(20)))
    await person.done()
    assert statuses == [200] * 20
    assert len(person.opened) == 2
    assert storage.token not in {None, refused}


async def test_an_expired_token_leads_to_a_new_login(
    oauth_server: OAuthServer, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lifetime that came with the redirect is kept beside the string in the storage."""
    clock = 0.0
    monkeypatch.setattr("aioalf.token.time.monotonic", lambda: clock)
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    manager = OAuthImplicitTokenManager(oauth_server.token_endpoint, "client-id", "")
    first = await manager.get_token()
    assert await manager.get_token() == first
    clock = 3600.0
    assert await manager.get_token() != first
    await person.done()


async def test_a_token_that_expires_at_once_is_not_stored(
    oauth_server: OAuthServer, person: Person
) -> None:
    """It serves those who waited for it."""
    oauth_server.expires_in = 0
    storage = TokenStorage()
    await use_implicit_flow(storage, PORTS, open_browser=person)
    manager = OAuthImplicitTokenManager(oauth_server.token_endpoint, "client-id", "")
    assert await manager.get_token()
    await person.done()
    assert storage.token is None


async def test_a_stored_token_needs_no_login(oauth_server: OAuthServer, person: Person) -> None:
    """A storage that outlives the program spares the login until the token is refused."""
    storage = TokenStorage()
    assert storage.save("from-yesterday") is None
    await use_implicit_flow(storage, PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        manager = OAuthImplicitTokenManager(oauth_server.token_endpoint, "client-id", "")
        assert await manager.get_token() == "from-yesterday"
        assert not person.opened
        assert await status_of(client, oauth_server) == 200
    await person.done()
    assert len(person.opened) == 1


async def test_a_storage_may_be_asynchronous(oauth_server: OAuthServer, person: Person) -> None:
    """Each of its methods may be a coroutine function, and is waited for."""

    class Slow(TokenStorage):
        async def save(self, token: str) -> None:
            await asyncio.sleep(0)
            self.token = token

        async def load(self) -> str | None:
            await asyncio.sleep(0)
            return self.token

        async def clean(self) -> None:
            await asyncio.sleep(0)
            self.token = None

    storage = Slow()
    await use_implicit_flow(storage, PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        await asyncio.gather(*(status_of(client, oauth_server) for _ in range(5)))
        oauth_server.revoke_all()
        statuses = await asyncio.gather(*(status_of(client, oauth_server) for _ in range(20)))
        assert statuses == [200] * 20
        assert len(person.opened) == 2
        await person.done()
        assert storage.token is not None
        manager = OAuthImplicitTokenManager(oauth_server.token_endpoint, "client-id", "")
        await manager.reset_token()
        assert storage.token is None


@pytest.mark.rule("R032", "R051")
async def test_what_is_no_token_in_the_storage_is_replaced(
    oauth_server: OAuthServer, person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged storage costs a login, and its content reaches neither header nor log."""
    storage = TokenStorage()
    assert storage.save("evil\r\nX-Injected: 1") is None
    await use_implicit_flow(storage, PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        assert await status_of(client, oauth_server) == 200
    await person.done()
    assert "no access token" in caplog.text
    assert "Injected" not in caplog.text


async def test_a_storage_that_cannot_save_loses_no_login(
    oauth_server: OAuthServer, person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    """The token stays in memory, the failure is logged, and a refusal still leads to a login."""

    class Full(TokenStorage):
        def save(self, token: str) -> None:
            raise OSError(f"no room for {token}")

    await use_implicit_flow(Full(), PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        assert await status_of(client, oauth_server) == 200
        assert await status_of(client, oauth_server) == 200
        assert len(person.opened) == 1
        [logged] = [r for r in caplog.records if r.name == "aioalf.implicit"]
        assert logged.getMessage() == (
            "The TokenStorage's save raised OSError: the token is kept in memory"
        )
        assert "no room" not in caplog.text
        oauth_server.revoke_all()
        assert await status_of(client, oauth_server) == 200
    await person.done()
    assert len(person.opened) == 2


class Breakable(TokenStorage):
    """A storage of which the method of this name fails, in words that quote what it holds."""

    broken: str | None = None

    def held(self, method: str) -> str | None:
        """What is there, unless the method is to fail."""
        if self.broken == method:
            raise LookupError(f"{method} of {self.token}")
        return self.token


class Plain(Breakable):
    """With plain functions."""

    def load(self) -> str | None:
        """What is there."""
        return self.held("load")

    def clean(self) -> None:
        """Empty it."""
        self.held("clean")
        self.token = None


class Asynchronous(Breakable):
    """With coroutine functions."""

    async def load(self) -> str | None:
        """What is there."""
        return self.held("load")

    async def clean(self) -> None:
        """Empty it."""
        self.held("clean")
        self.token = None


broken_in_each_way = pytest.mark.parametrize("kind", [Plain, Asynchronous])


@pytest.mark.rule("R063")
@broken_in_each_way
async def test_a_storage_that_cannot_load_is_a_typed_error(
    oauth_server: OAuthServer, person: Person, kind: type[Breakable]
) -> None:
    """Nobody signs in for nothing; its words are in the cause alone, as they may hold a token."""
    storage = kind()
    storage.save("secret")
    storage.broken = "load"
    await use_implicit_flow(storage, PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        with pytest.raises(TokenError) as caught:
            await status_of(client, oauth_server)
        assert str(caught.value) == "The TokenStorage's load raised LookupError"
        assert isinstance(caught.value.__cause__, LookupError)
        assert (person.opened, oauth_server.api_requests) == ([], 0)
        storage.broken = None
        assert await status_of(client, oauth_server) == 200
    await person.done()


@pytest.mark.rule("R063")
@broken_in_each_way
async def test_a_storage_that_cannot_be_cleaned_is_not_believed(
    oauth_server: OAuthServer,
    person: Person,
    kind: type[Breakable],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What was forgotten does not come back, until something else has been stored."""
    storage = kind()
    storage.save("secret")
    storage.broken = "clean"
    await use_implicit_flow(storage, PORTS, open_browser=person)
    manager = OAuthImplicitTokenManager(oauth_server.token_endpoint, "client-id", "")
    assert await manager.get_token() == "secret"
    await manager.reset_token()
    [logged] = [r for r in caplog.records if r.name == "aioalf.implicit"]
    assert logged.getMessage() == (
        "The TokenStorage's clean raised LookupError: what it holds is not used any more"
    )
    assert "secret" not in caplog.text
    token = await manager.get_token()
    assert token not in {"secret", None}
    assert (await manager.get_token(), storage.token) == (token, token)
    await person.done()
    assert len(person.opened) == 1


@broken_in_each_way
async def test_a_storage_that_cannot_be_cleaned_stops_no_renewal(
    oauth_server: OAuthServer, person: Person, kind: type[Breakable]
) -> None:
    """The token of the new login takes the place of the refused one."""
    storage = kind()
    storage.token, storage.broken = "of-yesterday", "clean"
    await use_implicit_flow(storage, PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        assert await status_of(client, oauth_server) == 200
        assert await status_of(client, oauth_server) == 200
    await person.done()
    assert storage.token != "of-yesterday"
    assert len(person.opened) == 1


async def test_a_reset_while_the_token_is_saved_wins(
    oauth_server: OAuthServer, person: Person
) -> None:
    """What is forgotten does not come back by a save that was under way (a logout is a logout)."""
    saving, go_on = asyncio.Event(), asyncio.Event()

    class Slow(TokenStorage):
        async def save(self, token: str) -> None:
            saving.set()
            await go_on.wait()
            self.token = token

    storage = Slow()
    await use_implicit_flow(storage, PORTS, open_browser=person)
    manager = OAuthImplicitTokenManager(oauth_server.token_endpoint, "client-id", "")
    waiting = asyncio.create_task(manager.get_token())
    await saving.wait()
    resetting = asyncio.create_task(manager.reset_token())
    await asyncio.sleep(0)
    go_on.set()
    await resetting
    assert storage.token is None
    assert await waiting
    await person.done()
    assert storage.token is None


@pytest.mark.rule("R083")
async def test_what_was_loaded_before_a_reset_is_not_used_after_it(
    oauth_server: OAuthServer, person: Person
) -> None:
    """Who asks after a reset gets a new token, though an older caller's reading is under way."""
    loaded, go_on = asyncio.Event(), asyncio.Event()

    class Slow(TokenStorage):
        async def load(self) -> str | None:
            token = self.token
            loaded.set()
            await go_on.wait()
            return token

    storage = Slow()
    storage.save("old")
    await use_implicit_flow(storage, PORTS, open_browser=person)
    manager = OAuthImplicitTokenManager(oauth_server.token_endpoint, "client-id", "")
    early = asyncio.create_task(manager.renew_token("older"))
    await loaded.wait()
    await manager.reset_token()
    go_on.set()
    assert "old" not in {await early, await manager.get_token()}
    await person.done()


@pytest.mark.rule("R160")
async def test_a_logout_empties_the_storage_and_ends_a_login(
    oauth_server: OAuthServer, person: Person
) -> None:
    """Also when it is cancelled; the next request logs in."""

    class Slow(TokenStorage):
        cleaning, go_on = asyncio.Event(), asyncio.Event()

        async def clean(self) -> None:
            self.cleaning.set()
            await self.go_on.wait()
            self.token = None

    storage = Slow()
    await use_implicit_flow(storage, PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        assert await status_of(client, oauth_server) == 200
        leaving = asyncio.create_task(client.logout())
        await storage.cleaning.wait()
        leaving.cancel()
        await asyncio.sleep(0)
        storage.go_on.set()
        await asyncio.wait([leaving])
        assert leaving.cancelled()
        assert storage.token is None
        assert await status_of(client, oauth_server) == 200
        await client.logout()
        opened = asyncio.Event()
        await use_implicit_flow(storage, PORTS, open_browser=lambda _: opened.set())
    async with client_of(oauth_server) as client:
        waiting = asyncio.create_task(status_of(client, oauth_server))
        await opened.wait()
        await client.logout()
        with pytest.raises(TokenError, match="logged out meanwhile"):
            await waiting
    await person.done()
    assert oauth_server.logins == 2


async def test_a_reset_that_is_cancelled_forgets_nothing(
    oauth_server: OAuthServer, person: Person
) -> None:
    """What the storage still holds keeps its lifetime, and what is known of it."""

    class Stuck(TokenStorage):
        cleaning = asyncio.Event()

        async def clean(self) -> None:
            self.cleaning.set()
            await asyncio.Event().wait()

    storage = Stuck()
    await use_implicit_flow(storage, PORTS, open_browser=person)
    manager = OAuthImplicitTokenManager(oauth_server.token_endpoint, "client-id", "")
    token = await manager.get_token()
    known = repr(manager)
    resetting = asyncio.create_task(manager.reset_token())
    await storage.cleaning.wait()
    assert repr(manager) == known
    resetting.cancel()
    await asyncio.wait([resetting])
    assert repr(manager) == known
    assert await manager.get_token() == token
    await person.done()


@pytest.mark.rule("R060")
async def test_a_late_refusal_is_no_news_of_a_newer_token(
    oauth_server: OAuthServer, person: Person
) -> None:
    """It starts no pause, and nothing that is known of the newer token is forgotten."""
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    manager = OAuthImplicitTokenManager(oauth_server.token_endpoint, "client-id", "")
    first = await manager.renew_token("of another day")
    assert manager.can_renew(first)
    second = await manager.renew_token(first)
    assert await manager.renew_token(first) == second
    assert not manager.can_renew(second)
    await person.done()
    assert len(person.opened) == 2


async def test_the_token_cleaned_by_its_owner_is_asked_for_anew(
    oauth_server: OAuthServer, person: Person
) -> None:
    """The storage is the cache: a program signs its user out by `clean()`."""
    storage = TokenStorage()
    await use_implicit_flow(storage, PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        await status_of(client, oauth_server)
        assert storage.clean() is None
        await status_of(client, oauth_server)
    await person.done()
    assert len(person.opened) == 2


@pytest.mark.rule("R108")
async def test_a_person_who_cancels_is_a_typed_error(oauth_server: OAuthServer) -> None:
    """The error is of its own type, with the server's words, and the API is not called."""
    person = Person("cancel")
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        with pytest.raises(AccessDeniedError, match="access_denied") as caught:
            await client.get(oauth_server.url("/things"))
    await person.done()
    assert caught.value.error == "access_denied"
    assert caught.value.error_description == "The sign-in was cancelled."
    assert person.outcomes == ["refused"]
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R108")
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("access_denied", AccessDeniedError),
        ("server_error", AuthorizationServerError),
        ("temporarily_unavailable", TemporarilyUnavailableError),
        ("unauthorized_client", AuthorizationError),
        ("evil\x1b[31m", AuthorizationError),
    ],
)
async def test_each_refusal_has_its_type(
    oauth_server: OAuthServer, code: str, kind: type[AuthorizationError]
) -> None:
    """The standard's codes are classes, others their common base; no control character is shown."""

    async def refuse(url: str) -> None:
        query = query_of(url)
        await come_back(f"{query['redirect_uri'][0]}#error={code}&state={query['state'][0]}")

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=refuse)
    async with client_of(oauth_server) as client:
        with pytest.raises(AuthorizationError) as caught:
            await client.get(oauth_server.url("/things"))
    assert type(caught.value) is kind
    assert caught.value.error == code
    assert str(caught.value).isprintable()


@pytest.mark.rule("R020", "R021", "R032", "R106")
@pytest.mark.parametrize(
    "answer",
    ["access_token=a%0D%0Ab", "access_token=a&token_type=mac", "access_token=a&expires_in=-1"],
)
async def test_a_genuine_answer_that_is_no_token_is_an_error(
    oauth_server: OAuthServer, answer: str
) -> None:
    """What came with the right state is judged as a token response is."""

    async def misbehave(url: str) -> None:
        query = query_of(url)
        await come_back(f"{query['redirect_uri'][0]}#{answer}&state={query['state'][0]}")

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=misbehave)
    async with client_of(oauth_server) as client:
        with pytest.raises(TokenResponseError):
            await client.get(oauth_server.url("/things"))
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R106")
async def test_no_refresh_token_is_taken(oauth_server: OAuthServer) -> None:
    """The flow has none: what a redirect says of one is dropped, and the state is no part of the
    token.
    """

    async def offer(url: str) -> None:
        query = query_of(url)
        await come_back(
            f"{query['redirect_uri'][0]}#access_token=a&refresh_token=r&state={query['state'][0]}"
        )

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=offer)
    manager = OAuthImplicitTokenManager(oauth_server.token_endpoint, "client-id", "")
    await manager.get_token()
    assert manager._token is not None  # noqa: SLF001
    assert not manager._token.extra  # noqa: SLF001


@pytest.mark.rule("R114")
async def test_nobody_coming_is_a_typed_error(oauth_server: OAuthServer) -> None:
    """The login has a time limit, after which nothing listens."""
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=lambda _: None, timeout=0.1)
    async with client_of(oauth_server) as client:
        with pytest.raises(LoginTimeoutError, match=r"within 0\.1 seconds"):
            await client.get(oauth_server.url("/things"))
    assert not await is_listening(PORTS[0])


@pytest.mark.rule("R114")
async def test_nothing_listens_but_while_a_login_waits(
    oauth_server: OAuthServer, person: Person
) -> None:
    """Not before the first request, and not after the answer."""
    seen: list[bool] = []

    async def look(url: str) -> None:
        seen.append(await is_listening(PORTS[0]))
        await person(url)

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=look)
    async with client_of(oauth_server) as client:
        assert not await is_listening(PORTS[0])
        await status_of(client, oauth_server)
        assert not await is_listening(PORTS[0])
    await person.done()
    assert seen == [True]


@pytest.mark.rule("R112")
async def test_busy_ports_are_an_error_before_a_browser_opens(
    oauth_server: OAuthServer, person: Person
) -> None:
    """The error names the range."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        await use_implicit_flow(TokenStorage(), (port, port), open_browser=person)
        async with client_of(oauth_server) as client:
            with pytest.raises(ListenerError, match=f"{port} to {port}"):
                await client.get(oauth_server.url("/things"))
    assert not person.opened


async def test_a_browser_that_cannot_be_opened_ends_the_login(oauth_server: OAuthServer) -> None:
    """The caller is not left waiting for a page that nobody sees; the cause is kept."""

    def broken(_url: str) -> None:
        raise OSError("no display")

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=broken)
    async with client_of(oauth_server) as client:
        with pytest.raises(TokenError, match="could not be opened: OSError") as caught:
            await client.get(oauth_server.url("/things"))
    assert isinstance(caught.value.__cause__, OSError)
    assert not await is_listening(PORTS[0])


@pytest.mark.rule("R118")
async def test_without_a_browser_the_url_is_logged_and_the_login_waits(
    oauth_server: OAuthServer, person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody opens the logged URL elsewhere, and all goes on."""

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
async def test_a_caller_who_leaves_does_not_end_the_login(
    oauth_server: OAuthServer, person: Person
) -> None:
    """The first one is cancelled while the person signs in; the second one gets the token."""
    shown, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(url: str) -> None:
        shown.set()
        await go_on.wait()
        await person(url)

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=slowly)
    async with client_of(oauth_server) as client:
        first = asyncio.create_task(status_of(client, oauth_server))
        await shown.wait()
        second = asyncio.create_task(status_of(client, oauth_server))
        await asyncio.sleep(0)
        first.cancel()
        go_on.set()
        assert await second == 200
        with pytest.raises(asyncio.CancelledError):
            await first
    await person.done()
    assert len(person.opened) == 1


@pytest.mark.rule("R077", "R114")
async def test_close_ends_a_login_that_waits(oauth_server: OAuthServer) -> None:
    """Its waiter gets a TokenError, and nothing listens any more."""
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


async def test_closing_one_client_leaves_the_login_to_the_other(oauth_server: OAuthServer) -> None:
    """Two clients share a storage: the second one's request goes on without the first."""
    person, shown = Person(), asyncio.Event()

    async def second_time(url: str) -> None:
        if shown.is_set():
            await person(url)
        shown.set()

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=second_time)
    first, second = client_of(oauth_server), client_of(oauth_server)
    leaving = asyncio.create_task(status_of(first, oauth_server))
    await shown.wait()
    staying = asyncio.create_task(status_of(second, oauth_server))
    await asyncio.sleep(0)
    await first.close()
    assert await staying == 200
    with pytest.raises(TokenError):
        await leaving
    await person.done()
    await second.close()


@pytest.mark.rule("R073")
async def test_one_storage_serves_one_kind_of_client(
    oauth_server: OAuthServer, person: Person
) -> None:
    """It holds one token without a name: another scope would get a token that was not asked for."""
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    async with client_of(oauth_server, scope="a") as one, client_of(oauth_server, scope="b") as two:
        assert await status_of(one, oauth_server) == 200
        with pytest.raises(TokenConfigurationError, match="storage of its own"):
            await two.get(oauth_server.url("/things"))
    await person.done()
    assert query_of(person.opened[0])["scope"] == ["a"]


@pytest.mark.rule("R003")
async def test_the_authorization_endpoint_may_be_given(
    oauth_server: OAuthServer, person: Person
) -> None:
    """With it no token endpoint is needed, and its own query is kept."""
    endpoint = f"{oauth_server.authorization_endpoint}?tenant=one"
    await use_implicit_flow(
        TokenStorage(), PORTS, authorization_endpoint=endpoint, open_browser=person
    )
    async with Client(client_id="client-id") as client:
        assert await status_of(client, oauth_server) == 200
    await person.done()
    assert person.opened[0].startswith(f"{endpoint}&response_type=token")


@pytest.mark.rule("R013")
async def test_an_authorization_endpoint_in_the_clear_is_warned_of() -> None:
    """Whoever is on the way could sign in as the person."""
    with pytest.warns(InsecureTransportWarning, match="authorization endpoint"):
        await use_implicit_flow(
            TokenStorage(), authorization_endpoint="http://auth.example.com/authorize"
        )


@pytest.mark.rule("R010")
@pytest.mark.parametrize(
    ("missing", "name"), [("client_id", "client_id"), ("token_endpoint", "token endpoint")]
)
async def test_what_is_missing_is_named(person: Person, missing: str, name: str) -> None:
    """Before a browser opens."""
    given: dict[str, str | None] = {
        "client_id": "client-id",
        "token_endpoint": "https://a.example/",
    }
    given[missing] = None
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    async with Client(given["client_id"], None, given["token_endpoint"]) as client:
        with pytest.raises(TokenConfigurationError, match=f"Missing {name}"):
            await client.get("https://api.example.com/things")
    assert not person.opened


@pytest.mark.parametrize("storage", [None, TokenStorage, object()])
async def test_a_storage_that_is_none_is_refused(storage: object) -> None:
    """The class in place of an object is the slip that is made most."""
    with pytest.raises(TokenConfigurationError, match=r"TokenStorage\(\)"):
        await use_implicit_flow(storage)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("timeout", [0, -1, True])
async def test_a_time_limit_that_is_none_is_refused(timeout: float) -> None:
    """No limit is spelled None."""
    with pytest.raises(TokenConfigurationError, match="above 0"):
        await use_implicit_flow(TokenStorage(), timeout=timeout)


async def test_a_port_range_that_is_none_is_refused() -> None:
    """At once, not when the person waits."""
    with pytest.raises(TokenConfigurationError, match="ports"):
        await use_implicit_flow(TokenStorage(), (30009, 30000))


@pytest.mark.rule("R105")
async def test_nothing_uses_the_flow_unless_it_was_asked_for() -> None:
    """A manager for it cannot be made by mistake, and clients have the plain one."""
    assert Client.token_manager_class is TokenManager
    with pytest.raises(TokenConfigurationError, match="use_implicit_flow"):
        OAuthImplicitTokenManager("https://auth.example.com/token", "client-id", "")


def test_the_names_of_0_4_0_are_kept() -> None:
    """Its spelling of the manager's class, and its import path."""
    assert OAuthImplictTokenManager is OAuthImplicitTokenManager
    assert aioalf.implicit_manager.OAuthImplictTokenManager is OAuthImplicitTokenManager
    assert aioalf.implicit_manager.TokenStorage is TokenStorage
    assert aioalf.implicit_manager.use_implicit_flow is use_implicit_flow


@pytest.mark.rule("R028")
async def test_a_scope_in_another_form_is_the_same(
    oauth_server: OAuthServer, person: Person
) -> None:
    """Two clients may share a storage, one with a string and one with a list."""
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    first = OAuthImplicitTokenManager(oauth_server.token_endpoint, "client-id", "", scope="a b")
    second = OAuthImplicitTokenManager(
        oauth_server.token_endpoint, "client-id", "", None, ["b", "a"]
    )
    assert await first.get_token() == await second.get_token()
    await person.done()


async def test_a_client_for_another_grant_is_refused_in_words(person: Person) -> None:
    """The flow holds for each client made after it; the error says how to make another."""
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    with pytest.raises(TokenConfigurationError, match="token_manager_class = TokenManager"):
        Client("client-id", "", "https://auth.example.com/token", grant=ClientCredentials())
    client = Client("client-id", "", "https://auth.example.com/token", retry=Retry(attempts=1))
    assert not client.closed


@pytest.mark.rule("R060")
async def test_a_person_is_not_asked_again_and_again(
    oauth_server: OAuthServer, person: Person
) -> None:
    """A new login whose token is refused too leads to no third one for a minute."""
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    manager = OAuthImplicitTokenManager(oauth_server.token_endpoint, "client-id", "")
    renewed = await manager.renew_token(await manager.get_token())
    assert not manager.can_renew(renewed)
    assert await manager.renew_token(renewed) == renewed
    manager.mark_rejected(renewed)
    assert await manager.get_token() == renewed
    await person.done()
    assert len(person.opened) == 2


async def test_a_login_during_a_slow_reset_is_kept(
    oauth_server: OAuthServer, person: Person
) -> None:
    """What is reset is the token that was there, not the one that comes meanwhile."""
    cleaning, go_on = asyncio.Event(), asyncio.Event()

    class Slow(TokenStorage):
        async def clean(self) -> None:
            cleaning.set()
            await go_on.wait()
            self.token = None

    await use_implicit_flow(Slow(), PORTS, open_browser=person)
    manager = OAuthImplicitTokenManager(oauth_server.token_endpoint, "client-id", "")
    await manager.get_token()
    reset = asyncio.create_task(manager.reset_token())
    await cleaning.wait()
    second = asyncio.create_task(manager.get_token())
    await oauth_server.reached(logins=2)
    await person.done()
    go_on.set()
    await reset
    assert await manager.get_token() == await second
    assert len(person.opened) == 2


async def test_what_could_not_be_saved_before_a_reset_is_not_kept(
    oauth_server: OAuthServer, person: Person
) -> None:
    """A failed save does not bring a forgotten token back."""
    saving, go_on = asyncio.Event(), asyncio.Event()

    class Failing(TokenStorage):
        async def save(self, token: str) -> None:
            saving.set()
            await go_on.wait()
            raise OSError("disk full")

    await use_implicit_flow(Failing(), PORTS, open_browser=person)
    manager = OAuthImplicitTokenManager(oauth_server.token_endpoint, "client-id", "")
    waiting = asyncio.create_task(manager.get_token())
    await saving.wait()
    reset = asyncio.create_task(manager.reset_token())
    await asyncio.sleep(0)
    go_on.set()
    first = await waiting
    await reset
    assert await manager.get_token() != first
    await person.done()
