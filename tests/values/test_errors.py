"""The errors: one tree, evidence in fields, nothing secret in their text."""

import copy
import pickle
from typing import TYPE_CHECKING

import pytest

from aioalf.errors import (
    AUTHORIZATION_ERRORS,
    AccessDeniedError,
    AuthorizationError,
    AuthorizationServerError,
    ListenerError,
    LoginTimeoutError,
    OAuthErrorMembers,
    TemporarilyUnavailableError,
    TokenConfigurationError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)

if TYPE_CHECKING:
    pass

WORDS: OAuthErrorMembers = {
    "error": "invalid_scope",
    "error_description": "no",
    "error_uri": "https://e.example",
}
EVERY_ERROR = [
    TokenError("m"),
    TokenConfigurationError("m"),
    TokenConnectionError("m", is_transient=False),
    TokenResponseError("m", 200, "text/html", **WORDS),
    TokenHTTPError("m", 400, "text", retry_after=2.5, **WORDS),
    AuthorizationError("m", **WORDS),
    AccessDeniedError("m", **WORDS),
    AuthorizationServerError("m", **WORDS),
    TemporarilyUnavailableError("m", **WORDS),
    LoginTimeoutError("m"),
    ListenerError("m"),
]


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: type(error).__name__)
def test_every_error_is_a_token_error(error: TokenError) -> None:
    """One `except TokenError` catches whatever went wrong."""
    assert isinstance(error, TokenError)


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: type(error).__name__)
def test_an_error_travels_to_another_process(error: TokenError) -> None:
    """An error comes out of a pickle with its class, its text and its evidence."""
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own pickle
    assert (type(twin), str(twin), vars(twin)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: type(error).__name__)
def test_a_copy_of_an_error_says_the_same(error: TokenError) -> None:
    """A copy is an object of its own, with the same class, text and evidence."""
    twin = copy.copy(error)
    assert twin is not error
    assert (type(twin), str(twin), vars(twin)) == (type(error), str(error), vars(error))


@pytest.mark.rule("R063")
def test_a_refresh_token_that_came_all_the_same_is_held_for_one() -> None:
    """Who takes it has it alone, copies included; no text and no pickle shows it."""
    error = TokenResponseError("m")
    assert error.take_replacement() is None
    error.hold_replacement("the-token")
    travelled = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own pickle
    assert travelled.take_replacement() is None
    assert "the-token" not in f"{error} {error!r} {vars(error)}"
    twin = copy.copy(error)
    assert twin.take_replacement() == "the-token"
    assert twin.take_replacement() is error.take_replacement() is None


def test_a_configuration_error_is_a_value_error() -> None:
    """Code that guards its arguments with ValueError catches it too."""
    assert isinstance(TokenConfigurationError("m"), ValueError)


@pytest.mark.rule("R029")
def test_the_evidence_is_in_fields() -> None:
    """Status, text, pause, code, description and URI can be had without reading the message."""
    error = TokenHTTPError("m", 400, "text", retry_after=2.5, **WORDS)
    assert (error.response_status, error.response_text, error.response) == (400, "text", None)
    assert error.retry_after == 2.5
    assert (error.error, error.error_description, error.error_uri) == tuple(WORDS.values())


def test_a_field_without_evidence_is_none() -> None:
    """What the server did not say is None, not an empty text."""
    for error in (TokenHTTPError("m"), TokenResponseError("m"), AuthorizationError("m")):
        assert (error.error, error.error_description, error.error_uri) == (None, None, None)


def test_an_http_error_tells_status_and_body() -> None:
    """The text has what a person needs first."""
    assert str(TokenHTTPError("Refused", 503, "busy")) == "Refused, StatusCode: 503, Body: busy"
    assert str(TokenHTTPError("Refused", 503)) == "Refused, StatusCode: 503"
    assert str(TokenHTTPError("Refused")) == "Refused"


@pytest.mark.rule("R031")
def test_an_http_error_shows_no_body_that_may_hold_a_token() -> None:
    """A token that came with an error status is in no message."""
    error = TokenHTTPError("Refused", 500, '{"access_token": "the-token"}')
    assert "the-token" not in str(error) + repr(error)


@pytest.mark.rule("R031")
def test_an_http_error_shows_its_body_cut_and_on_one_line() -> None:
    """A log line stays one, and short, whatever the server sent."""
    text = str(TokenHTTPError("Refused", 500, "a\nb\x1b[31m" + "c" * 100_000))
    assert "\n" not in text
    assert "\x1b" not in text
    assert len(text) < 500


@pytest.mark.rule("R108")
@pytest.mark.parametrize("code", ["access_denied", "server_error", "temporarily_unavailable"])
def test_a_code_of_the_browser_has_a_class_of_its_own(code: str) -> None:
    """Each of the codes that ask for a different reaction can be caught by its class."""
    assert issubclass(AUTHORIZATION_ERRORS[code], AuthorizationError)
    assert len(set(AUTHORIZATION_ERRORS.values())) == len(AUTHORIZATION_ERRORS)
