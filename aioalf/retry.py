"""Whether a failed token request is made again, and after how long.

Arithmetic only: times and chance come with the call. It knows errors, and nothing of sending.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from aioalf.errors import NoAnswerError, TokenConfigurationError, TokenError, TokenHTTPError
from aioalf.renewal import check_seconds

_TOO_MANY_REQUESTS: Final = 429
_MAX_DELAY: Final = 5.0


class Retry:
    """How often a token request is made when it fails for a reason that may pass; in seconds.

    That is: no answer (connection, timeout), 429 and 5xx. ``attempts`` counts the first one; 1
    switches retries off. Before the nth retry passes a random time up to ``delay`` * 2ⁿ⁻¹ (five
    seconds at most), or what the server's ``Retry-After`` asks for (RFC 9110 §10.2.3). ``deadline``
    after the first began all is over: an attempt under way is ended, but for the first, which has
    the time that its own timeout gives it.

    Raises TokenConfigurationError for what is no count, or no finite time from 0 up.
    """

    __slots__ = ("attempts", "deadline", "delay")

    def __init__(self, attempts: int = 3, delay: float = 0.25, deadline: float = 25.0) -> None:
        if isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 1:
            raise TokenConfigurationError("attempts must be a whole number from 1 up")
        self.attempts: int = attempts
        self.delay: float = check_seconds("delay", delay)
        self.deadline: float = check_seconds("deadline", deadline)

    def __repr__(self) -> str:
        return f"Retry(attempts={self.attempts}, delay={self.delay}, deadline={self.deadline})"

    def wait_after(
        self, error: TokenError, attempt: int, elapsed: float, chance: float
    ) -> float | None:
        """Return how long to wait before the next attempt, None when there is to be none.

        `attempt` counts those made, `elapsed` is since the first began, `chance` is from 0 up to 1.
        """
        if attempt >= self.attempts or not may_pass(error):
            return None
        wait = retry_after_of(error)
        if wait is None:
            wait = chance * min(_MAX_DELAY, self.delay * 2 ** min(attempt - 1, 32))
        return wait if elapsed + wait < self.deadline else None


def may_pass(error: Exception) -> bool:
    """Tell whether the same request may succeed later."""
    if isinstance(error, TokenHTTPError) and error.response_status is not None:
        return error.response_status == _TOO_MANY_REQUESTS or error.response_status >= 500
    return isinstance(error, NoAnswerError) and error.may_pass


def retry_after_of(error: Exception) -> float | None:
    """Return the seconds that the server asked to be left alone, None when it did not."""
    return error.retry_after if isinstance(error, TokenHTTPError) else None


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Return a ``Retry-After`` as seconds from now, from 0 up; None when it cannot be read."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:10])
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())
