"""`Login`: fetches tokens for one sign-in, which lives on by its refresh token (RFC 6749 §6).

Must not know how a cache stores an entry (see `cache_entry`), nor HTTP.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, NamedTuple

from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._cache_protocol import TokenCache
from aioalf._callbacks import OnToken, notify_on_token
from aioalf._login.cache_entry import CacheEntry
from aioalf._login.cache_format import StoredLogin
from aioalf._login.cache_key import cache_key_for
from aioalf._login.logout import TokensToRevoke
from aioalf._redaction import printable
from aioalf._single_flight import run_to_completion
from aioalf._urls import is_insecure, redact_url
from aioalf.errors import (
    LoginRequiredError,
    OAuthError,
    ScopeNotGrantedError,
    TokenConfigurationError,
    TokenError,
    TokenResponseError,
)
from aioalf.grants import AuthorizationServer, Grant, RefreshToken
from aioalf.token import Token


def own_login(
    grant: Grant,
    endpoint: TokenEndpoint | None,
    cache: TokenCache | None,
    on_token: OnToken | None,
) -> Login:
    """Return a login for a token manager. Raises TokenConfigurationError for invalid options."""
    url = None if endpoint is None else endpoint.url
    if grant.keeps_refresh_token and url is not None and is_insecure(url):
        raise TokenConfigurationError(
            f"The token endpoint {redact_url(url)} is plain http, and {grant.name} uses refresh "
            "tokens, which must be sent by https only (RFC 6749 §10.4)"
        )
    key = "" if cache is None or endpoint is None else cache_key_for(grant, endpoint, url)
    return Login(grant, cache=cache, key=key, on_token=on_token)


MAX_STORED_DERIVED: Final = 100
"""The number of tokens of derived clients in a cache entry; the oldest ones are dropped."""


class _TokenFetch(NamedTuple):
    """One fetch of a token, for the login itself or for a derived client."""

    endpoint: AuthorizationServer
    to_revoke: TokensToRevoke  # `Login._to_revoke` when the fetch started
    derived_name: str | None = None  # the derived client's name in the cache entry
    has_own_scope: bool = False  # whether a derived client requests another scope than the login


class Login:
    """Fetches tokens: first with the grant, then with the latest refresh token.

    Most servers replace a refresh token when it is used, and revoke the whole sign-in when an old
    one is sent again (RFC 9700 §4.14). Hence three invariants:

    * A refresh token is sent once. Fetches hold the lock of the cache entry, so they run one at a
      time, and a refresh runs to completion even if its caller is cancelled.
    * A response is stored before any caller or `on_token` sees its token.
    * A logout replaces the object `_to_revoke`. Each fetch remembers the object of its start: if
      another one is in place, there was a logout meanwhile, and the fetched tokens are not stored
      but added to the remembered object, to be revoked.

    With a cache, all logins with the same key share its entry, in this process and in others. The
    entry takes precedence over the attributes here, unless it could not be written.

    Derived clients share the refresh token. Their access tokens are part of the same entry, so that
    one write stores such a token together with the refresh token of the same response.
    """

    def __init__(
        self,
        grant: Grant,
        *,
        cache: TokenCache | None = None,
        key: str = "",
        on_token: OnToken | None = None,
    ) -> None:
        self._grant = grant
        self._entry = CacheEntry(cache, key)
        self._on_token = on_token
        self._token: Token | None = None
        self._refresh_token: str | None = None
        self._scope: frozenset[str] | None = None
        """The granted scope, None if unknown."""
        self._derived: dict[str, Token] = {}
        """The tokens of derived clients by name, as in the cache entry."""
        self._is_grant_used_up = False
        """Whether the refresh token that the user gave to the grant was refused or revoked."""
        self._to_revoke = TokensToRevoke()
        """The tokens that the next logout revokes in addition to those in place."""

    @property
    def is_cached(self) -> bool:
        """Whether there is a cache."""
        return self._entry.cache is not None

    def separate(self, key: str) -> Login:
        """Return a login that shares only the options: for grants without refresh tokens."""
        return Login(self._grant, cache=self._entry.cache, key=key, on_token=self._on_token)

    # Fetch a token

    async def token(self, endpoint: AuthorizationServer, unwanted: str | None) -> Token:
        """Return a valid, stored token other than the access token `unwanted`.

        Raises LoginRequiredError if a new sign-in or refresh token is needed, and TokenError.
        """
        fetch = _TokenFetch(endpoint, self._to_revoke)
        async with self._entry.lock():
            stored = await self._load_usable(fetch, unwanted)
            return stored if stored is not None else await self._renew(fetch)

    async def derived_token(
        self,
        endpoint: AuthorizationServer,
        unwanted: str | None,
        derived_name: str,
        *,
        has_own_scope: bool,
    ) -> Token | None:
        """Return a token for the request parameters of a derived client; None if not signed in.

        `derived_name` identifies the derived client in the cache entry, `has_own_scope` says that
        its scope is not the login's. Raises ScopeNotGrantedError, LoginRequiredError, TokenError.
        """
        fetch = _TokenFetch(endpoint, self._to_revoke, derived_name, has_own_scope)
        async with self._entry.lock():
            stored = await self._load_usable(fetch, unwanted)
            if stored is not None:
                return stored
            if self._token is None:
                return None
            if self._refresh_token is None and self._grant.can_begin:
                # Without a refresh token, the derived client signs in on its own.
                token = await self._grant.request_token(endpoint)
                return await run_to_completion(self._finish(token, None, fetch))
            return await self._refresh_unless_refused(fetch)

    async def _load_usable(self, fetch: _TokenFetch, unwanted: str | None) -> Token | None:
        """Update the attributes from the cache entry; return its token if the caller can use it."""
        self._raise_if_logged_out(fetch)
        if not await self._entry.read(fetch.endpoint):
            return None
        # Another process may have refreshed or logged out: the attributes are outdated.
        self._token = self._refresh_token = None
        stored = await self._entry.content(fetch.endpoint)
        if stored is None:
            self._derived = {}
            return None
        self._token, self._refresh_token = stored.token, stored.refresh_token
        self._derived = dict(stored.derived)
        self._scope = stored.token.scope
        self._is_grant_used_up = False
        name = fetch.derived_name
        token = stored.token if name is None else stored.derived.get(name)
        is_usable = token is not None and token.is_valid() and token.access_token != unwanted
        return token if is_usable else None

    async def _renew(self, fetch: _TokenFetch) -> Token:
        # A grant that cannot sign in has a refresh token of its own, which a refresh sends first.
        if self._refresh_token is not None or not self._grant.can_begin:
            if self._refresh_token is None and self._is_grant_used_up:
                raise _login_required()
            token = await self._refresh_unless_refused(fetch)
            if token is not None:
                return token
        # Not run to completion: it may wait for a user to sign in, and must be cancellable.
        token = await self._grant.request_token(fetch.endpoint)
        return await run_to_completion(self._finish(token, token.refresh_token, fetch))

    async def _refresh_unless_refused(self, fetch: _TokenFetch) -> Token | None:
        """Refresh. If the server refuses, forget the login, and return None or raise.

        None means that the grant can start a new sign-in; otherwise raises LoginRequiredError.
        """
        try:
            return await run_to_completion(self._refresh(fetch))
        except OAuthError as error:
            if error.error != "invalid_grant":
                raise  # the refresh token may still be valid
            self._token = self._refresh_token = None
            self._derived = {}
            await self._entry.delete()
            if self._grant.can_begin:
                return None
            self._is_grant_used_up = True
            raise _login_required() from error

    async def _refresh(self, fetch: _TokenFetch) -> Token:
        self._raise_if_logged_out(
            fetch
        )  # again: there may have been a logout before this task started
        scope = self._refresh_scope(fetch)
        refresh_token = self._refresh_token
        if refresh_token is None:  # the grant has one
            token = await self._receive(self._grant.request_token(fetch.endpoint), fetch)
            return await self._finish(token, token.refresh_token, fetch)
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        if scope is not None:
            form["scope"] = scope
        token = await self._receive(fetch.endpoint.request(form), fetch)
        # Without a new refresh token in the response, the old one stays valid (RFC 6749 §6).
        return await self._finish(token, token.refresh_token or refresh_token, fetch)

    def _refresh_scope(self, fetch: _TokenFetch) -> str | None:
        """Return the scope to request: at most the granted scope (RFC 6749 §6); None if unknown."""
        if self._scope is None:
            return None
        requested = fetch.endpoint.request_params.scope.split()
        missing = frozenset(requested) - self._scope
        if missing and fetch.has_own_scope:
            raise _scope_not_granted(missing)
        return " ".join(word for word in requested if word not in missing)

    async def _receive(self, response: Awaitable[Token], fetch: _TokenFetch) -> Token:
        """Return the token of a response. If it is unusable, still store its refresh token."""
        try:
            return await response
        except TokenResponseError as error:
            replacement = error.take_replacement()
            if replacement is not None:
                await self._store(None, replacement, fetch)
                await self._notify(Token("", 0, refresh_token=replacement), fetch)
            raise

    async def _finish(self, token: Token, refresh_token: str | None, fetch: _TokenFetch) -> Token:
        """Store a new token, pass it to `on_token`, and return it unless there was a logout."""
        is_own = fetch.derived_name is None
        if is_own and self._grant.keeps_refresh_token and not self._is_logged_out(fetch):
            self._scope = self._scope if token.scope is None else token.scope
        await self._store(token, refresh_token, fetch)
        await self._notify(token, fetch)
        self._raise_if_logged_out(fetch)
        return token

    async def _store(
        self, token: Token | None, refresh_token: str | None, fetch: _TokenFetch
    ) -> None:
        """Store the tokens of a response; after a logout, mark them to be revoked instead."""
        if self._is_logged_out(fetch):
            fetch.to_revoke.add(token, refresh_token)
            await self._entry.empty_if_logged_out(fetch.endpoint)
            return
        previous = self._refresh_token
        self._remember(token, fetch)
        if self._grant.keeps_refresh_token:
            self._refresh_token = refresh_token
        if self._token is None:
            return
        stored = StoredLogin(self._token, self._refresh_token, derived=self._derived)
        await self._entry.write(stored, fetch.endpoint)
        if self._is_logged_out(fetch):  # while the entry was written
            if not self._entry.is_logout_pending:  # the logout has emptied the entry before
                await self._entry.delete()
        elif previous not in {None, self._refresh_token}:
            await self._entry.delete_if_outdated()

    def _remember(self, token: Token | None, fetch: _TokenFetch) -> None:
        if token is None:
            return
        if fetch.derived_name is None:
            self._token = token
        elif self.is_cached:
            others = [each for each in self._derived.items() if each[0] != fetch.derived_name]
            valid = [each for each in others if each[1].is_valid()]
            newest = valid[-(MAX_STORED_DERIVED - 1) :]
            self._derived = {**dict(newest), fetch.derived_name: token}

    async def _notify(self, token: Token, fetch: _TokenFetch) -> None:
        if self._on_token is not None and not self._is_logged_out(fetch):
            await notify_on_token(self._on_token, token)

    def _raise_if_logged_out(self, fetch: _TokenFetch) -> None:
        if self._is_logged_out(fetch):
            raise TokenError("The token request was cancelled: the client was logged out meanwhile")

    def _is_logged_out(self, fetch: _TokenFetch) -> bool:
        """Return whether there was a logout since the fetch started."""
        return self._to_revoke is not fetch.to_revoke

    # Log out

    def start_logout(self) -> TokensToRevoke:
        """Forget all tokens at once, without waiting, including tokens in flight.

        Returns the tokens to revoke. Fetches in flight and `finish_logout` add more.
        """
        to_revoke, self._to_revoke = self._to_revoke, TokensToRevoke()
        to_revoke.add(self._token, self._refresh_token)
        for token in self._derived.values():
            to_revoke.add(token)
        to_revoke.includes_given = not (self._is_grant_used_up or self._grant.can_begin)
        self._is_grant_used_up = not self._grant.can_begin
        self._token = self._refresh_token = self._scope = None
        self._derived = {}
        self._entry.start_logout(to_revoke)
        return to_revoke

    async def finish_logout(self, endpoint: AuthorizationServer, to_revoke: TokensToRevoke) -> None:
        """Wait for the fetch in flight, then empty the cache entry, also on errors.

        Adds the tokens of both to `to_revoke`. Raises CacheError if the entry cannot be read or
        emptied.
        """
        await self._entry.finish_logout(endpoint, to_revoke)
        grant, is_replaced = self._grant, to_revoke.has_refresh_token
        if to_revoke.includes_given and not is_replaced and isinstance(grant, RefreshToken):
            to_revoke.add(None, await grant.refresh_token())


def _login_required() -> LoginRequiredError:
    return LoginRequiredError(
        "The refresh token is no longer valid: log in again, or provide another refresh token"
    )


def _scope_not_granted(missing: frozenset[str]) -> ScopeNotGrantedError:
    names = printable(" ".join(sorted(missing)))
    return ScopeNotGrantedError(
        f"The login was not granted the scope {names}, and a refresh cannot add any (RFC 6749 §6): "
        "request it with the client that with_options() was called on, and log in again",
        missing,
    )
