"""Proof Key for Code Exchange: what ties a code to who asked for it (RFC 7636). Pure.

The method is S256; there is no way to ask for another (RFC 9700 §2.1.1).
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final

METHOD: Final = "S256"

OCTETS: Final = 32
"""How much chance a verifier is made of (RFC 7636 §4.1)."""


def verifier_of(octets: bytes) -> str:
    """Return the verifier made of random octets: 43 characters for 32 of them (§4.1)."""
    return _base64url(octets)


def challenge_of(verifier: str) -> str:
    """Return the challenge that may be shown before the verifier is (§4.2)."""
    return _base64url(sha256(verifier.encode("ascii")).digest())


def _base64url(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
