"""The token exchange grant: a token for a token (RFC 8693)."""

from __future__ import annotations

from datetime import UTC, datetime

from aioalf._redaction import Unpicklable
from aioalf.errors import TokenConfigurationError, TokenResponseError
from aioalf.grants._jwt_expiry import expiry_of
from aioalf.grants._secret_source import (
    SecretSource,
    check_secret_source,
    check_text,
    secret_value,
)
from aioalf.grants._token_types import REFRESH_TOKEN
from aioalf.grants.protocols import AuthorizationServer, subject_digest
from aioalf.token import Token


class TokenExchange(Unpicklable):
    """Ask for a token in place of ``subject_token``, on behalf of whom it is about (§2.1).

    The types are URIs: `ACCESS_TOKEN` and the others beside it. The tokens are texts, or callables
    that return them when they are needed; a callable is for a token that changes, not for many
    people: one client has one token, so each person needs a client of their own. With
    ``actor_token`` goes its type. The token that is got is used no longer than the subject token
    lives, when that is a JWT that says how long; then it is asked for anew, never refreshed. Raises
    TokenConfigurationError for what cannot work.
    """

    name = "urn:ietf:params:oauth:grant-type:token-exchange"
    can_begin = True
    keeps_refresh_token = False

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
        """Whose token is exchanged: `OfSubject`; None where a function says it when it is asked."""
        if callable(self._subject_token) or callable(self._actor_token):
            return None
        return subject_digest(self._form, self._subject_token, self._actor_token)

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """Return the token for the subject token. Raises TokenError.

        A token of another use than in a Bearer header (``token_type`` ``N_A``) is an error, and so
        is one whose kind is not said (§2.2.1).
        """
        subject_token = await secret_value("subject_token", self._subject_token)
        form = {**self._form, "subject_token": subject_token}
        if self._actor_token is not None:
            form["actor_token"] = await secret_value("actor_token", self._actor_token)
        # A refresh token may be good once.
        token = await endpoint.request(form, is_repeatable=REFRESH_TOKEN not in form.values())
        kind = token.extra.get("issued_token_type")
        if not isinstance(kind, str) or not kind:
            raise TokenResponseError(
                "The token exchange was answered without an issued_token_type: what kind of token "
                "it is has to be said (RFC 8693 §2.2.1)"
            )
        return _not_past(token, expiry_of(subject_token))


def _not_past(token: Token, expiry: float | None) -> Token:
    """Return the token, its lifetime cut where the subject token's ends before it."""
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
        extra=token.extra,
        sent_on=now,
    )
