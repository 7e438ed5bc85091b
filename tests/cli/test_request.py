"""Requests that are logged in: what is sent, what is written, and where no token goes."""

import io
import json
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from aioalf.testing import Fault, OAuthServer
from tests.cli.calls import Call
from tests.cli.conftest import Person


@pytest.fixture
def logged_in(server: OAuthServer, person: Person, call: Call) -> OAuthServer:
    """The server, somebody logged in."""
    assert call("login", "--client-id", "desktop", "--issuer", server.issuer).code == 0
    return server


def test_the_body_is_written_as_it_came(logged_in: OAuthServer, call: Call) -> None:
    """Nothing is added to it, and nothing is said."""
    logged_in.api_fault = Fault.body(b"\x00\xff\r\nno line end", content_type="image/png")
    ended = call("request", "GET", logged_in.url("/things"))
    assert (ended.code, ended.said) == (0, "")
    assert ended.out.encode(errors="surrogateescape") == b"\x00\xff\r\nno line end"


def test_a_method_may_be_in_small_letters(logged_in: OAuthServer, call: Call) -> None:
    """As one types it."""
    arrived = json.loads(call("request", "delete", logged_in.url("/things/1")).out)
    assert (arrived["method"], arrived["path"]) == ("DELETE", "/things/1")


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
def test_data_is_sent_as_curl_sends_it(
    logged_in: OAuthServer,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    options: tuple[str, ...],
    content_type: str | None,
    body: str,
) -> None:
    """Text, a file or standard input, as a form, as JSON, or as a header says."""
    (tmp_path / "file").write_text("from a file\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from stdin")))
    given = [
        option.format(file=tmp_path / "file") if "@" in option else option for option in options
    ]
    arrived = json.loads(call("request", "POST", logged_in.url("/things"), *given).out)
    assert (arrived["content_type"], arrived["body"]) == (content_type, body)


def test_headers_are_sent(logged_in: OAuthServer, call: Call) -> None:
    """As often as they are given; JSON asks for JSON, unless a header says otherwise."""
    fields = ("-H", "X-Thing: one", "--header", "x-thing:two", "-H", "Accept: text/html")
    call("request", "POST", logged_in.url("/things"), *fields, "--json", "{}")
    headers = logged_in.log[-1].headers
    assert headers.getall("X-Thing") == ["one", "two"]
    assert headers["Accept"] == "text/html"
    call("request", "POST", logged_in.url("/things"), "--json", "{}")
    assert logged_in.log[-1].headers["Accept"] == "application/json"


def test_include_writes_status_and_headers_first(logged_in: OAuthServer, call: Call) -> None:
    """As they came, an empty line after them."""
    ended = call("request", "GET", logged_in.url("/things"), "-i")
    head, _, body = ended.out.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 OK\r\nContent-Type: application/json")
    assert json.loads(body)["path"] == "/things"
    ended = call("request", "HEAD", logged_in.url("/things"), "--include")
    assert ended.out.startswith("HTTP/1.1 200 OK\r\n")
    assert ended.out.endswith("\r\n\r\n")


def test_output_goes_to_a_file(logged_in: OAuthServer, call: Call, tmp_path: Path) -> None:
    """Once there is an answer: a request that fails leaves it as it was."""
    file = tmp_path / "answer"
    ended = call("request", "GET", logged_in.url("/things"), "-o", str(file))
    assert (ended.code, ended.out) == (0, "")
    before = file.read_text()
    assert json.loads(before)["path"] == "/things"
    logged_in.api_fault = Fault.status(500)
    ended = call("request", "GET", logged_in.url("/things"), "--fail", "-o", str(file))
    assert (ended.code, file.read_text()) == (1, before)


def test_a_file_that_cannot_be_written_is_exit_code_1(
    logged_in: OAuthServer, call: Call, tmp_path: Path
) -> None:
    """The request was made; it is said what became of its answer."""
    ended = call("request", "GET", logged_in.url("/things"), "-o", str(tmp_path))
    assert (ended.code, ended.out) == (1, "")
    assert f"The file {tmp_path} cannot be written" in ended.said


def test_a_status_is_an_error_where_one_says_so(logged_in: OAuthServer, call: Call) -> None:
    """Without --fail the body is written and all is well; with it there is 1 and no body."""
    logged_in.api_fault = Fault.status(404)
    ended = call("request", "GET", logged_in.url("/things"))
    assert (ended.code, ended.said) == (0, "")
    ended = call("request", "GET", logged_in.url("/things"), "--fail")
    assert (ended.code, ended.out) == (1, "")
    assert ended.said == "Error: The API answered 404 Not Found\n"


def test_a_refused_token_is_renewed(logged_in: OAuthServer, call: Call) -> None:
    """The request is repeated, and what came is kept for the next command."""
    logged_in.revoke_all()
    assert call("request", "GET", logged_in.url("/things")).code == 0
    assert call("request", "GET", logged_in.url("/things")).code == 0
    assert (logged_in.token_requests, logged_in.rejected_requests) == (2, 1)


def test_a_login_that_is_over_is_exit_code_3(logged_in: OAuthServer, call: Call) -> None:
    """Neither body nor traceback is written."""
    logged_in.revoke_all()
    logged_in.revoke_refresh_tokens()
    ended = call("request", "GET", logged_in.url("/things"))
    assert (ended.code, ended.out) == (3, "")
    assert "log in with `python -m aioalf login`" in ended.said


def test_a_token_endpoint_that_fails_is_exit_code_1(logged_in: OAuthServer, call: Call) -> None:
    """Its answer is not taken for the API's."""
    logged_in.revoke_all()
    logged_in.token_fault = Fault.oauth_error("unauthorized_client")
    ended = call("request", "GET", logged_in.url("/things"))
    assert (ended.code, ended.out) == (1, "")
    assert "unauthorized_client" in ended.said


@pytest.mark.parametrize("fault", [Fault.hang_up(), Fault.hang_up(after=1)])
def test_an_api_that_hangs_up_is_exit_code_1(
    logged_in: OAuthServer, call: Call, fault: Fault
) -> None:
    """It is one sentence."""
    logged_in.api_fault = fault
    ended = call("request", "GET", logged_in.url("/things"))
    assert ended.code == 1
    assert ended.said.startswith("Error: The request could not be made, or its answer not read: ")
    assert ended.said.count("\n") == 1


# Where no token goes


def test_a_redirect_to_another_origin_goes_without_the_token(
    logged_in: OAuthServer, call: Call
) -> None:
    """It is followed; on the same origin it has the token."""
    logged_in.api_fault = Fault.redirect(f"{logged_in.other_url}/elsewhere").times(1)
    assert json.loads(call("request", "GET", logged_in.url("/things")).out)["path"] == "/elsewhere"
    assert (logged_in.other_requests, logged_in.leaked) == (1, [])
    logged_in.api_fault = Fault.redirect("/here").times(1)
    assert json.loads(call("request", "GET", logged_in.url("/things")).out)["user"] == "Ada"


@pytest.mark.parametrize("host", ["a" * 64, "xn--"])
def test_a_redirect_to_no_host_is_exit_code_1(
    logged_in: OAuthServer, call: Call, host: str
) -> None:
    """Wherever an API sends a command, it ends in a sentence."""
    logged_in.api_fault = Fault.redirect(f"https://{host}.example.com/")
    ended = call("request", "GET", logged_in.url("/things"))
    assert (ended.code, ended.out) == (1, "")
    assert ended.said.startswith("Error: ")
    assert ended.said.count("\n") == 1


def test_standard_input_that_was_closed_is_exit_code_2(
    logged_in: OAuthServer, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to send."""
    monkeypatch.setattr(sys, "stdin", None)
    ended = call("request", "POST", logged_in.url("/things"), "-d", "@-")
    assert (ended.code, ended.out) == (2, "")
    assert "Standard input is closed" in ended.said


def test_plain_http_to_another_machine_is_refused(logged_in: OAuthServer, call: Call) -> None:
    """It is said how to do it nevertheless, and nothing of the URL's query."""
    ended = call("request", "GET", "http://api.example.com/things?key=k")
    assert (ended.code, ended.out) == (2, "")
    assert ended.said.startswith("Error: http://api.example.com/things is plain http")
    assert "--allow-plain-http" in ended.said


def test_plain_http_is_used_where_one_says_so(
    logged_in: OAuthServer, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token goes there, without a warning."""
    url = logged_in.url("/things")
    monkeypatch.setattr(
        "aioalf._requests.authorization_header.is_remote", told := Mock(return_value=True)
    )
    ended = call("request", "GET", url)
    assert (ended.code, ended.out) == (1, "")
    assert "no token is sent there" in ended.said
    ended = call("request", "GET", url, "--allow-plain-http")
    assert (ended.code, ended.said) == (0, "")
    assert told.call_count == 2


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("GET",), "Missing argument 'URL'"),
        (("GET", "api.example.com"), "a whole one"),
        (("GET", "ftp://api.example.com/"), "a whole one"),
        (("GET", "https://[broken"), "a whole one"),
        (("GET", "https:///things"), "a whole one"),
        (("GET", f"https://{'a' * 64}.example.com/"), "a whole one"),
        (("GET", "https://xn--/"), "a whole one"),
        (("GET", "https://api.example.com/\udcff"), "a whole one"),
        (("GET", "https://ada:pw@api.example.com/"), "name or password"),
        (("GET\n", "https://api.example.com/"), "no HTTP method"),
        (("GET", "https://api.example.com/", "-H", "X-Thing"), "'Name: value'"),
        (("GET", "https://api.example.com/", "-H", "X Thing: a"), "'Name: value'"),
        (("GET", "https://api.example.com/", "-H", "X-Thing: a\r\nX-Other: b"), "'Name: value'"),
        (("GET", "https://api.example.com/", "-H", "X-Thing: \udcff"), "'Name: value'"),
        (
            ("GET", "https://api.example.com/", "-H", "Transfer-Encoding: chunked"),
            "The Transfer-Encoding header follows from the body",
        ),
        (("GET", "https://api.example.com/", "-H", "content-length: 9"), "leave it out"),
        (("GET", "https://api.example.com/", "-H", "authorization: Basic x"), "Authorization"),
        (("GET", "https://api.example.com/", "-d", "a", "--json", "b"), "cannot go together"),
        (("GET", "https://api.example.com/", "-d", "@/nowhere"), "/nowhere cannot be read"),
        (("GET", "https://api.example.com/", "--nonsense"), "No such option"),
    ],
)
def test_a_request_that_cannot_be_is_exit_code_2(
    logged_in: OAuthServer, call: Call, arguments: tuple[str, ...], what: str
) -> None:
    """What is wrong is said."""
    ended = call("request", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert what in ended.said
    assert "Traceback" not in ended.said
