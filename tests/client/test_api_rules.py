"""APIs that want the token with another scheme or in another header, or further headers."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import (
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    WSServerHandshakeError,
)
from aiohttp.http import SERVER_SOFTWARE

from aioalf import Client, OAuth2Middleware, TokenConfigurationError, TokenManager
from aioalf._api_rules import ApiRules
from aioalf.testing import Fault, OAuthServer
from tests.client.test_redirects import STATUSES, Origins, origins
from tests.support.front import FixedManager, Sender, api_log
from tests.support.mocked_responses import MockedResponses

__all__ = ("origins",)

HEADER = "X-Access-Token"


@asynccontextmanager
async def by_client(server: OAuthServer, **options: Any) -> AsyncGenerator[Sender, None]:
    """A client with its own session."""
    credentials = server.client_id, server.client_secret
    async with Client(*credentials, server.token_endpoint, **options) as client:
        yield client


@asynccontextmanager
async def by_given_session(server: OAuthServer, **options: Any) -> AsyncGenerator[Sender, None]:
    """A client with the session of the caller."""
    async with ClientSession() as session, by_client(server, session=session, **options) as client:
        yield client


@asynccontextmanager
async def by_middleware(server: OAuthServer, **options: Any) -> AsyncGenerator[Sender, None]:
    """A session with the middleware."""
    credentials = server.client_id, server.client_secret
    async with (
        TokenManager(server.token_endpoint, *credentials, **options) as manager,
        ClientSession(middlewares=[OAuth2Middleware(manager)]) as session,
    ):
        yield session


every_way = pytest.mark.parametrize("way", [by_client, by_given_session, by_middleware])
Way = Any


@pytest.fixture
def own_header(oauth_server: OAuthServer) -> OAuthServer:
    """Return a server whose API wants the token in a header of its own."""
    oauth_server.token_header = HEADER
    return oauth_server


@pytest.mark.rule("R051")
@every_way
async def test_scheme_replaces_bearer(oauth_server: OAuthServer, way: Way) -> None:
    """The first request and the repeated one have the API's scheme."""
    oauth_server.token_scheme = "Zoho-oauthtoken"
    async with way(oauth_server, token_scheme="Zoho-oauthtoken") as sender:
        for _ in range(2):
            async with sender.get(oauth_server.url("/things")) as response:
                assert response.status == 200
            oauth_server.revoke_all()
    values = [request.headers["Authorization"] for request in api_log(oauth_server)]
    assert len(values) == 3
    assert all(value.startswith("Zoho-oauthtoken ") for value in values)


@pytest.mark.rule("R051")
@every_way
@pytest.mark.parametrize("scheme", [None, "Token"])
async def test_header_replaces_authorization(
    own_header: OAuthServer, way: Way, scheme: str | None
) -> None:
    """The header holds the token alone, unless a scheme is given. There is no other header."""
    own_header.token_scheme = scheme
    async with way(own_header, token_header=HEADER, token_scheme=scheme) as sender:
        for method in ("GET", "POST"):
            async with sender.request(method, own_header.url("/things")) as response:
                assert response.status == 200
    for request in api_log(own_header):
        assert "Authorization" not in request.headers
        assert len(request.headers.getall(HEADER)) == 1
        assert request.headers[HEADER].startswith("Token ") is (scheme is not None)


@pytest.mark.rule("R056")
@every_way
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_token_in_another_header_is_renewed_after_a_401(
    own_header: OAuthServer, way: Way, method: str
) -> None:
    """One token request and one repeated request; a second 401 is the response."""
    async with way(own_header, token_header=HEADER) as sender:
        url = own_header.url("/things")
        await (await sender.request(method, url, data=b"alf")).read()
        own_header.revoke_all()
        async with sender.request(method, url, data=b"alf") as response:
            assert (await response.json())["body"] == "alf"
        assert (own_header.token_requests, own_header.rejected_requests) == (2, 1)
        own_header.api_fault = Fault.status(401)
        async with sender.request(method, url, data=b"alf") as response:
            assert response.status == 401
    assert own_header.api_requests == 5
    assert all("Authorization" not in request.headers for request in api_log(own_header))


@pytest.mark.rule("R054")
@every_way
@pytest.mark.parametrize("status", STATUSES)
async def test_other_origin_gets_no_token_in_another_header(
    own_header: OAuthServer, way: Way, status: int
) -> None:
    """A redirect to another origin is followed without the token and without the API's headers."""
    params = {"status": str(status), "to": f"{own_header.other_url}/things"}
    options = {"token_header": HEADER, "api_headers": {"X-Client": "alf"}}
    async with way(own_header, **options) as sender:
        for method in ("GET", "POST"):
            url = own_header.url("/redirect")
            async with sender.request(method, url, params=params) as response:
                assert response.status == 200
                assert str(response.url) == f"{own_header.other_url}/things"
    assert own_header.leaked == []
    assert own_header.other_requests == 2
    for request in own_header.log:
        assert ("X-Client" in request.headers) is (request.server == "api")


@pytest.mark.rule("R054")
@every_way
async def test_redirect_in_the_same_origin_keeps_the_token_in_another_header(
    own_header: OAuthServer, way: Way
) -> None:
    """Each hop carries it, also after a renewal."""
    async with way(own_header, token_header=HEADER) as sender:
        url, params = own_header.url("/redirect"), {"to": "/things"}
        for _ in range(2):
            async with sender.get(url, params=params) as response:
                assert (await response.json())["path"] == "/things"
            own_header.revoke_all()
    assert (own_header.token_requests, own_header.rejected_requests) == (2, 1)


@pytest.mark.rule("R054")
@every_way
@pytest.mark.parametrize("hops", [[(0, 0), (1, 302), (0, 302)], [(0, 0), (0, 307), (1, 302)]])
async def test_token_in_another_header_does_not_return_after_another_origin(
    own_header: OAuthServer, origins: Origins, way: Way, hops: list[tuple[int, int]]
) -> None:
    """A hop that another origin redirected to has no token, not even at the first origin."""
    async with (
        way(own_header, token_header=HEADER) as sender,
        sender.get(origins.chain(hops)) as response,
    ):
        assert response.status == 200
    with_token = [HEADER in headers for headers in origins.headers]
    left = next(index for index, (origin, _) in enumerate(hops) if origin != 0)
    assert with_token == [True] * left + [False] * (len(hops) - left)


@pytest.mark.rule("R050")
@every_way
async def test_own_authorization_header_stays_beside_a_token_in_another_header(
    own_header: OAuthServer, way: Way
) -> None:
    """Some APIs want a signature in Authorization and the token elsewhere."""
    headers = {"authorization": "AWS4-HMAC-SHA256 signature", HEADER: "replaced"}
    async with way(own_header, token_header=HEADER) as sender:
        await sender.get(own_header.url("/things"), headers=headers)
        await sender.get(own_header.url("/redirect"), headers=headers, params={"to": "/things"})
        to_other = {"to": f"{own_header.other_url}/things"}
        plain = {"authorization": "AWS4-HMAC-SHA256 signature"}
        await sender.get(own_header.url("/redirect"), headers=plain, params=to_other)
        await sender.get(own_header.url("/things"), headers=iter(plain.items()))
    for request in api_log(own_header):
        assert request.headers.getall("Authorization") == ["AWS4-HMAC-SHA256 signature"]
        assert request.headers[HEADER] != "replaced"
    assert own_header.leaked == []


async def test_authorization_header_of_a_session_stays_beside_a_token_in_another_header(
    own_header: OAuthServer,
) -> None:
    """It belongs to the caller, as the header of a call does."""
    authorization = {"Authorization": "Basic YWRhOnNlY3JldA=="}
    async with by_client(own_header, token_header=HEADER, headers=authorization) as client:
        await client.get(own_header.url("/things"))
    [request] = api_log(own_header)
    assert request.headers["Authorization"] == authorization["Authorization"]


@every_way
async def test_further_headers_are_sent_unless_the_caller_sets_them(
    oauth_server: OAuthServer, way: Way
) -> None:
    """They replace values that aiohttp sets by itself, such as its User-Agent."""
    ours = {"X-Client": "alf", "user-agent": "alf/1"}
    async with way(oauth_server, api_headers=ours) as sender:
        url = oauth_server.url("/things")
        await sender.get(url)
        await sender.get(url, headers={"x-client": "theirs", "User-Agent": "theirs"})
        await sender.get(url, skip_auto_headers=["User-Agent"])
    seen = [
        (request.headers.getall("X-Client"), request.headers.getall("User-Agent"))
        for request in api_log(oauth_server)
    ]
    assert seen == [(["alf"], ["alf/1"]), (["theirs"], ["theirs"]), (["alf"], ["alf/1"])]


async def test_further_headers_are_not_sent_with_token_requests(oauth_server: OAuthServer) -> None:
    """They belong to the API."""
    async with by_client(oauth_server, api_headers={"User-Agent": "alf/1"}) as client:
        await client.get(oauth_server.url("/things"))
    assert [request.headers["User-Agent"] for request in oauth_server.log] == [
        SERVER_SOFTWARE,
        "alf/1",
    ]


@pytest.mark.parametrize("way", [by_client, by_middleware])
async def test_websocket_carries_the_token_in_another_header(
    own_header: OAuthServer, way: Way
) -> None:
    """The handshake is repeated once after a 401, and a second 401 is raised."""
    options = {"token_header": HEADER, "api_headers": {"X-Client": "alf"}}
    async with way(own_header, **options) as sender:
        for _ in range(2):
            async with sender.ws_connect(own_header.url("/ws")) as websocket:
                await websocket.send_str("alf")
                assert await websocket.receive_str(timeout=5) == "alf"
            own_header.revoke_all()
        assert (own_header.token_requests, own_header.rejected_requests) == (2, 1)
        own_header.api_fault = Fault.status(401)
        with pytest.raises(WSServerHandshakeError, match="401"):
            await sender.ws_connect(own_header.url("/ws"))
    assert own_header.rejected_requests == 3
    assert all(request.headers["X-Client"] == "alf" for request in api_log(own_header))


async def test_websocket_leaks_no_token_to_another_origin(own_header: OAuthServer) -> None:
    """A redirect of a handshake is followed, as in aiohttp."""
    url = own_header.url(f"/redirect?to={own_header.other_url}/ws")
    async with by_client(own_header, token_header=HEADER) as client:
        with pytest.raises(WSServerHandshakeError):
            await client.ws_connect(url)
    assert own_header.other_requests == 1
    assert own_header.leaked == []


async def test_websocket_of_a_given_session_refuses_a_token_in_another_header(
    own_header: OAuthServer,
) -> None:
    """No middleware sees the handshake, so a redirect could show the token to another origin."""
    async with by_given_session(own_header, token_header=HEADER) as client:
        with pytest.raises(TokenConfigurationError, match="A websocket of the session"):
            await client.ws_connect(own_header.url("/ws"))
    assert own_header.api_requests == 0


async def test_websocket_of_a_given_session_has_the_further_headers(
    oauth_server: OAuthServer,
) -> None:
    """Headers of the session and of the call override them."""
    ours = {"X-Client": "alf", "X-Version": "1", "X-Other": "1"}
    async with (
        ClientSession(headers={"x-version": "2"}) as session,
        by_client(oauth_server, session=session, api_headers=ours) as client,
    ):
        for _ in range(2):
            async with client.ws_connect(oauth_server.url("/ws"), headers={"x-other": "2"}):
                oauth_server.revoke_all()
    for request in api_log(oauth_server):
        found = [request.headers.getall(name) for name in ours]
        assert found == [["alf"], ["2"], ["2"]]


def signing(
    seen: list[str],
) -> Callable[[ClientRequest, ClientHandlerType], Awaitable[ClientResponse]]:
    """Return a middleware that signs the header with the token, and records the header."""

    async def sign(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        token = request.headers.get(HEADER, "none")
        seen.append(token)
        request.headers["X-Signature"] = f"signed {token}"
        return await handler(request)

    return sign


@pytest.mark.parametrize("where", ["client", "session", "call"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_middleware_of_the_caller_sees_the_final_header_of_each_attempt(
    own_header: OAuthServer, where: str, method: str
) -> None:
    """So it can sign requests, also the one that is repeated after a renewal."""
    seen = list[str]()
    middlewares = [signing(seen)]
    options: dict[str, Any] = {"middlewares": middlewares} if where == "client" else {}
    call: dict[str, Any] = {"middlewares": middlewares} if where == "call" else {}
    async with ClientSession(middlewares=middlewares) as session:
        if where == "session":
            options = {"session": session}
        async with by_client(own_header, token_header=HEADER, **options) as client:
            for _ in range(2):
                async with client.request(method, own_header.url("/things"), **call) as response:
                    assert response.status == 200
                own_header.revoke_all()
    assert len(seen) == 3
    assert [each.headers["X-Signature"] for each in api_log(own_header)] == [
        f"signed {token}" for token in seen
    ]


async def test_middleware_of_the_caller_may_raise_for_a_401(own_header: OAuthServer) -> None:
    """The token is renewed all the same, and the request is repeated once."""

    async def check(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        response = await handler(request)
        response.raise_for_status()
        return response

    async with by_client(own_header, token_header=HEADER, middlewares=[check]) as client:
        await client.get(own_header.url("/things"))
        own_header.revoke_all()
        async with client.get(own_header.url("/things")) as response:
            assert response.status == 200
        own_header.api_fault = Fault.status(401)
        with pytest.raises(ClientResponseError, match="401"):
            await client.get(own_header.url("/things"))
    assert own_header.rejected_requests == 3
    assert all("Authorization" not in request.headers for request in api_log(own_header))


async def test_derived_client_uses_the_same_rules(own_header: OAuthServer) -> None:
    """Its tokens are for the same API."""
    async with by_client(own_header, token_header=HEADER) as client:
        assert isinstance(client, Client)
        derived = client.with_options(scope="more")
        async with derived.get(own_header.url("/things")) as response:
            assert response.status == 200


async def test_mocked_session_records_one_header(aioresponses: MockedResponses) -> None:
    """Where a mock replaces aiohttp's sending, the token is in Authorization, without scheme."""
    token_url, url = "https://auth.example.com/token", "https://api.example.com/things"
    for number in (1, 2):
        aioresponses.post(token_url, payload={"access_token": f"token-{number}"})
    aioresponses.get(url, status=401)
    aioresponses.get(url)
    async with (
        Client("client-id", "secret", token_url, token_header=HEADER) as client,
        client.get(url) as response,
    ):
        assert response.status == 200
    recorded: list[dict[str, str]] = [
        call.kwargs["headers"]
        for (method, _), calls in aioresponses.requests.items()
        if method == "GET"
        for call in calls
    ]
    assert recorded == [{"Authorization": "token-1"}, {"Authorization": "token-2"}]


async def test_foreign_manager_names_its_rules(own_header: OAuthServer) -> None:
    """A manager with the attribute `api_rules` is used like a `TokenManager`."""

    class ShopManager(FixedManager):
        api_rules = ApiRules(scheme="", header=HEADER)

    session = ClientSession(middlewares=[OAuth2Middleware(ShopManager("abc"))])
    async with session, session.get(own_header.url("/things")) as response:
        assert response.status == 401
    assert {request.headers[HEADER] for request in api_log(own_header)} == {"abc"}
