"""Tests of the errors: one tree, details in attributes, no secrets in their text."""

import asyncio
import copy
import pickle
import re
import socket
from collections.abc import Callable

import aiohttp
import pytest

from aioalf import Client, OAuth2Middleware, Retry, TokenManager, errors
from aioalf._cli.exit_codes import ExitCode, failure_of
from aioalf._single_flight import copy_exception, copy_without_frames
from aioalf.errors import (
    AUTHORIZATION_ERRORS,
    AccessDeniedError,
    AuthorizationError,
    AuthorizationServerError,
    CacheError,
    ListenerError,
    LoginRequiredError,
    LoginTimeoutError,
    MetadataError,
    OAuthError,
    OAuthErrorMembers,
    RevocationError,
    ScopeNotGrantedError,
    TemporarilyUnavailableError,
    TokenConfigurationError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.testing import Fault, OAuthServer

MEMBERS: OAuthErrorMembers = {
    "error": "invalid_scope",
    "error_description": "no",
    "error_uri": "https://e.example",
}
EVERY_ERROR = [
    TokenError("m"),
    TokenConfigurationError("m"),
    TokenConnectionError("m", is_transient=False),
    MetadataError("m"),
    OAuthError("m", **MEMBERS),
    TokenHTTPError("m", 400, "text", retry_after=2.5, **MEMBERS),
    TokenResponseError("m", 200, "text/html", **MEMBERS),
    AuthorizationError("m", **MEMBERS),
    AccessDeniedError("m", **MEMBERS),
    AuthorizationServerError("m", **MEMBERS),
    TemporarilyUnavailableError("m", **MEMBERS),
    LoginRequiredError("m"),
    LoginTimeoutError("m"),
    ScopeNotGrantedError("m", frozenset({"a"})),
    ListenerError("m"),
    RevocationError("m"),
    CacheError("m"),
]


def class_name(error: object) -> str:
    """Name the class of an error in a test id."""
    return type(error).__name__


@pytest.mark.parametrize("error", EVERY_ERROR, ids=class_name)
def test_every_error_is_a_token_error(error: TokenError) -> None:
    """`except TokenError` catches every error of the package."""
    assert isinstance(error, TokenError)


def test_tree_in_the_module_docstring_is_complete() -> None:
    """The tree at the head of the module names each class below its base class."""
    lines = re.findall(r"^([│├└─ ]*)(\w+(?:Error|Warning)) ", str(errors.__doc__), re.MULTILINE)
    path: list[type] = []
    for indent, name in lines:
        kind = getattr(errors, name)
        del path[len(indent) // 4 :]
        assert not path or kind.__bases__[0] is path[-1]
        path.append(kind)
    classes = {name for name, each in vars(errors).items() if is_own_error(each)}
    assert {name for _, name in lines} == classes


def is_own_error(value: object) -> bool:
    """Return whether a value is an error class of the module."""
    is_error = isinstance(value, type) and issubclass(value, Exception)
    return is_error and value.__module__ == errors.__name__


@pytest.mark.parametrize("error", EVERY_ERROR, ids=class_name)
def test_pickled_error_keeps_class_text_and_attributes(error: TokenError) -> None:
    """An error can be sent to another process."""
    pickled = pickle.loads(pickle.dumps(error))  # noqa: S301 - the test's own pickle
    assert (type(pickled), str(pickled), vars(pickled)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize(
    "make_copy",
    [copy.copy, copy_exception, copy_without_frames],
    ids=["copy", "copy_exception", "copy_without_frames"],
)
@pytest.mark.parametrize("error", EVERY_ERROR, ids=class_name)
def test_copied_error_keeps_class_text_and_attributes(
    error: TokenError, make_copy: Callable[[TokenError], TokenError]
) -> None:
    """A copy is another object with the same class, text and attributes."""
    duplicate = make_copy(error)
    assert duplicate is not error
    assert (type(duplicate), str(duplicate)) == (type(error), str(error))
    assert vars(duplicate) == vars(error)


@pytest.mark.rule("R063")
def test_replacement_refresh_token_is_taken_once() -> None:
    """Only one of an error and its copies returns it; no text and no pickle contains it."""
    error = TokenResponseError("m")
    assert error.take_replacement() is None
    error.hold_replacement("the-token")
    pickled = pickle.loads(pickle.dumps(error))  # noqa: S301 - the test's own pickle
    assert pickled.take_replacement() is None
    assert "the-token" not in f"{error} {error!r} {vars(error)}"
    duplicate = copy.copy(error)
    assert duplicate.take_replacement() == "the-token"
    assert duplicate.take_replacement() is error.take_replacement() is None


def test_configuration_error_is_a_value_error() -> None:
    """Code that catches ValueError for wrong arguments catches it, too."""
    assert isinstance(TokenConfigurationError("m"), ValueError)


@pytest.mark.rule("R029")
def test_details_of_a_response_are_attributes() -> None:
    """Status, body, Retry-After and the OAuth members can be read without parsing the message."""
    error = TokenHTTPError("m", 400, "text", retry_after=2.5, **MEMBERS)
    assert (error.response_status, error.response_text, error.response) == (400, "text", None)
    assert error.retry_after == 2.5
    assert (error.error, error.error_description, error.error_uri) == tuple(MEMBERS.values())


def test_missing_oauth_members_are_none() -> None:
    """An attribute is None, not empty, if the response did not contain it."""
    for error in (TokenHTTPError("m"), TokenResponseError("m"), AuthorizationError("m")):
        assert (error.error, error.error_description, error.error_uri) == (None, None, None)


def test_http_error_text_contains_status_and_body() -> None:
    """The text starts with the message, followed by the status and the body."""
    assert str(TokenHTTPError("Refused", 503, "busy")) == "Refused, StatusCode: 503, Body: busy"
    assert str(TokenHTTPError("Refused", 503)) == "Refused, StatusCode: 503"
    assert str(TokenHTTPError("Refused")) == "Refused"


def test_http_error_with_a_description_does_not_repeat_it() -> None:
    """The message has the error code and its description; a body says more only without one."""
    body = '{"error": "invalid_client", "error_description": "unknown"}'
    error = TokenHTTPError(
        "Refused: invalid_client: unknown", 401, body, error_description="unknown"
    )
    assert str(error) == "Refused: invalid_client: unknown, StatusCode: 401"
    body = '{"error": "invalid_client", "message": "unknown"}'
    error = TokenHTTPError("Refused: invalid_client", 401, body, error="invalid_client")
    assert str(error) == f"Refused: invalid_client, StatusCode: 401, Body: {body}"


@pytest.mark.rule("R031")
def test_http_error_does_not_show_a_body_that_may_contain_a_token() -> None:
    """A token that came with an error status is not in the text."""
    error = TokenHTTPError("Refused", 500, '{"access_token": "the-token"}')
    assert "the-token" not in str(error) + repr(error)


@pytest.mark.rule("R031")
def test_http_error_shows_its_body_truncated_and_on_one_line() -> None:
    """A long body with control characters gives one short, printable line."""
    text = str(TokenHTTPError("Refused", 500, "a\nb\x1b[31m" + "c" * 100_000))
    assert "\n" not in text
    assert "\x1b" not in text
    assert len(text) < 500


@pytest.mark.rule("R108")
@pytest.mark.parametrize("code", ["access_denied", "server_error", "temporarily_unavailable"])
def test_authorization_error_codes_have_their_own_classes(code: str) -> None:
    """The codes that need different reactions can be caught by their classes."""
    assert issubclass(AUTHORIZATION_ERRORS[code], AuthorizationError)
    assert len(set(AUTHORIZATION_ERRORS.values())) == len(AUTHORIZATION_ERRORS)


# TokenConnectionError is an aiohttp.ClientConnectionError


def connection_error() -> TokenConnectionError:
    """Return a connection error that was raised because of another one."""
    with pytest.raises(TokenConnectionError) as caught:
        raise TokenConnectionError("No response", is_transient=False) from OSError(111, "refused")
    return caught.value


def test_connection_error_is_a_client_connection_error_of_aiohttp() -> None:
    """Code for 0.4.0 that catches aiohttp's errors catches it; it is not an OSError."""
    error = connection_error()
    assert isinstance(error, aiohttp.ClientConnectionError)
    assert not isinstance(error, OSError)
    assert (str(error), error.args) == ("No response", ("No response",))
    assert repr(error) == "TokenConnectionError('No response')"
    assert TokenConnectionError("m").is_transient


def test_copied_connection_error_keeps_its_cause() -> None:
    """Each waiting caller can read why the server did not respond."""
    error = connection_error()
    for duplicate in (copy_exception(error), copy_without_frames(error)):
        assert duplicate is not error
        assert isinstance(duplicate, aiohttp.ClientConnectionError)
        assert (str(duplicate), duplicate.is_transient) == ("No response", False)
        assert str(duplicate.__cause__) == str(error.__cause__) == "[Errno 111] refused"
        assert duplicate.__suppress_context__


@pytest.mark.rule("R033", "R062")
@pytest.mark.parametrize("attempts", [1, 2])
async def test_client_raises_connection_error_of_the_token_endpoint_unchanged(
    oauth_server: OAuthServer, attempts: int
) -> None:
    """Only `Retry` repeats the token request; no request goes to the API."""
    oauth_server.token_fault = Fault.hang_up()
    async with Client(
        oauth_server.client_id,
        oauth_server.client_secret,
        oauth_server.token_endpoint,
        retry=Retry(attempts=attempts, wait_initial=0),
    ) as client:
        with pytest.raises(aiohttp.ClientError) as caught:
            await client.get(oauth_server.url("/things"))
    assert type(caught.value) is TokenConnectionError
    assert caught.value.is_transient
    assert str(caught.value).startswith("No response from the token endpoint http://")
    assert str(caught.value).endswith("ServerDisconnectedError: Server disconnected")
    assert isinstance(caught.value.__cause__, aiohttp.ServerDisconnectedError)
    assert (oauth_server.token_requests, oauth_server.api_requests) == (attempts, 0)


async def test_concurrent_callers_share_one_failed_connection(oauth_server: OAuthServer) -> None:
    """Each caller gets its own TokenConnectionError with the same cause."""
    oauth_server.token_fault = Fault.hang_up()
    async with Client(
        oauth_server.client_id,
        oauth_server.client_secret,
        oauth_server.token_endpoint,
        retry=Retry(attempts=1),
    ) as client:
        raised = await asyncio.gather(
            *(client.get(oauth_server.url("/things")) for _ in range(3)), return_exceptions=True
        )
    assert {type(error) for error in raised} == {TokenConnectionError}
    assert len({id(error) for error in raised}) == 3
    assert len({str(error) for error in raised}) == 1
    assert (oauth_server.token_requests, oauth_server.api_requests) == (1, 0)


@pytest.mark.parametrize("has_kept_connection", [False, True])
async def test_middleware_passes_connection_error_of_the_token_endpoint_through_aiohttp(
    oauth_server: OAuthServer, *, has_kept_connection: bool
) -> None:
    """It is not retried by aiohttp, which retries requests on stale connections."""
    manager = TokenManager(
        oauth_server.token_endpoint,
        oauth_server.client_id,
        oauth_server.client_secret,
        retry=Retry(attempts=1),
    )
    async with aiohttp.ClientSession(middlewares=[OAuth2Middleware(manager)]) as session:
        if has_kept_connection:
            async with session.get(oauth_server.url("/things")) as response:
                assert response.status == 200
            await manager.reset_token()
        before = (oauth_server.token_requests, oauth_server.api_requests)
        oauth_server.token_fault = Fault.hang_up()
        with pytest.raises(aiohttp.ClientConnectionError) as caught:
            await session.get(oauth_server.url("/things"))
    await manager.close()
    assert type(caught.value) is TokenConnectionError
    after = (oauth_server.token_requests, oauth_server.api_requests)
    assert after == (before[0] + 1, before[1])


async def test_connection_errors_of_the_api_are_not_token_errors(
    oauth_server: OAuthServer,
) -> None:
    """An error of the API's own request is aiohttp's, as without this library."""
    with socket.socket() as bound:  # not listening
        bound.bind(("127.0.0.1", 0))
        async with Client(
            oauth_server.client_id, oauth_server.client_secret, oauth_server.token_endpoint
        ) as client:
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await client.get(f"http://127.0.0.1:{bound.getsockname()[1]}/")
    assert not isinstance(caught.value, TokenError)


def test_commands_report_connection_errors_of_the_token_endpoint_as_token_errors() -> None:
    """The message says that the token request failed, not the request to the API."""
    failure = failure_of(TokenConnectionError("No response from the token endpoint"), "default")
    assert (failure.code, failure.message) == (
        ExitCode.FAILED,
        "No response from the token endpoint",
    )
