"""The middleware on a session of the user's: which hops get the token, and which are repeated."""

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
    TokenManager,
)
from aioalf._requests.challenge import parse_challenges, required_scope
from aioalf._requests.origin_policy import OriginPolicy
from aioalf.testing import Fault, OAuthServer
from tests.support.front import (
    FixedManager,
    Resolver,
    UserManager,
    api_log,
    by_middleware,
    manager_of,
)


class Hop:
    """As much of a request as a middleware looks at before it is sent."""

    body = b""
    session = None

    def __init__(self, url: str) -> None:
        self.url = URL(url)
        self.headers = CIMultiDict[str]()


class Fine:
    """A response that nothing needs to be done about."""

    status = 200


async def field_sent(middleware: OAuth2Middleware, url: str) -> str | None:
    """The Authorization field with which a hop to the URL leaves the middleware."""
    hop, sent = Hop(url), list[str | None]()

    async def handler(request: ClientRequest) -> ClientResponse:
        sent.append(request.headers.get("Authorization"))
        return cast("ClientResponse", Fine())

    await middleware(cast("ClientRequest", hop), handler)
    assert len(sent) == 1
    return sent[0]


@pytest.mark.rule("R050", "R051", "R052")
async def test_a_request_carries_one_bearer_field(oauth_server: OAuthServer) -> None:
    """The token is in the header, and a field of the caller's is replaced."""
    headers = {"authorization": "Basic eDp5"}
    async with (
        by_middleware(oauth_server) as session,
        session.get(oauth_server.url("/things?page=1"), headers=headers) as response,
    ):
        assert response.status == 200
    [request] = api_log(oauth_server)
    [field] = request.headers.getall("Authorization")
    assert field.startswith("Bearer ")
    assert request.query == "page=1"
    assert headers == {"authorization": "Basic eDp5"}


@pytest.mark.rule("R055")
@pytest.mark.parametrize(
    ("url", "field"),
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
async def test_only_the_origins_given_get_the_token(url: str, field: str | None) -> None:
    """Scheme, host and port decide; other requests go out as they are."""
    origins: list[str | URL] = [
        "https://api.example.com/a/path",
        URL("https://other.example.com:8443"),
    ]
    assert await field_sent(OAuth2Middleware(FixedManager(), allowed_origins=origins), url) == field


@pytest.mark.rule("R055")
async def test_without_origins_the_first_one_seen_is_the_one() -> None:
    """A session that goes to a second origin shows it nothing."""
    middleware = OAuth2Middleware(FixedManager())
    assert await field_sent(middleware, "https://a.example/1") == "Bearer token"
    assert await field_sent(middleware, "https://b.example/1") is None
    assert await field_sent(middleware, "https://a.example/2") == "Bearer token"


@pytest.mark.rule("R053")
async def test_plain_http_is_warned_of_or_refused() -> None:
    """Once per origin, or every time where https is required; nothing leaves then."""
    middleware = OAuth2Middleware(FixedManager())
    with pytest.warns(InsecureTransportWarning, match="http://a.example"):
        assert await field_sent(middleware, "http://a.example/1") == "Bearer token"
    assert await field_sent(middleware, "http://a.example/2") == "Bearer token"
    for url in ("http://a.example/1", "//a.example:80/1", "tcp://a.example/1", "ws://a.example/1"):
        strict = OAuth2Middleware(FixedManager(), require_https=True)
        with pytest.raises(TokenError, match="require_https"):
            await field_sent(strict, url)
    for url in ("https://a.example/1", "wss://a.example/1", "tcp://127.0.0.1/1"):
        strict = OAuth2Middleware(FixedManager(), require_https=True)
        assert await field_sent(strict, url) == "Bearer token"


@pytest.mark.rule("R052")
async def test_each_hop_is_checked_whatever_the_last_one_was() -> None:
    """A hop to another origin gets no token, also between hops to an allowed one."""
    middleware = OAuth2Middleware(FixedManager(), allowed_origins=["https://a.example"])
    known, elsewhere = "https://a.example/1", ("http://a.example:443/", "https://b.example/")
    for url in (known, *elsewhere, known, *elsewhere):
        assert await field_sent(middleware, url) == ("Bearer token" if url == known else None)


@pytest.mark.rule("R062")
@pytest.mark.parametrize("token", [None, "", "a\r\nb"])
async def test_nothing_leaves_without_a_token(oauth_server: OAuthServer, token: object) -> None:
    """A manager that gives none is an error to the caller, and no request."""
    middleware = OAuth2Middleware(FixedManager(token))
    async with ClientSession(middlewares=[middleware]) as session:
        with pytest.raises(TokenError):
            await session.get(oauth_server.url("/things"))
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R062")
async def test_an_error_of_the_token_endpoint_is_raised(oauth_server: OAuthServer) -> None:
    """Below the client there is no response to return: the error carries it."""
    oauth_server.token_fault = Fault.status(503, "down")
    async with by_middleware(oauth_server) as session:
        with pytest.raises(TokenHTTPError) as caught:
            await session.get(oauth_server.url("/things"))
    assert (caught.value.response_status, caught.value.response_text) == (503, "down")
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R060")
async def test_a_users_manager_is_enough(oauth_server: OAuthServer) -> None:
    """get_token and reset_token: a refused request is renewed with those."""
    manager = UserManager("", "", "", {}, None)
    async with (
        ClientSession(middlewares=[OAuth2Middleware(manager)]) as session,
        session.get(oauth_server.url("/things")) as response,
    ):
        assert response.status == 401
    fields = [request.headers["Authorization"] for request in api_log(oauth_server)]
    assert fields == ["Bearer token-0", "Bearer token-1"]


@pytest.mark.rule("R058")
async def test_a_lack_of_scope_is_the_callers_to_see(oauth_server: OAuthServer) -> None:
    """A 403 is not repeated, and what scope it takes can be read."""
    async with (
        by_middleware(oauth_server) as session,
        session.get(oauth_server.url("/forbidden")) as response,
    ):
        assert response.status == 403
        lines = response.headers.getall("WWW-Authenticate")
    assert required_scope(parse_challenges(lines)) == frozenset({"admin"})
    assert (oauth_server.api_requests, oauth_server.token_requests) == (1, 1)


@pytest.mark.rule("R056")
async def test_two_sessions_may_share_a_manager(oauth_server: OAuthServer) -> None:
    """They share its token, and its renewal."""
    manager = manager_of(oauth_server)
    async with (
        ClientSession(middlewares=[OAuth2Middleware(manager)]) as one,
        ClientSession(middlewares=[OAuth2Middleware(manager)]) as other,
    ):
        for session in (one, other):
            async with session.get(oauth_server.url("/things")) as response:
                assert response.status == 200
        oauth_server.revoke_all()
        answers = await asyncio.gather(
            *(session.get(oauth_server.url("/things")) for session in (one, other) * 5)
        )
        assert {answer.status for answer in answers} == {200}
        for answer in answers:
            answer.release()
    assert oauth_server.token_requests == 2


async def test_token_requests_go_through_the_sessions_network(oauth_server: OAuthServer) -> None:
    """The session's connector finds the token endpoint."""
    resolver = Resolver()
    endpoint = oauth_server.token_endpoint.replace("127.0.0.1", "auth.localhost")
    middleware = OAuth2Middleware(TokenManager(endpoint, "client-id", "secret"))
    connector = TCPConnector(resolver=resolver)
    async with (
        ClientSession(connector=connector, middlewares=[middleware]) as session,
        session.get(oauth_server.url("/things")) as response,
    ):
        assert response.status == 200
    assert resolver.asked == ["auth.localhost"]


async def test_token_requests_use_the_sessions_connections(oauth_server: OAuthServer) -> None:
    """With one connection in all, a request that waits for its token holds none."""
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


async def test_a_renewal_goes_through_the_session_that_was_rejected(
    oauth_server: OAuthServer,
) -> None:
    """A manager that outlives a session does not renew through it."""
    manager = manager_of(oauth_server)
    middleware = OAuth2Middleware(manager)
    async with ClientSession(middlewares=[middleware]) as first:
        await first.get(oauth_server.url("/things"))
    oauth_server.revoke_all()
    connector = TCPConnector()
    async with ClientSession(connector=connector, middlewares=[middleware]) as second:
        async with second.get(oauth_server.url("/things")) as response:
            assert response.status == 200
        assert oauth_server.token_requests == 2
        assert {key.port for key in connector._conns} == {  # noqa: SLF001 - whom it has met
            URL(oauth_server.url("/")).port,
            URL(oauth_server.token_endpoint).port,
        }


@pytest.mark.rule("R053")
def test_a_warning_made_an_error_stops_each_request() -> None:
    """Not the first one only: no token goes where the caller has said no."""
    policy = OriginPolicy(None)
    with warnings.catch_warnings(action="error"):
        for _ in range(2):
            with pytest.raises(InsecureTransportWarning):
                policy.check(URL("http://api.example.com/things"))
