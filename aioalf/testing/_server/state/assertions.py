"""Which claims of an assertion are good (RFC 7523 §3), and that each is used once.

Reads the wall clock, as the claims are times of day; knows neither keys nor clients.
"""

from __future__ import annotations

import time
from collections.abc import Collection

from aioalf.testing._server.client_auth.jose import Claims

_LONGEST_SECONDS = 3600.0
_CLOCK_SECONDS = 5.0


class Assertions:
    """The assertions seen so far, by issuer and ``jti``."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()

    def check(self, claims: Claims, audiences: Collection[str], *, needs_jti: bool) -> None:
        """ValueError, which says why, for an assertion that is not good, or not any more.

        ``aud`` is one string: an assertion for several servers could be replayed by any of them.
        """
        if claims.get("aud") not in audiences:
            raise ValueError(f"aud must be the string {' or '.join(audiences)}.")
        _check_times(claims, time.time())
        jti = claims.get("jti")
        if jti is None and not needs_jti:
            return
        if not isinstance(jti, str) or not jti:
            raise ValueError("jti is missing.")
        if (str(claims["iss"]), jti) in self._seen:
            raise ValueError("The assertion was used before.")
        self._seen.add((str(claims["iss"]), jti))


def _check_times(claims: Claims, now: float) -> None:
    expiry = claims.get("exp")
    if not isinstance(expiry, int | float) or isinstance(expiry, bool):
        raise ValueError("exp is missing, or is no time.")  # noqa: TRY004
    if not now < expiry <= now + _LONGEST_SECONDS + _CLOCK_SECONDS:
        raise ValueError("exp is past, or more than an hour away.")
    for name in ("iat", "nbf"):
        value = claims.get(name, 0)
        if not isinstance(value, int | float) or value > now + _CLOCK_SECONDS:
            raise ValueError(f"{name} is in the future, or is no time.")
