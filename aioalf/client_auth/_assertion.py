"""A client's assertion: the claims that say who it is, and where in a form it goes.

RFC 7521 §4.2, RFC 7523 §2.2 and §3. Pure, but for the clock and the chance that are looked up at
each call. It knows nothing of keys and of signing.
"""

from __future__ import annotations

import secrets
import time
from typing import Final

from aioalf.client_auth.protocols import MutableForm

CLIENT_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME: Final = 60
"""Seconds for which an assertion holds: it is made for one request."""


def new_claims(
    issuer: str, subject: str, audience: str, lifetime: int = LIFETIME
) -> dict[str, object]:
    """Return the claims of an assertion that is made now, its ``jti`` new (RFC 7523 §3)."""
    now = int(time.time())
    return {
        "iss": issuer,
        "sub": subject,
        "aud": audience,
        "iat": now,
        "exp": now + lifetime,
        "jti": secrets.token_urlsafe(16),
    }


def put_assertion(form: MutableForm, client_id: str, assertion: str) -> None:
    """Put it into the form, and the id: optional there, and some servers want it (§2.2)."""
    form["client_id"] = client_id
    form["client_assertion_type"] = CLIENT_ASSERTION_TYPE
    form["client_assertion"] = assertion
