"""The claims of a JWT assertion, and the form parameters that carry a client assertion.

RFC 7521 §4.2, RFC 7523 §2.2 and §3. This module must not know keys or signatures.
"""

from __future__ import annotations

import secrets
import time
from typing import Final

from aioalf.client_auth.protocols import MutableForm
from aioalf.errors import TokenConfigurationError

JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""The type of an assertion that is a JWT (RFC 7523 §2.2)."""

LIFETIME: Final = 60
"""Default lifetime of an assertion in seconds. Each assertion is used for one request only."""


def new_claims(
    issuer: str, subject: str, audience: str, lifetime: int = LIFETIME
) -> dict[str, object]:
    """Return the claims of an assertion issued now, with a fresh ``jti`` (RFC 7523 §3)."""
    now = int(time.time())
    return {
        "iss": issuer,
        "sub": subject,
        "aud": audience,
        "iat": now,
        "exp": now + lifetime,
        "jti": secrets.token_urlsafe(16),
    }


def check_lifetime(lifetime: object) -> int:
    """Return `lifetime`. Raises TokenConfigurationError unless it is a whole number above 0."""
    if isinstance(lifetime, bool) or not isinstance(lifetime, int) or lifetime <= 0:
        raise TokenConfigurationError("lifetime must be a whole number of seconds above 0")
    return lifetime


def put_assertion(form: MutableForm, client_id: str, assertion: str) -> None:
    """Add a client assertion to the form.

    ``client_id`` is optional in RFC 7523 §2.2, but some servers require it.
    """
    form["client_id"] = client_id
    form["client_assertion_type"] = JWT_BEARER
    form["client_assertion"] = assertion
