"""A response reader that fails loses no refresh token, and its failure shows no secret."""

import asyncio
import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from aioalf._auth_server.server_rules import ResponseReader, ServerRules
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf.client_auth import ClientSecretBasic, Credentials
from aioalf.errors import TokenError, TokenResponseError
from aioalf.testing import Fault, OAuthServer

Members = Mapping[str, object]

ACCESS_TOKEN, REFRESH_TOKEN = "granted-access-token", "granted-refresh-token"
ANSWER = {"access_token": ACCESS_TOKEN, "refresh_token": REFRESH_TOKEN, "kind": ["sv-lte"]}


async def error_of(server: OAuthServer, reader: ResponseReader, answer: Fault) -> TokenError:
    """Return the error of a token request whose answer is read by a reader."""
    server.token_fault = answer
    endpoint = TokenEndpoint(
        server.token_endpoint,
        Credentials("client-id", "secret"),
        ClientSecretBasic(),
        rules=ServerRules(read_response=reader),
    )
    with pytest.raises(TokenError) as caught:
        await endpoint.request({"grant_type": "authorization_code", "code": "abc"})
    return caught.value


def raising(error: BaseException) -> ResponseReader:
    """Return a reader that raises an error."""

    def read(_: Members) -> Members:
        raise error

    return read


class BrokenMapping(dict[str, object]):
    """A mapping that cannot be copied."""

    def keys(self) -> Any:
        """Fail."""
        raise LookupError

    def __iter__(self) -> Iterator[str]:
        raise LookupError


async def read_later(members: Members) -> Members:
    """Read members as a coroutine function, which a reader must not be."""
    return members


def take_apart(members: Any) -> Members:
    """Remove the members before failing."""
    members.clear()
    raise ValueError


def return_a_list(_: Members) -> Any:
    """Return no mapping."""
    return []


def invert(members: Members) -> Members:
    """Return the values as names."""
    return {str(value): name for name, value in members.items()}


FAILING: dict[str, tuple[Callable[[Any], Any], str]] = {
    "an error": (raising(KeyError("body")), "it raised KeyError"),
    "a cancellation": (raising(asyncio.CancelledError()), "it raised CancelledError"),
    "a list": (return_a_list, "it returned list instead of a mapping"),
    "nothing": (lambda _: None, "it returned NoneType instead of a mapping"),
    "a coroutine": (read_later, "it returned coroutine instead of a mapping"),
    "names that are not text": (lambda _: {("a", 1): 2}, "it returned a mapping with names"),
    "values as names": (invert, "it returned a value of the response as a name"),
    "a broken mapping": (lambda _: BrokenMapping(), "it raised LookupError"),
    "members removed before": (take_apart, "it raised ValueError"),
}

BODIES = {
    "JSON": Fault.wrong_json(ANSWER),
    "form": Fault.body(
        f"refresh_token={REFRESH_TOKEN}&token={ACCESS_TOKEN}".encode(),
        content_type="application/x-www-form-urlencoded",
    ),
}


@pytest.mark.rule("R045")
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize(("reader", "problem"), FAILING.values(), ids=FAILING.keys())
async def test_refresh_token_is_kept_if_the_reader_fails(
    oauth_server: OAuthServer, reader: Any, problem: str, body: Fault
) -> None:
    """The error says what the reader did, and holds the refresh token of the answer."""
    error = await error_of(oauth_server, reader, body)
    assert isinstance(error, TokenResponseError)
    assert f"without a usable token: the response reader failed: {problem}" in str(error)
    assert not str(error).endswith("that can be kept")
    assert error.response_status == 200
    assert error.take_replacement() == REFRESH_TOKEN


@pytest.mark.parametrize(
    "answer",
    [{"body": ANSWER}, {"refresh_token": None}, {"refresh_token": "\ud800"}],
    ids=["nested", "null", "surrogate"],
)
async def test_error_says_that_no_refresh_token_can_be_kept(
    oauth_server: OAuthServer, answer: Any
) -> None:
    """Only the reader knows where a nested token is."""
    error = await error_of(oauth_server, raising(KeyError("data")), Fault.wrong_json(answer))
    assert isinstance(error, TokenResponseError)
    assert str(error).endswith(
        "it raised KeyError, and there is no refresh_token at the top of the response that can be "
        "kept"
    )
    assert error.take_replacement() is None


@pytest.mark.rule("R045")
async def test_refresh_token_that_a_reader_leaves_out_is_kept(oauth_server: OAuthServer) -> None:
    """A reader that looks in the wrong place loses nothing either."""
    error = await error_of(oauth_server, lambda _: {"token": "abc"}, Fault.wrong_json(ANSWER))
    assert isinstance(error, TokenResponseError)
    assert "no access_token in the response; it has token" in str(error)
    assert error.take_replacement() == REFRESH_TOKEN


async def test_error_of_the_server_is_named_with_that_of_the_reader(
    oauth_server: OAuthServer,
) -> None:
    """An error with status 200, as GitHub sends it, has its code although the reader failed."""
    answer = Fault.wrong_json({"error": "bad_verification_code", "error_description": "expired"})
    error = await error_of(oauth_server, raising(KeyError("body")), answer)
    assert isinstance(error, TokenResponseError)
    assert error.error == "bad_verification_code"
    assert str(error).endswith(
        "the server reports bad_verification_code: expired; the response reader failed: it raised "
        "KeyError"
    )


# The cause


async def test_error_of_the_reader_is_the_cause(oauth_server: OAuthServer) -> None:
    """Its traceback shows the line that failed, and neither a local variable nor our frames."""

    def read(members: Any) -> Members:
        body = json.loads(json.dumps(members))
        return {"access_token": body["data"]["access_token"]}

    cause = (await error_of(oauth_server, read, Fault.wrong_json(ANSWER))).__cause__
    assert isinstance(cause, KeyError)
    assert cause.args == ("data",)
    report = traceback.TracebackException.from_exception(cause, capture_locals=True)
    [frame] = report.stack
    assert frame.line == 'return {"access_token": body["data"]["access_token"]}'
    assert not frame.locals


class BrokenError(Exception):
    """An error that has no text."""

    def __str__(self) -> str:
        raise LookupError


def noted(error: Exception, note: str) -> Exception:
    """Return an error with a note."""
    error.add_note(note)
    return error


def caused(error: Exception, cause: Exception) -> Exception:
    """Return an error with a cause."""
    error.__cause__ = cause
    return error


SHOWING = {
    "the token": KeyError(REFRESH_TOKEN),
    "a part of it": ValueError(f"input: {REFRESH_TOKEN[3:12]}…"),
    "a short value": ValueError("not sv-lte"),
    "all members": ValueError(str(ANSWER)),
    "a note": noted(ValueError(), REFRESH_TOKEN),
    "an attribute in its repr": UnicodeDecodeError("utf-8", REFRESH_TOKEN.encode(), 0, 1, "bad"),
    "a group": ExceptionGroup("errors", [ValueError(REFRESH_TOKEN)]),
    "a broken class": BrokenError(REFRESH_TOKEN),
}


@pytest.mark.rule("R063")
@pytest.mark.parametrize("raised", SHOWING.values(), ids=SHOWING.keys())
async def test_text_of_a_cause_that_shows_a_value_is_left_out(
    oauth_server: OAuthServer, raised: Exception
) -> None:
    """Another error is the cause, which names the class and has the traceback of the reader."""
    error = await error_of(oauth_server, raising(raised), Fault.wrong_json(ANSWER))
    cause = error.__cause__
    assert isinstance(cause, RuntimeError)
    assert str(cause) == f"{type(raised).__name__}, whose text may repeat values of the response"
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    report = "".join(shown.format())
    assert "raise error" in report
    assert REFRESH_TOKEN[3:12] not in report
    assert "sv-lte" not in report


@pytest.mark.rule("R063")
async def test_cause_of_a_cause_is_left_out(oauth_server: OAuthServer) -> None:
    """It may show a value, too."""
    raised = caused(ValueError("no data"), KeyError(REFRESH_TOKEN))
    error = await error_of(oauth_server, raising(raised), Fault.wrong_json(ANSWER))
    assert error.__cause__ is raised
    assert REFRESH_TOKEN not in "".join(traceback.format_exception(error))
