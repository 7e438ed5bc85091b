"""When a token expires, if it is a JWT that says so (RFC 7519 §4.1.4). Pure; verifies nothing."""

from __future__ import annotations

import math
from base64 import urlsafe_b64decode

from aioalf._auth_server.token_response import read_object

_MAX_LENGTH = 2**16


def expiry_of(token: str) -> float | None:
    """Return the time in seconds since 1970, None for a token that does not say."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > _MAX_LENGTH:
        return None
    try:
        claims = read_object(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    expiry = (claims or {}).get("exp")
    if isinstance(expiry, bool) or not isinstance(expiry, int | float):
        return None
    try:
        return float(expiry) if math.isfinite(expiry) else None
    except OverflowError:
        return None
