"""`Retry`: whether and when a failed token request is sent again, and the loop that does it.

Knows the errors of token requests. Must not know how a request is sent.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, Self, TypeVar

from aioalf._syntax import check_seconds, number_or_type
from aioalf.errors import TokenConfigurationError, TokenError, TokenHTTPError
from aioalf.renewal import MAX_BACKOFF, PAUSE_AFTER_REFUSAL

T = TypeVar("T")

_MAX_WAIT: Final = 5.0


class _RetryValues(NamedTuple):
    attempts: int = 3
    wait_initial: float = 0.25
    timeout: float = 25.0


class Retry(_RetryValues):
    """Rules for the retries of a token request after a transient error.

    Transient are connection errors, timeouts, the statuses 429 and 5xx, and the errors with which a
    provider says "try later" (`TokenError.is_transient`).

    Args:
        attempts: The maximum number of attempts, including the first one; 1 switches retries off.
        wait_initial: The upper limit of the random wait before the first retry, in seconds. It
            doubles with each retry, up to 5 seconds. A ``Retry-After`` header of the server
            replaces the wait (RFC 9110 §10.2.3).
        timeout: No attempt starts later than this many seconds after the first one started, and a
            retry in flight is cancelled then. The first attempt is limited only by the timeout of
            its HTTP request.

    Raises:
        TokenConfigurationError: ``attempts`` is not a positive integer, or a time is not a finite
            number of seconds, 0 or more.
    """

    __slots__ = ()

    def __new__(cls, attempts: int = 3, wait_initial: float = 0.25, timeout: float = 25.0) -> Self:
        """Check the values."""
        if isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 1:
            raise TokenConfigurationError(
                f"attempts must be a whole number, 1 or more, not {number_or_type(attempts)}"
            )
        check_seconds("wait_initial", wait_initial)
        check_seconds("timeout", timeout)
        return super().__new__(cls, attempts, wait_initial, timeout)

    def wait_after(
        self, error: TokenError, attempt: int, elapsed: float, chance: float
    ) -> float | None:
        """Return the seconds to wait before the next attempt, or None to give up.

        Args:
            error: The error of the last attempt.
            attempt: The number of attempts so far.
            elapsed: The seconds since the first attempt started.
            chance: A random number, at least 0 and less than 1.
        """
        if attempt >= self.attempts or not is_transient(error):
            return None
        wait = retry_after_of(error)
        if wait is None:
            wait = chance * min(_MAX_WAIT, self.wait_initial * 2 ** min(attempt - 1, 32))
        return wait if elapsed + wait < self.timeout else None


def is_transient(error: Exception) -> bool:
    """Return whether the same request may succeed later."""
    return isinstance(error, TokenError) and error.is_transient


def retry_after_of(error: Exception) -> float | None:
    """Return the seconds of the server's ``Retry-After`` header, or None without one."""
    return error.retry_after if isinstance(error, TokenHTTPError) else None


def pause_after(error: Exception, failure_backoff: float) -> float:
    """Return the seconds for which no other token request is made after an error.

    They are more than `failure_backoff` if the server asks for it, or if a user refused, did not
    react, or would have to sign in again.
    """
    if isinstance(error, TokenError) and error.pauses_sign_in:
        return PAUSE_AFTER_REFUSAL
    return max(failure_backoff, min(retry_after_of(error) or 0.0, MAX_BACKOFF))


async def retrying(retry: Retry | None, attempt: Callable[[], Awaitable[T]]) -> T:
    """Return the result of `attempt`, repeated after transient errors as `retry` says.

    If all attempts fail, raises the last TokenHTTPError; if there was none, the last error.
    """
    retry = retry or Retry()
    started_at, attempts = time.monotonic(), 0
    failure: TokenError | None = None
    deadline = asyncio.timeout(None)  # set after the first attempt, which has its own timeout
    try:
        async with deadline:
            while True:
                attempts += 1
                try:
                    return await attempt()
                except TokenError as error:
                    failure = more_telling(error, failure)
                    elapsed = time.monotonic() - started_at
                    chance = random.random()  # noqa: S311 - jitter needs no secure random numbers
                    wait = retry.wait_after(error, attempts, elapsed, chance)
                    if wait is None:
                        raise failure from error.__cause__
                time_left = retry.timeout - elapsed
                deadline.reschedule(asyncio.get_running_loop().time() + time_left)
                await asyncio.sleep(wait)
    except TimeoutError:
        if failure is None or not deadline.expired():
            raise
        raise failure from failure.__cause__
    finally:
        del failure  # its traceback refers to this frame: break the reference cycle


def more_telling(error: TokenError, earlier: TokenError | None) -> TokenError:
    """Return the error to raise after several attempts: a response tells more than none."""
    if isinstance(earlier, TokenHTTPError) and not isinstance(error, TokenHTTPError):
        return earlier
    return error
