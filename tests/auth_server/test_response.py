"""Responses of the authorization server: members, or an error that shows no secret."""

import base64
import html
import json
import time
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from multidict import CIMultiDict
from yarl import URL

from aioalf._auth_server.error_response import OAuthErrorFields, read_oauth_error
from aioalf._auth_server.request_params import Form
from aioalf._auth_server.response import (
    PUBLIC_PARAMS,
    ServerResponse,
    read_object,
    secrets_in_request,
)
from aioalf.client_auth import Credentials
from tests.support.identity import in_ascii

ENDPOINT = URL("https://user:password@auth.example.com/token?tenant=secret-tenant")
SECRET = "a-client-secret"
CREDENTIALS = Credentials("client-id", SECRET)


def response_of(
    status: int,
    body: bytes | dict[str, Any],
    content_type: str | None = None,
    *secrets: str,
    endpoint: str = "token_endpoint",
    **headers: str,
) -> ServerResponse:
    """Return a response as `AuthServerHTTP` returns it."""
    all_headers = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    if content_type is not None:
        all_headers["Content-Type"] = content_type
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    response: Any = SimpleNamespace(
        status=status, reason="", headers=all_headers, _body=raw, cookies={}, _cache={}
    )
    return ServerResponse(endpoint, ENDPOINT, response, raw, frozenset(secrets))


# Members


@pytest.mark.rule("R031")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'["access_token", "abc"]',
        b'"abc"',
        b"5",
        b"true",
        b'{"access_token": "abc"',
        b"{'access_token': 'abc'}",
        b"<html>access_token</html>",
        b"access_token=abc&expires_in=3600",
        b'{"access_token": "\xff"}',
        json.dumps({"access_token": "abc"}).encode("utf-16"),
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"expires_in": ' + b"9" * 5_000 + b"}",
        b" " * 2**21,
        b"\x00" * 2**21,
    ],
    ids=lambda body: in_ascii(body[:20]),
)
def test_body_that_is_not_an_object_is_none(body: bytes) -> None:
    """A body that is empty, truncated, not JSON, not UTF-8 or not an object has no members."""
    begin = time.process_time()
    assert read_object(body) is None
    assert time.process_time() - begin < 2


def test_body_may_begin_with_a_byte_order_mark() -> None:
    """A byte order mark is ignored, as RFC 8259 §8.1 allows."""
    assert read_object(b'\xef\xbb\xbf{"access_token": "abc"}') == {"access_token": "abc"}


@pytest.mark.parametrize(
    ("status", "is_success"), [(199, False), (200, True), (201, True), (299, True), (300, False)]
)
def test_status_decides_about_success(status: int, *, is_success: bool) -> None:
    """A response is a success if its status is 2xx, whatever the body holds."""
    assert response_of(status, b"").is_success is is_success


@pytest.mark.rule("R031")
@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'"x"', b"\xff", b"[" * 100_000])
def test_response_without_an_object_has_no_members(body: bytes) -> None:
    """The content type does not matter, and the error names status, content type and problem."""
    response = response_of(200, body, "application/json")
    assert response.members is None
    error = response.unusable_error("a usable token", "it is not a JSON object")
    assert (error.response_status, error.content_type) == (200, "application/json")
    assert str(error) == (
        "The token endpoint https://auth.example.com/token answered 200 (application/json) "
        "without a usable token: it is not a JSON object"
    )


# OAuth errors


@pytest.mark.rule("R029")
def test_members_of_an_oauth_error_are_read() -> None:
    """The error code, description and URI are read unchanged."""
    fields = read_oauth_error({"error": "e", "error_description": "d", "error_uri": "u"})
    assert fields == OAuthErrorFields("e", "d", "u")
    assert str(fields) == "e: d"


@pytest.mark.rule("R029")
@pytest.mark.parametrize("value", [None, "", 5, True, ["e"], {}])
def test_member_of_an_oauth_error_that_is_not_text_is_none(value: object) -> None:
    """A member that is absent, empty or not text is None."""
    fields = read_oauth_error({"error": value, "error_description": value, "error_uri": value})
    assert fields == OAuthErrorFields()
    assert str(fields) == ""


@pytest.mark.rule("R029")
def test_oauth_error_is_escaped_in_messages_and_unchanged_in_fields() -> None:
    """A server cannot forge a log line, and the fields hold what the server sent."""
    fields = read_oauth_error({"error": "e\r\n", "error_description": '"ä"'})
    assert (fields.error, fields.error_description) == ("e\r\n", '"ä"')
    assert str(fields) == r"e\r\n: \"\xe4\""


@pytest.mark.rule("R029", "R030")
def test_reason_of_the_server_is_in_the_error() -> None:
    """The OAuth error of the server replaces our own explanation, for a 400 and for a 200."""
    words = {"error": "invalid_target", "error_description": "no", "error_uri": "https://e.example"}
    refused = response_of(400, words).http_error()
    unusable = response_of(200, words).unusable_error("it", "what?")
    for error in (refused, unusable):
        assert (error.error, error.error_description, error.error_uri) == tuple(words.values())
        assert "invalid_target: no" in str(error)
    assert "what?" not in str(unusable)
    assert "(no content type)" in str(unusable)


@pytest.mark.parametrize(
    ("status", "advice"),
    [(307, ": it redirects"), (404, ": nothing is at that URL; look at the_place"), (500, ",")],
)
def test_error_gives_advice_for_configuration_mistakes(status: int, advice: str) -> None:
    """A redirect and a 404 are probably mistakes in the configuration; other statuses are not."""
    text = str(response_of(status, b"", endpoint="the_place").http_error())
    assert text.startswith(f"The the place https://auth.example.com/token refused{advice}")


@pytest.mark.rule("R033")
@pytest.mark.parametrize(
    ("said", "seconds"),
    [(None, None), ("7", 7), ("", None), ("soon", None), ("-1", None), ("9" * 5000, 9999999999)],
)
def test_error_holds_retry_after(said: str | None, seconds: float | None) -> None:
    """``retry_after`` is in seconds, and None if the header is absent or invalid."""
    headers = {} if said is None else {"Retry_After": said}
    assert response_of(503, b"", **headers).http_error().retry_after == seconds


# Masking


@pytest.mark.rule("R007")
def test_error_does_not_repeat_a_secret() -> None:
    """A secret that the server echoes is masked in each text of the error."""
    echo = f"you sent {SECRET}"
    words = {"error": SECRET, "error_description": echo, "error_uri": f"https://e/{SECRET}"}
    refused = response_of(400, words, echo, SECRET).http_error()
    unusable = response_of(200, words, echo, SECRET).unusable_error("it", "no")
    for error in (refused, unusable):
        shown = [str(error), error.error, error.error_description, error.error_uri]
        assert all(SECRET not in (text or "") for text in shown)
    assert SECRET not in (refused.response_text or "")
    assert SECRET not in (unusable.content_type or "")


@pytest.mark.rule("R007")
def test_secrets_are_masked_in_oauth_error_fields() -> None:
    """The fields of an error can be logged as well."""
    members = {"error": "e", "error_description": "unknown client my-client with s3cret-word"}
    fields = read_oauth_error(members, frozenset({"my-client", "s3cret-word"}))
    assert fields.error_description == "unknown client *** with ***"


def test_url_is_shown_without_credentials_and_query() -> None:
    """A user name, a password and a query may be secret."""
    for error in (
        response_of(500, b"").http_error(),
        response_of(200, b"").unusable_error("it", "no"),
    ):
        assert "password" not in str(error)
        assert "tenant" not in str(error)


@pytest.mark.rule("R007", "R159")
@pytest.mark.parametrize(
    "name",
    [
        *("actor_token", "assertion", "client_assertion", "code", "code_verifier", "device_code"),
        *("refresh_token", "subject_token", "token"),
        *("otp_secret", "password", "login_hint", "state", "a-name-that-nobody-knows"),
    ],
)
def test_parameters_are_secret_by_default(name: str) -> None:
    """The value of each parameter is masked, known or not, besides the client's credentials."""
    form: Form = {"grant_type": "x", name: "a-proof", "scope": "read", "resource": ("a", "b")}
    secrets = secrets_in_request(CREDENTIALS, form)
    assert {"a-proof", "client-id", SECRET} <= secrets
    assert not secrets & {"x", "read", "", "a", "b"}


@pytest.mark.rule("R007")
def test_each_value_of_a_parameter_is_secret() -> None:
    """A parameter with several values hides each of them."""
    form: Form = {"otp_secret": ("first-value", "", "second-value")}
    assert secrets_in_request(CREDENTIALS, form) == CREDENTIALS.known() | {
        "first-value",
        "second-value",
    }


def test_only_a_short_list_of_parameters_is_public() -> None:
    """A new public parameter is a decision: nothing on the list can be a secret."""
    assert {
        *("access_type", "actor_token_type", "audience", "client_assertion_type", "client_id"),
        *("code_challenge_method", "grant_type", "issued_token_type", "prompt", "redirect_uri"),
        *("requested_token_type", "requested_token_use", "resource", "response_type", "scope"),
        *("subject_token_type", "token_type_hint"),
    } == PUBLIC_PARAMS
    form = dict.fromkeys(PUBLIC_PARAMS, "public")
    assert secrets_in_request(CREDENTIALS, form) == CREDENTIALS.known()


def test_empty_value_is_not_masked() -> None:
    """Masking an empty text would put a mask between all characters."""
    assert secrets_in_request(CREDENTIALS, {"code": "", "token": ("", "")}) == CREDENTIALS.known()


OTP = 'hunter2-/"\\&+ é one-time'


@pytest.mark.rule("R007")
@pytest.mark.parametrize(
    "echo",
    [
        OTP,
        json.dumps(OTP),
        json.dumps(OTP, ensure_ascii=False),
        json.dumps(OTP).replace("/", r"\/"),
        quote(OTP, safe=""),
        quote_plus(OTP),
        base64.b64encode(OTP.encode()).decode(),
        html.escape(OTP),
        json.dumps(json.dumps(OTP)),
    ],
    ids=[
        *("plain", "JSON", "JSON in UTF-8", "JSON of PHP", "URL-encoded", "form-encoded", "base64"),
        *("HTML", "JSON in JSON"),
    ],
)
@pytest.mark.parametrize("parameter", [OTP, ("short", OTP)], ids=["one value", "several values"])
def test_encoded_echo_of_an_unknown_parameter_is_masked(
    echo: str, parameter: str | tuple[str, ...]
) -> None:
    """A custom parameter appears in no text of an error, even if the server encodes it."""
    secrets = secrets_in_request(CREDENTIALS, {"grant_type": "x", "otp_secret": parameter})
    names: list[str] = ["error", "error_description", "error_uri"]
    words = dict.fromkeys(names, f"got {echo}")
    for body in (words, f"<p>{echo}</p>".encode()):
        refused = response_of(400, body, f"text/{echo}", *secrets).http_error()
        unusable = response_of(200, body, f"text/{echo}", *secrets).unusable_error("it", "no")
        for error in (refused, unusable):
            fields = {name: value for name, value in vars(error).items() if name != "response"}
            shown = f"{error} {error!r} {fields}"
            assert "hunter2" not in shown
            assert echo not in shown
            assert "***" in shown or "that contain a secret" in shown


@pytest.mark.rule("R007")
def test_member_with_another_escape_is_masked_in_the_response_text() -> None:
    """The text shows the members as JSON parses them, without the escapes of the server."""
    secret = "Ab3/De+f9&g"
    for escaped in (secret.replace("/", r"\/"), secret.replace("&", r"\u0026")):
        body = rf'{{"error": "invalid_client", "got": "secret {escaped}"}}'.encode()
        error = response_of(400, body, "application/json", secret).http_error()
        assert error.response_text == '{"error": "invalid_client", "got": "secret ***"}'


def test_short_value_is_masked_only_as_a_word() -> None:
    """A short parameter does not make a message unreadable."""
    secrets = secrets_in_request(CREDENTIALS, {"pin": "123", "flag": "a"})
    body = {"error": "invalid_grant", "error_description": "pin 123 is a bad value, see 12345"}
    error = response_of(400, body, None, *secrets).http_error()
    assert error.error == "invalid_grant"
    assert error.error_description == "pin *** is *** bad value, see 12345"
