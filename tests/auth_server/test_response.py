"""What an answer is worth: members, or an error that says what came and shows no secret."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import ClientResponse
from multidict import CIMultiDict
from yarl import URL

from aioalf._auth_server.http import RawResponse
from aioalf._auth_server.request_params import Form
from aioalf._auth_server.response import ServerResponse, secrets_in_request
from aioalf.client_auth import Credentials

AT = URL("https://user:password@auth.example.com/token?tenant=secret-tenant")
SECRET = "a-client-secret"


def answer_of(
    status: int, body: bytes | dict[str, Any], content_type: str | None = None, **fields: str
) -> RawResponse:
    """An answer as the exchange gives it."""
    headers = CIMultiDict({name.replace("_", "-"): value for name, value in fields.items()})
    if content_type is not None:
        headers["Content-Type"] = content_type
    response = cast("ClientResponse", SimpleNamespace(status=status, headers=headers))
    return RawResponse(response, body if isinstance(body, bytes) else json.dumps(body).encode())


def reply_of(
    status: int,
    body: bytes | dict[str, Any],
    content_type: str | None = None,
    *hidden: str,
    name: str = "token_endpoint",
    **fields: str,
) -> ServerResponse:
    """A reply of an endpoint."""
    answer = answer_of(status, body, content_type, **fields)
    return ServerResponse(name, AT, answer, frozenset(hidden))


@pytest.mark.parametrize(
    ("status", "is_good"), [(199, False), (200, True), (201, True), (299, True), (300, False)]
)
def test_a_reply_is_good_by_its_status(status: int, *, is_good: bool) -> None:
    """What is in it is another question."""
    assert reply_of(status, b"").is_good is is_good


@pytest.mark.rule("R031")
@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'"x"', b"\xff", b"[" * 100_000])
def test_what_is_no_object_has_no_members(body: bytes) -> None:
    """Whatever the type says."""
    reply = reply_of(200, body, "application/json")
    assert reply.members is None
    error = reply.useless("a usable token", "it is not a JSON object")
    assert (error.response_status, error.content_type) == (200, "application/json")
    assert str(error) == (
        "The token endpoint https://auth.example.com/token answered 200 (application/json) "
        "without a usable token: it is not a JSON object"
    )


@pytest.mark.rule("R029", "R030")
def test_the_server_s_words_go_before_ours() -> None:
    """In a refusal and in a 200 alike."""
    words = {"error": "invalid_target", "error_description": "no", "error_uri": "https://e.example"}
    refusal, useless = reply_of(400, words).refusal(), reply_of(200, words).useless("it", "what?")
    for error in (refusal, useless):
        assert (error.error, error.error_description, error.error_uri) == tuple(words.values())
        assert "invalid_target: no" in str(error)
    assert "what?" not in str(useless)
    assert "(no content type)" in str(useless)


@pytest.mark.parametrize(
    ("status", "hint"),
    [(307, ": it redirects"), (404, ": nothing is at that URL; look at the_place"), (500, ",")],
)
def test_a_refusal_gives_the_advice_that_there_is(status: int, hint: str) -> None:
    """A redirect and a missing endpoint are mistakes of the configuration."""
    text = str(reply_of(status, b"", name="the_place").refusal())
    assert text.startswith(f"The the place https://auth.example.com/token refused{hint}")


@pytest.mark.rule("R033")
@pytest.mark.parametrize(
    ("said", "seconds"),
    [(None, None), ("7", 7), ("", None), ("soon", None), ("-1", None), ("9" * 5000, 9999999999)],
)
def test_a_refusal_says_how_long_to_stay_away(said: str | None, seconds: float | None) -> None:
    """What cannot be read says nothing."""
    fields = {} if said is None else {"Retry_After": said}
    assert reply_of(503, b"", **fields).refusal().retry_after == seconds


# What must not be shown


@pytest.mark.rule("R007")
def test_no_secret_comes_back_in_an_error() -> None:
    """Not where a server repeats what it was sent, in its words, its type or elsewhere."""
    echo = f"you sent {SECRET}"
    words = {"error": SECRET, "error_description": echo, "error_uri": f"https://e/{SECRET}"}
    refusal = reply_of(400, words, echo, SECRET).refusal()
    useless = reply_of(200, words, echo, SECRET).useless("it", "no")
    for error in (refusal, useless):
        shown = [str(error), error.error, error.error_description, error.error_uri]
        assert all(SECRET not in (text or "") for text in shown)
    assert SECRET not in (refusal.response_text or "")
    assert SECRET not in (useless.content_type or "")


def test_a_url_is_shown_without_what_may_be_secret() -> None:
    """No credentials, and no query."""
    for error in (reply_of(500, b"").refusal(), reply_of(200, b"").useless("it", "no")):
        assert "password" not in str(error)
        assert "tenant" not in str(error)


@pytest.mark.rule("R007", "R159")
@pytest.mark.parametrize(
    "name",
    [
        *("actor_token", "assertion", "client_assertion", "code", "code_verifier", "device_code"),
        *("refresh_token", "subject_token", "token"),
    ],
)
def test_what_is_sent_as_a_proof_is_hidden(name: str) -> None:
    """Beside the client's credentials."""
    form: Form = {"grant_type": "x", name: "a-proof", "scope": "read", "resource": ("a", "b")}
    hidden = secrets_in_request(Credentials("client-id", SECRET), form)
    assert {"a-proof", "client-id", SECRET} <= hidden
    assert not hidden & {"x", "read", "", ("a", "b")}


def test_what_is_empty_hides_nothing() -> None:
    """Else there would be a mask between all characters."""
    credentials = Credentials("client-id", SECRET)
    assert secrets_in_request(credentials, {"code": "", "token": ("a", "b")}) == credentials.known()
