"""The authorization codes: single-use, bound to a client, a redirect URI and a PKCE challenge.

RFC 6749 §4.1.2, RFC 7636. Must not know requests and responses.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass, field

from aioalf.testing._server.responses import OAuthError
from aioalf.testing._server.state.authorization import Authorization
from aioalf.testing._server.state.tokens import RefreshTokenStore
from aioalf.testing.settings import Settings

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True)
class _IssuedCode:
    authorization: Authorization
    redirect_uri: str
    code_challenge: str = field(repr=False)
    expires_at: float  # monotonic clock


class CodeStore:
    """The issued codes, and the token families of redeemed codes."""

    def __init__(self, settings: Settings, refresh_tokens: RefreshTokenStore) -> None:
        self._settings = settings
        self._refresh_tokens = refresh_tokens
        self._codes: dict[str, _IssuedCode] = {}
        self._redeemed: dict[str, str] = {}

    def issue(self, authorization: Authorization, redirect_uri: str, code_challenge: str) -> str:
        """Create a code with the lifetime of the current settings; "" is no code challenge."""
        code = secrets.token_urlsafe(24)
        expires_at = time.monotonic() + self._settings.code_lifetime
        self._codes[code] = _IssuedCode(authorization, redirect_uri, code_challenge, expires_at)
        return code

    def redeem(
        self, code: str, *, client_id: str, redirect_uri: str, code_verifier: str
    ) -> Authorization:
        """Return the authorization of a code; raise OAuthError ``invalid_grant`` if a check fails.

        A failed attempt uses the code too. Using it again revokes its tokens (RFC 6749 §4.1.2).
        """
        issued = self._take(code)
        if time.monotonic() >= issued.expires_at:
            raise _invalid_grant("The code has expired.")
        if issued.authorization.client_id != client_id:
            raise _invalid_grant("The code was issued to another client.")
        if issued.redirect_uri != redirect_uri:
            raise _invalid_grant("The redirect_uri differs from the authorization request.")
        if issued.code_challenge and not _matches(code_verifier, issued.code_challenge):
            raise _invalid_grant("The code_verifier does not match the code_challenge.")
        if code_verifier and not issued.code_challenge:
            raise _invalid_grant("The authorization request had no code_challenge.")
        return issued.authorization

    def _take(self, code: str) -> _IssuedCode:
        if code in self._redeemed:
            self._refresh_tokens.revoke_family(self._redeemed[code])
            raise _invalid_grant("The code was used before: its tokens are revoked now.")
        if code not in self._codes:
            raise _invalid_grant("The code is unknown.")
        issued = self._codes.pop(code)
        self._redeemed[code] = issued.authorization.family
        return issued


def _matches(verifier: str, challenge: str) -> bool:
    """Check a PKCE verifier with S256, the only supported method (RFC 7636 §4.6)."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    return hmac.compare_digest(digest.rstrip(b"="), challenge.encode())


def _invalid_grant(description: str) -> OAuthError:
    return OAuthError("invalid_grant", description)
