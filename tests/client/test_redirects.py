"""Redirects: no token is sent to another origin, or where another origin redirects."""

import asyncio
import gc
import itertools
import warnings
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Self

import pytest
from aiohttp import (
    BasicAuth,
    ClientError,
    ClientRequest,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    InvalidURL,
    WSServerHandshakeError,
    web,
)
from aiohttp.test_utils import RawTestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDictProxy

from aioalf import Client, OAuth2Middleware, TokenError
from aioalf.testing import OAuthServer
from tests.support.front import (
    FixedManager,
    Sender,
    UserClient,
    UserManager,
    Way,
    api_log,
    client_of,
    every_way,
)

STATUSES = [301, 302, 303, 307, 308]


class Origins:
    """Three origins on loopback that redirect as the path of a URL says: ``/1-302/0-307/``."""

    def __init__(self) -> None:
        self.received: list[tuple[int, str | None]] = []
        self.headers: list[CIMultiDictProxy[str]] = []
        self.final_status = 200
        self.location = ""
        self.rejected = ""
        self.rejected_at_the_end = ""
        self._runners: list[web.AppRunner] = []

    async def __aenter__(self) -> Self:
        for number in range(3):
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", partial(self._respond, number))
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self._runners.append(runner)
        return self

    async def __aexit__(self, *_: object) -> None:
        for runner in self._runners:
            await runner.cleanup()

    def url(self, number: int) -> str:
        """Return the root URL of an origin."""
        return f"http://127.0.0.1:{self._runners[number].addresses[0][1]}/"

    def chain(self, hops: list[tuple[int, int]]) -> str:
        """Return the URL of the first hop; its path names the other hops."""
        (first, _), *others = hops
        return self.url(first) + "".join(f"{origin}-{status}/" for origin, status in others)

    async def _respond(self, number: int, request: web.Request) -> web.Response:
        authorization = request.headers.get("Authorization")
        self.received.append((number, authorization))
        self.headers.append(request.headers)
        if authorization == self.rejected:
            return web.Response(status=401)
        hop, _, others = request.path.strip("/").partition("/")
        if self.location:
            location, self.location = self.location, ""
            return web.Response(status=302, headers={"Location": location})
        if hop and hop != "end":
            origin, status = hop.split("-")
            location = f"{self.url(int(origin))}{others}"
            return web.Response(status=int(status), headers={"Location": location})
        is_rejected = authorization == self.rejected_at_the_end
        return web.Response(status=401 if is_rejected else self.final_status)


@pytest.fixture
async def origins() -> AsyncGenerator[Origins, None]:
    """Yield three running origins."""
    async with Origins() as origins:
        yield origins


@pytest.mark.rule("R054")
@pytest.mark.parametrize("status", STATUSES)
@every_way
async def test_redirect_to_another_origin_is_followed_without_the_token(
    oauth_server: OAuthServer, way: Way, status: int
) -> None:
    """A redirect to another origin is followed without an Authorization header."""
    url, params = oauth_server.url("/redirect"), {"status": str(status)}
    async with (
        way(oauth_server) as sender,
        sender.get(url, params={**params, "to": f"{oauth_server.other_url}/things"}) as response,
    ):
        assert response.status == 200
        assert str(response.url) == f"{oauth_server.other_url}/things"
    assert oauth_server.other_requests == 1
    assert oauth_server.leaked == []


@pytest.mark.rule("R054")
@every_way
async def test_redirect_within_the_origin_keeps_the_token(
    oauth_server: OAuthServer, way: Way
) -> None:
    """All hops to one origin carry the same token."""
    async with (
        way(oauth_server) as sender,
        sender.get(oauth_server.url("/redirect?to=/redirect?to=/things")) as response,
    ):
        assert (await response.json())["token_number"] == 1
    assert len({request.headers["Authorization"] for request in api_log(oauth_server)}) == 1
    assert (oauth_server.api_requests, oauth_server.token_requests) == (3, 1)


@pytest.mark.rule("R054", "R056")
@every_way
async def test_hop_after_a_renewal_carries_the_new_token(
    oauth_server: OAuthServer, way: Way
) -> None:
    """The first hop is repeated with a new token, and the next hop carries it too."""
    async with way(oauth_server) as sender:
        async with sender.get(oauth_server.url("/things")) as response:
            assert response.status == 200
        oauth_server.revoke_all()
        oauth_server.reset_counters()
        async with sender.get(oauth_server.url("/redirect?to=/things")) as response:
            assert (await response.json())["token_number"] == 2
    assert [request.status for request in api_log(oauth_server)] == [401, 302, 200]
    assert oauth_server.token_requests == 1


@pytest.mark.rule("R054", "R056")
@pytest.mark.parametrize("kind", ["client", "session argument", "middleware"])
async def test_only_the_rejected_hop_is_repeated(origins: Origins, kind: str) -> None:
    """An earlier redirect may have had side effects and is not requested again."""
    origins.rejected_at_the_end = "Bearer token-0"
    url = origins.chain([(0, 302), (0, 302)])
    async with sender_of(kind) as sender, sender.post(url) as response:
        assert response.status == 200
    assert origins.received == [(0, "Bearer token-0"), (0, "Bearer token-0"), (0, "Bearer token-1")]


@pytest.mark.rule("R054", "R056")
@pytest.mark.parametrize("kind", ["client", "session argument", "middleware"])
async def test_hops_after_a_repeated_hop_carry_the_new_token(origins: Origins, kind: str) -> None:
    """The new token is also used if the request cannot be repeated from its start."""
    origins.rejected = "Bearer token-0"
    url = origins.chain([(0, 307), (0, 307), (0, 307)])
    async with sender_of(kind) as sender, sender.post(url) as response:
        assert response.status == 200
    assert [token for _, token in origins.received] == ["Bearer token-0"] + ["Bearer token-1"] * 3


@pytest.mark.rule("R054", "R056")
async def test_safe_request_is_repeated_from_its_start(origins: Origins) -> None:
    """A safe method has no side effects (RFC 9110 §9.2.1), so its redirects are followed again."""
    origins.rejected_at_the_end = "Bearer token-0"
    async with UserClient() as client, client.get(origins.chain([(0, 302), (0, 302)])) as response:
        assert response.status == 200
        assert len(response.history) == 1
    assert [token for _, token in origins.received] == ["Bearer token-0"] * 2 + [
        "Bearer token-1"
    ] * 2


@pytest.mark.rule("R054", "R056")
@pytest.mark.parametrize("kind", ["client", "session argument", "middleware"])
async def test_renewed_token_is_not_sent_to_another_origin(origins: Origins, kind: str) -> None:
    """The repeated first hop redirects to another origin, which gets no token."""
    origins.rejected = "Bearer token-0"
    url = origins.chain([(0, 302), (1, 302)])
    async with sender_of(kind) as sender, sender.get(url) as response:
        assert response.status == 200
    assert origins.received == [(0, "Bearer token-0"), (0, "Bearer token-1"), (1, None)]


@pytest.mark.rule("R054", "R060")
@every_way
async def test_401_of_another_origin_causes_no_renewal(
    oauth_server: OAuthServer, origins: Origins, way: Way
) -> None:
    """The other origin got no token, so it rejected none."""
    origins.final_status = 401
    url, params = oauth_server.url("/redirect"), {"to": origins.url(0)}
    async with way(oauth_server) as sender, sender.get(url, params=params) as response:
        assert response.status == 401
    assert origins.received == [(0, None)]
    assert (oauth_server.api_requests, oauth_server.token_requests) == (1, 1)


@pytest.mark.parametrize(
    "location", ["http://ada:hunter2@{authority}/", f"https://{'a' * 64}.example/"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_redirect_to_an_unusable_url_raises_a_client_error(
    origins: Origins, method: str, location: str
) -> None:
    """It is not aiohttp's bare ValueError, which ends programs that catch only ClientError."""
    authority = origins.url(0).removeprefix("http://").removesuffix("/")
    async with UserClient() as client:
        for call in (client.request(method, origins.url(0)), client.ws_connect(origins.url(0))):
            origins.location = location.format(authority=authority)
            with pytest.raises(InvalidURL) as caught:
                await call
            assert str(caught.value).startswith(f"{origins.url(0)} - ")
            assert "hunter2" not in str(caught.value)
            assert isinstance(caught.value, ClientError)
    assert origins.received == [(0, "Bearer token-0")] * 2


async def test_credentials_of_the_session_raise_a_client_error(origins: Origins) -> None:
    """The session would send other credentials next to the token, and the error says so."""
    async with (
        session_with_credentials() as session,
        UserClient(session=session) as client,
    ):
        with pytest.raises(InvalidURL, match="the session or its netrc file") as caught:
            await client.get(origins.url(0))
    assert "hunter2" not in str(caught.value)
    assert origins.received == []


def session_with_credentials() -> ClientSession:
    """Return a session that sends HTTP Basic credentials; newer versions of aiohttp warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return ClientSession(auth=BasicAuth("ada", "hunter2"))


async def test_other_value_errors_are_raised_unchanged(origins: Origins) -> None:
    """A mistake in the arguments of a call is not an error of the connection."""
    async with UserClient() as client:
        with pytest.raises(ValueError, match="data and json") as caught:
            await client.post(origins.url(0), data=b"", json={})
    assert type(caught.value) is ValueError


class PlainRequest(ClientRequest):
    """A request that sends https: URLs over plain HTTP, so that two schemes share a port."""

    def is_ssl(self) -> bool:
        """Return False."""
        return False


@pytest.mark.rule("R054")
@pytest.mark.parametrize(("first", "second"), [("https", "http"), ("http", "https")])
async def test_another_scheme_is_another_origin(origins: Origins, first: str, second: str) -> None:
    """The token is not sent to another scheme on the same host and port."""
    authority = origins.url(0).removeprefix("http://").removesuffix("/")
    origins.location = f"{second}://{authority}/end"
    async with (
        ClientSession(request_class=PlainRequest) as session,
        UserClient(session=session) as client,
        client.get(f"{first}://{authority}/start") as response,
    ):
        assert (response.status, response.url.scheme) == (200, second)
    assert origins.received == [(0, "Bearer token-0"), (0, None)]


@pytest.mark.rule("R054")
async def test_client_sends_no_token_after_a_cross_origin_redirect(origins: Origins) -> None:
    """Redirected back to the first origin, the request still has no Authorization header."""
    url = origins.chain([(0, 302), (1, 302), (0, 302)])
    async with UserClient() as client, client.get(url) as response:
        assert response.status == 200
    assert origins.received == [(0, "Bearer token-0"), (1, None), (0, None)]


def middleware_of(*allowed: str) -> OAuth2Middleware:
    """Return a middleware whose manager has one token."""
    return OAuth2Middleware(FixedManager(), allowed_origins=allowed)


@pytest.mark.rule("R054")
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_no_token_is_sent_where_another_origin_redirects(
    origins: Origins, method: str, status: int
) -> None:
    """A site that is not allowed cannot send an authorized request of its choice."""
    middleware = middleware_of(origins.url(0))
    for hops in ([(1, status), (0, status)], [(0, status), (1, status), (0, status)]):
        async with (
            ClientSession(middlewares=[middleware]) as session,
            session.request(method, origins.chain(hops), data=b"x") as response,
        ):
            assert response.status == 200
    first, second = origins.received[:2], origins.received[2:]
    assert first == [(1, None), (0, None)]
    assert second == [(0, "Bearer token"), (1, None), (0, None)]


@pytest.mark.rule("R054")
async def test_token_is_sent_to_all_allowed_origins_of_a_chain(origins: Origins) -> None:
    """Each allowed origin gets the token until another origin has redirected."""
    middleware = middleware_of(origins.url(0), origins.url(1))
    url = origins.chain([(0, 302), (1, 302), (0, 302), (2, 302), (0, 302), (1, 302)])
    async with ClientSession(middlewares=[middleware]) as session, session.get(url) as response:
        assert response.status == 200
    values = [value for _, value in origins.received]
    assert values == ["Bearer token"] * 3 + [None] * 3


@pytest.mark.rule("R054")
@pytest.mark.parametrize("timeout", [None, ClientTimeout(5)], ids=["no timeout", "timeout"])
async def test_calls_after_a_redirect_of_another_origin_get_the_token(
    origins: Origins, timeout: ClientTimeout | None
) -> None:
    """The caller may use the response meanwhile, call again, or follow a redirect itself."""
    url = origins.chain([(1, 302), (0, 302)])
    arguments: dict[str, Any] = {"timeout": timeout or ClientTimeout(None)}
    async with ClientSession(middlewares=[middleware_of(origins.url(0))], **arguments) as session:
        async with session.get(url), session.get(origins.url(0)):
            pass
        async with (
            session.get(url, allow_redirects=False) as response,
            session.get(response.headers["Location"]),
        ):
            pass
    token = (0, "Bearer token")
    assert origins.received == [(1, None), (0, None), token, (1, None), token]


@pytest.mark.rule("R054")
async def test_concurrent_calls_are_told_apart(origins: Origins) -> None:
    """In one task tree, a redirect of another origin affects no other call."""
    led_elsewhere, direct = origins.chain([(1, 302), (0, 302)]), origins.chain([(0, 302), (0, 302)])

    async def get(url: str) -> list[str | None]:
        async with session.get(url) as response:
            hops = [*response.history, response]
            return [hop.request_info.headers.get("Authorization") for hop in hops]

    async with ClientSession(middlewares=[middleware_of(origins.url(0))]) as session:
        sent = await asyncio.gather(*(get(url) for url in [led_elsewhere, direct] * 20))
    assert sent == [[None, None], ["Bearer token", "Bearer token"]] * 20


@pytest.mark.rule("R054")
async def test_websocket_gets_no_token_where_another_origin_redirects(origins: Origins) -> None:
    """The handshake follows redirects, too."""
    async with ClientSession(middlewares=[middleware_of(origins.url(0))]) as session:
        with pytest.raises(WSServerHandshakeError):
            await session.ws_connect(origins.chain([(1, 302), (0, 302)]))
        with pytest.raises(WSServerHandshakeError):
            await session.ws_connect(origins.url(0))
    assert origins.received == [(1, None), (0, None), (0, "Bearer token")]


@pytest.mark.rule("R054")
async def test_ended_calls_are_forgotten(origins: Origins) -> None:
    """The middleware keeps nothing of a call that another origin redirected."""
    middleware = middleware_of(origins.url(0))
    async with ClientSession(middlewares=[middleware]) as session:
        for _ in range(10):
            async with session.get(origins.chain([(1, 302), (0, 302)])):
                assert len(middleware._calls_led_elsewhere) == 1  # noqa: SLF001 - not visible else
            gc.collect()
            assert middleware._calls_led_elsewhere == {}  # noqa: SLF001 - not visible else


HOPS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(STATUSES)), min_size=1, max_size=7)


@pytest.mark.rule("R054", "R055")
@pytest.mark.parametrize("kind", ["client", "session argument", "middleware"])
# All examples use the same servers, so each example clears the recorded requests first.
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    hops=HOPS,
    rejected=st.sampled_from(["", "Bearer token-0"]),
    final_status=st.sampled_from([200, 401]),
    method=st.sampled_from(["GET", "POST"]),
)
async def test_only_the_origin_of_the_url_gets_the_token(
    origins: Origins,
    kind: str,
    hops: list[tuple[int, int]],
    rejected: str,
    final_status: int,
    method: str,
) -> None:
    """No chain of redirects over three origins sends the token to another origin."""
    origins.received.clear()
    origins.rejected, origins.final_status = rejected, final_status
    async with (
        sender_of(kind) as sender,
        sender.request(method, origins.chain(hops)) as response,
    ):
        assert response.status == final_status
    first = hops[0][0]
    assert {origin for origin, authorization in origins.received if authorization} == {first}
    assert origins.received[0] == (first, "Bearer token-0")
    if kind == "middleware":  # a client may repeat a safe request from its start
        others = itertools.dropwhile(lambda hop: hop[0] == first, origins.received)
        assert {authorization for _, authorization in others} <= {None}


@asynccontextmanager
async def sender_of(kind: str) -> AsyncGenerator[Sender, None]:
    """Open a client, or a session with the middleware, that uses a custom manager."""
    if kind == "client":
        async with UserClient() as client:
            yield client
    elif kind == "session argument":
        async with ClientSession() as session, UserClient(session=session) as client:
            yield client
    else:
        middleware = OAuth2Middleware(UserManager("", "", "", {}, None))
        async with ClientSession(middlewares=[middleware]) as session:
            yield session


@pytest.mark.rule("R055")
async def test_url_outside_allowed_origins_is_rejected(
    oauth_server: OAuthServer,
) -> None:
    """A TokenError is raised, and no request is sent to the other origin."""
    async with Client(
        oauth_server.client_id,
        oauth_server.client_secret,
        oauth_server.token_endpoint,
        allowed_origins=[oauth_server.api_url],
    ) as client:
        async with client.get(oauth_server.url("/things")) as response:
            assert response.status == 200
        with pytest.raises(TokenError, match="not in allowed_origins") as caught:
            await client.get(f"{oauth_server.other_url}/things?secret=hunter2")
        with pytest.raises(TokenError, match="not in allowed_origins"):
            await client.ws_connect(f"{oauth_server.other_url}/ws")
        with pytest.raises(TokenError, match="not in allowed_origins"):
            await client.get("https://elsewhere.example/things")
    assert "hunter2" not in str(caught.value)
    assert oauth_server.other_requests == 0


@pytest.mark.rule("R055")
async def test_relative_url_has_the_origin_of_the_base_url(
    oauth_server: OAuthServer,
) -> None:
    """If that origin is not allowed, no request is sent and no websocket is opened."""
    client_id, secret = oauth_server.client_id, oauth_server.client_secret
    async with ClientSession(base_url=oauth_server.url("/")) as session:
        for origin in (oauth_server.api_url, oauth_server.other_url):
            client = Client(
                client_id,
                secret,
                oauth_server.token_endpoint,
                session=session,
                allowed_origins=[origin],
            )
            async with client:
                if origin == oauth_server.api_url:
                    async with client.get("things") as response, client.ws_connect("ws"):
                        assert response.status == 200
                    continue
                with pytest.raises(TokenError, match="not in allowed_origins"):
                    await client.get("things")
                with pytest.raises(TokenError, match="not in allowed_origins"):
                    await client.ws_connect("ws")
    assert (oauth_server.api_requests, oauth_server.token_requests) == (2, 1)


@pytest.mark.rule("R054")
async def test_post_that_another_origin_rejects_is_not_repeated(oauth_server: OAuthServer) -> None:
    """The other origin did not get the token, even if the session raises for the status."""
    paths: list[str] = []

    async def respond(request: web.BaseRequest) -> web.Response:
        paths.append(request.path)
        if request.path == "/rejected":
            return web.Response(status=401)
        location = f"http://localhost:{request.url.port}/rejected"
        return web.Response(status=307, headers={"Location": location})

    async with RawTestServer(respond) as api, client_of(oauth_server) as client:
        with pytest.raises(ClientResponseError):
            await client.post(api.make_url("/"), data=b"x", raise_for_status=True)
    assert paths == ["/", "/rejected"]
    assert oauth_server.token_requests == 1
