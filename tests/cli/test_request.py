"""Tests of `request`: its HTTP request, its output, and the origins that get no token."""

import io
import json
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import pytest
from aiohttp import ClientTimeout

from aioalf.testing import Fault, OAuthServer
from tests.cli.run_command import Run


def test_body_is_written_unchanged(logged_in: OAuthServer, run: Run) -> None:
    """Stdout has exactly the bytes of the body, and stderr is empty."""
    logged_in.api_fault = Fault.body(b"\x00\xff\r\nno line end", content_type="image/png")
    result = run("request", "GET", logged_in.url("/things"))
    assert (result.code, result.stderr) == (0, "")
    assert result.stdout.encode(errors="surrogateescape") == b"\x00\xff\r\nno line end"


def test_method_is_converted_to_upper_case(logged_in: OAuthServer, run: Run) -> None:
    """``delete`` is sent as DELETE."""
    echo = json.loads(run("request", "delete", logged_in.url("/things/1")).stdout)
    assert (echo["method"], echo["path"]) == ("DELETE", "/things/1")


@pytest.mark.parametrize(
    ("arguments", "method"),
    [
        ((), "GET"),
        (("-d", "a=b"), "POST"),
        (("--json", "{}"), "POST"),
        (("-X", "put", "-d", "a=b"), "PUT"),
        (("--request", "DELETE"), "DELETE"),
        (("-L", "--location"), "GET"),
    ],
)
def test_method_is_optional(
    logged_in: OAuthServer, run: Run, arguments: tuple[str, ...], method: str
) -> None:
    """Without a method a request is GET, or POST with a body; -X sets it, and -L is accepted."""
    assert json.loads(run("request", logged_in.url("/things"), *arguments).stdout)["method"] == (
        method
    )


@pytest.mark.parametrize(
    ("options", "content_type", "body"),
    [
        ((), None, ""),
        (("-d", "a=b", "--data", "c=d"), "application/x-www-form-urlencoded", "a=b&c=d"),
        (("-d", "@{file}"), "application/x-www-form-urlencoded", "from a file\n"),
        (("-d", "@-"), "application/x-www-form-urlencoded", "from stdin"),
        (("-d", "x", "-H", "content-type: text/plain"), "text/plain", "x"),
        (("--json", '{"a": 1}'), "application/json", '{"a": 1}'),
        (("--json", "@-"), "application/json", "from stdin"),
    ],
)
def test_data_options_work_as_in_curl(
    logged_in: OAuthServer,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    options: tuple[str, ...],
    content_type: str | None,
    body: str,
) -> None:
    """The body is text, a file or stdin, sent as a form, as JSON or as a header says."""
    (tmp_path / "file").write_text("from a file\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from stdin")))
    arguments = [
        option.format(file=tmp_path / "file") if "@" in option else option for option in options
    ]
    echo = json.loads(run("request", "POST", logged_in.url("/things"), *arguments).stdout)
    assert (echo["content_type"], echo["body"]) == (content_type, body)


def test_headers_are_sent(logged_in: OAuthServer, run: Run) -> None:
    """Repeated headers are all sent; --json sets Accept unless a header does."""
    headers = ("-H", "X-Thing: one", "--header", "x-thing:two", "-H", "Accept: text/html")
    run("request", "POST", logged_in.url("/things"), *headers, "--json", "{}")
    received = logged_in.log[-1].headers
    assert received.getall("X-Thing") == ["one", "two"]
    assert received["Accept"] == "text/html"
    run("request", "POST", logged_in.url("/things"), "--json", "{}")
    assert logged_in.log[-1].headers["Accept"] == "application/json"


def test_include_writes_status_and_headers_first(logged_in: OAuthServer, run: Run) -> None:
    """The status line and headers are followed by an empty line."""
    result = run("request", "GET", logged_in.url("/things"), "-i")
    head, _, body = result.stdout.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 OK\r\nContent-Type: application/json")
    assert json.loads(body)["path"] == "/things"
    result = run("request", "HEAD", logged_in.url("/things"), "--include")
    assert result.stdout.startswith("HTTP/1.1 200 OK\r\n")
    assert result.stdout.endswith("\r\n\r\n")


def test_output_option_writes_a_file(logged_in: OAuthServer, run: Run, tmp_path: Path) -> None:
    """The file is opened when the response arrives, so a failed request leaves it unchanged."""
    file = tmp_path / "response"
    result = run("request", "GET", logged_in.url("/things"), "-o", str(file))
    assert (result.code, result.stdout) == (0, "")
    before = file.read_text()
    assert json.loads(before)["path"] == "/things"
    logged_in.api_fault = Fault.status(500)
    result = run("request", "GET", logged_in.url("/things"), "--fail", "-o", str(file))
    assert (result.code, file.read_text()) == (1, before)


def test_unwritable_output_file_is_exit_code_1(
    logged_in: OAuthServer, run: Run, tmp_path: Path
) -> None:
    """The request was sent, and the error is about the file."""
    result = run("request", "GET", logged_in.url("/things"), "-o", str(tmp_path))
    assert (result.code, result.stdout) == (1, "")
    assert f"The file {tmp_path} cannot be written" in result.stderr


def test_fail_option_makes_error_statuses_fail(logged_in: OAuthServer, run: Run) -> None:
    """Without --fail a 404 body is written; with it the exit code is 1 without a body."""
    logged_in.api_fault = Fault.status(404)
    result = run("request", "GET", logged_in.url("/things"))
    assert (result.code, result.stderr) == (0, "")
    result = run("request", "GET", logged_in.url("/things"), "--fail")
    assert (result.code, result.stdout) == (1, "")
    assert result.stderr == "Error: The API responded 404 Not Found\n"


def test_rejected_token_is_renewed(logged_in: OAuthServer, run: Run) -> None:
    """The request is repeated, and the new token is stored for the next command."""
    logged_in.revoke_all()
    assert run("request", "GET", logged_in.url("/things")).code == 0
    assert run("request", "GET", logged_in.url("/things")).code == 0
    assert (logged_in.token_requests, logged_in.rejected_requests) == (2, 1)


def test_revoked_login_is_exit_code_3(logged_in: OAuthServer, run: Run) -> None:
    """The error says how to log in, and no body is written."""
    logged_in.revoke_all()
    logged_in.revoke_refresh_tokens()
    result = run("request", "GET", logged_in.url("/things"))
    assert (result.code, result.stdout) == (3, "")
    assert "log in with `aioalf login`" in result.stderr


def test_token_endpoint_error_is_exit_code_1(logged_in: OAuthServer, run: Run) -> None:
    """A response of the token endpoint is not printed in place of the response of the API."""
    logged_in.revoke_all()
    logged_in.token_fault = Fault.oauth_error("unauthorized_client")
    result = run("request", "GET", logged_in.url("/things"))
    assert (result.code, result.stdout) == (1, "")
    assert "unauthorized_client" in result.stderr


@pytest.mark.parametrize("fault", [Fault.hang_up(), Fault.hang_up(after=1)])
def test_lost_connection_is_exit_code_1(logged_in: OAuthServer, run: Run, fault: Fault) -> None:
    """The error is one sentence."""
    logged_in.api_fault = fault
    result = run("request", "GET", logged_in.url("/things"))
    assert result.code == 1
    assert result.stderr.startswith(
        "Error: The request could not be sent, or its response not read: "
    )
    assert result.stderr.count("\n") == 1


# Time limit and silence


@pytest.mark.parametrize(
    "fault",
    [Fault.slow(60), Fault.body(b"x" * 100, headers={"Content-Length": "1000"})],
    ids=["no response", "incomplete response"],
)
def test_max_time_limits_the_whole_request(logged_in: OAuthServer, run: Run, fault: Fault) -> None:
    """The exit code is 1, and the error names the option."""
    logged_in.api_fault = fault
    before = time.monotonic()
    result = run("request", logged_in.url("/things"), "--max-time", "0.3")
    assert time.monotonic() - before < 10
    assert (result.code, result.stderr) == (
        1,
        "Error: The response was not complete after 0.3 seconds, the limit of --max-time\n",
    )


def test_other_time_limit_is_not_reported_as_max_time(
    logged_in: OAuthServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that cannot be established in time has an error of its own."""
    monkeypatch.setattr("aioalf._cli.http_request._TIMEOUT", ClientTimeout(total=0.2))
    logged_in.api_fault = Fault.slow(60)
    result = run("request", logged_in.url("/things"), "--max-time", "50")
    assert (result.code, result.stdout) == (1, "")
    assert result.stderr.startswith(
        "Error: The request could not be sent, or its response not read"
    )


def test_max_time_of_zero_is_no_limit(logged_in: OAuthServer, run: Run) -> None:
    """As in curl."""
    logged_in.api_fault = Fault.slow(0.1)
    assert run("request", logged_in.url("/things"), "-m", "0").code == 0


def test_max_time_does_not_lose_the_login(logged_in: OAuthServer, run: Run) -> None:
    """A refresh token that was sent is not sent again: its response is stored first."""
    logged_in.revoke_all()
    logged_in.token_fault = Fault.slow(0.6).times(1)
    assert run("request", logged_in.url("/things"), "-m", "0.3").code == 1
    assert run("request", logged_in.url("/things")).code == 0
    assert (logged_in.logins, logged_in.token_requests) == (1, 2)


def test_silent_shows_no_error(logged_in: OAuthServer, run: Run) -> None:
    """The exit code stays the same, and --show-error shows the error again."""
    logged_in.api_fault = Fault.status(500)
    url = logged_in.url("/things")
    result = run("request", url, "--fail", "--silent")
    assert (result.code, result.stdout, result.stderr) == (1, "", "")
    result = run("request", url, "-f", "-sS")
    assert (result.code, result.stderr) == (
        1,
        "Error: The API responded 500 Internal Server Error\n",
    )


# Where the token is not sent


def test_redirect_to_another_origin_has_no_token(logged_in: OAuthServer, run: Run) -> None:
    """The redirect is followed; on the same origin it has the token."""
    logged_in.api_fault = Fault.redirect(f"{logged_in.other_url}/elsewhere").times(1)
    assert (
        json.loads(run("request", "GET", logged_in.url("/things")).stdout)["path"] == "/elsewhere"
    )
    assert (logged_in.other_requests, logged_in.leaked) == (1, [])
    logged_in.api_fault = Fault.redirect("/here").times(1)
    assert json.loads(run("request", "GET", logged_in.url("/things")).stdout)["user"] == "Ada"


@pytest.mark.parametrize(
    "location",
    [f"https://{'a' * 64}.example.com/", "https://xn--.example.com/", "http://ada:hunter2@{api}/"],
)
def test_redirect_to_an_unusable_url_is_exit_code_1(
    logged_in: OAuthServer, run: Run, location: str
) -> None:
    """The error is one sentence, for an invalid host and for credentials in the URL."""
    api = logged_in.api_url.removeprefix("http://")
    logged_in.api_fault = Fault.redirect(location.format(api=api))
    result = run("request", "GET", logged_in.url("/things"))
    assert (result.code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: The request could not be sent")
    assert result.stderr.count("\n") == 1
    assert "hunter2" not in result.stderr


def test_closed_stdin_is_exit_code_2(
    logged_in: OAuthServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``@-`` needs an open standard input."""
    monkeypatch.setattr(sys, "stdin", None)
    result = run("request", "POST", logged_in.url("/things"), "-d", "@-")
    assert (result.code, result.stdout) == (2, "")
    assert "Standard input is closed" in result.stderr


def test_plain_http_to_another_machine_is_refused(logged_in: OAuthServer, run: Run) -> None:
    """The error names the option that allows it, and leaves out the query of the URL."""
    result = run("request", "GET", "http://api.example.com/things?key=k")
    assert (result.code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: http://api.example.com/things is plain http")
    assert "--allow-plain-http" in result.stderr


def test_allow_plain_http_sends_the_token(
    logged_in: OAuthServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the option, the token is sent without a warning."""
    url = logged_in.url("/things")
    monkeypatch.setattr(
        "aioalf._requests.origin_policy.is_remote", is_remote := Mock(return_value=True)
    )
    result = run("request", "GET", url)
    assert (result.code, result.stdout) == (1, "")
    assert "so no token was sent" in result.stderr
    result = run("request", "GET", url, "--allow-plain-http")
    assert (result.code, result.stderr) == (0, "")
    assert is_remote.call_count == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'URL'"),
        (("GET",), "must be absolute"),
        (("GET", "POST", "https://api.example.com/"), "Expected one method and one URL"),
        (("GET", "https://api.example.com/", "-X", "POST"), "Expected one method and one URL"),
        (("https://api.example.com/", "-m", "-1"), "-1.0 is not in the range"),
        (("GET", "api.example.com"), "must be absolute"),
        (("GET", "ftp://api.example.com/"), "must be absolute"),
        (("GET", "https://[broken"), "must be absolute"),
        (("GET", "https:///things"), "must be absolute"),
        (("GET", f"https://{'a' * 64}.example.com/"), "must be absolute"),
        (("GET", "https://xn--/"), "must be absolute"),
        (("GET", "https://api.example.com/\udcff"), "must be absolute"),
        (("GET", "https://ada:pw@api.example.com/"), "user name or password"),
        (("GET\n", "https://api.example.com/"), "is not an HTTP method"),
        (("GET", "https://api.example.com/", "-H", "X-Thing"), "'Name: value'"),
        (("GET", "https://api.example.com/", "-H", "X Thing: a"), "'Name: value'"),
        (("GET", "https://api.example.com/", "-H", "X-Thing: a\r\nX-Other: b"), "'Name: value'"),
        (("GET", "https://api.example.com/", "-H", "X-Thing: \udcff"), "'Name: value'"),
        (
            ("GET", "https://api.example.com/", "-H", "Transfer-Encoding: chunked"),
            "The Transfer-Encoding header is computed from the body",
        ),
        (("GET", "https://api.example.com/", "-H", "content-length: 9"), "leave it out"),
        (("GET", "https://api.example.com/", "-H", "authorization: Basic x"), "Authorization"),
        (("GET", "https://api.example.com/", "-d", "a", "--json", "b"), "cannot be used together"),
        (("GET", "https://api.example.com/", "-d", "@/nowhere"), "/nowhere cannot be read"),
        (("GET", "https://api.example.com/", "--nonsense"), "No such option"),
    ],
)
def test_invalid_arguments_are_exit_code_2(
    logged_in: OAuthServer, run: Run, arguments: tuple[str, ...], message: str
) -> None:
    """The error names the problem."""
    result = run("request", *arguments)
    assert (result.code, result.stdout) == (2, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr
