"""When to renew a token, and how long to leave a token endpoint alone.

Arithmetic only: times come with the call (seconds of one monotonic clock), and so does chance.
"""

from __future__ import annotations

import math
from typing import Final

from aioalf._syntax import check_seconds

_SHARE_OF_LIFETIME: Final = 1 / 3
_SHARE_OF_JITTER: Final = 1 / 3


class Renewal:
    """How a token manager keeps its token fresh; all in seconds.

    ``before_expiry``: in the last part of its life a token is renewed in the background while callers are
    served with it. The part is this long, and at most a third of the lifetime, so that it is right
    from one second up. Its beginning varies by a third of it, so that clients that started
    together do not renew together. 0 renews only what has expired.

    ``failure_backoff``: after a token request that failed, and after a renewal that gave a token which was
    refused too, no other is made for so long; callers get that error, or the 401. 0 for none.

    Raises TokenConfigurationError for what is not a finite number of seconds from 0 up.
    """

    def __init__(self, before_expiry: float = 300.0, failure_backoff: float = 1.0) -> None:
        self.before_expiry: float = check_seconds("before_expiry", before_expiry)
        self.failure_backoff: float = check_seconds("failure_backoff", failure_backoff)

    def __repr__(self) -> str:
        return (
            f"Renewal(before_expiry={self.before_expiry}, failure_backoff={self.failure_backoff})"
        )

    def begins_at(self, lifetime: float | None, expires_at: float, chance: float) -> float:
        """Return when to begin to renew a token; chance is from 0 up to 1.

        Never after its expiry, and not in the first two thirds of its life; None lives for ever.
        """
        if lifetime is None:
            return math.inf
        before_expiry = min(self.before_expiry, lifetime * _SHARE_OF_LIFETIME)
        return expires_at - before_expiry * (1 - _SHARE_OF_JITTER * chance)
