"""Whether a failed token request is made again, and after how long.

Arithmetic only: times and chance come with the call. It knows errors, and nothing of sending.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from aioalf._syntax import check_seconds
from aioalf.errors import TokenConfigurationError, TokenConnectionError, TokenError, TokenHTTPError

T = TypeVar("T")

_TOO_MANY_REQUESTS: Final = 429
_MAX_WAIT: Final = 5.0


class Retry:
    """How often a token request is made when it fails for a reason that may pass; in seconds.

    That is: no answer (connection, timeout), 429 and 5xx. ``attempts`` counts the first one; 1
    switches retries off. Before the nth retry passes a random time up to ``wait_initial`` * 2ⁿ⁻¹ (five
    seconds at most), or what the server's ``Retry-After`` asks for (RFC 9110 §10.2.3). ``timeout``
    after the first began all is over: an attempt under way is ended, but for the first, which has
    the time that its own timeout gives it.

    Raises TokenConfigurationError for what is no count, or no finite time from 0 up.
    """

    def __init__(
        self, attempts: int = 3, wait_initial: float = 0.25, timeout: float = 25.0
    ) -> None:
        if isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 1:
            raise TokenConfigurationError("attempts must be a whole number from 1 up")
        self.attempts: int = attempts
        self.wait_initial: float = check_seconds("wait_initial", wait_initial)
        self.timeout: float = check_seconds("timeout", timeout)

    def __repr__(self) -> str:
        return f"Retry(attempts={self.attempts}, wait_initial={self.wait_initial}, timeout={self.timeout})"

    def wait_after(
        self, error: TokenError, attempt: int, elapsed: float, chance: float
    ) -> float | None:
        """Return how long to wait before the next attempt, None when there is to be none.

        `attempt` counts those made, `elapsed` is since the first began, `chance` is from 0 up to 1.
        """
        if attempt >= self.attempts or not is_transient(error):
            return None
        wait = retry_after_of(error)
        if wait is None:
            wait = chance * min(_MAX_WAIT, self.wait_initial * 2 ** min(attempt - 1, 32))
        return wait if elapsed + wait < self.timeout else None


def is_transient(error: Exception) -> bool:
    """Tell whether the same request may succeed later."""
    if isinstance(error, TokenHTTPError) and error.response_status is not None:
        return error.response_status == _TOO_MANY_REQUESTS or error.response_status >= 500
    return isinstance(error, TokenConnectionError) and error.is_transient


def retry_after_of(error: Exception) -> float | None:
    """Return the seconds that the server asked to be left alone, None when it did not."""
    return error.retry_after if isinstance(error, TokenHTTPError) else None


async def retrying(retry: Retry | None, attempt: Callable[[], Awaitable[T]]) -> T:
    """Return what an attempt gives, made again while what went wrong may pass."""
    begun, count = time.monotonic(), 0
    failure: TokenError | None = None
    limit = asyncio.timeout(None)  # the first has its own
    try:
        async with limit:
            while True:  # until `wait_after` says None, which it does after its count of attempts
                count += 1
                try:
                    return await attempt()
                except TokenError as error:
                    retry = retry or Retry()
                    # An answer says more than none, and `Client` returns it.
                    if isinstance(error, TokenHTTPError) or not isinstance(failure, TokenHTTPError):
                        failure = error
                    elapsed, chance = time.monotonic() - begun, random.random()  # noqa: S311 - jitter
                    wait = retry.wait_after(error, count, elapsed, chance)
                    if wait is None:
                        raise failure from error.__cause__
                now = asyncio.get_running_loop().time()
                limit.reschedule(now + retry.timeout - elapsed)
                await asyncio.sleep(wait)
    except TimeoutError:
        if failure is None or not limit.expired():
            raise
        raise failure from failure.__cause__
    finally:
        del failure  # its traceback holds this frame
