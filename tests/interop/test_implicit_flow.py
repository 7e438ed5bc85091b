"""The implicit flow from end to end: a client, a person at Chromium, a server that both trust."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from aiohttp import ClientSession
from playwright.sync_api import Error

from aioalf import AccessDeniedError, Client, TokenManager
from aioalf.implicit import OAuthImplicitTokenManager, TokenStorage, use_implicit_flow
from aioalf.testing import Fault, OAuthServer
from tests.interop.visitor import REFUSED_REQUEST, SentRequest, Visitor
from tests.testing.plain_client import new_token

CLIENT_ID = "glBQ3nYU/8/kaVi/bIgXGA=="
# Other runs on this machine may listen, too: each has ten ports of its own.
FIRST_PORT = 10_000 + os.getpid() % 1000 * 10
PORTS = (FIRST_PORT, FIRST_PORT + 9)
LOGIN_SECONDS = 30
SIGNED_IN = "You are signed in"
REFUSED = "The sign-in was refused"
TRY_AGAIN = "Please try again"

Begin = Callable[[Client], asyncio.Task[object]]


@pytest.fixture
def storage() -> TokenStorage:
    """Where the token is kept."""
    return TokenStorage()


@pytest.fixture(autouse=True)
def no_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test chooses the flow, and none leaves it to the next."""
    monkeypatch.setattr(Client, "token_manager_class", TokenManager)
    monkeypatch.setattr(OAuthImplicitTokenManager, "storage", None)


@pytest.fixture
async def client(
    oauth_server: OAuthServer, visitor: Visitor, storage: TokenStorage
) -> AsyncIterator[Client]:
    """A client made as the project page makes it; its logins are shown to the visitor."""
    await use_implicit_flow(storage, PORTS, open_browser=visitor.show, timeout=LOGIN_SECONDS)
    async with client_of(oauth_server) as client:
        yield client


@asynccontextmanager
async def client_of(server: OAuthServer) -> AsyncGenerator[Client]:
    """A client of this server that has chosen its flow before."""
    server.add_client(CLIENT_ID, "")
    async with Client(
        token_endpoint=server.token_endpoint, client_id=CLIENT_ID, client_secret=""
    ) as client:
        yield client


@pytest.fixture
async def begin(oauth_server: OAuthServer) -> AsyncIterator[Begin]:
    """Begins a request to the API; a test that ends early takes it back."""
    begun: list[asyncio.Task[object]] = []

    def begin(client: Client) -> asyncio.Task[object]:
        begun.append(asyncio.create_task(user_of(client, oauth_server.api_url)))
        return begun[-1]

    yield begin
    for task in begun:
        task.cancel()
    await asyncio.gather(*begun, return_exceptions=True)


async def user_of(client: Client, url: str) -> object:
    """Ask the API, and return whom it took the client for."""
    async with client.get(url) as response:
        assert response.status == 200
        return (await response.json())["user"]


def listener_of(url: str, **answer: str) -> str:
    """The address that the login at this URL comes back to; `answer` becomes its fragment."""
    address = parse_qs(urlsplit(url).query)["redirect_uri"][0] + "/"
    return f"{address}#{urlencode(answer)}" if answer else address


def state_of(url: str) -> str:
    """The state of the login at this URL."""
    return parse_qs(urlsplit(url).query)["state"][0]


@pytest.mark.rule("R105")
async def test_the_project_pages_example_signs_in(
    oauth_server: OAuthServer, visitor: Visitor, begin: Begin
) -> None:
    """What was written for 0.4.0 works: a storage, a range of ports, a client, a request."""
    await use_implicit_flow(TokenStorage(), (30000, 30009), open_browser=visitor.show)
    async with client_of(oauth_server) as client:
        waiting = begin(client)
        await visitor.sign_in(await visitor.next_url(waiting), "alf")
        assert await waiting == "alf"


@pytest.mark.rule("R105", "R106", "R111", "R112")
async def test_a_person_signs_in_and_the_request_goes_on(
    oauth_server: OAuthServer, visitor: Visitor, client: Client, begin: Begin
) -> None:
    """The request waits for the login, then arrives as the person; the next one asks nobody."""
    waiting = begin(client)
    url = await visitor.next_url(waiting)
    await visitor.sign_in(url, "alf")
    await visitor.sees(SIGNED_IN)
    assert await waiting == "alf"
    assert await user_of(client, oauth_server.api_url) == "alf"
    assert visitor.urls_shown == [url]
    assert oauth_server.logins == 1
    assert urlsplit(listener_of(url)).hostname == "localhost"
    assert urlsplit(listener_of(url)).port in range(PORTS[0], PORTS[1] + 1)
    assert visitor.problems == []


@pytest.mark.rule("R052", "R106", "R107")
async def test_the_window_keeps_nothing_of_the_token(
    oauth_server: OAuthServer, visitor: Visitor, client: Client, storage: TokenStorage, begin: Begin
) -> None:
    """The token is in no address, no page and no Referer, whether one goes on or back."""
    waiting = begin(client)
    url = await visitor.next_url(waiting)
    await visitor.sign_in(url)
    await visitor.sees(SIGNED_IN)
    await waiting
    token = str(storage.token)
    assert await visitor.address() == listener_of(url)
    assert token not in await visitor.source()
    await visitor.follow(oauth_server.other_url)
    assert await visitor.address() == oauth_server.other_url + "/"
    visited = await visitor.history()
    assert listener_of(url) in visited
    assert not any(token in entry or "access_token" in entry for entry in visited)
    arrived = next(seen for seen in oauth_server.log if seen.server == "other" and seen.path == "/")
    assert "Referer" not in arrived.headers
    assert visitor.problems == []


@pytest.mark.rule("R106", "R107")
async def test_the_browser_sends_the_token_once_and_to_the_listener_alone(
    oauth_server: OAuthServer, visitor: Visitor, client: Client, storage: TokenStorage, begin: Begin
) -> None:
    """One POST hands the token over; no other request names it, and no other host is asked."""
    waiting = begin(client)
    url = await visitor.next_url(waiting)
    await visitor.sign_in(url)
    await visitor.sees(SIGNED_IN)
    await waiting
    sent = await visitor.requests()
    asked = {urlsplit(request.url).netloc for request in sent}
    assert asked == {urlsplit(url).netloc, urlsplit(listener_of(url)).netloc}
    assert not any(is_named(str(storage.token), request) for request in sent)
    handing_over = [request for request in sent if str(storage.token) in request.body]
    assert [request.url for request in handing_over] == [listener_of(url)]


def is_named(token: str, request: SentRequest) -> bool:
    """Whether the token is in what a server or a proxy may log: the URL as sent, the headers."""
    address = request.url.partition("#")[0]
    return any(token in value for value in (address, *request.headers.values()))


@pytest.mark.rule("R106", "R114")
async def test_after_the_login_nobody_listens_any_more(
    oauth_server: OAuthServer, visitor: Visitor, client: Client, storage: TokenStorage, begin: Begin
) -> None:
    """Going back and forth, or answering once more, reaches nobody; the token stays what it was."""
    waiting = begin(client)
    url = await visitor.next_url(waiting)
    await visitor.sign_in(url)
    await visitor.sees(SIGNED_IN)
    await waiting
    token = storage.token
    await visitor.go_back()
    await visitor.sees("Sign in")
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
        await visitor.go_forward()
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
        await visitor.go(listener_of(url, access_token="late", state=state_of(url)))
    assert storage.token == token
    assert await user_of(client, oauth_server.api_url) == "alf"
    assert visitor.urls_shown == [url]


@pytest.mark.rule("R062", "R108")
async def test_who_cancels_is_told_so_and_so_is_the_program(
    oauth_server: OAuthServer, visitor: Visitor, client: Client, begin: Begin
) -> None:
    """A cancelled login raises the error of its kind, with the server's words; so says the page."""
    waiting = begin(client)
    await visitor.cancel(await visitor.next_url(waiting))
    assert "The sign-in was cancelled." in await visitor.sees(REFUSED)
    with pytest.raises(AccessDeniedError) as caught:
        await waiting
    assert caught.value.error == "access_denied"
    assert caught.value.error_description == "The sign-in was cancelled."
    assert oauth_server.api_requests == 0
    assert "error" not in await visitor.address()
    assert visitor.problems == []


@pytest.mark.rule("R062", "R070")
async def test_twenty_requests_wait_for_one_login(
    oauth_server: OAuthServer, visitor: Visitor, client: Client
) -> None:
    """One browser is opened for them all, and each goes on when the person has signed in."""
    async with asyncio.TaskGroup() as group:
        waiting = [
            group.create_task(user_of(client, oauth_server.url(f"/{number}")))
            for number in range(20)
        ]
        await visitor.sign_in(await visitor.next_url(waiting[0]))
    assert [task.result() for task in waiting] == ["alf"] * 20
    assert len(visitor.urls_shown) == 1
    assert oauth_server.api_requests == 20


@pytest.mark.rule("R056", "R060", "R095")
async def test_after_a_revocation_the_person_signs_in_again(
    oauth_server: OAuthServer, visitor: Visitor, client: Client, begin: Begin
) -> None:
    """The refused request opens one second login, with a state of its own, and goes on after it."""
    waiting = begin(client)
    await visitor.sign_in(await visitor.next_url(waiting), "alf")
    assert await waiting == "alf"
    oauth_server.revoke_all()
    waiting = begin(client)
    await visitor.sign_in(await visitor.next_url(waiting), "willie")
    assert await waiting == "willie"
    first, second = visitor.urls_shown
    assert state_of(first) != state_of(second)
    assert oauth_server.rejected_requests == 1


@pytest.mark.rule("R095", "R106", "R116")
@pytest.mark.parametrize("forged", [{"state": "guessed"}, {}], ids=["wrong state", "no state"])
async def test_a_forged_redirect_does_not_end_the_login(
    oauth_server: OAuthServer,
    visitor: Visitor,
    client: Client,
    forged: dict[str, str],
    begin: Begin,
) -> None:
    """A redirect that nobody asked for shows that it was not waited for; the login goes on."""
    waiting = begin(client)
    url = await visitor.next_url(waiting)
    await visitor.go(listener_of(url, access_token="forged", token_type="Bearer", **forged))
    await visitor.sees(TRY_AGAIN)
    assert await visitor.address() == listener_of(url)
    await visitor.sign_in(url, "alf")
    await visitor.sees(SIGNED_IN)
    assert await waiting == "alf"
    assert visitor.problems == [REFUSED_REQUEST]


@pytest.mark.rule("R106")
async def test_an_answer_in_the_query_is_understood(
    oauth_server: OAuthServer, visitor: Visitor, client: Client, begin: Begin
) -> None:
    """What a server of 0.4.0's days sends in the query signs in, and leaves the address bar."""
    async with ClientSession() as session:
        token = await new_token(session, oauth_server)
    waiting = begin(client)
    url = await visitor.next_url(waiting)
    answer = listener_of(url, access_token=token, token_type="Bearer", state=state_of(url))
    oauth_server.token_fault = Fault.redirect(answer.replace("#", "?"), status=303)
    await visitor.go(oauth_server.token_endpoint)
    await visitor.sees(SIGNED_IN)
    assert await waiting is None  # that token was issued to the program itself
    assert await visitor.address() == listener_of(url)
    assert not any(token in entry for entry in await visitor.history())
    assert visitor.problems == []


@pytest.mark.rule("R118")
async def test_a_plain_function_may_be_given_the_url_instead(
    oauth_server: OAuthServer, visitor: Visitor, begin: Begin
) -> None:
    """Where the program has no browser, whoever opens the URL on this machine signs in."""
    loop = asyncio.get_running_loop()
    handed_over: asyncio.Future[str] = loop.create_future()

    def hand_over(url: str) -> None:
        loop.call_soon_threadsafe(handed_over.set_result, url)

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=hand_over, timeout=LOGIN_SECONDS)
    async with client_of(oauth_server) as client:
        waiting = begin(client)
        await visitor.sign_in(await handed_over)
        assert await waiting == "alf"


@pytest.mark.rule("R118")
async def test_where_no_browser_could_be_opened_the_url_is_logged(
    oauth_server: OAuthServer, visitor: Visitor, caplog: pytest.LogCaptureFixture, begin: Begin
) -> None:
    """The URL in the log leads to the login."""
    tried = asyncio.Event()

    async def open_nothing(_url: str) -> bool:
        tried.set()
        return False

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=open_nothing, timeout=LOGIN_SECONDS)
    async with client_of(oauth_server) as client:
        waiting = begin(client)
        await tried.wait()
        await visitor.sign_in(next(w for w in caplog.text.split() if "response_type=token" in w))
        assert await waiting == "alf"
