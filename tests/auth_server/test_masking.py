"""Secrets of a token request are in no error, whatever the server echoes."""

import base64
import copy
import json
import logging
import traceback

import pytest
from aiohttp import ClientResponseError

from aioalf.client_auth import Credentials
from aioalf.errors import TokenHTTPError
from aioalf.testing import Fault, OAuthServer
from tests.auth_server.token_requests import endpoint_at, error_of

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
