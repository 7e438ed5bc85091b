"""The token exchange grant: a token in exchange for another token (RFC 8693)."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

from aioalf._error_frames import hide_locals_on_error
from aioalf._hidden_repr import MaskedDict
from aioalf._masking import Unpicklable
from aioalf._secret_source import (
    SecretSource,
    check_secret_source,
    check_text,
    secret_value,
)
from aioalf._urls import http_hosts_advice, redact_url
from aioalf.errors import TokenConfigurationError
from aioalf.grants._jwt_claims import claims_of
from aioalf.grants.protocols import AuthorizationServer, subject_digest
from aioalf.token import Token

# Token type identifiers (RFC 8693 §3)
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"
REFRESH_TOKEN: Final = "urn:ietf:params:oauth:token-type:refresh_token"
ID_TOKEN: Final = "urn:ietf:params:oauth:token-type:id_token"
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
SAML1: Final = "urn:ietf:params:oauth:token-type:saml1"
SAML2: Final = "urn:ietf:params:oauth:token-type:saml2"

_MAX_JWT_LENGTH: Final = 2**16


class TokenExchange(Unpicklable):
    """Exchange a token for another one, for the same subject (RFC 8693 §2.1).

    A token can be a string or a sync or async function that returns it, for a token that changes.
    One client has one token, so use a client of its own for each user. If the subject token is a
    JWT with an ``exp`` claim, the new token is not used after that time. The token is requested
    again when it expires, never refreshed.

    Args:
        subject_token: The token to exchange.
        subject_token_type: Its type, a URI such as `ACCESS_TOKEN` or `JWT`.
        actor_token: The token of the party that acts for the subject.
        actor_token_type: The type of the actor token.
        requested_token_type: The type of the new token; the server chooses by default.

    Raises:
        TokenConfigurationError: An argument is invalid, or only one of `actor_token` and
            `actor_token_type` is given.
    """

    name = "urn:ietf:params:oauth:grant-type:token-exchange"
    can_begin = True
    is_interactive = False
    keeps_refresh_token = False
    reserved_params: frozenset[str] = frozenset(
        {
            *("actor_token", "actor_token_type", "requested_token_type"),
            *("subject_token", "subject_token_type"),
        }
    )

    @hide_locals_on_error
    def __init__(
        self,
        subject_token: SecretSource,
        subject_token_type: str,
        *,
        actor_token: SecretSource | None = None,
        actor_token_type: str | None = None,
        requested_token_type: str | None = None,
    ) -> None:
        if (actor_token is None) != (actor_token_type is None):
            raise TokenConfigurationError(
                "actor_token and actor_token_type go together (RFC 8693 §2.1)"
            )
        self._subject_token = check_secret_source("subject_token", subject_token)
        self._actor_token = (
            None if actor_token is None else check_secret_source("actor_token", actor_token)
        )
        self._form = {
            "grant_type": self.name,
            "subject_token_type": check_text("subject_token_type", subject_token_type),
        }
        types = {
            "actor_token_type": actor_token_type,
            "requested_token_type": requested_token_type,
        }
        self._form.update(
            {name: check_text(name, kind) for name, kind in types.items() if kind is not None}
        )

    @property
    def subject_key(self) -> str | None:
        """A digest of the tokens and types, None if a function returns a token."""
        if callable(self._subject_token) or callable(self._actor_token):
            return None
        return subject_digest(self._form, self._subject_token, self._actor_token)

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Return the token in exchange for the subject token.

        Raises:
            TokenConfigurationError: A refresh token would be sent by plain http.
            TokenResponseError: The token is not a Bearer token: its ``token_type`` is ``N_A``. A
                response without ``issued_token_type`` is accepted, though RFC 8693 §2.2.1 requires
                it.
            TokenError: No token was granted.
        """
        has_refresh_token = REFRESH_TOKEN in {
            self._form["subject_token_type"],
            self._form.get("actor_token_type"),
        }
        if has_refresh_token and server.is_insecure(url := await server.url_of("token_endpoint")):
            raise TokenConfigurationError(
                f"The token endpoint {redact_url(url)} is plain http, and a refresh token must be "
                f"sent by https only (RFC 6749 §10.4){http_hosts_advice(url)}"
            )
        form = MaskedDict(self._form)  # error reports show local variables
        form["subject_token"] = await secret_value("subject_token", self._subject_token)
        if self._actor_token is not None:
            form["actor_token"] = await secret_value("actor_token", self._actor_token)
        # A refresh token may be single-use.
        token = await server.request(form, is_repeatable=not has_refresh_token)
        return _with_expiry_of(form["subject_token"], token)


def _with_expiry_of(subject_token: str, token: Token) -> Token:
    """Return the token, with its lifetime cut at the expiry of the subject token."""
    expiry = jwt_expiry(subject_token)
    if expiry is None:
        return token
    now = datetime.now(UTC)
    left = max(0.0, expiry - now.timestamp())
    if token.expires_on is not None and token.expires_on.timestamp() <= now.timestamp() + left:
        return token
    return Token(
        token.access_token,
        left,
        token_type=token.token_type,
        scope=token.scope,
        missing_scope=token.missing_scope,
        extra=token.extra,
        sent_on=now,
    )


def jwt_expiry(token: str) -> float | None:
    """Return the ``exp`` claim of a JWT in seconds since 1970, or None if it is missing.

    The signature is not verified (RFC 7519 §4.1.4).
    """
    expiry = claims_of(token).get("exp") if len(token) <= _MAX_JWT_LENGTH else None
    if isinstance(expiry, bool) or not isinstance(expiry, int | float):
        return None
    try:
        return float(expiry) if math.isfinite(expiry) else None
    except OverflowError:
        return None
