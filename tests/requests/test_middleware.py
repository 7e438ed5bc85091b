"""`OAuth2Middleware` in a session: which hops get the token, and which are repeated."""

import asyncio
import warnings
from typing import cast

import pytest
from aiohttp import ClientRequest, ClientResponse, ClientSession, TCPConnector
from multidict import CIMultiDict
from yarl import URL

from aioalf import (
    InsecureTransportWarning,
    OAuth2Middleware,
    TokenError,
    TokenHTTPError,
)
from aioalf._requests.challenge import parse_challenges, required_scope
from aioalf._requests.origin_policy import OriginPolicy
from aioalf.testing import Fault, OAuthServer
from tests.support.front import (
    FixedManager,
    UserManager,
    api_log,
    by_middleware,
    manager_of,
)


class Session:
    """The session of a request that is not sent."""

    connector = None


class FakeRequest:
    """The attributes of a request that the middleware reads before sending it."""

    body = b""

    def __init__(self, url: str) -> None:
        self.session = Session()
        self.url = URL(url)
        self.headers = CIMultiDict[str]()


class FakeResponse:
    """A successful response."""

    status = 200


class FakeRedirect(FakeResponse):
    """A redirect."""

    status = 302


async def redirect(_: ClientRequest) -> ClientResponse:
    """Redirect each request."""
    return cast("ClientResponse", FakeRedirect())


async def sent_header(middleware: OAuth2Middleware, url: str) -> str | None:
    """Return the Authorization header that the middleware adds to a request to the URL."""
    request, sent = FakeRequest(url), list[str | None]()

    async def handler(request: ClientRequest) -> ClientResponse:
        sent.append(request.headers.get("Authorization"))
        return cast("ClientResponse", FakeResponse())

    await middleware(cast("ClientRequest", request), handler)
    assert len(sent) == 1
    return sent[0]


@pytest.mark.rule("R050", "R051", "R052")
async def test_request_has_one_authorization_header(oauth_server: OAuthServer) -> None:
    """The token is sent in the header only, and replaces the caller's header."""
    headers = {"authorization": "Basic eDp5"}
    async with (
        by_middleware(oauth_server) as session,
        session.get(oauth_server.url("/things?page=1"), headers=headers) as response,
    ):
        assert response.status == 200
    [request] = api_log(oauth_server)
    [value] = request.headers.getall("Authorization")
    assert value.startswith("Bearer ")
    assert request.query == "page=1"
    assert headers == {"authorization": "Basic eDp5"}


@pytest.mark.rule("R055")
@pytest.mark.parametrize(
    ("url", "value"),
    [
        ("https://api.example.com/things", "Bearer token"),
        ("https://API.example.com:443/", "Bearer token"),
        ("wss://api.example.com/ws", "Bearer token"),
        ("https://other.example.com:8443/", "Bearer token"),
        ("https://other.example.com/", None),
        ("https://api.example.com:444/", None),
        ("http://api.example.com/", None),
        ("https://api.example.com.evil.example/", None),
        ("https://evil.example/api.example.com", None),
    ],
)
async def test_only_allowed_origins_get_the_token(url: str, value: str | None) -> None:
    """Scheme, host and port have to match; other requests are sent unchanged."""
    allowed_origins: list[str | URL] = [
        "https://api.example.com",
        URL("https://other.example.com:8443"),
    ]
    middleware = OAuth2Middleware(FixedManager(), allowed_origins=allowed_origins)
    assert await sent_header(middleware, url) == value


@pytest.mark.rule("R055")
async def test_first_origin_is_the_only_one_by_default() -> None:
    """Without ``allowed_origins``, later requests to other origins get no token."""
    middleware = OAuth2Middleware(FixedManager())
    assert await sent_header(middleware, "https://a.example/1") == "Bearer token"
    assert await sent_header(middleware, "https://b.example/1") is None
    assert await sent_header(middleware, "https://a.example/2") == "Bearer token"


@pytest.mark.rule("R053")
async def test_plain_http_causes_a_warning_or_an_error() -> None:
    """Each host causes one warning, or an error for each request with ``require_https``."""
    middleware = OAuth2Middleware(FixedManager())
    with pytest.warns(InsecureTransportWarning, match="http://a.example"):
        assert await sent_header(middleware, "http://a.example/1") == "Bearer token"
    assert await sent_header(middleware, "http://a.example/2") == "Bearer token"
    for url in ("http://a.example/1", "//a.example:80/1", "tcp://a.example/1", "ws://a.example/1"):
        strict = OAuth2Middleware(FixedManager(), require_https=True)
        with pytest.raises(TokenError, match="require_https"):
            await sent_header(strict, url)
    for url in ("https://a.example/1", "wss://a.example/1", "tcp://127.0.0.1/1"):
        strict = OAuth2Middleware(FixedManager(), require_https=True)
        assert await sent_header(strict, url) == "Bearer token"


@pytest.mark.rule("R052")
async def test_each_hop_is_checked() -> None:
    """A hop to another origin gets no token, also between hops to an allowed origin."""
    middleware = OAuth2Middleware(FixedManager(), allowed_origins=["https://a.example"])
    allowed, others = "https://a.example/1", ("http://a.example:443/", "https://b.example/")
    for url in (allowed, *others, allowed, *others):
        assert await sent_header(middleware, url) == ("Bearer token" if url == allowed else None)


@pytest.mark.rule("R052", "R054")
async def test_calls_are_told_apart_by_their_task_if_aiohttp_shows_no_more() -> None:
    """Without aiohttp's timer, a task gets no token while it holds a redirect of another origin."""
    middleware = OAuth2Middleware(FixedManager(), allowed_origins=["https://a.example"])
    elsewhere = cast("ClientRequest", FakeRequest("https://b.example/"))
    response = await middleware(elsewhere, redirect)
    assert await sent_header(middleware, "https://a.example/") is None
    other_task = asyncio.create_task(sent_header(middleware, "https://a.example/"))
    assert await other_task == "Bearer token"
    del response
    assert await sent_header(middleware, "https://a.example/") == "Bearer token"


async def test_redirect_kept_by_an_ended_task_affects_no_later_task() -> None:
    """A new task gets the token, even if it has the identity number of the ended one."""
    middleware = OAuth2Middleware(FixedManager(), allowed_origins=["https://a.example"])
    elsewhere = cast("ClientRequest", FakeRequest("https://b.example/"))
    kept = await asyncio.create_task(middleware(elsewhere, redirect))
    for _ in range(20):
        sending = asyncio.create_task(sent_header(middleware, "https://a.example/"))
        assert await sending == "Bearer token"
    assert kept.status == 302


@pytest.mark.rule("R062")
@pytest.mark.parametrize("token", [None, "", "a\r\nb"])
async def test_no_request_is_sent_without_a_token(oauth_server: OAuthServer, token: object) -> None:
    """The caller gets a TokenError if the manager returns no valid token."""
    middleware = OAuth2Middleware(FixedManager(token))
    async with ClientSession(middlewares=[middleware]) as session:
        with pytest.raises(TokenError):
            await session.get(oauth_server.url("/things"))
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R062")
async def test_error_of_the_token_endpoint_is_raised(oauth_server: OAuthServer) -> None:
    """The error holds the response of the token endpoint, and no API request is sent."""
    oauth_server.token_fault = Fault.status(503, "down")
    async with by_middleware(oauth_server) as session:
        with pytest.raises(TokenHTTPError) as caught:
            await session.get(oauth_server.url("/things"))
    assert (caught.value.response_status, caught.value.response_text) == (503, "down")
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R060")
async def test_manager_with_two_methods_is_sufficient(oauth_server: OAuthServer) -> None:
    """A rejected request is repeated with ``get_token`` and ``reset_token`` alone."""
    manager = UserManager("", "", "", {}, None)
    async with (
        ClientSession(middlewares=[OAuth2Middleware(manager)]) as session,
        session.get(oauth_server.url("/things")) as response,
    ):
        assert response.status == 401
    values = [request.headers["Authorization"] for request in api_log(oauth_server)]
    assert values == ["Bearer token-0", "Bearer token-1"]


@pytest.mark.rule("R058")
async def test_insufficient_scope_is_returned(oauth_server: OAuthServer) -> None:
    """A 403 is not repeated, and its challenge names the required scope."""
    async with (
        by_middleware(oauth_server) as session,
        session.get(oauth_server.url("/forbidden")) as response,
    ):
        assert response.status == 403
        lines = response.headers.getall("WWW-Authenticate")
    assert required_scope(parse_challenges(lines)) == frozenset({"admin"})
    assert (oauth_server.api_requests, oauth_server.token_requests) == (1, 1)


@pytest.mark.rule("R056")
async def test_two_sessions_can_share_a_manager(oauth_server: OAuthServer) -> None:
    """Both sessions use one token, and one renewal after it was revoked."""
    manager = manager_of(oauth_server)
    async with (
        ClientSession(middlewares=[OAuth2Middleware(manager)]) as one,
        ClientSession(middlewares=[OAuth2Middleware(manager)]) as other,
    ):
        for session in (one, other):
            async with session.get(oauth_server.url("/things")) as response:
                assert response.status == 200
        oauth_server.revoke_all()
        responses = await asyncio.gather(
            *(session.get(oauth_server.url("/things")) for session in (one, other) * 5)
        )
        assert {response.status for response in responses} == {200}
        for response in responses:
            response.release()
    assert oauth_server.token_requests == 2


async def test_request_that_waits_for_a_token_holds_no_connection(
    oauth_server: OAuthServer,
) -> None:
    """A session that is limited to one connection can still fetch tokens."""
    manager = manager_of(oauth_server)
    session = ClientSession(
        connector=TCPConnector(limit=1), middlewares=[OAuth2Middleware(manager)]
    )
    async with session, asyncio.timeout(10):
        for _ in range(3):
            oauth_server.revoke_all()
            async with session.get(oauth_server.url("/things")) as response:
                assert response.status == 200
    assert oauth_server.token_requests == 3


@pytest.mark.rule("R053")
def test_warning_turned_into_an_error_stops_each_request() -> None:
    """The second request to a host raises the warning too, so no token is sent."""
    policy = OriginPolicy(None)
    with warnings.catch_warnings(action="error"):
        for _ in range(2):
            with pytest.raises(InsecureTransportWarning):
                policy.check(URL("http://api.example.com/things"))
