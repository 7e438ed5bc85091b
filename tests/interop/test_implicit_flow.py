"""The implicit flow from end to end: a client, a user with Chromium, and the test server."""

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
# Concurrent runs on this machine use different ports.
FIRST_PORT = 10_000 + os.getpid() % 1000 * 10
PORTS = (FIRST_PORT, FIRST_PORT + 9)
LOGIN_SECONDS = 30
SIGNED_IN = "You can close this page"
REFUSED = "The sign-in was refused"
TRY_AGAIN = "Please try again"

StartRequest = Callable[[Client], asyncio.Task[object]]


@pytest.fixture
def storage() -> TokenStorage:
    """The storage of the token."""
    return TokenStorage()


@pytest.fixture(autouse=True)
def no_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test chooses the flow, and leaves no flow to the next test."""
    monkeypatch.setattr(Client, "token_manager_class", TokenManager)
    monkeypatch.setattr(OAuthImplicitTokenManager, "storage", None)


@pytest.fixture
async def client(
    oauth_server: OAuthServer, visitor: Visitor, storage: TokenStorage
) -> AsyncIterator[Client]:
    """A client as on the project page; its sign-ins open in the visitor's browser."""
    await use_implicit_flow(
        storage, PORTS, open_browser=visitor.open_browser, timeout=LOGIN_SECONDS
    )
    async with make_client(oauth_server) as client:
        yield client


@asynccontextmanager
async def make_client(server: OAuthServer) -> AsyncGenerator[Client]:
    """Make a client of this server, after `use_implicit_flow`."""
    server.add_client(CLIENT_ID, "")
    async with Client(
        token_endpoint=server.token_endpoint, client_id=CLIENT_ID, client_secret=""
    ) as client:
        yield client


@pytest.fixture
async def start_request(oauth_server: OAuthServer) -> AsyncIterator[StartRequest]:
    """Start a request to the API; requests that a test leaves are cancelled."""
    tasks: list[asyncio.Task[object]] = []

    def start_request(client: Client) -> asyncio.Task[object]:
        tasks.append(asyncio.create_task(user_of(client, oauth_server.api_url)))
        return tasks[-1]

    yield start_request
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def user_of(client: Client, url: str) -> object:
    """Send a request to the API, and return the user that it saw."""
    async with client.get(url) as response:
        assert response.status == 200
        return (await response.json())["user"]


def redirect_uri_of(url: str, **response: str) -> str:
    """Return the redirect URI of a sign-in, with `response` as its fragment."""
    address = parse_qs(urlsplit(url).query)["redirect_uri"][0] + "/"
    return f"{address}#{urlencode(response)}" if response else address


def state_of(url: str) -> str:
    """Return the state of a sign-in."""
    return parse_qs(urlsplit(url).query)["state"][0]


@pytest.mark.rule("R105")
async def test_example_of_0_4_0_signs_in(
    oauth_server: OAuthServer, visitor: Visitor, start_request: StartRequest
) -> None:
    """Code written for 0.4.0 works: a storage, a range of ports, a client, a request."""
    await use_implicit_flow(TokenStorage(), (30000, 30009), open_browser=visitor.open_browser)
    async with make_client(oauth_server) as client:
        waiting = start_request(client)
        await visitor.sign_in(await visitor.next_url(waiting), "alf")
        assert await waiting == "alf"


@pytest.mark.rule("R105", "R106", "R111", "R112")
async def test_user_signs_in_once_for_all_requests(
    oauth_server: OAuthServer, visitor: Visitor, client: Client, start_request: StartRequest
) -> None:
    """The request waits for the sign-in; the next request needs none."""
    waiting = start_request(client)
    url = await visitor.next_url(waiting)
    await visitor.sign_in(url, "alf")
    await visitor.wait_for_page(SIGNED_IN)
    assert await waiting == "alf"
    assert await user_of(client, oauth_server.api_url) == "alf"
    assert visitor.opened_urls == [url]
    assert oauth_server.logins == 1
    assert urlsplit(redirect_uri_of(url)).hostname == "localhost"
    assert urlsplit(redirect_uri_of(url)).port in range(PORTS[0], PORTS[1] + 1)
    assert visitor.console_errors == []


@pytest.mark.rule("R052", "R106", "R107")
async def test_browser_does_not_keep_the_token(
    oauth_server: OAuthServer,
    visitor: Visitor,
    client: Client,
    storage: TokenStorage,
    start_request: StartRequest,
) -> None:
    """The token is in no URL, page or Referer, also after going back or on."""
    waiting = start_request(client)
    url = await visitor.next_url(waiting)
    await visitor.sign_in(url)
    await visitor.wait_for_page(SIGNED_IN)
    await waiting
    token = str(storage.token)
    assert await visitor.current_url() == redirect_uri_of(url)
    assert token not in await visitor.html()
    await visitor.follow_link(oauth_server.other_url)
    assert await visitor.current_url() == oauth_server.other_url + "/"
    visited = await visitor.history()
    assert redirect_uri_of(url) in visited
    assert not any(token in entry or "access_token" in entry for entry in visited)
    request = next(each for each in oauth_server.log if each.server == "other" and each.path == "/")
    assert "Referer" not in request.headers
    assert visitor.console_errors == []


@pytest.mark.rule("R106", "R107")
async def test_browser_sends_the_token_only_to_the_listener(
    oauth_server: OAuthServer,
    visitor: Visitor,
    client: Client,
    storage: TokenStorage,
    start_request: StartRequest,
) -> None:
    """One POST has the token, and no other host gets a request."""
    waiting = start_request(client)
    url = await visitor.next_url(waiting)
    await visitor.sign_in(url)
    await visitor.wait_for_page(SIGNED_IN)
    await waiting
    sent = await visitor.requests()
    hosts = {urlsplit(request.url).netloc for request in sent}
    assert hosts == {urlsplit(url).netloc, urlsplit(redirect_uri_of(url)).netloc}
    assert not any(is_token_exposed(str(storage.token), request) for request in sent)
    with_token = [request for request in sent if str(storage.token) in request.body]
    assert [request.url for request in with_token] == [redirect_uri_of(url)]


def is_token_exposed(token: str, request: SentRequest) -> bool:
    """Return whether the token is in the URL or headers, which servers and proxies may log."""
    address = request.url.partition("#")[0]
    return any(token in value for value in (address, *request.headers.values()))


@pytest.mark.rule("R106", "R114")
async def test_listener_is_closed_after_the_sign_in(
    oauth_server: OAuthServer,
    visitor: Visitor,
    client: Client,
    storage: TokenStorage,
    start_request: StartRequest,
) -> None:
    """Later navigation and responses reach no listener, and the token stays."""
    waiting = start_request(client)
    url = await visitor.next_url(waiting)
    await visitor.sign_in(url)
    await visitor.wait_for_page(SIGNED_IN)
    await waiting
    token = storage.token
    await visitor.go_back()
    await visitor.wait_for_page("Sign in")
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
        await visitor.go_forward()
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
        await visitor.open(redirect_uri_of(url, access_token="late", state=state_of(url)))
    assert storage.token == token
    assert await user_of(client, oauth_server.api_url) == "alf"
    assert visitor.opened_urls == [url]


@pytest.mark.rule("R062", "R108")
async def test_cancelled_sign_in_raises_access_denied(
    oauth_server: OAuthServer, visitor: Visitor, client: Client, start_request: StartRequest
) -> None:
    """The page and the error have the description of the server."""
    waiting = start_request(client)
    await visitor.cancel(await visitor.next_url(waiting))
    assert "The sign-in was cancelled." in await visitor.wait_for_page(REFUSED)
    with pytest.raises(AccessDeniedError) as caught:
        await waiting
    assert caught.value.error == "access_denied"
    assert caught.value.error_description == "The sign-in was cancelled."
    assert oauth_server.api_requests == 0
    assert "error" not in await visitor.current_url()
    assert visitor.console_errors == []


@pytest.mark.rule("R062", "R070")
async def test_concurrent_requests_share_one_sign_in(
    oauth_server: OAuthServer, visitor: Visitor, client: Client
) -> None:
    """One browser window opens, and all requests continue after the sign-in."""
    async with asyncio.TaskGroup() as group:
        waiting = [
            group.create_task(user_of(client, oauth_server.url(f"/{number}")))
            for number in range(20)
        ]
        await visitor.sign_in(await visitor.next_url(waiting[0]))
    assert [task.result() for task in waiting] == ["alf"] * 20
    assert len(visitor.opened_urls) == 1
    assert oauth_server.api_requests == 20


@pytest.mark.rule("R056", "R060", "R095")
async def test_user_signs_in_again_after_a_revocation(
    oauth_server: OAuthServer, visitor: Visitor, client: Client, start_request: StartRequest
) -> None:
    """A 401 leads to one more sign-in with a new state."""
    waiting = start_request(client)
    await visitor.sign_in(await visitor.next_url(waiting), "alf")
    assert await waiting == "alf"
    oauth_server.revoke_all()
    waiting = start_request(client)
    await visitor.sign_in(await visitor.next_url(waiting), "willie")
    assert await waiting == "willie"
    first, second = visitor.opened_urls
    assert state_of(first) != state_of(second)
    assert oauth_server.rejected_requests == 1


@pytest.mark.rule("R095", "R106", "R116")
@pytest.mark.parametrize("forged", [{"state": "guessed"}, {}], ids=["wrong state", "no state"])
async def test_forged_redirect_does_not_end_the_sign_in(
    oauth_server: OAuthServer,
    visitor: Visitor,
    client: Client,
    forged: dict[str, str],
    start_request: StartRequest,
) -> None:
    """A redirect with a wrong state shows an error page, and the sign-in continues."""
    waiting = start_request(client)
    url = await visitor.next_url(waiting)
    await visitor.open(redirect_uri_of(url, access_token="forged", token_type="Bearer", **forged))
    await visitor.wait_for_page(TRY_AGAIN)
    assert await visitor.current_url() == redirect_uri_of(url)
    await visitor.sign_in(url, "alf")
    await visitor.wait_for_page(SIGNED_IN)
    assert await waiting == "alf"
    assert visitor.console_errors == [REFUSED_REQUEST]


@pytest.mark.rule("R106")
async def test_response_in_the_query_is_accepted(
    oauth_server: OAuthServer, visitor: Visitor, client: Client, start_request: StartRequest
) -> None:
    """A token in the query, as with 0.4.0, signs in and is removed from the address bar."""
    async with ClientSession() as session:
        token = await new_token(session, oauth_server)
    waiting = start_request(client)
    url = await visitor.next_url(waiting)
    redirect = redirect_uri_of(url, access_token=token, token_type="Bearer", state=state_of(url))
    oauth_server.token_fault = Fault.redirect(redirect.replace("#", "?"), status=303)
    await visitor.open(oauth_server.token_endpoint)
    await visitor.wait_for_page(SIGNED_IN)
    assert await waiting is None  # the token was issued to the client itself, without a user
    assert await visitor.current_url() == redirect_uri_of(url)
    assert not any(token in entry for entry in await visitor.history())
    assert visitor.console_errors == []


@pytest.mark.rule("R118")
async def test_open_browser_can_be_a_plain_function(
    oauth_server: OAuthServer, visitor: Visitor, start_request: StartRequest
) -> None:
    """Anyone on this machine who opens the URL can sign in."""
    loop = asyncio.get_running_loop()
    opened_url: asyncio.Future[str] = loop.create_future()

    def pass_url(url: str) -> None:
        loop.call_soon_threadsafe(opened_url.set_result, url)

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=pass_url, timeout=LOGIN_SECONDS)
    async with make_client(oauth_server) as client:
        waiting = start_request(client)
        await visitor.sign_in(await opened_url)
        assert await waiting == "alf"


@pytest.mark.rule("R118")
async def test_url_is_logged_if_no_browser_opens(
    oauth_server: OAuthServer,
    visitor: Visitor,
    caplog: pytest.LogCaptureFixture,
    start_request: StartRequest,
) -> None:
    """The URL in the log leads to the sign-in."""
    tried = asyncio.Event()

    async def open_nothing(_url: str) -> bool:
        tried.set()
        return False

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=open_nothing, timeout=LOGIN_SECONDS)
    async with make_client(oauth_server) as client:
        waiting = start_request(client)
        await tried.wait()
        await visitor.sign_in(next(w for w in caplog.text.split() if "response_type=token" in w))
        assert await waiting == "alf"
