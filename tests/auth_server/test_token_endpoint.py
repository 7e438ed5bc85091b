"""The token endpoint: what is sent, and what becomes of every answer."""

import asyncio
import base64
import copy
import json
import logging
import math
import os
import pickle
import socket
import ssl
import traceback
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientHandlerType,
    ClientPayloadError,
    ClientRequest,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    ServerDisconnectedError,
    TCPConnector,
    web,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict
from yarl import URL

from aioalf._auth_server.http import MAX_BODY, Network
from aioalf._auth_server.request_params import TokenRequestParams
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._auth_server.token_response import ResponsePolicy
from aioalf.client_auth import ClientSecretBasic, Credentials, MutableForm
from aioalf.errors import (
    InsecureTransportWarning,
    TokenConfigurationError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.manager import TokenManager
from aioalf.retry import Retry
from aioalf.testing import Fault, OAuthServer, RecordedRequest
from aioalf.token import Token
from tests.support.clocks import Clock
from tests.support.raw_server import RawServer, answer

FORM = {"grant_type": "client_credentials"}
TOKEN = b'{"access_token": "abc", "expires_in": 3600}'
ONCE = Retry(attempts=1)


def at(
    url: str,
    http_options: Mapping[str, Any] | None = None,
    *,
    credentials: Credentials = Credentials("client-id", "secret"),  # noqa: B008 - frozen
    network: Network = lambda: None,
    retry: Retry | None = ONCE,
    scope: str | None = None,
) -> TokenEndpoint:
    """A token endpoint as the manager makes it, but without retries."""
    return TokenEndpoint(
        url,
        credentials,
        ClientSecretBasic(),
        http_options=http_options,
        network=network,
        retry=retry,
        asked=TokenRequestParams(scope),
    )


async def ask(endpoint: TokenEndpoint) -> Token:
    """The token that the endpoint gives."""
    async with asyncio.timeout(20):
        return await endpoint.request(FORM)


async def failure(endpoint: TokenEndpoint) -> TokenError:
    """The error that the endpoint gives."""
    with pytest.raises(TokenError) as caught:
        await ask(endpoint)
    return caught.value


def the_exchange(server: OAuthServer) -> RecordedRequest:
    """The one that the server has seen."""
    (exchange,) = server.log
    return exchange


# What is sent


@pytest.mark.rule("R001", "R012")
async def test_a_token_request_is_a_post_of_a_form(oauth_server: OAuthServer) -> None:
    """Method, type and body are those of the standard, and an answer in JSON is asked for."""
    token = await at(oauth_server.token_endpoint, scope="read wräte").request(FORM)
    seen = the_exchange(oauth_server)
    assert seen.method == "POST"
    assert seen.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert seen.headers["Accept"] == "application/json"
    assert seen.body.text == "grant_type=client_credentials&scope=read+wr%C3%A4te"
    assert token.is_valid()


@pytest.mark.rule("R002", "R004")
async def test_each_parameter_is_sent_once_and_none_without_a_value(
    oauth_server: OAuthServer,
) -> None:
    """An empty scope is no scope."""
    await at(oauth_server.token_endpoint).request({**FORM, "code": ""})
    assert parse_qsl(the_exchange(oauth_server).body.text or "") == list(FORM.items())


@pytest.mark.rule("R003")
async def test_the_endpoint_s_own_query_is_sent(oauth_server: OAuthServer) -> None:
    """A server that tells its tenants by query still can."""
    await ask(at(f"{oauth_server.token_endpoint}?tenant=a%20b&x="))
    assert the_exchange(oauth_server).query == "tenant=a%20b&x="


@pytest.mark.rule("R005", "R007", "R008")
async def test_the_client_proves_itself_by_basic_alone(oauth_server: OAuthServer) -> None:
    """Id and secret are in one header, and neither in the URL nor in the form."""
    await ask(at(oauth_server.token_endpoint))
    seen = the_exchange(oauth_server)
    expected = base64.b64encode(b"client-id:secret").decode()
    assert seen.headers.getall("Authorization") == [f"Basic {expected}"]
    assert seen.form.keys() == FORM.keys()
    assert seen.query == ""


@pytest.mark.rule("R006")
@pytest.mark.parametrize("secret", [" %&+£€", 'a:b"c', "glBQ3nYU/8/kaVi/bIgXGA=="])
@pytest.mark.parametrize("form_encode", [True, False])
async def test_a_server_gets_the_secret_however_it_reads_basic(
    oauth_server: OAuthServer, secret: str, *, form_encode: bool
) -> None:
    """Servers that decode are the default, servers that do not are one option away."""
    oauth_server.decode_basic = form_encode
    oauth_server.add_client("i/d", secret)
    endpoint = TokenEndpoint(
        oauth_server.token_endpoint,
        Credentials("i/d", secret),
        ClientSecretBasic(form_encode=form_encode),
    )
    assert (await ask(endpoint)).is_valid()


@pytest.mark.rule("R010")
@pytest.mark.parametrize(
    ("credentials", "missing"),
    [(Credentials(None, "secret"), "client_id"), (Credentials("id", None), "client_secret")],
)
async def test_nothing_is_sent_without_credentials(
    oauth_server: OAuthServer, credentials: Credentials, missing: str
) -> None:
    """The error says what is missing, before any request."""
    error = await failure(at(oauth_server.token_endpoint, credentials=credentials))
    assert isinstance(error, TokenConfigurationError)
    assert f"Missing {missing}" in str(error)
    assert oauth_server.token_requests == 0


# Answers with a token


@pytest.mark.parametrize("status", [200, 201, 203, 299])
@pytest.mark.parametrize("content_type", ["application/json", "text/html", "", "x/y; charset=no"])
async def test_a_token_counts_whatever_is_around_it(
    oauth_server: OAuthServer, status: int, content_type: str
) -> None:
    """Any 2xx with a token is one, also from a server that is careless with types."""
    oauth_server.token_fault = Fault.body(TOKEN, status=status, content_type=content_type)
    assert (await ask(at(oauth_server.token_endpoint))).access_token == "abc"


@pytest.mark.rule("R032")
async def test_a_long_token_is_taken(oauth_server: OAuthServer) -> None:
    """Tokens of hundreds of kilobytes are within what is read."""
    long = "x" * (MAX_BODY - 100)
    oauth_server.token_fault = Fault.wrong_json({"access_token": long, "expires_in": 60})
    assert (await ask(at(oauth_server.token_endpoint))).access_token == long


@pytest.mark.rule("R025")
async def test_a_lifetime_counts_from_before_the_request(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the way to the server and back took is subtracted."""
    clock = Clock(monkeypatch)

    def slow_network() -> None:
        clock.advance(10)

    oauth_server.expires_in = 15
    token = await ask(at(oauth_server.token_endpoint, network=slow_network))
    assert token.is_valid()
    assert token.expires_on is not None
    assert token.expires_on.tzinfo is UTC
    clock.advance(5)
    assert not token.is_valid()


@pytest.mark.rule("R027")
async def test_less_scope_than_asked_for_is_an_error(oauth_server: OAuthServer) -> None:
    """The scope of the request is compared with that of the answer."""
    oauth_server.token_fault = Fault.wrong_json({"access_token": "abc", "scope": "read"})
    with pytest.raises(TokenResponseError, match="write is missing"):
        await ask(at(oauth_server.token_endpoint, scope="read write"))
    token = await ask(at(oauth_server.token_endpoint, scope="read"))
    assert token.scope == frozenset({"read"})


async def test_what_is_expected_is_handed_on(oauth_server: OAuthServer) -> None:
    """A default lifetime, and that less scope will do, reach the reading of the answer."""
    oauth_server.token_fault = Fault.wrong_json({"access_token": "abc", "scope": "read"})
    endpoint = TokenEndpoint(
        oauth_server.token_endpoint,
        Credentials("client-id", "secret"),
        ClientSecretBasic(),
        expected=ResponsePolicy(default_expires_in=60, allow_narrower_scope=True),
        asked=TokenRequestParams("read write"),
    )
    token = await ask(endpoint)
    assert (token.expires_in, token.scope) == (60, frozenset({"read"}))


# Answers without one

USELESS = {
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
    "expires_in empty": Fault.wrong_json({"access_token": "abc", "expires_in": ""}),
    "expires_in text": Fault.wrong_json({"access_token": "abc", "expires_in": "abc"}),
    "expires_in -1": Fault.wrong_json({"access_token": "abc", "expires_in": -1}),
    "expires_in NaN": Fault.wrong_json({"access_token": "abc", "expires_in": math.nan}),
    "expires_in 1e400": Fault.body(b'{"access_token": "abc", "expires_in": 1e400}'),
    "expires_in true": Fault.wrong_json({"access_token": "abc", "expires_in": True}),
    "expires_in list": Fault.wrong_json({"access_token": "abc", "expires_in": [60]}),
    "expires_in dict": Fault.wrong_json({"access_token": "abc", "expires_in": {}}),
}


@pytest.mark.rule("R020", "R021", "R024", "R030", "R031", "R032", "R033")
@pytest.mark.parametrize("fault", USELESS.values(), ids=USELESS.keys())
async def test_an_answer_without_a_token_is_one_error(
    oauth_server: OAuthServer, fault: Fault
) -> None:
    """The error tells status and type, shows no token, and nothing is tried again."""
    oauth_server.token_fault = fault
    error = await failure(at(oauth_server.token_endpoint, retry=None))
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
@pytest.mark.parametrize("sent", ["older", None])
async def test_a_refresh_token_in_a_useless_answer_to_another_is_not_lost(
    oauth_server: OAuthServer, came: object, sent: str | None
) -> None:
    """The error holds it for who sent the one before it, and shows it to nobody."""
    oauth_server.token_fault = Fault.wrong_json({"access_token": "a b", "refresh_token": came})
    form = {"grant_type": "x"} if sent is None else {"grant_type": "x", "refresh_token": sent}
    with pytest.raises(TokenResponseError) as caught:
        await at(oauth_server.token_endpoint).request(form)
    assert "newer" not in f"{caught.value} {vars(caught.value)}"
    is_held = came == "newer" and sent is not None
    assert caught.value.take_replacement() == ("newer" if is_held else None)


@pytest.mark.rule("R030")
async def test_an_error_in_a_200_is_told(oauth_server: OAuthServer) -> None:
    """Some servers say no with a 200: their reason is the reason."""
    words = {"error": "invalid_scope", "error_description": "no", "error_uri": "https://e.example"}
    oauth_server.token_fault = Fault.wrong_json(words)
    error = await failure(at(oauth_server.token_endpoint))
    assert isinstance(error, TokenResponseError)
    assert (error.error, error.error_description, error.error_uri) == tuple(words.values())
    assert str(error).endswith("without a usable token: the server reports invalid_scope: no")


async def test_a_content_type_is_shown_on_one_line() -> None:
    """An answer without one is told as that; an endless one is cut."""
    async with RawServer(answer(b"")) as server:
        assert "(no content type)" in str(await failure(at(server.url)))
    for length, shown in ((80, "x" * 80), (81, "x" * 80 + "… (81 characters)")):
        async with RawServer(answer(b"", Content_Type="x" * length)) as server:
            assert f" ({shown}) " in str(await failure(at(server.url)))


@pytest.mark.rule("R029")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 418, 429, 499, 500, 502, 503, 599])
@pytest.mark.parametrize(
    "body", [b"", b"busy", b"\xff\xfe", b'{"error": 5}', b"[" * 100_000, b"<html>" + b"x" * 2**21]
)
async def test_an_error_status_is_an_http_error(
    oauth_server: OAuthServer, status: int, body: bytes
) -> None:
    """Whatever the body, status, text and response are at hand."""
    oauth_server.token_fault = Fault.body(body, status=status)
    error = await failure(at(oauth_server.token_endpoint))
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
async def test_an_error_says_what_happened_and_what_came(
    oauth_server: OAuthServer, status: int, text: str
) -> None:
    """Where there is no advice to give, none is given."""
    oauth_server.token_fault = Fault.status(status, "no")
    error = await failure(at(oauth_server.token_endpoint))
    assert str(error) == f"The token endpoint {oauth_server.token_endpoint} {text}"


@pytest.mark.rule("R033")
async def test_an_error_tells_how_long_to_stay_away() -> None:
    """As seconds and as a date; a server that does not say is told from one that says at once."""
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    seconds: list[float | None] = []
    for said in ({}, {"Retry-After": "0"}, {"retry-after": "7"}, {"Retry-After": date}):
        raw = answer(b"", status="503 Service Unavailable", **said)
        async with RawServer(raw) as server:
            error = await failure(at(server.url))
            assert isinstance(error, TokenHTTPError)
            seconds.append(error.retry_after)
    assert seconds == [None, 0, 7, pytest.approx(3600, abs=60)]


@pytest.mark.rule("R033")
@pytest.mark.parametrize("status", [304, 400, 401, 403, 404, 405, 418, 499])
async def test_a_refusal_is_not_tried_again(oauth_server: OAuthServer, status: int) -> None:
    """What is wrong with the client stays wrong."""
    oauth_server.token_fault = Fault.status(status)
    assert isinstance(await failure(at(oauth_server.token_endpoint, retry=None)), TokenHTTPError)
    assert oauth_server.token_requests == 1


@pytest.mark.rule("R029")
async def test_an_oauth_error_is_told_in_its_own_words(oauth_server: OAuthServer) -> None:
    """Code and description are in fields and in the message."""
    error = await failure(
        at(oauth_server.token_endpoint, credentials=Credentials("nobody", "secret"))
    )
    assert isinstance(error, TokenHTTPError)
    assert (error.response_status, error.error) == (401, "invalid_client")
    assert error.error_description is not None
    assert f"refused: invalid_client: {error.error_description}, StatusCode: 401" in str(error)


@pytest.mark.rule("R029")
async def test_an_oauth_error_cannot_forge_a_log_line(oauth_server: OAuthServer) -> None:
    """Characters outside the standard's alphabet are escaped where a person reads them."""
    words = {"error": "e\n2024 INFO ok", "error_description": "\x1b[2Jä", "error_uri": "\r"}
    oauth_server.token_fault = Fault.body(json.dumps(words).encode(), status=400)
    error = await failure(at(oauth_server.token_endpoint))
    assert isinstance(error, TokenHTTPError)
    assert (error.error, error.error_description, error.error_uri) == tuple(words.values())
    text = str(error)
    assert text.isascii()
    assert text.isprintable()


@pytest.mark.rule("R029")
async def test_the_answer_to_a_wrong_url_says_where_to_look(oauth_server: OAuthServer) -> None:
    """A 404 is mostly a typing error in the configuration."""
    error = await failure(at(oauth_server.token_endpoint.replace("/token", "/tokens")))
    assert "look at token_endpoint" in str(error)


@pytest.mark.rule("R014")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_a_redirect_is_an_error_and_not_followed(
    oauth_server: OAuthServer, status: int
) -> None:
    """The secret goes where it was configured to go, and nowhere else."""
    oauth_server.token_fault = Fault.redirect(oauth_server.other_url, status=status)
    error = await failure(at(oauth_server.token_endpoint))
    assert isinstance(error, TokenHTTPError)
    assert error.response_status == status
    assert "configure the final URL" in str(error)
    assert (oauth_server.token_requests, oauth_server.other_requests) == (1, 0)


# No answer


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault.hang_up(), ServerDisconnectedError),
        (Fault.hang_up(after=0), ClientPayloadError),
        (Fault.hang_up(after=20), ClientPayloadError),
        (Fault.slow(math.inf), TimeoutError),
    ],
    ids=str,
)
async def test_no_whole_answer_is_a_token_error_with_its_cause(
    oauth_server: OAuthServer, fault: Fault, cause: type[Exception]
) -> None:
    """Hung up, cut off or late: the error names the endpoint and keeps the reason."""
    oauth_server.token_fault = fault
    options = {"timeout": ClientTimeout(total=0.2 if cause is TimeoutError else 10)}
    error = await failure(at(oauth_server.token_endpoint, options))
    assert isinstance(error, TokenConnectionError)
    assert isinstance(error.__cause__, cause)
    assert str(error).startswith(f"No answer from the token endpoint {oauth_server.token_endpoint}")
    assert type(error.__cause__).__name__ in str(error)


async def test_a_connection_that_is_refused_is_a_token_error() -> None:
    """Nobody listens at that port."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port: int = closed.getsockname()[1]
        error = await failure(at(f"http://127.0.0.1:{port}/token"))
    assert isinstance(error.__cause__, ClientConnectorError)


async def test_a_connection_that_is_reset_is_a_token_error() -> None:
    """The server aborts instead of answering."""

    def abort(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with await asyncio.start_server(abort, "127.0.0.1", 0) as server:
        port: int = server.sockets[0].getsockname()[1]
        error = await failure(at(f"http://127.0.0.1:{port}/token"))
    assert isinstance(error, TokenConnectionError)
    assert error.__cause__ is not None


@pytest.mark.rule("R031", "R007")
async def test_an_answer_that_is_not_http_is_a_token_error() -> None:
    """The reason is kept without the request, whose header holds the secret."""
    async with RawServer(b"SSH-2.0-OpenSSH_9.2\r\n") as server:
        error = await failure(at(f"{server.url}/token?key=hidden"))
    assert isinstance(error, TokenConnectionError)
    assert error.__cause__ is not None
    assert not isinstance(error.__cause__, ClientResponseError)
    assert "ClientResponseError: " in str(error)
    assert "hidden" not in str(error) + repr(error.__cause__)


async def test_a_host_that_cannot_be_one_is_a_token_error() -> None:
    """A name with an empty label fails somewhere in the resolver."""
    assert isinstance(await failure(at("http://a..localhost/token")), TokenError)


HEADER_LINES = st.lists(
    st.tuples(
        st.sampled_from(
            [b"Content-Type", b"Content-Encoding", b"Content-Length", b"X", b"Set-Cookie"]
        )
        | st.binary(max_size=20),
        st.sampled_from([b"gzip", b"deflate", b"br", b"identity", b"chunked", b"5", b"-1"])
        | st.binary(max_size=40),
    ).map(b": ".join),
    max_size=4,
).map(b"\r\n".join)


@pytest.mark.rule("R031")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HEADER_LINES, st.binary() | st.just(TOKEN))
def test_any_header_and_body_is_a_token_or_a_token_error(head: bytes, body: bytes) -> None:
    """Nothing that a server can write on the wire raises anything else, or hangs."""

    async def talk() -> Token:
        raw = b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body
        async with RawServer(raw) as server:
            return await ask(at(server.url))

    try:
        token = asyncio.run(talk())
    except TokenError:
        return
    assert token.access_token


# Secrets

SECRET, CLIENT = "top/s3cret+word", "my client:id"
FORMS = [
    SECRET,
    CLIENT,
    "top%2Fs3cret%2Bword",
    *(base64.b64encode(text.encode()).decode() for text in (SECRET, CLIENT)),
    base64.b64encode(b"my+client%3Aid:top%2Fs3cret%2Bword").decode(),
    base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode(),
    "granted-token",
]
ECHO = " ".join(FORMS[:-1])
REVEALING = {
    "echo in an error": Fault.body(
        json.dumps({"error": CLIENT, "error_description": ECHO, "error_uri": SECRET}).encode(),
        status=400,
    ),
    "echo in a page": Fault.html(f"<h1>{ECHO}</h1>", status=500),
    "echo in a 200": Fault.wrong_json({"error": "e", "error_description": ECHO}),
    "a token in an error": Fault.body(b'{"access_token": "granted-token"}', status=500),
    "a token of another type": Fault.wrong_json({"access_token": "granted-token", "token_type": 5}),
    "a token cut": Fault.body(b'{"access_token": "granted-token", '),
    "redirect": Fault.redirect("/"),
    "hang up": Fault.hang_up(),
    "hang up within": Fault.hang_up(after=30),
    "not compressed": Fault.body(b"x", headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.rule("R007", "R031", "R063")
@pytest.mark.parametrize("fault", REVEALING.values(), ids=REVEALING.keys())
async def test_no_secret_is_in_what_a_person_may_see_of_an_error(
    oauth_server: OAuthServer, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in text, repr, traceback, cause, copy, the response's request, or the log."""
    caplog.set_level(logging.DEBUG)
    oauth_server.token_fault = fault
    error = await failure(at(oauth_server.token_endpoint, credentials=Credentials(CLIENT, SECRET)))
    visible = [
        *(str(error), repr(error), repr(error.__cause__), str(copy.copy(error))),
        *traceback.format_exception(error),
        *(repr(getattr(error, name, "")) for name in ("error", "error_description", "error_uri")),
        caplog.text,
    ]
    if isinstance(error, TokenHTTPError):
        assert error.response is not None
        visible += [repr(error.response), repr(error.response.request_info)]
        visible += [repr(ClientResponseError(error.response.request_info, ()))]
    assert not [(form, text) for form in FORMS for text in visible if form in text]


@pytest.mark.rule("R007")
async def test_the_text_of_an_error_does_not_repeat_the_credentials(
    oauth_server: OAuthServer,
) -> None:
    """The field that is most likely to be logged is masked as well."""
    oauth_server.token_fault = Fault.html(f"<h1>{ECHO}</h1>", status=500)
    error = await failure(at(oauth_server.token_endpoint, credentials=Credentials(CLIENT, SECRET)))
    assert isinstance(error, TokenHTTPError)
    assert error.response_text is not None
    assert not [form for form in FORMS if form in error.response_text]


async def test_an_http_error_travels_without_its_response(oauth_server: OAuthServer) -> None:
    """A copy has a response of its own to read; a pickle keeps all but the response."""
    oauth_server.token_fault = Fault.status(503, "busy")
    error = await failure(at(oauth_server.token_endpoint))
    assert isinstance(error, TokenHTTPError)
    assert error.response is not None
    twin = copy.copy(error)
    assert twin.response is not error.response
    assert twin.response is not None
    assert await twin.response.text() == await error.response.text() == "busy"
    far = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own pickle
    assert (str(far), far.response_text, far.response) == (str(error), "busy", None)


# http_options


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Tenant": "a", "accept": "*/*"},
        CIMultiDict({"x-tenant": "a", "ACCEPT": "*/*"}),
        [("X-Tenant", "a"), ("Accept", "*/*")],
    ],
    ids=lambda headers: type(headers).__name__,
)
async def test_headers_of_the_options_are_on_top(oauth_server: OAuthServer, headers: Any) -> None:
    """In every form that aiohttp takes, and in the place of ours of that name."""
    await ask(at(oauth_server.token_endpoint, {"headers": headers}))
    seen = the_exchange(oauth_server)
    assert seen.headers.getall("X-Tenant") == ["a"]
    assert seen.headers.getall("Accept") == ["*/*"]


@pytest.mark.rule("R005")
async def test_an_authorization_of_the_options_is_not_doubled(oauth_server: OAuthServer) -> None:
    """Whoever sets one has it in the place of ours."""
    own = f"Basic {base64.b64encode(b'client-id:secret').decode()}"
    endpoint = at(
        oauth_server.token_endpoint,
        {"headers": {"authorization": own}},
        credentials=Credentials("other", "other"),
    )
    assert (await ask(endpoint)).is_valid()
    assert the_exchange(oauth_server).headers.getall("Authorization") == [own]


async def test_options_are_not_changed(oauth_server: OAuthServer) -> None:
    """What the caller gave is as it was, also what is within."""
    options = {"headers": {"X-Tenant": "a"}, "timeout": ClientTimeout(total=5)}
    before = copy.deepcopy(options)
    await ask(at(oauth_server.token_endpoint, options))
    assert options == before


async def test_a_timeout_of_the_options_may_be_seconds(oauth_server: OAuthServer) -> None:
    """As aiohttp takes it."""
    oauth_server.token_fault = Fault.slow(math.inf)
    error = await failure(at(oauth_server.token_endpoint, {"timeout": 0.2}))
    assert isinstance(error.__cause__, TimeoutError)


@pytest.mark.parametrize(
    "name",
    [
        *("method", "url", "data", "json", "auth", "allow_redirects", "raise_for_status"),
        *("middlewares", "str_or_url"),
    ],
)
def test_options_that_are_not_the_caller_s_are_refused(name: str) -> None:
    """What would break or reveal the request is told when the client is made."""
    with pytest.raises(TokenConfigurationError, match=f"http_options: {name} cannot be set"):
        at("https://a.example/token", {name: None})


def test_options_that_are_no_mapping_are_refused() -> None:
    """A mistake is told at once."""
    with pytest.raises(TokenConfigurationError, match="http_options: it must be a mapping"):
        at("https://a.example/token", "timeout=5")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [{"no_such_option": 1}, {"headers": 5}, {"headers": {"X": object()}}, {"headers": {"X": "\n"}}],
    ids=["an unknown one", "no mapping", "a value that is no text", "a line end"],
)
async def test_options_that_aiohttp_refuses_are_a_configuration_error(
    oauth_server: OAuthServer, options: dict[str, Any]
) -> None:
    """The error says where to look, and nothing was sent."""
    error = await failure(at(oauth_server.token_endpoint, options))
    assert isinstance(error, TokenConfigurationError)
    assert "look at http_options" in str(error)
    assert oauth_server.token_requests == 0


# The network


async def refuse(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """A middleware that must not see a token request."""
    raise AssertionError(f"{request.url} was seen by a middleware of the session")


class CountingConnector(TCPConnector):
    """One that counts the connections that it was asked for."""

    asked = 0

    async def connect(self, *args: Any, **kwargs: Any) -> Any:
        """Count, and connect."""
        self.asked += 1
        return await super().connect(*args, **kwargs)


async def test_a_session_lends_its_network_and_not_its_identity(oauth_server: OAuthServer) -> None:
    """Its connector is used; its headers, cookies, middlewares and error policy are not."""
    connector = CountingConnector()
    async with ClientSession(
        connector=connector,
        headers={"X-Session": "a", "Authorization": "Bearer x"},
        cookies={"session": "a"},
        raise_for_status=True,
        middlewares=[refuse],
    ) as session:
        endpoint = at(oauth_server.token_endpoint, network=lambda: session)
        await ask(endpoint)
        oauth_server.token_fault = Fault.status(503)
        assert isinstance(await failure(endpoint), TokenHTTPError)
        assert not session.closed
        assert not connector.closed
    assert connector.asked == 2
    for seen in oauth_server.log:
        assert not {"X-Session", "Cookie"} & set(seen.headers)
        assert seen.headers.getall("Authorization")[0].startswith("Basic ")


async def test_cookies_of_the_endpoint_are_not_kept(oauth_server: OAuthServer) -> None:
    """A token request has no memory of the one before."""
    fault = Fault.body(TOKEN, headers={"Set-Cookie": "session=a; Path=/"})
    oauth_server.token_fault = fault.times(1)
    async with ClientSession() as session:
        endpoint = at(oauth_server.token_endpoint, network=lambda: session)
        await ask(endpoint)
        await ask(endpoint)
        assert not session.cookie_jar.filter_cookies(URL(oauth_server.token_endpoint))
    assert not any("Cookie" in seen.headers for seen in oauth_server.log)


async def test_a_session_that_was_closed_is_not_needed(oauth_server: OAuthServer) -> None:
    """Whoever else uses the same manager still gets a token."""
    session = ClientSession()
    await session.close()
    assert (await ask(at(oauth_server.token_endpoint, network=lambda: session))).is_valid()


async def test_a_session_may_be_closed_while_a_connection_is_waited_for(
    oauth_server: OAuthServer,
) -> None:
    """Who waits is told that there is no answer, and is not cancelled; who is cancelled, is."""
    for is_cancelled in (False, True):
        session = ClientSession(connector=TCPConnector(limit=1))
        endpoint = at(oauth_server.token_endpoint, network=lambda: session)  # noqa: B023
        oauth_server.faults["api"] = Fault.slow(60)
        busy = asyncio.create_task(session.get(oauth_server.url("/things")))
        await oauth_server.reached(api_requests=1 + is_cancelled)
        waiting = asyncio.create_task(ask(endpoint))
        await asyncio.sleep(0.05)
        if is_cancelled:
            waiting.cancel()
        await session.close()
        if is_cancelled:
            with pytest.raises(asyncio.CancelledError):
                await waiting
        else:
            with pytest.raises(TokenConnectionError, match="the session was closed"):
                await waiting
        busy.cancel()
        await asyncio.gather(busy, return_exceptions=True)
    assert oauth_server.token_requests == 0


async def test_the_proxy_of_a_session_is_used() -> None:
    """A token request leaves the house by the same door as the others."""
    async with (
        RawServer(answer(TOKEN)) as proxy,
        ClientSession(proxy=proxy.url) as session,
    ):
        await ask(at("http://auth.localhost/token", network=lambda: session))
        assert proxy.requests[0].startswith(b"POST http://auth.localhost/token HTTP/1.1\r\n")


async def test_the_proxy_s_credentials_of_a_session_are_used() -> None:
    """They go to the proxy, where aiohttp still takes them in a form of their own."""
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(RawServer(answer(TOKEN)))
        session = await stack.enter_async_context(ClientSession(proxy=proxy.url))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # by aiohttp 3.14
            from aiohttp import BasicAuth  # noqa: PLC0415

            session._default_proxy_auth = BasicAuth("user", "password")  # noqa: SLF001
            await ask(at("http://auth.localhost/token", network=lambda: session))
        assert b"Proxy-Authorization: Basic dXNlcjpwYXNzd29yZA==" in proxy.requests[0]


class Environment:
    """What a session with ``trust_env`` believes: proxies, and a netrc file."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, netrc: Path) -> None:
        for name in os.environ:
            if name.lower().endswith("_proxy"):
                monkeypatch.delenv(name)
        self._set, self._netrc = monkeypatch.setenv, netrc

    def name(self, **proxies: str) -> None:
        """Set ``HTTP_PROXY`` and its like."""
        for name, value in proxies.items():
            self._set(name, value)

    def log_in(self, host: str, login: str, password: str) -> None:
        """Have netrc say who somebody is at that host."""
        self._netrc.write_text(f"machine {host} login {login} password {password}\n")
        self._set("NETRC", str(self._netrc))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Environment:
    """One without proxies, and without a netrc file."""
    return Environment(monkeypatch, tmp_path / "netrc")


def basic(credentials: str) -> bytes:
    """The value of a Basic field."""
    return b"Basic " + base64.b64encode(credentials.encode("latin-1"))


@pytest.mark.rule("R005")
async def test_the_environment_lends_its_proxy_and_not_its_identity(
    environment: Environment,
) -> None:
    """Who netrc says that one is at the token endpoint, is not who the client is."""
    async with RawServer(answer(TOKEN)) as proxy, ClientSession(trust_env=True) as session:
        environment.name(HTTP_PROXY=proxy.url.replace("//", "//user:p%2Fss%40%C3%A4@"))
        environment.log_in("auth.localhost", "somebody", "else")
        await ask(at("http://auth.localhost/token", network=lambda: session))
    [request] = proxy.requests
    assert request.startswith(b"POST http://auth.localhost/token HTTP/1.1\r\n")
    assert b"\r\nAuthorization: %b\r\n" % basic("client-id:secret") in request
    assert b"\r\nProxy-Authorization: %b\r\n" % basic("user:p/ss@ä") in request
    assert basic("somebody:else") not in request


async def test_netrc_may_know_the_proxy_of_the_environment(environment: Environment) -> None:
    """It is asked who one is at the proxy, and the proxy alone is told."""
    refusal = answer(b"", status="407 Proxy Authentication Required")
    async with RawServer(refusal) as proxy, ClientSession(trust_env=True) as session:
        environment.name(HTTPS_PROXY=proxy.url)
        environment.log_in("127.0.0.1", "me", "here")
        error = await failure(at("https://auth.localhost/token", network=lambda: session))
    assert "the proxy answered 407" in str(error)
    [request] = proxy.requests
    assert request.startswith(b"CONNECT auth.localhost:443 HTTP/1.1\r\n")
    assert b"\r\nProxy-Authorization: %b\r\n" % basic("me:here") in request
    assert b"\r\nAuthorization:" not in request


async def test_a_proxy_of_the_environment_may_want_no_credentials(
    environment: Environment,
) -> None:
    """It gets none then."""
    async with RawServer(answer(TOKEN)) as proxy, ClientSession(trust_env=True) as session:
        environment.name(HTTP_PROXY=proxy.url, NO_PROXY="api.localhost")
        await ask(at("http://auth.localhost/token", network=lambda: session))
    assert b"Proxy-Authorization" not in proxy.requests[0]


async def test_a_host_may_be_spared_the_proxy_of_the_environment(
    oauth_server: OAuthServer, environment: Environment
) -> None:
    """``NO_PROXY`` is heard, and netrc is not, there either."""
    async with RawServer(answer(TOKEN)) as proxy, ClientSession(trust_env=True) as session:
        environment.name(HTTP_PROXY=proxy.url, NO_PROXY="127.0.0.1")
        environment.log_in("127.0.0.1", "somebody", "else")
        await ask(at(oauth_server.token_endpoint, network=lambda: session))
    assert not proxy.requests
    assert the_exchange(oauth_server).headers["Authorization"] == (
        basic("client-id:secret").decode()
    )


async def test_a_session_may_be_closed_while_its_proxy_is_looked_up(
    oauth_server: OAuthServer, environment: Environment
) -> None:
    """Then the token request has a session of its own, as without one."""
    async with ClientSession(trust_env=True) as session:
        asking = asyncio.create_task(ask(at(oauth_server.token_endpoint, network=lambda: session)))
        await asyncio.sleep(0)
    assert (await asking).is_valid()


@pytest.mark.parametrize("trust_env", [False, True])
async def test_the_environment_counts_least(*, environment: Environment, trust_env: bool) -> None:
    """Not at all to a session that does not trust it; the session's own proxy goes before."""
    async with (
        RawServer(answer(TOKEN)) as theirs,
        RawServer(answer(TOKEN)) as ours,
        ClientSession(trust_env=trust_env, proxy=ours.url if trust_env else None) as session,
    ):
        environment.name(HTTP_PROXY=theirs.url)
        await ask(at(ours.url, network=lambda: session))
        assert not theirs.requests
        assert len(ours.requests) == 1


@pytest.fixture
async def untrusted_url() -> AsyncIterator[str]:
    """A token endpoint with a certificate that nobody signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).parents[1] / "support" / "self_signed.pem")

    async def answer_token(request: web.Request) -> web.Response:
        return web.json_response(body=TOKEN)

    app = web.Application()
    app.router.add_post("/token", answer_token)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}/token"
    await runner.cleanup()


@pytest.mark.rule("R013")
async def test_certificates_are_checked(untrusted_url: str) -> None:
    """A server that cannot prove its name gets no secret; only an explicit option lets it."""
    error = await failure(at(untrusted_url, retry=None))
    assert isinstance(error, TokenConnectionError)
    assert isinstance(error.__cause__, ClientConnectorCertificateError)
    assert not error.is_transient
    assert (await ask(at(untrusted_url, {"ssl": False}))).access_token == "abc"


@pytest.mark.rule("R161")
async def test_a_certificate_that_is_not_checked_gets_no_token_to_revoke() -> None:
    """Whoever is in between could have it: whatever the options say, but for this machine."""
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    for option in (False, unchecked):
        endpoint = TokenEndpoint(
            None,
            Credentials("id", "secret"),
            ClientSecretBasic(),
            http_options={"ssl": option},
            endpoints={"revocation_endpoint": "https://auth.example.com/revoke"},
        )
        with pytest.raises(TokenConfigurationError, match="revocation_endpoint is not checked"):
            await endpoint.revoke("token-of-mine", "access_token")


@pytest.mark.rule("R161")
async def test_a_certificate_is_checked_where_tokens_are_revoked(untrusted_url: str) -> None:
    """As by default everywhere; on this machine an option lets it be."""

    def endpoint(http_options: Mapping[str, Any] | None) -> TokenEndpoint:
        return TokenEndpoint(
            None,
            Credentials("id", "secret"),
            ClientSecretBasic(),
            http_options=http_options,
            endpoints={"revocation_endpoint": untrusted_url},
        )

    with pytest.raises(TokenConnectionError) as caught:
        await endpoint(None).revoke("token-of-mine", "access_token")
    assert isinstance(caught.value.__cause__, ClientConnectorCertificateError)
    context = ssl.create_default_context(
        cafile=str(Path(__file__).parents[1] / "support" / "self_signed.pem")
    )
    await endpoint({"ssl": context}).revoke("token-of-mine", "access_token")
    await endpoint({"ssl": False}).revoke("token-of-mine", "access_token")


class Certified(ClientSecretBasic):
    """Shows a certificate, too."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self.ssl_context = context


@pytest.mark.rule("R161")
async def test_what_a_client_proves_itself_with_checks_certificates_or_gets_no_token(
    untrusted_url: str,
) -> None:
    """Its context goes before the one of the options, for better and for worse."""
    elsewhere = untrusted_url.replace("127.0.0.1", "auth.example.com")
    checked, unchecked = ssl.create_default_context(), ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    async with ClientSession(connector=TCPConnector(resolver=Here())) as session:
        for client_auth, http_options, kind in (
            (Certified(unchecked), {"ssl": True}, TokenConfigurationError),
            (Certified(checked), {"ssl": False}, TokenConnectionError),
            (ClientSecretBasic(), None, TokenConnectionError),
        ):
            endpoint = TokenEndpoint(
                None,
                Credentials("id", "secret"),
                client_auth,
                http_options=http_options,
                endpoints={"revocation_endpoint": elsewhere},
                network=lambda: session,
            )
            with pytest.raises(kind):
                await endpoint.revoke("token-of-mine", "access_token")


async def test_an_endpoint_may_be_there_for_clients_with_certificates_alone(
    oauth_server: OAuthServer,
) -> None:
    """Who shows none has no such endpoint."""
    only_alias = {"mtls_endpoint_aliases": {"revocation_endpoint": "https://mtls.example/r"}}
    members = {"issuer": oauth_server.issuer, **only_alias}
    oauth_server.faults["metadata"] = Fault.wrong_json(members)
    certified = Certified(ssl.create_default_context())
    for client_auth, expected in ((ClientSecretBasic(), False), (certified, True)):
        endpoint = TokenEndpoint(
            None, Credentials("id", "secret"), client_auth, issuer=oauth_server.issuer
        )
        assert await endpoint.has("revocation_endpoint") is expected
        assert not await endpoint.has("introspection_endpoint")


async def test_an_answer_of_another_endpoint_is_an_object(oauth_server: OAuthServer) -> None:
    """Whatever else it is, its members are not there."""
    url = f"{oauth_server.issuer}/introspect"
    credentials = Credentials(oauth_server.client_id, oauth_server.client_secret)
    endpoint = TokenEndpoint(
        None, credentials, ClientSecretBasic(), endpoints={"introspection_endpoint": url}
    )
    oauth_server.faults["introspection"] = Fault.wrong_json(["active"])
    with pytest.raises(
        TokenResponseError, match=r"without an answer that can be used: it is not a JSON object$"
    ):
        await endpoint.post("introspection_endpoint", {"token": "any"})


async def test_what_may_pass_is_tried_again_where_tokens_are_revoked(
    oauth_server: OAuthServer,
) -> None:
    """As the endpoint's own `Retry` says."""
    credentials = Credentials(oauth_server.client_id, oauth_server.client_secret)
    endpoint = TokenEndpoint(
        None,
        credentials,
        ClientSecretBasic(),
        endpoints={"revocation_endpoint": f"{oauth_server.issuer}/revoke"},
        retry=Retry(attempts=5, wait_initial=0),
    )
    oauth_server.faults["revocation"] = Fault.status(503).times(4)
    await endpoint.revoke("token-of-mine", "access_token")
    assert oauth_server.requests["revocation"] == 5


async def test_a_proof_for_who_has_no_issuer_and_no_token_endpoint_is_for_who_is_asked(
    oauth_server: OAuthServer,
) -> None:
    """An API that asks what tokens are worth may know nothing else of the server."""
    url = f"{oauth_server.issuer}/introspect"
    audiences: list[str] = []

    class Noting(ClientSecretBasic):
        """Takes note of whom the proof is for."""

        async def authenticate(
            self, credentials: Credentials, form: MutableForm, audience: str
        ) -> Mapping[str, str]:
            audiences.append(audience)
            return await super().authenticate(credentials, form, audience)

    credentials = Credentials(oauth_server.client_id, oauth_server.client_secret)
    endpoint = TokenEndpoint(None, credentials, Noting(), endpoints={"introspection_endpoint": url})
    assert await endpoint.post("introspection_endpoint", {"token": "any"}) == {"active": False}
    assert audiences == [url]


# Plain http


class Here(AbstractResolver):
    """A resolver for which every name is this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The loopback address."""
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        """Nothing to do."""


@pytest.mark.rule("R013")
async def test_plain_http_is_warned_of_once_for_an_endpoint() -> None:
    """The warning comes when the endpoint is made, not with every request."""
    async with (
        RawServer(answer(TOKEN)) as server,
        ClientSession(connector=TCPConnector(resolver=Here())) as session,
    ):
        url = server.url.replace("127.0.0.1", "auth.example.com")
        said = f"^The token endpoint {url}"
        with pytest.warns(InsecureTransportWarning, match=said) as caught:
            endpoint = at(url, network=lambda: session)
        assert len(caught) == 1
        assert [(await ask(endpoint)).access_token for _ in range(2)] == ["abc", "abc"]


def test_what_is_no_endpoint_is_refused_by_its_name() -> None:
    """As it is called where it is configured."""
    with pytest.raises(TokenConfigurationError, match=r"^token_endpoint must be an absolute https"):
        at("/token")


@pytest.mark.rule("R013")
def test_plain_http_may_be_made_an_error_or_silent() -> None:
    """The warning's own class is all that a user needs to name."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", InsecureTransportWarning)
        with pytest.raises(InsecureTransportWarning):
            at("http://auth.example.com/token")
        warnings.simplefilter("ignore", InsecureTransportWarning)
        at("http://auth.example.com/token")


@pytest.mark.rule("R063")
@pytest.mark.parametrize("proxy", ["http://user:hunter2@[bad", "http://user:hunter2@a℀b"])
async def test_a_proxy_of_the_environment_that_is_no_url_is_not_shown(
    environment: Environment, proxy: str
) -> None:
    """Its password would be."""
    environment.name(HTTP_PROXY=proxy)
    async with ClientSession(trust_env=True) as session:
        error = await failure(at("http://auth.localhost/token", network=lambda: session))
    assert isinstance(error, TokenConfigurationError)
    assert "environment" in str(error)
    assert "hunter2" not in "".join(traceback.format_exception(error))


@pytest.mark.rule("R063")
async def test_a_proxy_that_is_no_url_is_not_shown() -> None:
    """Its password would be."""
    manager = TokenManager(
        "https://auth.example.com/token",
        "id",
        "secret",
        http_options={"proxy": "http://user:hunter2@[bad"},
    )
    with pytest.raises(TokenConfigurationError, match="malformed") as caught:
        await manager.get_token()
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
