"""Tests of `Retry`: which failed token requests are sent again, and when."""

import asyncio
import math
from collections.abc import Iterable
from itertools import repeat
from types import SimpleNamespace
from typing import cast
from unittest.mock import Mock

import pytest
from aiohttp import ClientResponse
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from aioalf._auth_server.http import AuthServerHTTP
from aioalf._auth_server.response import ServerResponse
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf.client_auth import ClientSecretBasic, Credentials
from aioalf.errors import (
    AccessDeniedError,
    LoginTimeoutError,
    TokenConfigurationError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.retry import Retry, is_transient, pause_after
from aioalf.testing import Fault, OAuthServer
from tests.support.virtual_time import VirtualTimeLoop, follow_the_loop

FORM = {"grant_type": "client_credentials"}
WITHOUT_WAIT = Retry(wait_initial=0)


def http_error(status: int, retry_after: float | None = None) -> TokenHTTPError:
    """Return the error for a response of the token endpoint with this status."""
    return TokenHTTPError("refused", status, "", retry_after=retry_after)


def endpoint_of(server: OAuthServer, retry: Retry = WITHOUT_WAIT) -> TokenEndpoint:
    """Return the server's token endpoint, for a client that retries without waiting."""
    credentials = Credentials(server.client_id, server.client_secret)
    return TokenEndpoint(server.token_endpoint, credentials, ClientSecretBasic(), retry=retry)


@pytest.mark.rule("R033")
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (http_error(429), True),
        (http_error(500), True),
        (http_error(503), True),
        (http_error(599), True),
        (http_error(400), False),
        (http_error(401), False),
        (http_error(404), False),
        (http_error(302), False),
        (TokenHTTPError("without a status"), False),
        (TokenConnectionError("refused"), True),
        (TokenConnectionError("not trusted", is_transient=False), False),
        (TokenResponseError("no token"), False),
        (TokenConfigurationError("no endpoint"), False),
        (TokenError("closed"), False),
    ],
)
def test_transient_errors_are_retried(error: TokenError, *, expected: bool) -> None:
    """Connection errors, 429 and 5xx are retried; errors that are the client's are not."""
    assert is_transient(error) is expected
    assert (Retry().wait_after(error, 1, 0, 0.5) is not None) is expected


@pytest.mark.rule("R033")
@given(attempt=st.integers(1, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_wait_grows_exponentially_up_to_a_limit(attempt: int, chance: float) -> None:
    """The wait has full jitter: from 0 to twice the previous limit, at most five seconds."""
    wait = Retry(attempts=100_000).wait_after(http_error(503), attempt, 0, chance)
    assert wait == pytest.approx(chance * min(5, 0.25 * 2 ** min(attempt - 1, 10)))


@pytest.mark.rule("R033")
@pytest.mark.parametrize(
    ("retry", "attempt", "elapsed", "retry_after", "expected"),
    [
        (Retry(), 2, 0, None, 0.25),
        (Retry(), 3, 0, None, None),
        (Retry(attempts=1), 1, 0, None, None),
        (Retry(), 1, 0, 7, 7),
        (Retry(), 1, 0, 0, 0),
        (Retry(), 1, 0, 24.9, 24.9),
        (Retry(), 1, 0, 25, None),
        (Retry(), 1, 1, 25, None),
        (Retry(), 1, 24.9, None, None),
        (Retry(timeout=0), 1, 0.1, None, None),
    ],
)
def test_attempts_and_time_are_limited(
    retry: Retry, attempt: int, elapsed: float, retry_after: float | None, expected: float | None
) -> None:
    """`attempts` and `timeout` end the retries; Retry-After replaces the random wait."""
    assert retry.wait_after(http_error(503, retry_after), attempt, elapsed, 0.5) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("attempts", value) for value in (0, 1.5, True)],
        *[("wait_initial", value) for value in (-1, "1", math.nan)],
        *[("timeout", value) for value in (math.inf, None, True)],
    ],
)
def test_invalid_options_are_refused(name: str, value: object) -> None:
    """The error names the option."""
    with pytest.raises(TokenConfigurationError, match=name):
        Retry(**{name: value})  # type: ignore[arg-type]


@pytest.mark.rule("R033")
@pytest.mark.parametrize("fault", [Fault.status(503), Fault.too_many_requests(0), Fault.hang_up()])
async def test_request_succeeds_after_two_transient_errors(
    oauth_server: OAuthServer, fault: Fault
) -> None:
    """The caller gets a token and sees no error."""
    oauth_server.token_fault = fault.times(2)
    token = await endpoint_of(oauth_server).request(FORM, is_repeatable=True)
    assert token.is_valid()
    assert oauth_server.token_requests == 3


@pytest.mark.rule("R033")
async def test_refused_request_is_not_repeated(oauth_server: OAuthServer) -> None:
    """`invalid_client` is not transient."""
    oauth_server.client_secret = "wrong"
    with pytest.raises(TokenHTTPError, match="invalid_client"):
        await endpoint_of(oauth_server).request(FORM, is_repeatable=True)
    assert oauth_server.token_requests == 1


async def test_form_with_a_single_use_value_is_not_repeated(oauth_server: OAuthServer) -> None:
    """An authorization code may be used up by the first attempt, even without a response."""
    oauth_server.token_fault = Fault.hang_up()
    with pytest.raises(TokenConnectionError):
        await endpoint_of(oauth_server).request(FORM)
    assert oauth_server.token_requests == 1


async def test_http_error_takes_precedence_over_a_later_connection_error(
    oauth_server: OAuthServer,
) -> None:
    """If a server fails and then disappears, the caller gets its response."""
    endpoint = endpoint_of(oauth_server, Retry(wait_initial=0.5))
    oauth_server.token_fault = Fault.status(500, "going down").times(1)
    asking = asyncio.create_task(endpoint.request(FORM, is_repeatable=True))
    await oauth_server.reached(token_requests=1)
    oauth_server.token_fault = Fault.hang_up()
    with pytest.raises(TokenHTTPError, match="going down"):
        await asking
    assert oauth_server.token_requests == 3


def test_defaults_are_as_documented() -> None:
    """Three attempts within 25 seconds."""
    assert (Retry().attempts, Retry().wait_initial, Retry().timeout) == (3, 0.25, 25)


@pytest.mark.parametrize("name", ["attempts", "wait_initial", "timeout"])
def test_error_starts_with_the_name_of_the_option(name: str) -> None:
    """The user sees which of the options is wrong."""
    with pytest.raises(TokenConfigurationError, match=f"^{name} must be"):
        Retry(**{name: -1})


# In virtual time


class ScriptedHTTP(AuthServerHTTP):
    """Sends nothing: each attempt takes the seconds of the script, then returns or raises."""

    def __init__(self, *script: tuple[float, ServerResponse | Exception]) -> None:
        super().__init__()
        self.script = list(script)
        self.started: list[float] = []

    async def post(self, *_: object, **__: object) -> ServerResponse:
        """Return or raise the next outcome of the script."""
        self.started.append(asyncio.get_running_loop().time())
        seconds, outcome = self.script.pop(0)
        await asyncio.sleep(seconds)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def token() -> ServerResponse:
    """Return a response with a token."""
    response = cast("ClientResponse", SimpleNamespace(status=200, headers={}))
    body = b'{"access_token": "abc", "expires_in": 3600}'
    return ServerResponse("token_endpoint", URL("https://auth.example.com/token"), response, body)


class Scenario:
    """Runs a token request in virtual time and records when its attempts started and it ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        follow_the_loop(monkeypatch)
        self._patch = monkeypatch
        self.started: list[float] = []
        self.ended = 0.0

    def __call__(
        self,
        *script: tuple[float, ServerResponse | Exception],
        retry: Retry | None = None,
        chances: Iterable[float] = repeat(0.5),
        timeout: float | None = None,
    ) -> BaseException | None:
        """Return the error of the request, or None if it returns a token."""
        remaining = iter(chances)
        self._patch.setattr("aioalf.retry.random", SimpleNamespace(random=lambda: next(remaining)))
        http = ScriptedHTTP(*script)

        async def request() -> None:
            start = asyncio.get_running_loop().time()
            self._patch.setattr(
                "aioalf._auth_server.token_endpoint.AuthServerHTTP", Mock(return_value=http)
            )
            endpoint = TokenEndpoint(
                "https://auth.example.com/token",
                Credentials("id", "secret"),
                ClientSecretBasic(),
                retry=retry,
            )
            try:
                async with asyncio.timeout(timeout):
                    await endpoint.request(FORM, is_repeatable=True)
            finally:
                self.started = [at - start for at in http.started]
                self.ended = asyncio.get_running_loop().time() - start

        with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(0)) as runner:
            try:
                runner.run(request())
            except (TokenError, TimeoutError) as error:
                return error
        return None


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """A scenario with its own clock."""
    return Scenario(monkeypatch)


@pytest.mark.rule("R033")
@pytest.mark.parametrize("chances", [(0.0, 0.0), (0.1, 0.9), (0.999, 0.0), (0.5, 0.5)])
def test_waits_are_random(run: Scenario, chances: tuple[float, float]) -> None:
    """At most a quarter of a second, then at most half a second."""
    error = run(
        (0, http_error(503)), (0, TokenConnectionError("reset")), (0, token()), chances=chances
    )
    assert error is None
    first, second = chances
    assert run.started == pytest.approx([0, first * 0.25, first * 0.25 + second * 0.5])


@pytest.mark.rule("R033")
@pytest.mark.parametrize("chance", [0.0, 0.999])
def test_retry_after_replaces_the_random_wait(run: Scenario, chance: float) -> None:
    """No request is sent earlier than the server permits."""
    assert run((1, http_error(429, 7)), (0, token()), chances=[chance]) is None
    assert run.started == pytest.approx([0, 8])


@pytest.mark.rule("R033")
def test_retry_after_beyond_the_timeout_is_not_waited_for(run: Scenario) -> None:
    """The error is raised at once."""
    assert isinstance(run((1, http_error(503, 24)), (0, token())), TokenHTTPError)
    assert (run.started, run.ended) == ([0], 1)


@pytest.mark.rule("R033")
def test_no_attempt_starts_after_the_timeout(run: Scenario) -> None:
    """The timeout ends the retries even if attempts are left."""
    failures = [(1.0, http_error(503))] * 100
    retry = Retry(attempts=100, wait_initial=0, timeout=7.5)
    assert isinstance(run(*failures, retry=retry), TokenHTTPError)
    assert run.started == [0, 1, 2, 3, 4, 5, 6, 7]
    assert run.ended == 7.5


@pytest.mark.rule("R033")
def test_timeout_cancels_the_retry_in_flight(run: Scenario) -> None:
    """If the server never responds, the error of the previous attempt is raised."""
    silence = [(10.0, TokenConnectionError(f"no response {count}")) for count in (1, 2, 3)]
    error = run(*silence)
    assert (str(error), run.ended) == ("no response 2", 25)
    assert error is not None
    assert error.__suppress_context__
    answered, lost = http_error(500), TokenConnectionError("reset")
    assert run((0, answered), (1, lost), (60, token())) is answered
    assert run.ended == 25


@pytest.mark.rule("R033")
def test_timeout_does_not_limit_the_first_attempt(run: Scenario) -> None:
    """It is limited only by the timeout of its HTTP request."""
    assert run((60, token())) is None
    assert run.ended == 60
    assert str(run((60, TokenConnectionError("no response")), (0, token()))) == "no response"
    assert (run.started, run.ended) == ([0], 60)


def test_timeout_of_the_caller_is_raised_as_timeout_error(run: Scenario) -> None:
    """It is not replaced by the error of an earlier attempt."""
    failure = http_error(503)
    for timeout in (0.1, 5):
        assert isinstance(run((0, failure), (60, token()), timeout=timeout), TimeoutError)
        assert run.ended == pytest.approx(timeout)
    assert isinstance(run((0, failure), (0, TimeoutError("a signer's"))), TimeoutError)


def test_retry_is_immutable_and_shows_its_values() -> None:
    """Managers may share one."""
    retry = Retry(attempts=5)
    assert repr(retry) == "Retry(attempts=5, wait_initial=0.25, timeout=25.0)"
    with pytest.raises(AttributeError):
        retry.attempts = 1  # type: ignore[misc]


def after_sign_in(error: TokenError) -> TokenError:
    """Return the error as one of a request that followed a sign-in."""
    error.pauses_sign_in = True
    return error


@pytest.mark.rule("R033", "R072")
@pytest.mark.parametrize(
    ("error", "failure_backoff", "pause"),
    [
        (TokenHTTPError("busy", 503), 1.0, 1.0),
        (TokenHTTPError("busy", 503), 0.0, 0.0),
        (TokenHTTPError("busy", 503, retry_after=7), 1.0, 7.0),
        (TokenHTTPError("busy", 503, retry_after=1000), 1.0, 60.0),
        (AccessDeniedError("no"), 0.0, 60.0),
        (LoginTimeoutError("nobody"), 1.0, 60.0),
        (after_sign_in(TokenHTTPError("busy", 503)), 1.0, 60.0),
        (after_sign_in(TokenHTTPError("busy", 503)), 0.0, 60.0),
        (OSError("x"), 2.0, 2.0),
    ],
)
def test_pause_after_an_error_spares_servers_and_persons(
    error: Exception, failure_backoff: float, pause: float
) -> None:
    """A server may ask for a longer pause, and a user is not asked twice within a minute."""
    assert pause_after(error, failure_backoff) == pause
