"""A logout: forgets the tokens of a login, and revokes them in the right order (RFC 7009).

Must not know single flights, caches or grants.
"""

from __future__ import annotations

from typing import Final, Protocol

from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._hidden_repr import MaskedStr
from aioalf.errors import RevocationError, TokenError, TokenHTTPError
from aioalf.retry import is_transient
from aioalf.token import Token

_UNKNOWN: Final = "invalid_token"  # some servers send it where RFC 7009 §2.2 wants a 200
_UNSUPPORTED: Final = "unsupported_token_type"

_MAX_TOKENS: Final = 1000
"""The number of tokens of each kind that wait for a logout; the oldest ones are dropped."""


class TokensToRevoke:
    """Unique tokens that may still be valid at the server, but are no longer used here."""

    def __init__(self) -> None:
        self.includes_given: bool = False
        """Whether the refresh token that the user gave to the grant must be revoked as well, unless
        a newer one replaced it."""
        self.is_complete: bool = False
        """Whether no further tokens will be added."""
        # Dicts are ordered sets. Masked, because error reports show local variables.
        self._refresh_tokens: dict[str, None] = {}
        self._access_tokens: dict[str, None] = {}

    def add(self, token: Token | None, refresh_token: str | None = None) -> None:
        """Add an access token and a refresh token; None or an empty token adds nothing."""
        if token is not None and token.access_token:
            self._access_tokens[MaskedStr(token.access_token)] = None
        if refresh_token:
            self._refresh_tokens[MaskedStr(refresh_token)] = None
        for tokens in (self._access_tokens, self._refresh_tokens):
            if len(tokens) > _MAX_TOKENS:
                del tokens[next(iter(tokens))]

    def include(self, other: TokensToRevoke) -> None:
        self._refresh_tokens |= other._refresh_tokens
        self._access_tokens |= other._access_tokens

    @property
    def has_refresh_token(self) -> bool:
        return bool(self._refresh_tokens)

    def with_hints(self) -> list[tuple[str, str]]:
        """Return the tokens with their ``token_type_hint`` (RFC 7009 §2.1), refresh tokens first.

        Servers often revoke the access tokens of a refresh token with it.
        """
        return [
            *((token, "refresh_token") for token in self._refresh_tokens),
            *((token, "access_token") for token in self._access_tokens),
        ]


class _Login(Protocol):
    def start_logout(self) -> TokensToRevoke: ...
    async def finish_logout(self, server: TokenEndpoint, to_revoke: TokensToRevoke) -> None: ...


class Logout:
    """One logout: `add` forgets the tokens of a manager at once, `end` revokes all of them."""

    def __init__(self) -> None:
        self._tokens = TokensToRevoke()
        self._logins: list[tuple[_Login, TokenEndpoint, TokensToRevoke]] = []

    def add(
        self,
        token: Token | None,
        login: _Login | None,
        endpoint: TokenEndpoint | None,
    ) -> None:
        """Add a manager's token, and its own login if it has one."""
        self._tokens.add(token)
        if login is not None and endpoint is not None:
            self._logins.append((login, endpoint, login.start_logout()))

    async def end(self, endpoint: TokenEndpoint | None) -> None:
        """Empty the cache entries, then revoke all tokens. Raises CacheError, RevocationError."""
        failure: BaseException | None = None
        for login, its_endpoint, to_revoke in self._logins:
            try:
                await login.finish_logout(its_endpoint, to_revoke)
            except BaseException as error:
                if failure is None or not isinstance(error, Exception):
                    failure = error
        if failure is not None and not isinstance(failure, Exception):
            raise failure  # cancelled: do not wait for the server
        for _, _, to_revoke in self._logins:
            self._tokens.include(to_revoke)
        await _revoke(endpoint, self._tokens.with_hints())
        if failure is not None:
            raise failure


async def _revoke(endpoint: TokenEndpoint | None, tokens: list[tuple[str, str]]) -> None:
    """Revoke tokens with their hints, if the server has a revocation endpoint.

    After a transient failure the remaining tokens are not tried. Raises RevocationError for the
    first token that could not be revoked.
    """
    if endpoint is None or not tokens:
        return
    try:
        if not await endpoint.has("revocation_endpoint"):
            return
    except TokenError as error:
        raise _failure("tokens were", error) from error
    first: RevocationError | None = None
    for token, hint in tokens:
        try:
            await endpoint.revoke(token, hint)
        except TokenError as error:
            if _is_already_invalid(error, hint):
                continue
            failure = _failure(f"{hint.replace('_', ' ')} was", error)
            failure.__cause__ = error
            first = first or failure
            if is_transient(error):
                break
    if first is not None:
        raise first


def _is_already_invalid(error: TokenError, hint: str) -> bool:
    """Return whether the token is invalid already, or the server cannot revoke its type."""
    if not isinstance(error, TokenHTTPError):
        return False
    is_unsupported = hint == "access_token" and error.error == _UNSUPPORTED
    return error.error == _UNKNOWN or is_unsupported


def _failure(subject: str, error: TokenError) -> RevocationError:
    return RevocationError(
        f"The {subject} deleted here, but could not be revoked, and may still be valid: {error}"
    )
