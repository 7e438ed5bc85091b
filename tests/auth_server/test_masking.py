"""Secrets of a token request are in no error, whatever the server echoes."""

import base64
import copy
import json
import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientResponseError

from aioalf import Client
from aioalf.client_auth import Credentials
from aioalf.errors import TokenHTTPError
from aioalf.testing import Fault, OAuthServer
from tests.auth_server.token_requests import ONCE, endpoint_at, error_of
from tests.support.raw_server import RawServer, answer

SECRET, CLIENT = "top/s3cret+word", "my client:id"
ESCAPED = [
    SECRET.replace("/", r"\/"),
    SECRET.replace("+", r"\u002b"),
    SECRET.replace("/", "&#x2F;"),
    "top%2fs3cret%2bword",
]
FORMS = [
    *ESCAPED,
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
    "escaped echo in an error": Fault.body(
        b'{"error": "e", "got": "%s"}' % " ".join(ESCAPED).encode(),
        status=400,
    ),
    "JSON of PHP in a page": Fault.html(f"<p>{ESCAPED[0]}", status=500),
    "JSON of Go in a page": Fault.html(f"<p>{ESCAPED[1]}", status=500),
    "entities in a page": Fault.html(f"<p>{ESCAPED[2]}", status=500),
    "lower-case percent escapes in a page": Fault.html(f"<p>{ESCAPED[3]}", status=500),
    "a token in an error": Fault.body(b'{"access_token": "granted-token"}', status=500),
    "a token of another type": Fault.wrong_json(
        {"access_token": "granted-token", "token_type": "mac"}
    ),
    "a token cut": Fault.body(b'{"access_token": "granted-token", '),
    "redirect": Fault.redirect("/"),
    "hang up": Fault.hang_up(),
    "hang up within": Fault.hang_up(after=30),
    "not compressed": Fault.body(b"x", headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.rule("R007", "R031", "R063")
@pytest.mark.parametrize("fault", REVEALING.values(), ids=REVEALING.keys())
async def test_error_shows_no_secret(
    oauth_server: OAuthServer, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    """No secret is in str, repr, traceback, cause, copy, request info or log."""
    caplog.set_level(logging.DEBUG)
    oauth_server.token_fault = fault
    error = await error_of(
        endpoint_at(oauth_server.token_endpoint, credentials=Credentials(CLIENT, SECRET))
    )
    visible = [
        *(str(error), repr(error), repr(error.__cause__), str(copy.copy(error))),
        *traceback.format_exception(error),
        *(repr(getattr(error, name, "")) for name in ("error", "error_description", "error_uri")),
        repr(error.response_data),
        caplog.text,
    ]
    if isinstance(error, TokenHTTPError):
        assert error.response is not None
        visible += [repr(error.response), repr(error.response.request_info)]
        visible += [repr(ClientResponseError(error.response.request_info, ()))]
    assert not [(form, text) for form in FORMS for text in visible if form in text]


@pytest.mark.rule("R007")
async def test_response_text_is_masked(
    oauth_server: OAuthServer,
) -> None:
    """The text of the response is the field that is most likely to be logged."""
    oauth_server.token_fault = Fault.html(f"<h1>{ECHO}</h1>", status=500)
    error = await error_of(
        endpoint_at(oauth_server.token_endpoint, credentials=Credentials(CLIENT, SECRET))
    )
    assert isinstance(error, TokenHTTPError)
    assert error.response_text is not None
    assert not [form for form in FORMS if form in error.response_text]


# The response that `Client` returns instead of the API's


@asynccontextmanager
async def returned_response(url: str, **options: Any) -> AsyncIterator[ClientResponse]:
    """Return the error response of the token endpoint as a program sees it."""
    async with Client(CLIENT, SECRET, url, retry=ONCE, **options) as client:
        yield await client.get("https://api.example.com/things")


@pytest.mark.rule("R007")
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("JSON", json.dumps({"error": "e", "got": [SECRET, *ESCAPED[2:]]})),
        ("JSON with escapes", f'{{"error": "e", "got": "{ESCAPED[0]} {ESCAPED[1]}"}}'),
        ("a page", f"<p>{SECRET}"),
        ("a page with escapes", f"<p>{ESCAPED[0]}"),
    ],
    ids=["JSON", "JSON with escapes", "a page", "a page with escapes"],
)
async def test_returned_response_repeats_no_secret(name: str, body: str) -> None:
    """A gateway that passes the response on does not give the secret to its own callers."""
    reply = answer(
        body.encode(), status=f"401 No {SECRET}", X_Echo=SECRET, Set_Cookie=f"a={SECRET}"
    )
    async with RawServer(reply) as server, returned_response(server.url) as response:
        text = await response.text()
        shown = [text, repr(response), str(response.raw_headers), str(response.cookies)]
        assert not [(form, each) for form in (SECRET, *ESCAPED) for each in shown if form in each]
        assert (response.status, response.reason) == (401, "No ***")
        assert response.content_length == len(text)
        if name.startswith("JSON"):
            assert json.loads(text)["error"] == "e"


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(
            {"error": "invalid_client", "error_description": f"unknown: {CLIENT}"}, indent=3
        ),
        f"<p>{CLIENT} &amp; 100%25",
        "\xff\xfe",
    ],
)
async def test_returned_response_without_a_secret_is_unchanged(body: str) -> None:
    """Code written for 0.4.0 gets each byte and header; the client id is not a secret."""
    sent = body.encode("latin-1")
    reply = answer(sent, status=f"401 No {CLIENT}", X_Echo=CLIENT, Set_Cookie="a=b")
    async with RawServer(reply) as server, returned_response(server.url) as response:
        assert await response.read() == sent
        assert response.reason == f"No {CLIENT}"
        assert dict(response.headers) == {
            "X-Echo": CLIENT,
            "Set-Cookie": "a=b",
            "Content-Length": str(len(sent)),
            "Connection": "close",
        }


async def test_short_parameter_is_kept_in_the_returned_response() -> None:
    """A value such as ``v1`` is more often a coincidence than an echo."""
    sent = b'{"error": "e", "version": "v1"}'
    reply = answer(sent, status="400 No")
    async with (
        RawServer(reply) as server,
        returned_response(server.url, extra_params={"api": "v1"}) as response,
    ):
        assert await response.read() == sent


@pytest.mark.rule("R007", "R063")
async def test_returned_response_does_not_show_the_request_headers(
    oauth_server: OAuthServer,
) -> None:
    """A header in ``http_options`` may be an API key."""
    oauth_server.token_fault = Fault.html("no", status=500)
    options = {"headers": {"X-Api-Key": "an-api-key", "User-Agent": "a program"}}
    async with returned_response(oauth_server.token_endpoint, http_options=options) as response:
        assert oauth_server.log[0].headers["X-Api-Key"] == "an-api-key"
        with pytest.raises(ClientResponseError) as caught:
            response.raise_for_status()
        assert response.request_info.headers["User-Agent"] == "a program"
    assert "an-api-key" not in repr(caught.value)
