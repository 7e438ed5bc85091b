"""The faults: each one as a client meets it."""

import asyncio
import time
from collections.abc import Callable

import pytest
from aiohttp import ClientPayloadError, ClientResponse, ClientSession, ServerDisconnectedError
from multidict import CIMultiDict

from aioalf.testing import Fault, OAuthServer
from tests.testing.plain_client import Answered, ask_token, bearer, new_token, send

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
async def test_the_answer_is_the_faults(
    oauth_server: OAuthServer,
    session: ClientSession,
    fault: Fault,
    expected: tuple[int, str, str],
) -> None:
    """Status, type and body go out as the fault says, for the token endpoint and the API."""
    oauth_server.token_fault = oauth_server.api_fault = fault
    answers = [await ask_token(session, oauth_server), await api_request(session, oauth_server)]
    for answered in answers:
        assert (answered.status, answered.headers["Content-Type"], answered.text) == expected


async def test_html_is_a_page_with_status_200_by_default(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """What a captive portal says to everything."""
    oauth_server.token_fault = Fault.html()
    answered = await ask_token(session, oauth_server)
    assert answered.status == 200
    assert answered.text.startswith("<!doctype html>")


async def api_request(session: ClientSession, server: OAuthServer, token: str = "") -> Answered:
    """One request to the API."""
    return await send(session, "POST", server.url("/"), headers=bearer(token))


async def test_headers_of_a_fault_go_out_too(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Several lines of one name, and a content type in the place of the fault's own."""
    headers = CIMultiDict([("WWW-Authenticate", "A"), ("WWW-Authenticate", "B")])
    oauth_server.api_fault = Fault.status(401, headers=headers)
    answered = await api_request(session, oauth_server)
    assert answered.headers.getall("WWW-Authenticate") == ["A", "B"]
    oauth_server.api_fault = Fault.body(b"", headers={"content-type": "text/x"})
    answered = await api_request(session, oauth_server)
    assert answered.headers.getall("Content-Type") == ["text/x"]


@pytest.mark.parametrize("retry_after", [1, "Fri, 31 Dec 1999 23:59:59 GMT"])
async def test_too_many_requests_says_when_to_come_again(
    oauth_server: OAuthServer, session: ClientSession, retry_after: int | str
) -> None:
    """`Retry-After` in seconds or as a date."""
    oauth_server.token_fault = Fault.too_many_requests(retry_after)
    assert (await ask_token(session, oauth_server)).headers["Retry-After"] == str(retry_after)


async def test_truncated_json_is_in_a_complete_response(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The response ends as announced; it is its JSON that does not."""
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
    """JSON that is no token response."""
    oauth_server.token_fault = fault
    async with session.post(oauth_server.token_endpoint) as response:
        assert (response.status, response.content_type) == (200, "application/json")
        assert await response.text() == text


async def test_a_redirect_goes_where_it_says(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """307 by default, so that a client that followed would send its secret again."""
    oauth_server.token_fault = Fault.redirect(oauth_server.other_url)
    answered = await ask_token(session, oauth_server)
    assert (answered.status, answered.headers["Location"]) == (307, oauth_server.other_url)
    oauth_server.token_fault = Fault.redirect("/", status=302)
    assert (await ask_token(session, oauth_server)).status == 302


async def test_a_slow_answer_is_late_and_right(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The answer is the one that would have come without the fault, later."""
    oauth_server.token_fault = oauth_server.api_fault = Fault.slow(0.05)
    before = time.monotonic()
    token = await new_token(session, oauth_server)
    assert time.monotonic() - before >= 0.05
    assert (await api_request(session, oauth_server, token)).status == 200
    assert time.monotonic() - before >= 0.1


async def test_a_hang_up_gives_no_answer(oauth_server: OAuthServer, session: ClientSession) -> None:
    """The connection closes before a status line, and the log says that nothing was sent."""
    oauth_server.token_fault = Fault.hang_up()
    with pytest.raises(ServerDisconnectedError):
        await ask_token(session, oauth_server)
    assert [exchange.status for exchange in oauth_server.log] == [None]


@pytest.mark.parametrize("after", [0, 10, 200])
async def test_a_hang_up_can_come_in_the_middle_of_the_body(
    oauth_server: OAuthServer, session: ClientSession, after: int
) -> None:
    """A status, so many bytes of the body, and no more."""
    oauth_server.api_fault = Fault.hang_up(after=after)
    received = bytearray()
    async with session.post(oauth_server.url("/")) as response:
        assert response.status == 200
        with pytest.raises(ClientPayloadError):
            await read_into(received, response)
    assert len(received) == after
    assert bytes(received[:10]) == b'{"access_token"'[: min(after, 10)]


async def read_into(received: bytearray, response: ClientResponse) -> None:
    """Read what comes, and keep what came."""
    async for chunk in response.content.iter_any():
        received += chunk


async def test_a_fault_stays_until_it_is_taken_away(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Without `times` a fault strikes every request."""
    oauth_server.token_fault = Fault.status(500)
    statuses = [(await ask_token(session, oauth_server)).status for _ in range(3)]
    oauth_server.token_fault = None
    assert [*statuses, (await ask_token(session, oauth_server)).status] == [500, 500, 500, 200]


async def test_a_fault_with_times_is_gone_after_them(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`times(2)` strikes two requests, also when they come at once."""
    oauth_server.token_fault = Fault.status(503).times(2)
    answers = await asyncio.gather(*(ask_token(session, oauth_server) for _ in range(4)))
    assert sorted(answered.status for answered in answers) == [200, 200, 503, 503]
    assert oauth_server.token_fault is None
    oauth_server.api_fault = Fault.status(500).times(1)
    assert [(await api_request(session, oauth_server)).status for _ in range(2)] == [500, 401]


@pytest.mark.parametrize("count", [0, -1])
def test_a_fault_strikes_at_least_once(count: int) -> None:
    """None is how to say that there is no fault."""
    with pytest.raises(ValueError, match="at least once"):
        Fault.status(500).times(count)


@pytest.mark.parametrize("make", [Fault.truncated, Fault.html, Fault.hang_up])
def test_faults_are_values(make: Callable[[], Fault]) -> None:
    """Two of a kind are equal, and none changes when it is limited."""
    fault = make()
    limited = fault.times(2)
    assert fault != limited
    assert fault.times(2) == limited
    assert "kind=" in repr(fault)
