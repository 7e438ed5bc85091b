"""The faults of the HTTP responses, and the fault table."""

import asyncio
import time
from collections.abc import Callable
from typing import cast

import pytest
from aiohttp import ClientPayloadError, ClientResponse, ClientSession, ServerDisconnectedError
from multidict import CIMultiDict

from aioalf.testing import Endpoint, Fault, OAuthServer
from tests.testing.plain_client import ReadResponse, bearer, new_token, request_token, send

PLAIN, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.status(503, "down"), (503, PLAIN, "down")),
        (Fault.status(204), (204, PLAIN, "")),
        (Fault.too_many_requests(7), (429, PLAIN, "Too many requests")),
        (Fault.html("<p>Hi", status=502), (502, HTML, "<p>Hi")),
        (Fault.body(b"x=1", content_type="text/x", status=201), (201, "text/x", "x=1")),
    ],
)
async def test_fault_determines_status_content_type_and_body(
    oauth_server: OAuthServer,
    session: ClientSession,
    fault: Fault,
    expected: tuple[int, str, str],
) -> None:
    """Token endpoint and API send the status, content type and body of the fault."""
    oauth_server.token_fault = oauth_server.api_fault = fault
    responses = [
        await request_token(session, oauth_server),
        await api_request(session, oauth_server),
    ]
    for response in responses:
        assert (response.status, response.headers["Content-Type"], response.text) == expected


async def test_html_fault_has_status_200_by_default(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The default HTML fault looks like the page of a captive portal."""
    oauth_server.token_fault = Fault.html()
    response = await request_token(session, oauth_server)
    assert response.status == 200
    assert response.text.startswith("<!doctype html>")


async def api_request(session: ClientSession, server: OAuthServer, token: str = "") -> ReadResponse:
    """Send one request to the API."""
    return await send(session, "POST", server.url("/"), headers=bearer(token))


async def test_fault_headers_are_sent(oauth_server: OAuthServer, session: ClientSession) -> None:
    """Fault headers can repeat a name, and replace the content type."""
    headers = CIMultiDict([("WWW-Authenticate", "A"), ("WWW-Authenticate", "B")])
    oauth_server.api_fault = Fault.status(401, headers=headers)
    response = await api_request(session, oauth_server)
    assert response.headers.getall("WWW-Authenticate") == ["A", "B"]
    oauth_server.api_fault = Fault.body(b"", headers={"content-type": "text/x"})
    response = await api_request(session, oauth_server)
    assert response.headers.getall("Content-Type") == ["text/x"]


@pytest.mark.parametrize("retry_after", [1, "Fri, 31 Dec 1999 23:59:59 GMT"])
async def test_too_many_requests_sends_retry_after(
    oauth_server: OAuthServer, session: ClientSession, retry_after: int | str
) -> None:
    """`Retry-After` is sent in seconds or as a date."""
    oauth_server.token_fault = Fault.too_many_requests(retry_after)
    assert (await request_token(session, oauth_server)).headers["Retry-After"] == str(retry_after)


async def test_truncated_json_is_in_a_complete_response(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The HTTP message is complete, but its JSON is not."""
    oauth_server.token_fault = Fault.truncated()
    async with session.post(oauth_server.token_endpoint) as response:
        assert response.status == 200
        text = await response.text()
        assert text.startswith('{"access_token"')
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            await response.json()


@pytest.mark.parametrize(
    ("fault", "text"),
    [(Fault.wrong_json(), '["not", "a", "token"]'), (Fault.wrong_json({"a": None}), '{"a": null}')],
)
async def test_wrong_json_is_well_formed(
    oauth_server: OAuthServer, session: ClientSession, fault: Fault, text: str
) -> None:
    """The body is valid JSON, but not a token response."""
    oauth_server.token_fault = fault
    async with session.post(oauth_server.token_endpoint) as response:
        assert (response.status, response.content_type) == (200, "application/json")
        assert await response.text() == text


async def test_redirect_fault_sends_location(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The status is 307 by default, with which a client that follows would resend its secret."""
    oauth_server.token_fault = Fault.redirect(oauth_server.other_url)
    response = await request_token(session, oauth_server)
    assert (response.status, response.headers["Location"]) == (307, oauth_server.other_url)
    oauth_server.token_fault = Fault.redirect("/", status=302)
    assert (await request_token(session, oauth_server)).status == 302


async def test_slow_fault_delays_the_normal_response(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """After the delay the server sends its normal response."""
    oauth_server.token_fault = oauth_server.api_fault = Fault.slow(0.05)
    before = time.monotonic()
    token = await new_token(session, oauth_server)
    assert time.monotonic() - before >= 0.05
    assert (await api_request(session, oauth_server, token)).status == 200
    assert time.monotonic() - before >= 0.1


async def test_hang_up_sends_no_response(oauth_server: OAuthServer, session: ClientSession) -> None:
    """The connection closes before the status line, and the log records no status."""
    oauth_server.token_fault = Fault.hang_up()
    with pytest.raises(ServerDisconnectedError):
        await request_token(session, oauth_server)
    assert [entry.status for entry in oauth_server.log] == [None]


@pytest.mark.parametrize("after", [0, 10, 200])
async def test_hang_up_can_send_part_of_the_body(
    oauth_server: OAuthServer, session: ClientSession, after: int
) -> None:
    """The status and the given number of body bytes are sent."""
    oauth_server.api_fault = Fault.hang_up(after=after)
    received = bytearray()
    async with session.post(oauth_server.url("/")) as response:
        assert response.status == 200
        with pytest.raises(ClientPayloadError):
            await read_into(received, response)
    assert len(received) == after
    assert bytes(received[:10]) == b'{"access_token"'[: min(after, 10)]


async def read_into(received: bytearray, response: ClientResponse) -> None:
    """Append the received chunks to ``received``."""
    async for chunk in response.content.iter_any():
        received += chunk


async def test_fault_applies_until_it_is_removed(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Without `times` a fault applies to every request."""
    oauth_server.token_fault = Fault.status(500)
    statuses = [(await request_token(session, oauth_server)).status for _ in range(3)]
    oauth_server.token_fault = None
    assert [*statuses, (await request_token(session, oauth_server)).status] == [500, 500, 500, 200]


async def test_fault_with_times_is_removed_afterwards(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`times(2)` applies to two requests, even if they are concurrent."""
    oauth_server.token_fault = Fault.status(503).times(2)
    responses = await asyncio.gather(*(request_token(session, oauth_server) for _ in range(4)))
    assert sorted(response.status for response in responses) == [200, 200, 503, 503]
    assert oauth_server.token_fault is None
    oauth_server.api_fault = Fault.status(500).times(1)
    assert [(await api_request(session, oauth_server)).status for _ in range(2)] == [500, 401]


@pytest.mark.parametrize("count", [0, -1])
def test_times_must_be_at_least_one(count: int) -> None:
    """A count below 1 raises ValueError."""
    with pytest.raises(ValueError, match="at least 1, not"):
        Fault.status(500).times(count)


@pytest.mark.parametrize("make", [Fault.truncated, Fault.html, Fault.hang_up])
def test_equal_faults_compare_equal(make: Callable[[], Fault]) -> None:
    """`times` returns a new fault, and equal faults compare equal."""
    fault = make()
    limited = fault.times(2)
    assert fault != limited
    assert fault.times(2) == limited
    assert "kind=" in repr(fault)


async def test_fault_of_an_endpoint_leaves_others_alone(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The fault applies to its endpoint only, and as often as `times` says."""
    oauth_server.faults["pushed_authorization_request"] = Fault.status(503).times(1)
    url = oauth_server.pushed_authorization_request_endpoint
    assert (await request_token(session, oauth_server)).status == 200
    assert (await send(session, "POST", url)).status == 503
    assert (await send(session, "POST", url)).status == 400
    assert oauth_server.faults["pushed_authorization_request"] is None
    assert oauth_server.requests["pushed_authorization_request"] == 2


async def test_token_and_api_faults_are_also_attributes(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`token_fault` and `api_fault` are entries of the fault table."""
    oauth_server.faults["token"] = Fault.oauth_error("slow_down", "Wait.")
    assert oauth_server.token_fault is oauth_server.faults["token"]
    response = await request_token(session, oauth_server)
    assert (response.status, response.json) == (
        400,
        {"error": "slow_down", "error_description": "Wait."},
    )
    oauth_server.faults["token"] = None
    oauth_server.api_fault = Fault.status(503)
    assert oauth_server.faults["api"] is oauth_server.api_fault
    oauth_server.faults["api"] = None
    assert oauth_server.token_fault is oauth_server.api_fault is None


async def test_slow_endpoint_sends_its_normal_response(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A fault that only waits is followed by the normal response."""
    oauth_server.faults["authorization"] = Fault.slow(0.01)
    page = await send(session, "GET", oauth_server.authorization_endpoint)
    assert "client_id is unknown" in page.text


def test_unknown_endpoint_raises_key_error() -> None:
    """The error lists the valid endpoint names."""
    server, typo = OAuthServer(), cast("Endpoint", "tokens")
    with pytest.raises(KeyError, match="unknown endpoint 'tokens': use one of metadata"):
        _ = server.faults[typo]
    with pytest.raises(KeyError, match="unknown endpoint"):
        server.faults[typo] = None
    with pytest.raises(KeyError, match="unknown endpoint"):
        server.changes[typo] = {}
