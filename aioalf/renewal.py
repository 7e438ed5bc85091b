"""`Renewal`: when to renew a token ahead of its expiry, and how long to pause after a failure.

`Renewal` is arithmetic only: the caller passes in times (seconds of the monotonic clock) and random
numbers.
"""

import math
from typing import Final, NamedTuple, Self

from aioalf._syntax import check_seconds
from aioalf.errors import TokenError

PAUSE_AFTER_REFUSAL: Final = 60.0
"""Seconds before a user is asked to sign in again after a refusal, a timeout, or a sign-in whose
token was unusable."""

MAX_BACKOFF: Final = 60.0
"""Seconds. A longer ``Retry-After`` does not delay the next token request any further."""

_MAX_SHARE_OF_LIFETIME: Final = 1 / 3
_SHARE_OF_JITTER: Final = 1 / 3


class RenewalSkippedError(TokenError):
    """Raised by a renewal ahead of expiry that another client is doing, or that needs a user.

    Callers keep the current token and never see this error. ``until_expiry`` says that no renewal
    can succeed before the token expires.
    """

    def __init__(self, *, until_expiry: bool) -> None:
        super().__init__("The renewal ahead of expiry was skipped")
        self.until_expiry = until_expiry


class _RenewalValues(NamedTuple):
    before_expiry: float = 300.0
    failure_backoff: float = 1.0


class Renewal(_RenewalValues):
    """Rules for the renewal of a token. All times are in seconds.

    Args:
        before_expiry: How long before its expiry a token is renewed in the background, while
            callers keep using it; at most a third of its lifetime. The start is jittered by up to
            a third of this time, so that clients that started together do not renew together. 0
            renews a token only after it has expired.
        failure_backoff: How long no further token request is made after one failed, or after a
            renewal returned a token that the API rejected as well. Meanwhile callers get the same
            error, or the 401 response. 0 switches the pause off.

    Raises:
        TokenConfigurationError: A value is not a finite number of seconds, 0 or more.
    """

    __slots__ = ()

    def __new__(cls, before_expiry: float = 300.0, failure_backoff: float = 1.0) -> Self:
        """Check the values."""
        return super().__new__(
            cls,
            check_seconds("before_expiry", before_expiry),
            check_seconds("failure_backoff", failure_backoff),
        )

    def begins_at(self, lifetime: float | None, expires_at: float, chance: float) -> float:
        """Return when to start renewing a token: in the last third of its life, before it expires.

        Args:
            lifetime: The lifetime of the token in seconds; None if it does not expire.
            expires_at: When the token expires.
            chance: A random number, at least 0 and less than 1.
        """
        if lifetime is None:
            return math.inf
        before_expiry = min(self.before_expiry, lifetime * _MAX_SHARE_OF_LIFETIME)
        return expires_at - before_expiry * (1 - _SHARE_OF_JITTER * chance)


DEFAULT_RENEWAL: Final = Renewal()
