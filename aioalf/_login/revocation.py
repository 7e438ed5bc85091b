"""What is revoked at a logout, in what order, and what of it is no failure (RFC 7009).

It knows the endpoint and its errors; it caches nothing and knows no grant.
"""

from __future__ import annotations

from typing import Final

from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf.errors import RevocationError, TokenError, TokenHTTPError
from aioalf.retry import is_transient
from aioalf.token import Token

_UNKNOWN: Final = "invalid_token"  # some say that with 400 where the standard has 200 (§2.2)
_UNSUPPORTED: Final = "unsupported_token_type"


class TokensToRevoke:
    """Tokens that count at the server, and that nobody here uses any more; each is there once."""

    def __init__(self) -> None:
        self.counts_given: bool = False
        """Whether a refresh token that the grant was given counts, unless one replaced it."""
        self.is_complete: bool = False
        """Whether nothing is added any more."""
        self._refresh_tokens: tuple[str, ...] = ()
        self._access_tokens: tuple[str, ...] = ()

    def add(self, token: Token | None, refresh_token: str | None = None) -> None:
        """Take note of what is to be revoked; None is nothing."""
        if token is not None and token.access_token not in self._access_tokens:
            self._access_tokens += (token.access_token,)
        if refresh_token and refresh_token not in self._refresh_tokens:
            self._refresh_tokens += (refresh_token,)

    @property
    def has_refresh_token(self) -> bool:
        """Whether a refresh token is among them."""
        return bool(self._refresh_tokens)

    def include(self, other: TokensToRevoke) -> None:
        """Take note of what the other knows of."""
        self._refresh_tokens = _each_once(self._refresh_tokens + other._refresh_tokens)
        self._access_tokens = _each_once(self._access_tokens + other._access_tokens)

    def hinted(self) -> list[tuple[str, str]]:
        """Return each with its ``token_type_hint``, refresh tokens first: more goes with them."""
        return [
            *((token, "refresh_token") for token in self._refresh_tokens),
            *((token, "access_token") for token in self._access_tokens),
        ]


async def revoke(endpoint: TokenEndpoint | None, *outstanding: TokensToRevoke) -> None:
    """Revoke what can be revoked. Raises RevocationError for what counts still, it may be.

    Without a revocation endpoint there is nothing to do. Where the server is not to be reached, or
    asks for patience beyond that of `Retry`, the rest is not tried.
    """
    whole = TokensToRevoke()
    for each in outstanding:
        whole.include(each)
    tokens = whole.hinted()
    if endpoint is None or not tokens:
        return
    failures: list[RevocationError] = []
    try:
        if not await endpoint.has("revocation_endpoint"):
            return
    except TokenError as error:
        raise _failure("tokens were", error) from error
    for token, hint in tokens:
        try:
            await endpoint.revoke(token, hint)
        except TokenError as error:
            if _is_done(error, hint):
                continue
            failure = _failure(f"{hint.replace('_', ' ')} was", error)
            failure.__cause__ = error
            failures.append(failure)
            if is_transient(error):
                break
    if failures:
        raise failures[0]


def _each_once(tokens: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tokens))


def _is_done(error: TokenError, hint: str) -> bool:
    if not isinstance(error, TokenHTTPError):
        return False
    return error.error == _UNKNOWN or (hint == "access_token" and error.error == _UNSUPPORTED)


def _failure(what: str, error: TokenError) -> RevocationError:
    return RevocationError(
        f"The {what} forgotten here, but not revoked, and may count still until expired: {error}"
    )
