"""What a caller gets when the token endpoint or the API misbehaves: a response or an error."""

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

ERRORS = [
    Fault.status(400, '{"error": "invalid_client"}'),
    Fault.status(401, "no", headers={"WWW-Authenticate": "Basic"}),
    Fault.status(403),
    Fault.too_many_requests(),
    Fault.html(status=500),
    Fault.status(503, "down"),
    Fault.body(b"\xff\xfe\x00", status=502),
]
ONCE = Retry(attempts=1)
USELESS = {
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
    "error": Fault.wrong_json({"error": "invalid_client"}),
    "nested": Fault.body(b"[" * 100_000 + b"]" * 100_000),
    "2 MiB": Fault.body(json.dumps({"access_token": "x" * 2**21}).encode()),
    "mac": Fault.wrong_json({"access_token": "x", "token_type": "mac"}),
}


@pytest.mark.rule("R062")
@pytest.mark.parametrize("fault", ERRORS, ids=str)
async def test_an_error_of_the_token_endpoint_is_the_clients_response(
    oauth_server: OAuthServer, fault: Fault
) -> None:
    """Whatever its body; a client of its own each for a hundred callers at once."""
    oauth_server.token_fault = fault
    async with client_of(oauth_server, retry=ONCE) as client:
        answers = await asyncio.gather(
            *(client.get(oauth_server.url("/things")) for _ in range(100))
        )
        bodies = {await answer.read() for answer in answers}
    assert len({answer.status for answer in answers}) == 1
    assert answers[0].status >= 400
    assert len(bodies) == 1
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R062")
@pytest.mark.parametrize("fault", ERRORS, ids=str)
async def test_an_error_of_the_token_endpoint_is_raised_below_the_client(
    oauth_server: OAuthServer, fault: Fault
) -> None:
    """By the manager and by the middleware, with its status and its text."""
    oauth_server.token_fault = fault
    manager = manager_of(oauth_server, retry=ONCE)
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


async def test_an_error_of_the_token_endpoint_is_logged_once(
    oauth_server: OAuthServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not once for each caller who gets its response; the next error is logged anew."""
    clock = Clock(monkeypatch)
    oauth_server.token_fault = Fault.status(503, "down")
    async with client_of(oauth_server, retry=ONCE) as client:
        for failures in (1, 2):
            await asyncio.gather(*(client.get(oauth_server.url("/things")) for _ in range(100)))
            await client.get(oauth_server.url("/things"))  # within the pause
            assert (oauth_server.token_requests, len(caplog.messages)) == (failures, failures)
            clock.advance(1)
    assert caplog.messages[0].endswith("; its response is returned, the request was not sent")


@pytest.mark.rule("R014", "R062")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@every_way
async def test_a_redirect_of_the_token_endpoint_is_an_error(
    oauth_server: OAuthServer, way: Way, status: int
) -> None:
    """It is not followed, and it is no response of an API."""
    oauth_server.token_fault = Fault.redirect(oauth_server.other_url, status=status)
    async with way(oauth_server) as sender:
        with pytest.raises(TokenHTTPError) as caught:
            await sender.get(oauth_server.url("/things"))
    assert caught.value.response_status == status
    assert (oauth_server.other_requests, oauth_server.api_requests) == (0, 0)


@pytest.mark.rule("R062")
@pytest.mark.parametrize("kind", USELESS)
@every_way
async def test_a_success_without_a_usable_token_is_an_error(
    oauth_server: OAuthServer, way: Way, kind: str
) -> None:
    """At once, and the API is not called."""
    oauth_server.token_fault = USELESS[kind]
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
async def test_a_lifetime_that_makes_sense_is_believed(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch, expires_in: Json, lifetime: float
) -> None:
    """The token serves one request after another for so long, and without one until refused."""
    clock = Clock(monkeypatch)
    oauth_server.expires_in = expires_in
    has_end = lifetime < math.inf
    async with client_of(oauth_server, renewal=Renewal(before_expiry=0)) as client:
        for seconds in (0, lifetime - 1 if has_end else 10 * MAX_LIFETIME):
            clock.advance(seconds)
            async with client.get(oauth_server.url("/things")) as response:
                assert response.status == 200
            assert oauth_server.token_requests == 1
        if has_end:
            clock.advance(2)
        else:
            oauth_server.revoke_all()
        async with client.get(oauth_server.url("/things")) as response:
            assert response.status == 200
    assert oauth_server.token_requests == 2
    assert oauth_server.rejected_requests == (0 if has_end else 1)


async def test_a_lifetime_of_nothing_serves_one_request(oauth_server: OAuthServer) -> None:
    """And the next one asks anew."""
    oauth_server.expires_in = 0
    async with client_of(oauth_server) as client:
        for _ in range(3):
            async with client.get(oauth_server.url("/things")) as response:
                assert response.status == 200
    assert oauth_server.token_requests == 3


@pytest.mark.rule("R062")
@pytest.mark.parametrize("text", ['""', '"abc"', "-1", "NaN", "1e400", "true", "[]", "{}"])
@every_way
async def test_a_lifetime_that_is_none_is_an_error(
    oauth_server: OAuthServer, way: Way, text: str
) -> None:
    """And the API is not called."""
    oauth_server.token_fault = Fault.body(f'{{"access_token": "x", "expires_in": {text}}}'.encode())
    async with way(oauth_server) as sender:
        with pytest.raises(TokenError, match="expires_in"):
            await sender.get(oauth_server.url("/things"))
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R062")
@pytest.mark.parametrize("fault", [Fault.hang_up(), Fault.hang_up(after=20)], ids=str)
@every_way
async def test_an_answer_that_breaks_off_is_an_error(
    oauth_server: OAuthServer, way: Way, fault: Fault
) -> None:
    """There is no response to return; what happened is the cause."""
    oauth_server.token_fault = fault
    async with way(oauth_server) as sender:
        with pytest.raises(TokenError) as caught:
            await sender.get(oauth_server.url("/things"))
    assert caught.value.__cause__ is not None
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R062")
async def test_a_token_endpoint_that_is_not_there_is_an_error(oauth_server: OAuthServer) -> None:
    """A refused connection is the cause."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{reserved.getsockname()[1]}/token"
        async with Client("client-id", "secret", endpoint) as client:
            with pytest.raises(TokenError) as caught:
                await client.get(oauth_server.url("/things"))
    assert isinstance(caught.value.__cause__, OSError)
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R062")
async def test_a_token_endpoint_that_never_answers_is_an_error(oauth_server: OAuthServer) -> None:
    """A token request has a time limit of its own."""
    oauth_server.token_fault = Fault.slow(60)
    client = Client(
        oauth_server.client_id,
        oauth_server.client_secret,
        oauth_server.token_endpoint,
        {"timeout": ClientTimeout(total=0.1)},
        retry=ONCE,
    )
    async with client:
        with pytest.raises(TokenError) as caught:
            await client.get(oauth_server.url("/things"))
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R062")
@pytest.mark.parametrize("missing", [0, 1, 2])
async def test_what_is_missing_is_an_error_below_the_client_too(
    oauth_server: OAuthServer, missing: int
) -> None:
    """Token endpoint, client_id or client_secret: it says which."""
    given: list[str | None] = [oauth_server.token_endpoint, "client-id", "secret"]
    given[missing] = None
    middleware = OAuth2Middleware(TokenManager(given[0], given[1], given[2]))
    async with ClientSession(middlewares=[middleware]) as session:
        with pytest.raises(TokenError, match=["endpoint", "client_id", "client_secret"][missing]):
            await session.get(oauth_server.url("/things"))
    assert (oauth_server.token_requests, oauth_server.api_requests) == (0, 0)


@every_way
async def test_an_api_that_hangs_up_is_aiohttps_error(oauth_server: OAuthServer, way: Way) -> None:
    """A request that is not safe to repeat is not repeated by us either."""
    oauth_server.api_fault = Fault.hang_up()
    async with way(oauth_server) as sender:
        with pytest.raises(ServerDisconnectedError):
            await sender.post(oauth_server.url("/things"), data=b"x")
    assert len(api_log(oauth_server)) == 1
    assert oauth_server.token_requests == 1


async def test_a_client_recovers(oauth_server: OAuthServer) -> None:
    """No failure is kept: the next request asks for a token again."""
    url = oauth_server.url("/things")
    async with client_of(oauth_server, retry=ONCE, renewal=Renewal(failure_backoff=0)) as client:
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
