"""Whether and when a failed token request is made again: as arithmetic, and on a wire."""

import asyncio
import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import repeat
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf._auth_server.http import AuthServerHTTP, RawResponse
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._syntax import read_retry_after
from aioalf.client_auth import ClientSecretBasic, Credentials
from aioalf.errors import (
    TokenConfigurationError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.retry import Retry, is_transient
from aioalf.testing import Fault, OAuthServer
from tests.support.virtual_time import VirtualTimeLoop, follow_the_loop

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FORM = {"grant_type": "client_credentials"}
AT_ONCE = Retry(wait_initial=0)


def http_error(status: int, retry_after: float | None = None) -> TokenHTTPError:
    """What the token endpoint's answer of this status becomes."""
    return TokenHTTPError("refused", status, "", retry_after=retry_after)


def endpoint_of(server: OAuthServer, retry: Retry = AT_ONCE) -> TokenEndpoint:
    """The server's token endpoint, for a client that retries without delay."""
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
        (TokenHTTPError("a manager's own"), False),
        (TokenConnectionError("refused"), True),
        (TokenConnectionError("not trusted", is_transient=False), False),
        (TokenResponseError("no token"), False),
        (TokenConfigurationError("no endpoint"), False),
        (TokenError("closed"), False),
    ],
)
def test_what_may_pass_is_tried_again(error: TokenError, *, expected: bool) -> None:
    """Overload, a server's own failure and the lack of an answer; nothing that is the client's."""
    assert is_transient(error) is expected
    assert (Retry().wait_after(error, 1, 0, 0.5) is not None) is expected


@pytest.mark.rule("R033")
@given(attempt=st.integers(1, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_the_wait_grows_and_has_a_limit(attempt: int, chance: float) -> None:
    """Exponential with full jitter: from nothing to the doubled delay, and five seconds at most."""
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
    """No attempt beyond the count, none that begins after the deadline; the server's wish first."""
    assert retry.wait_after(http_error(503, retry_after), attempt, elapsed, 0.5) == expected


@pytest.mark.rule("R033")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0),
        (" 120 ", 120),
        ("9" * 400, 9_999_999_999),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0),
        ("Thu, 01 Jan 2026 00:01:00", 60),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("Thu, 99 Jan 2026 00:01:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, expected: float | None) -> None:
    """Both forms of RFC 9110 §10.2.3; what is neither is as if it were not there."""
    assert read_retry_after(value, NOW) == expected


@given(st.text())
def test_any_retry_after_is_read_without_harm(value: str) -> None:
    """None, or a finite number of seconds from 0 up."""
    seconds = read_retry_after(value, NOW)
    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("attempts", value) for value in (0, 1.5, True)],
        *[("wait_initial", value) for value in (-1, "1", math.nan)],
        *[("timeout", value) for value in (math.inf, None, True)],
    ],
)
def test_what_is_no_count_or_time_is_refused(name: str, value: object) -> None:
    """The error names the option."""
    with pytest.raises(TokenConfigurationError, match=name):
        Retry(**{name: value})  # type: ignore[arg-type]


@pytest.mark.rule("R033")
@pytest.mark.parametrize("fault", [Fault.status(503), Fault.too_many_requests(0), Fault.hang_up()])
async def test_a_fault_that_passes_is_not_noticed(oauth_server: OAuthServer, fault: Fault) -> None:
    """Two failures, then a token."""
    oauth_server.token_fault = fault.times(2)
    token = await endpoint_of(oauth_server).request(FORM, is_repeatable=True)
    assert token.is_valid()
    assert oauth_server.token_requests == 3


@pytest.mark.rule("R033")
async def test_a_refusal_is_not_repeated(oauth_server: OAuthServer) -> None:
    """`invalid_client` stays what it is."""
    oauth_server.client_secret = "wrong"
    with pytest.raises(TokenHTTPError, match="invalid_client"):
        await endpoint_of(oauth_server).request(FORM, is_repeatable=True)
    assert oauth_server.token_requests == 1


async def test_what_may_be_sent_once_only_is_not_repeated(oauth_server: OAuthServer) -> None:
    """Unless a grant says otherwise: a code in the form is spent by the first attempt, it seems."""
    oauth_server.token_fault = Fault.hang_up()
    with pytest.raises(TokenConnectionError):
        await endpoint_of(oauth_server).request(FORM)
    assert oauth_server.token_requests == 1


async def test_the_last_answer_says_more_than_no_answer(oauth_server: OAuthServer) -> None:
    """A server that fails, then vanishes: the caller learns what it said."""
    endpoint = endpoint_of(oauth_server, Retry(wait_initial=0.5))
    oauth_server.token_fault = Fault.status(500, "going down").times(1)
    asking = asyncio.create_task(endpoint.request(FORM, is_repeatable=True))
    await oauth_server.reached(token_requests=1)
    oauth_server.token_fault = Fault.hang_up()
    with pytest.raises(TokenHTTPError, match="going down"):
        await asking
    assert oauth_server.token_requests == 3


def test_the_defaults_are_those_that_are_documented() -> None:
    """Three attempts within twenty-five seconds."""
    assert (Retry().attempts, Retry().wait_initial, Retry().timeout) == (3, 0.25, 25)


@pytest.mark.parametrize("name", ["attempts", "wait_initial", "timeout"])
def test_an_error_names_the_option_that_cannot_work(name: str) -> None:
    """Else a caller with several would have to guess."""
    with pytest.raises(TokenConfigurationError, match=f"^{name} must be"):
        Retry(**{name: -1})


# On a clock


class Scripted(AuthServerHTTP):
    """Answers each attempt after its seconds, with its end; nothing goes anywhere."""

    __slots__ = ("begun", "script")

    def __init__(self, *script: tuple[float, RawResponse | Exception]) -> None:
        super().__init__(None, lambda: None)
        self.script = list(script)
        self.begun: list[float] = []

    async def post(self, *_: object, **__: object) -> RawResponse:
        """The next of the script."""
        self.begun.append(asyncio.get_running_loop().time())
        seconds, end = self.script.pop(0)
        await asyncio.sleep(seconds)
        if isinstance(end, Exception):
            raise end
        return end


def token() -> RawResponse:
    """An answer with one."""
    answer = object.__new__(RawResponse)
    answer.status, answer.content_type = 200, "application/json"
    answer.body = b'{"access_token": "abc", "expires_in": 3600}'
    return answer


class Play:
    """Plays token requests in virtual time: when each attempt began, and what came of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        follow_the_loop(monkeypatch)
        self._patch = monkeypatch
        self.begun: list[float] = []
        self.ended = 0.0

    def __call__(
        self,
        *script: tuple[float, RawResponse | Exception],
        retry: Retry | None = None,
        chances: Iterable[float] = repeat(0.5),
        patience: float | None = None,
    ) -> BaseException | None:
        """Return what a request raises, None when it gives a token."""
        drawn = iter(chances)
        self._patch.setattr("aioalf.retry.random", SimpleNamespace(random=lambda: next(drawn)))
        exchange = Scripted(*script)

        async def request() -> None:
            began = asyncio.get_running_loop().time()
            self._patch.setattr(
                "aioalf._auth_server.token_endpoint.AuthServerHTTP", Mock(return_value=exchange)
            )
            endpoint = TokenEndpoint(
                "https://auth.example.com/token",
                Credentials("id", "secret"),
                ClientSecretBasic(),
                retry=retry,
            )
            try:
                async with asyncio.timeout(patience):
                    await endpoint.request(FORM, is_repeatable=True)
            finally:
                self.begun = [at - began for at in exchange.begun]
                self.ended = asyncio.get_running_loop().time() - began

        with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(0)) as runner:
            try:
                runner.run(request())
            except (TokenError, TimeoutError) as error:
                return error
        return None


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """One that follows its own clock."""
    return Play(monkeypatch)


@pytest.mark.rule("R033")
@pytest.mark.parametrize("chances", [(0.0, 0.0), (0.1, 0.9), (0.999, 0.0), (0.5, 0.5)])
def test_between_attempts_passes_what_chance_says(play: Play, chances: tuple[float, float]) -> None:
    """Up to a quarter of a second, then up to a half; the whole of each is left to chance."""
    end = play(
        (0, http_error(503)), (0, TokenConnectionError("reset")), (0, token()), chances=chances
    )
    assert end is None
    first, second = chances
    assert play.begun == pytest.approx([0, first * 0.25, first * 0.25 + second * 0.5])


@pytest.mark.rule("R033")
@pytest.mark.parametrize("chance", [0.0, 0.999])
def test_a_server_that_names_a_time_is_left_alone_until_then(play: Play, chance: float) -> None:
    """Whatever chance says."""
    assert play((1, http_error(429, 7)), (0, token()), chances=[chance]) is None
    assert play.begun == pytest.approx([0, 8])


@pytest.mark.rule("R033")
def test_a_time_beyond_the_deadline_is_not_waited_for(play: Play) -> None:
    """The answer is told at once."""
    assert isinstance(play((1, http_error(503, 24)), (0, token())), TokenHTTPError)
    assert (play.begun, play.ended) == ([0], 1)


@pytest.mark.rule("R033")
def test_no_attempt_begins_after_the_deadline(play: Play) -> None:
    """However many there may be."""
    failures = [(1.0, http_error(503))] * 100
    retry = Retry(attempts=100, wait_initial=0, timeout=7.5)
    assert isinstance(play(*failures, retry=retry), TokenHTTPError)
    assert play.begun == [0, 1, 2, 3, 4, 5, 6, 7]
    assert play.ended == 7.5


@pytest.mark.rule("R033")
def test_at_the_deadline_all_is_over(play: Play) -> None:
    """Of a server that never answers, too: the last failure that was heard of is raised."""
    silence = [(10.0, TokenConnectionError(f"silence {count}")) for count in (1, 2, 3)]
    end = play(*silence)
    assert (str(end), play.ended) == ("silence 2", 25)
    assert end is not None
    assert end.__suppress_context__
    answered, lost = http_error(500), TokenConnectionError("reset")
    assert play((0, answered), (1, lost), (60, token())) is answered
    assert play.ended == 25


@pytest.mark.rule("R033")
def test_the_first_attempt_has_the_time_of_its_own_timeout(play: Play) -> None:
    """A deadline is for trying again."""
    assert play((60, token())) is None
    assert play.ended == 60
    assert str(play((60, TokenConnectionError("silence")), (0, token()))) == "silence"
    assert (play.begun, play.ended) == ([0], 60)


def test_who_has_no_patience_is_not_told_of_another_failure(play: Play) -> None:
    """A timeout of the caller's is the caller's, also while it is tried again."""
    failure = http_error(503)
    for patience in (0.1, 5):
        assert isinstance(play((0, failure), (60, token()), patience=patience), TimeoutError)
        assert play.ended == pytest.approx(patience)
    assert isinstance(play((0, failure), (0, TimeoutError("a signer's"))), TimeoutError)
