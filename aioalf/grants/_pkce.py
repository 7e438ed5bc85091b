"""Proof Key for Code Exchange (RFC 7636): binds an authorization code to the client. Pure.

S256 is the only supported method (RFC 9700 §2.1.1).
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final

METHOD: Final = "S256"

OCTETS: Final = 32
"""The number of random octets in a verifier (RFC 7636 §4.1)."""


def verifier_of(octets: bytes) -> str:
    """Return the code verifier for random octets: 43 characters for 32 octets (§4.1)."""
    return _base64url(octets)


def challenge_of(verifier: str) -> str:
    """Return the code challenge for a verifier; it does not reveal the verifier (§4.2)."""
    return _base64url(sha256(verifier.encode("ascii")).digest())


def _base64url(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
