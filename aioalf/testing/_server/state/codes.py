"""The authorization codes: each good once, for one client, one redirect URI and one verifier.

RFC 6749 §4.1.2, RFC 7636. Reads one monotonic clock; knows nothing of requests and answers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass, field

from aioalf.testing._server.oauth_error import OAuthError
from aioalf.testing._server.state.authorizations import Authorization
from aioalf.testing._server.state.refresh_tokens import RefreshTokenStore
from aioalf.testing.settings import Settings

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True, slots=True)
class _IssuedCode:
    authorization: Authorization
    redirect_uri: str
    code_challenge: str = field(repr=False)
    ends_at: float


class CodeStore:
    """The codes that may be redeemed, and those that have been."""

    def __init__(self, settings: Settings, refresh_tokens: RefreshTokenStore) -> None:
        self._settings = settings
        self._refresh_tokens = refresh_tokens
        self._codes: dict[str, _IssuedCode] = {}
        self._redeemed: dict[str, str] = {}

    def issue(self, authorization: Authorization, redirect_uri: str, code_challenge: str) -> str:
        """Make a code, good for `code_lifetime` seconds."""
        code, ends_at = secrets.token_urlsafe(24), time.monotonic() + self._settings.code_lifetime
        self._codes[code] = _IssuedCode(authorization, redirect_uri, code_challenge, ends_at)
        return code

    def redeem(
        self, code: str, *, client_id: str, redirect_uri: str, code_verifier: str
    ) -> Authorization:
        """What a code stands for; OAuthError ``invalid_grant`` if anything is not as it was.

        Any attempt uses the code up; one more ends what came of it (RFC 6749 §4.1.2).
        """
        issued = self._take(code)
        if time.monotonic() >= issued.ends_at:
            raise _invalid_grant("The code has expired.")
        if issued.authorization.client_id != client_id:
            raise _invalid_grant("The code was given to another client.")
        if issued.redirect_uri != redirect_uri:
            raise _invalid_grant("The redirect_uri is not the one of the authorization request.")
        if not _is_verified(code_verifier, issued.code_challenge):
            raise _invalid_grant("The code_verifier does not match the code_challenge.")
        return issued.authorization

    def _take(self, code: str) -> _IssuedCode:
        if code in self._redeemed:
            self._refresh_tokens.revoke_family(self._redeemed[code])
            raise _invalid_grant("The code was used before: what came of it ends.")
        if code not in self._codes:
            raise _invalid_grant("The code is unknown.")
        issued = self._codes.pop(code)
        self._redeemed[code] = issued.authorization.family
        return issued


def _is_verified(verifier: str, challenge: str) -> bool:
    """RFC 7636 §4.6, for S256, which is the only method here."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    return hmac.compare_digest(digest.rstrip(b"="), challenge.encode())


def _invalid_grant(description: str) -> OAuthError:
    return OAuthError("invalid_grant", description)
