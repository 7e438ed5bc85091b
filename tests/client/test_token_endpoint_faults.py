"""Failures of the token endpoint or the API: the caller gets a response or a specific error."""

import asyncio
import json
import math
import socket

import pytest
from aiohttp import ClientSession, ClientTimeout, ServerDisconnectedError

from aioalf import (
    Client,
    OAuth2Middleware,
    Renewal,
    Retry,
    TokenError,
    TokenHTTPError,
    TokenManager,
    TokenResponseError,
)
from aioalf._syntax import MAX_LIFETIME
from aioalf.testing import MISSING, Fault, Json, OAuthServer
from tests.support.clocks import Clock
from tests.support.front import Way, api_log, client_of, every_way, manager_of

ERROR_RESPONSES = [
    Fault.status(400, '{"error": "invalid_client"}'),
    Fault.status(401, "no", headers={"WWW-Authenticate": "Basic"}),
    Fault.status(403),
    Fault.too_many_requests(),
    Fault.html(status=500),
    Fault.status(503, "down"),
    Fault.body(b"\xff\xfe\x00", status=502),
]
NO_RETRY = Retry(attempts=1)
UNUSABLE_RESPONSES = {
    "204": Fault.status(204),
    "HTML": Fault.html(),
    "empty": Fault.body(b""),
    "not UTF-8": Fault.body(b'{"access_token": "\xff"}'),
    "truncated": Fault.truncated(),
    "array": Fault.wrong_json(["token"]),
    "null": Fault.wrong_json(None),
    "no token": Fault.wrong_json({"expires_in": 3600}),
    "empty token": Fault.wrong_json({"access_token": "", "expires_in": 3600}),
    "number": Fault.wrong_json({"access_token": 5, "expires_in": 3600}),
    "CR LF": Fault.wrong_json({"access_token": "a\r\nX-Evil: 1", "expires_in": 3600}),
    "error": Fault.wrong_json({"error": "invalid_scope"}),
    "nested": Fault.body(b"[" * 100_000 + b"]" * 100_000),
    "2 MiB": Fault.body(json.dumps({"access_token": "x" * 2**21}).encode()),
    "mac": Fault.wrong_json({"access_token": "x", "token_type": "mac"}),
}


@pytest.mark.rule("R062")
@pytest.mark.parametrize("fault", ERROR_RESPONSES, ids=str)
async def test_client_returns_the_error_response_of_the_token_endpoint(
    oauth_server: OAuthServer, fault: Fault
) -> None:
    """Each of a hundred concurrent callers gets the error response, whatever its body."""
    oauth_server.token_fault = fault
    async with client_of(oauth_server, retry=NO_RETRY) as client:
        responses = await asyncio.gather(
            *(client.get(oauth_server.url("/things")) for _ in range(100))
        )
        bodies = {await response.read() for response in responses}
    assert len({response.status for response in responses}) == 1
    assert responses[0].status >= 400
    assert len(bodies) == 1
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R062")
@pytest.mark.parametrize("fault", ERROR_RESPONSES, ids=str)
async def test_manager_and_middleware_raise_the_token_endpoint_error(
    oauth_server: OAuthServer, fault: Fault
) -> None:
    """The TokenHTTPError has the status and the text of the response."""
    oauth_server.token_fault = fault
    manager = manager_of(oauth_server, retry=NO_RETRY)
    with pytest.raises(TokenHTTPError) as of_manager:
        await manager.get_token()
    async with ClientSession(middlewares=[OAuth2Middleware(manager)]) as session:
        with pytest.raises(TokenHTTPError) as of_middleware:
            await session.get(oauth_server.url("/things"))
    for caught in (of_manager.value, of_middleware.value):
        assert (caught.response_status or 0) >= 400
        assert caught.response_text is not None
        assert caught.response is not None
    assert oauth_server.api_requests == 0


async def test_token_endpoint_error_is_logged_once(
    oauth_server: OAuthServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each failure is logged once, however many callers get its response."""
    clock = Clock(monkeypatch)
    oauth_server.token_fault = Fault.status(503, "down")
    async with client_of(oauth_server, retry=NO_RETRY) as client:
        for failures in (1, 2):
            await asyncio.gather(*(client.get(oauth_server.url("/things")) for _ in range(100)))
            await client.get(oauth_server.url("/things"))  # during the backoff
            assert (oauth_server.token_requests, len(caplog.messages)) == (failures, failures)
            clock.advance(1)
    assert caplog.messages[0].endswith("; its response is returned, the request was not sent")


@pytest.mark.rule("R014", "R062")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@every_way
async def test_redirect_of_the_token_endpoint_raises(
    oauth_server: OAuthServer, way: Way, status: int
) -> None:
    """A redirect is neither followed nor returned as a response of the API."""
    oauth_server.token_fault = Fault.redirect(oauth_server.other_url, status=status)
    async with way(oauth_server) as sender:
        with pytest.raises(TokenHTTPError) as caught:
            await sender.get(oauth_server.url("/things"))
    assert caught.value.response_status == status
    assert (oauth_server.other_requests, oauth_server.api_requests) == (0, 0)


@pytest.mark.rule("R062")
@pytest.mark.parametrize("kind", UNUSABLE_RESPONSES)
@every_way
async def test_success_without_a_usable_token_raises(
    oauth_server: OAuthServer, way: Way, kind: str
) -> None:
    """TokenResponseError is raised at once, and the API is not called."""
    oauth_server.token_fault = UNUSABLE_RESPONSES[kind]
    async with way(oauth_server) as sender, asyncio.timeout(10):
        with pytest.raises(TokenResponseError) as caught:
            await sender.get(oauth_server.url("/things"))
    assert "Evil" not in str(caught.value)
    assert (oauth_server.token_requests, oauth_server.api_requests) == (1, 0)


@pytest.mark.rule("R023", "R024")
@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [
        (MISSING, math.inf),
        (None, math.inf),
        ("3600", 3600),
        (3600, 3600),
        (3600.5, 3600),
        (1e12, MAX_LIFETIME),
    ],
)
async def test_token_is_used_for_its_lifetime(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch, expires_in: Json, lifetime: float
) -> None:
    """A token is used until it expires, or without a lifetime until an API rejects it."""
    clock = Clock(monkeypatch)
    oauth_server.expires_in = expires_in
    has_lifetime = lifetime < math.inf
    async with client_of(oauth_server, renewal=Renewal(before_expiry=0)) as client:
        for seconds in (0, lifetime - 1 if has_lifetime else 10 * MAX_LIFETIME):
            clock.advance(seconds)
            async with client.get(oauth_server.url("/things")) as response:
                assert response.status == 200
            assert oauth_server.token_requests == 1
        if has_lifetime:
            clock.advance(2)
        else:
            oauth_server.revoke_all()
        async with client.get(oauth_server.url("/things")) as response:
            assert response.status == 200
    assert oauth_server.token_requests == 2
    assert oauth_server.rejected_requests == (0 if has_lifetime else 1)


async def test_token_with_expires_in_zero_serves_one_request(oauth_server: OAuthServer) -> None:
    """With `expires_in` 0, each request needs a new token."""
    oauth_server.expires_in = 0
    async with client_of(oauth_server) as client:
        for _ in range(3):
            async with client.get(oauth_server.url("/things")) as response:
                assert response.status == 200
    assert oauth_server.token_requests == 3


@pytest.mark.rule("R062")
@pytest.mark.parametrize("text", ['""', '"abc"', "-1", "NaN", "1e400", "true", "[]", "{}"])
@every_way
async def test_invalid_expires_in_means_unknown(
    oauth_server: OAuthServer, way: Way, text: str
) -> None:
    """The token is used, since the user could not do anything about a refusal."""
    oauth_server.expires_in = json.loads(text)
    async with way(oauth_server) as sender:
        for _ in range(2):
            response = await sender.get(oauth_server.url("/things"))
            assert response.status == 200
    assert oauth_server.token_requests == 1


@pytest.mark.rule("R062")
@pytest.mark.parametrize("fault", [Fault.hang_up(), Fault.hang_up(after=20)], ids=str)
@every_way
async def test_interrupted_token_response_raises(
    oauth_server: OAuthServer, way: Way, fault: Fault
) -> None:
    """If the token response breaks off, TokenError is raised with the original error as cause."""
    oauth_server.token_fault = fault
    async with way(oauth_server) as sender:
        with pytest.raises(TokenError) as caught:
            await sender.get(oauth_server.url("/things"))
    assert caught.value.__cause__ is not None
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R062")
async def test_unreachable_token_endpoint_raises(oauth_server: OAuthServer) -> None:
    """A connection error to the token endpoint is the cause of the TokenError."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{reserved.getsockname()[1]}/token"
        async with Client("client-id", "secret", endpoint) as client:
            with pytest.raises(TokenError) as caught:
                await client.get(oauth_server.url("/things"))
    assert isinstance(caught.value.__cause__, OSError)
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R062")
async def test_token_endpoint_that_never_responds_raises(oauth_server: OAuthServer) -> None:
    """A token request has its own timeout, set in `http_options`."""
    oauth_server.token_fault = Fault.slow(60)
    client = Client(
        oauth_server.client_id,
        oauth_server.client_secret,
        oauth_server.token_endpoint,
        {"timeout": ClientTimeout(total=0.1)},
        retry=NO_RETRY,
    )
    async with client:
        with pytest.raises(TokenError) as caught:
            await client.get(oauth_server.url("/things"))
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R062")
@pytest.mark.parametrize("missing", [1, 2])
async def test_middleware_names_the_missing_setting(
    oauth_server: OAuthServer, missing: int
) -> None:
    """The error names `client_id` or `client_secret`."""
    arguments: list[str | None] = [oauth_server.token_endpoint, "client-id", "secret"]
    arguments[missing] = None
    middleware = OAuth2Middleware(TokenManager(arguments[0], arguments[1], arguments[2]))
    async with ClientSession(middlewares=[middleware]) as session:
        with pytest.raises(TokenError, match=["", "client_id", "client_secret"][missing]):
            await session.get(oauth_server.url("/things"))
    assert (oauth_server.token_requests, oauth_server.api_requests) == (0, 0)


@every_way
async def test_lost_connection_to_the_api_raises_the_error_of_aiohttp(
    oauth_server: OAuthServer, way: Way
) -> None:
    """If the API closes the connection during a POST, the POST is not repeated."""
    oauth_server.api_fault = Fault.hang_up()
    async with way(oauth_server) as sender:
        with pytest.raises(ServerDisconnectedError):
            await sender.post(oauth_server.url("/things"), data=b"x")
    assert len(api_log(oauth_server)) == 1
    assert oauth_server.token_requests == 1


async def test_client_recovers_after_failures(oauth_server: OAuthServer) -> None:
    """With `failure_backoff=0`, the next request fetches a token again."""
    url = oauth_server.url("/things")
    async with client_of(
        oauth_server, retry=NO_RETRY, renewal=Renewal(failure_backoff=0)
    ) as client:
        oauth_server.token_fault = Fault.status(500)
        assert (await client.get(url)).status == 500
        for fault in (Fault.truncated(), Fault.hang_up(after=3)):
            oauth_server.token_fault = fault
            with pytest.raises(TokenError):
                await client.get(url)
        oauth_server.token_fault = None
        async with client.get(url) as response:
            assert response.status == 200
    assert oauth_server.token_requests == 4
