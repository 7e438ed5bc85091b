"""The line for each request: its content, its width, and the secrets that it does not show."""

from datetime import UTC, datetime

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from aioalf._serve.request_line import request_line
from aioalf.testing import ReceivedBody, RecordedRequest
from tests.testing.plain_client import basic, raw_basic

NOW = datetime(2026, 5, 4, 13, 5, 9, tzinfo=UTC)


def line_of(
    server: str = "authorization",
    method: str = "POST",
    path: str = "/token",
    *,
    query: str = "",
    status: int | None = 200,
    headers: dict[str, str] | None = None,
    form: dict[str, str] | None = None,
    token_header: str = "Authorization",
    error: str | None = None,
) -> str:
    """Return the line of a request, without its time."""
    request = RecordedRequest(
        server=server,
        method=method,
        path=path,
        query=query,
        status=status,
        headers=CIMultiDictProxy(CIMultiDict(headers or {})),
        form=form or {},
        body=ReceivedBody(0, "", ""),
        error=error,
    )
    time, line = request_line(request, {"client-id", "desktop"}, token_header, NOW).split("  ", 1)
    assert time == "13:05:09"
    return line


def test_token_request_shows_grant_type_and_client() -> None:
    """The client is found in the header, in the form and in the URL."""
    form = {"grant_type": "client_credentials", "client_secret": "hunter2"}
    assert line_of(headers=basic(), form=form) == (
        "auth  200  POST /token  client_credentials, client-id"
    )
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": "desktop"}
    assert line_of(form=form, status=400) == "auth  400  POST /token  device_code, desktop"
    assert line_of(method="GET", path="/authorize", query="client_id=desktop&state=hunter2") == (
        "auth  200  GET  /authorize  desktop"
    )


def test_sign_in_shows_the_decision() -> None:
    """The name of the user and the ticket are not shown."""
    form = {"ticket": "hunter2", "username": "Ada", "decision": "sign-in"}
    assert line_of(path="/authorize", status=303, form=form) == (
        "auth  303  POST /authorize  sign-in"
    )


@pytest.mark.parametrize(
    "headers",
    [basic("hunter2", "hunter2"), raw_basic("hunter2"), {"Authorization": "Basic hunter2!"}],
    ids=["other client", "no colon", "no base64"],
)
def test_unknown_client_id_is_not_shown(headers: dict[str, str]) -> None:
    """It may be a secret in the wrong place."""
    line = line_of(headers=headers, form={"client_id": "hunter2"}, status=401)
    assert line == "auth  401  POST /token  unknown client"


def test_api_request_shows_whether_it_has_a_token() -> None:
    """The token itself is not shown, and the header of the provider counts."""
    assert line_of("api", "GET", "/things", headers={"Authorization": "Bearer hunter2"}) == (
        "api   200  GET  /things  with a token"
    )
    assert line_of("api", "GET", "/things", status=None) == (
        "api   ---  GET  /things  without a token"
    )
    headers = {"X-Token": "hunter2"}
    assert "with a token" in line_of("other", "GET", "/", headers=headers, token_header="X-Token")


def test_error_shows_its_code() -> None:
    """The code stands before the other words, which are cut first."""
    form = {"grant_type": "refresh_token", "client_id": "desktop", "refresh_token": "hunter2"}
    assert line_of(status=400, form=form, error="invalid_grant") == (
        "auth  400  POST /token  invalid_grant: refresh_token, desktop"
    )
    assert line_of("api", "GET", "/things", status=401, error="invalid_token") == (
        "api   401  GET  /things  invalid_token: without a token"
    )


def test_device_that_polls_is_explained() -> None:
    """These answers are no failures, so the line says what the device waits for."""
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": "desktop"}
    assert line_of(status=400, form=form, error="authorization_pending") == (
        "auth  400  POST /token  authorization_pending: waiting for the user"
    )
    assert line_of(status=400, form=form, error="slow_down") == (
        "auth  400  POST /token  slow_down: the device polls too often"
    )


def test_line_has_at_most_80_columns_and_no_control_characters() -> None:
    """A long line is cut, and escapes cannot control the terminal."""
    line = line_of("api", "GET", f"/{'a' * 200}")
    assert (len(line), line[-4:]) == (70, "a...")
    assert line_of(error="\x1b[2J") == "auth  200  POST /token  \\x1b[2J:"
    assert line_of(form={"grant_type": "\x1b[2J"}) == "auth  200  POST /token  \\x1b[2J"
