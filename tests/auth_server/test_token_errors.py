"""Responses of the token endpoint without a usable token, and their errors."""

import copy
import json
import pickle
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from aioalf._auth_server.http import MAX_BODY
from aioalf.client_auth import Credentials
from aioalf.errors import TokenHTTPError, TokenResponseError
from aioalf.testing import Fault, OAuthServer
from tests.auth_server.token_requests import TOKEN, endpoint_at, error_of
from tests.support.raw_server import RawServer, answer

UNUSABLE = {
    "empty": Fault.body(b""),
    "204": Fault.body(b"", status=204),
    "HTML": Fault.html(),
    "truncated": Fault.truncated(),
    "not UTF-8": Fault.body(b'{"access_token": "\xff"}'),
    "null": Fault.wrong_json(None),
    "array": Fault.wrong_json([{"access_token": "abc"}]),
    "text": Fault.wrong_json("abc"),
    "no access_token": Fault.wrong_json({"expires_in": 3600}),
    "empty access_token": Fault.wrong_json({"access_token": ""}),
    "access_token null": Fault.wrong_json({"access_token": None}),
    "access_token number": Fault.wrong_json({"access_token": 5}),
    "access_token with line end": Fault.wrong_json({"access_token": "abc\r\nX: y"}),
    "access_token with space": Fault.wrong_json({"access_token": "abc def"}),
    "error": Fault.wrong_json({"error": "invalid_client"}),
    "another type": Fault.wrong_json({"access_token": "abc", "token_type": "mac"}),
    "100,000 arrays": Fault.body(b"[" * 100_000 + b"]" * 100_000),
    "2 MiB": Fault.body(b"x" * 2**21),
    "2 MiB with a token": Fault.body(TOKEN[:-1] + b', "x": "' + b"x" * 2**21 + b'"}'),
}


@pytest.mark.rule("R020", "R021", "R030", "R031", "R032", "R033")
@pytest.mark.parametrize("fault", UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_response_without_a_token_is_an_error(
    oauth_server: OAuthServer, fault: Fault
) -> None:
    """The error has status and content type and shows no token; the request is not retried."""
    oauth_server.token_fault = fault
    error = await error_of(endpoint_at(oauth_server.token_endpoint, retry=None))
    assert isinstance(error, TokenResponseError)
    assert error.response_status in {200, 204}
    assert error.content_type is not None
    assert f"answered {error.response_status}" in str(error)
    assert "without a usable token: " in str(error)
    assert "abc" not in str(error)
    assert error.__context__ is None
    assert oauth_server.token_requests == 1


@pytest.mark.rule("R040")
@pytest.mark.parametrize("came", ["newer", None, 5])
async def test_refresh_token_of_an_unusable_response_is_kept(
    oauth_server: OAuthServer, came: object
) -> None:
    """The error holds the refresh token, since the code or token that was sent is invalid."""
    oauth_server.token_fault = Fault.wrong_json({"access_token": "a b", "refresh_token": came})
    with pytest.raises(TokenResponseError) as caught:
        await endpoint_at(oauth_server.token_endpoint).request({"grant_type": "x"})
    assert "newer" not in f"{caught.value} {vars(caught.value)}"
    assert caught.value.take_replacement() == ("newer" if came == "newer" else None)


@pytest.mark.rule("R030")
async def test_oauth_error_with_status_200_is_reported(oauth_server: OAuthServer) -> None:
    """Some servers send an OAuth error with status 200."""
    words = {"error": "invalid_scope", "error_description": "no", "error_uri": "https://e.example"}
    oauth_server.token_fault = Fault.wrong_json(words)
    error = await error_of(endpoint_at(oauth_server.token_endpoint))
    assert isinstance(error, TokenResponseError)
    assert (error.error, error.error_description, error.error_uri) == tuple(words.values())
    assert str(error).endswith("without a usable token: the server reports invalid_scope: no")


async def test_content_type_is_cut_in_the_error() -> None:
    """A missing content type is reported, and a long one is cut."""
    async with RawServer(answer(b"")) as server:
        assert "(no content type)" in str(await error_of(endpoint_at(server.url)))
    for length, shown in ((80, "x" * 80), (81, "x" * 80 + "… (81 characters)")):
        async with RawServer(answer(b"", Content_Type="x" * length)) as server:
            assert f" ({shown}) " in str(await error_of(endpoint_at(server.url)))


@pytest.mark.rule("R029")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 418, 429, 499, 500, 502, 503, 599])
@pytest.mark.parametrize(
    "body", [b"", b"busy", b"\xff\xfe", b'{"error": 5}', b"[" * 100_000, b"<html>" + b"x" * 2**21]
)
async def test_error_status_is_an_http_error(
    oauth_server: OAuthServer, status: int, body: bytes
) -> None:
    """The error has status, text and response, whatever the body is."""
    oauth_server.token_fault = Fault.body(body, status=status)
    error = await error_of(endpoint_at(oauth_server.token_endpoint))
    assert isinstance(error, TokenHTTPError)
    assert error.response_status == status
    assert error.response_text == body[:MAX_BODY].decode("utf-8", "replace")
    assert error.response is not None
    assert error.response.status == status
    assert await error.response.read() == body[:MAX_BODY]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "refused, StatusCode: 400, Body: no"),
        (503, "refused, StatusCode: 503, Body: no"),
        (404, "refused: nothing is at that URL; look at token_endpoint, StatusCode: 404, Body: no"),
    ],
)
async def test_http_error_shows_status_and_body(
    oauth_server: OAuthServer, status: int, text: str
) -> None:
    """The message has the endpoint, the status, the body, and advice for a 404."""
    oauth_server.token_fault = Fault.status(status, "no")
    error = await error_of(endpoint_at(oauth_server.token_endpoint))
    assert str(error) == f"The token endpoint {oauth_server.token_endpoint} {text}"


@pytest.mark.rule("R033")
async def test_http_error_has_retry_after() -> None:
    """``Retry-After`` may be seconds or a date; None means that the header is absent."""
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    seconds: list[float | None] = []
    for said in ({}, {"Retry-After": "0"}, {"retry-after": "7"}, {"Retry-After": date}):
        raw = answer(b"", status="503 Service Unavailable", **said)
        async with RawServer(raw) as server:
            error = await error_of(endpoint_at(server.url))
            assert isinstance(error, TokenHTTPError)
            seconds.append(error.retry_after)
    assert seconds == [None, 0, 7, pytest.approx(3600, abs=60)]


@pytest.mark.rule("R033")
@pytest.mark.parametrize("status", [304, 400, 401, 403, 404, 405, 418, 499])
async def test_client_error_is_not_retried(oauth_server: OAuthServer, status: int) -> None:
    """A status that is not transient makes one request."""
    oauth_server.token_fault = Fault.status(status)
    assert isinstance(
        await error_of(endpoint_at(oauth_server.token_endpoint, retry=None)), TokenHTTPError
    )
    assert oauth_server.token_requests == 1


@pytest.mark.rule("R029")
async def test_oauth_error_is_in_the_message(oauth_server: OAuthServer) -> None:
    """Error code and description are in the fields and in the message."""
    error = await error_of(
        endpoint_at(oauth_server.token_endpoint, credentials=Credentials("nobody", "secret"))
    )
    assert isinstance(error, TokenHTTPError)
    assert (error.response_status, error.error) == (401, "invalid_client")
    assert error.error_description is not None
    assert f"refused: invalid_client: {error.error_description}, StatusCode: 401" in str(error)


@pytest.mark.rule("R029")
async def test_oauth_error_cannot_forge_a_log_line(oauth_server: OAuthServer) -> None:
    """The message escapes characters that RFC 6749 §5.2 does not allow."""
    words = {"error": "e\n2024 INFO ok", "error_description": "\x1b[2Jä", "error_uri": "\r"}
    oauth_server.token_fault = Fault.body(json.dumps(words).encode(), status=400)
    error = await error_of(endpoint_at(oauth_server.token_endpoint))
    assert isinstance(error, TokenHTTPError)
    assert (error.error, error.error_description, error.error_uri) == tuple(words.values())
    text = str(error)
    assert text.isascii()
    assert text.isprintable()


@pytest.mark.rule("R029")
async def test_404_names_the_option_to_check(oauth_server: OAuthServer) -> None:
    """A 404 is usually a typing error in the URL."""
    error = await error_of(endpoint_at(oauth_server.token_endpoint.replace("/token", "/tokens")))
    assert "look at token_endpoint" in str(error)


@pytest.mark.rule("R014")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_redirect_is_not_followed(oauth_server: OAuthServer, status: int) -> None:
    """The secret is sent to the configured URL only."""
    oauth_server.token_fault = Fault.redirect(oauth_server.other_url, status=status)
    error = await error_of(endpoint_at(oauth_server.token_endpoint))
    assert isinstance(error, TokenHTTPError)
    assert error.response_status == status
    assert "configure the final URL" in str(error)
    assert (oauth_server.token_requests, oauth_server.other_requests) == (1, 0)


async def test_pickled_error_has_no_response(oauth_server: OAuthServer) -> None:
    """A copy has its own response; a pickle keeps all other fields."""
    oauth_server.token_fault = Fault.status(503, "busy")
    error = await error_of(endpoint_at(oauth_server.token_endpoint))
    assert isinstance(error, TokenHTTPError)
    assert error.response is not None
    twin = copy.copy(error)
    assert twin.response is not error.response
    assert twin.response is not None
    assert await twin.response.text() == await error.response.text() == "busy"
    far = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own pickle
    assert (str(far), far.response_text, far.response) == (str(error), "busy", None)
