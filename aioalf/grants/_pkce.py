"""Proof Key for Code Exchange (RFC 7636): binds an authorization code to the client. Pure.

S256 is the only supported method (RFC 9700 §2.1.1).
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from aioalf._syntax import base64url

METHOD: Final = "S256"


def challenge_of(verifier: str) -> str:
    """Return the code challenge for a verifier; it does not reveal the verifier (§4.2)."""
    return base64url(sha256(verifier.encode("ascii")).digest())
