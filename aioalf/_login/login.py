"""`Login`: fetches tokens with a grant, and then with its refresh tokens (RFC 6749 §6).

Must not know how a cache stores an entry (see `cache_entry`), nor HTTP.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from functools import partial
from typing import cast

from aioalf._cache_protocol import Claim, TokenCache
from aioalf._callbacks import OnToken, notify_on_token
from aioalf._closing import MustFinish
from aioalf._hidden_repr import MaskedDict
from aioalf._key_locks import KeyLocks
from aioalf._login.cache_calls import is_held
from aioalf._login.cache_entry import CacheEntry
from aioalf._login.grant_requests import GrantRequests
from aioalf._login.login_errors import after_sign_in, login_required, scope_not_granted
from aioalf._login.login_state import SUBJECT_TTL, Fetch, LoginState
from aioalf._login.logout import TokensToRevoke
from aioalf._login.shared_fetch import SharedFetch, Steps
from aioalf.errors import (
    CacheError,
    OAuthError,
    TokenError,
    TokenResponseError,
)
from aioalf.grants import AuthorizationServer, Grant
from aioalf.renewal import RenewalSkippedError
from aioalf.retry import Retry
from aioalf.token import Token

logger: logging.Logger = logging.getLogger(__name__)


class _NotSignedInError(Exception):
    """Raised when a derived client needs a login that does not exist yet."""


class Login:
    """Fetches tokens: first with the grant, then with the latest refresh token.

    Most servers replace a refresh token when it is used, and revoke the whole sign-in when an old
    one is sent again (RFC 9700 §4.14). Hence three invariants:

    * A refresh token is sent once. A fetch sends it under the claim of the cache entry, and runs to
      completion even if its caller is cancelled.
    * A response is stored before any caller or `on_token` sees its token.
    * The tokens of a fetch during which there was a logout are not stored, but revoked.

    With a cache, all logins with the same key share its entry, in this process and in others. The
    entry takes precedence over the tokens in memory, unless it could not be written.

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
        retry: Retry | None = None,
        failure_backoff: float = 0.0,
        owner: str | None = None,
    ) -> None:
        self._grant = grant
        self._on_token = on_token
        self._retry = retry
        self._failure_backoff = failure_backoff
        self.owner: str | None = owner
        """The owner of the cached tokens (`cache_owner`)."""
        # `SUBJECT_TTL` is not for sign-ins: a user signs in again only if the server demands that.
        has_subject = bool(grant.subject_key) and not grant.is_interactive
        self._entry = CacheEntry(cache, key, SUBJECT_TTL if has_subject else None)
        self._state = LoginState(grant, self._entry)
        self._shared = None if cache is None else SharedFetch(self._entry, retry, failure_backoff)
        self._must_finish = MustFinish()
        self._locks = KeyLocks()
        """After a reset, a manager starts a new token request beside the one in flight. Without a
        cache, both would send the same refresh token."""

    def start_logout(self) -> TokensToRevoke:
        return self._state.start_logout()

    async def finish_logout(self, server: AuthorizationServer, to_revoke: TokensToRevoke) -> None:
        """Wait for requests that were sent, then empty the cache entry.

        Adds the tokens of both to `to_revoke`. Raises CacheError if the entry cannot be read or
        emptied.
        """
        await self._state.finish_logout(server, to_revoke, self._must_finish)

    @property
    def is_cached(self) -> bool:
        return self._entry.cache is not None

    @property
    def needs_person(self) -> bool:
        """Whether a user has to sign in for the next token."""
        return self._state.needs_person

    def separate(self, key: str) -> Login:
        """Return a login that shares only the options: for grants without refresh tokens."""
        return Login(
            self._grant,
            cache=self._entry.cache,
            key=key,
            on_token=self._on_token,
            retry=self._retry,
            failure_backoff=self._failure_backoff,
            owner=self.owner,
        )

    def forget_failure(self) -> None:
        """Send a request at the next fetch, even if another client noted a failure."""
        if self._shared is not None:
            self._shared.ignore_note()

    # Fetch a token

    async def token(
        self, server: AuthorizationServer, unwanted: str | None, *, is_ahead: bool = False
    ) -> Token:
        """Return a valid, stored token other than the access token `unwanted`.

        With `is_ahead`, the token is renewed ahead of expiry, and the call does not wait for other
        clients. Raises LoginRequiredError if a new sign-in or refresh token is needed,
        RenewalSkippedError and TokenError.
        """
        state = self._state
        fetch = Fetch(server, unwanted, state.to_revoke, known=state.token)
        return await self._fetch(fetch, is_ahead=is_ahead)

    async def derived_token(
        self,
        server: AuthorizationServer,
        unwanted: str | None,
        derived_name: str,
        *,
        has_own_scope: bool,
        is_ahead: bool = False,
    ) -> Token | None:
        """Return a token for the request parameters of a derived client; None if not signed in.

        `derived_name` identifies the derived client in the cache entry. `has_own_scope` is True if
        its scope is not the scope of the login. Raises ScopeNotGrantedError and the errors of
        `token`.
        """
        fetch = Fetch(
            server,
            unwanted,
            self._state.to_revoke,
            derived_name,
            has_own_scope=has_own_scope,
            known=self._state.token_of(derived_name),
        )
        try:
            return await self._fetch(fetch, is_ahead=is_ahead)
        except _NotSignedInError:
            return None

    async def _fetch(self, fetch: Fetch, *, is_ahead: bool) -> Token:
        steps = Steps(
            load=partial(self._state.load_usable, fetch),
            request=partial(self._request, fetch),
            sign_in=partial(self._begin, fetch, None, is_single_attempt=False),
            needs_person=partial(self._needs_person, fetch),
            is_repeatable=lambda: fetch.is_repeatable,
            needs_cache=self._grant.keeps_refresh_token,
            name=fetch.derived_name,
        )
        try:
            if self._shared is None:
                token = await self._fetch_uncached(steps, is_ahead=is_ahead)
            else:
                token = await self._shared.run(steps, is_ahead=is_ahead)
        finally:
            # Also after a cancellation: `on_token` may store the refresh token.
            if fetch.received:
                await self._must_finish.run(self._notify(fetch))
        self._state.raise_if_logged_out(fetch)
        return token

    async def _fetch_uncached(self, steps: Steps, *, is_ahead: bool) -> Token:
        async with self._locks.hold(""):
            while True:
                if steps.needs_person():
                    if is_ahead:
                        raise RenewalSkippedError(until_expiry=True)
                    return await steps.sign_in()
                token = await steps.request(None)
                if token is not None:
                    return token

    def _needs_person(self, fetch: Fetch) -> bool:
        # If there is no login yet, `_request` tells the derived client so, and no user is asked.
        is_signed_in = fetch.derived_name is None or self._state.token is not None
        return is_signed_in and self.needs_person

    async def _request(self, fetch: Fetch, claim: Claim | None) -> Token | None:
        """Send one request and store its response; None if the refresh token was refused."""
        self._state.raise_if_logged_out(fetch)
        if fetch.derived_name is not None and self._state.token is None:
            raise _NotSignedInError
        fetch.avoids_cache = claim is None and self.is_cached
        # `RefreshToken` cannot sign in: the first refresh sends the token that the program passed.
        if self._state.refresh_token is None and self._grant.can_begin:
            return await self._begin(fetch, claim, is_single_attempt=claim is not None)
        if self._state.refresh_token is None and self._state.is_grant_used_up:
            raise login_required()
        fetch.is_repeatable = False
        refresh = self._refresh(fetch, claim, self._state.refresh_token)
        return await self._must_finish.run(refresh)

    async def _begin(self, fetch: Fetch, claim: Claim | None, *, is_single_attempt: bool) -> Token:
        """Use the grant. Its last request and the store run to completion."""
        fetch.sent_refresh_token = None
        receive = partial(self._receive, fetch, claim, is_sign_in=self._grant.is_interactive)
        server = GrantRequests(
            fetch.server,
            receive if self._grant.keeps_refresh_token else None,
            self._must_finish,
            is_single_attempt=is_single_attempt,
        )
        try:
            token = await self._grant.request_token(cast("AuthorizationServer", server))
        finally:
            fetch.is_repeatable = server.is_repeatable
        if token is server.stored:
            return token
        finish = self._state.finish(token, token.refresh_token, fetch, claim)
        return await self._must_finish.run(finish)

    async def _refresh(
        self, fetch: Fetch, claim: Claim | None, refresh_token: str | None
    ) -> Token | None:
        """Refresh. If the server refuses, forget the login, and return None or raise.

        None means that the grant can start a new sign-in, or that there is another login now;
        otherwise raises LoginRequiredError.
        """
        # Again: there may have been a logout before this task started.
        self._state.raise_if_logged_out(fetch)
        if claim is not None and not await is_held(claim):
            raise CacheError("The claim was lost before the refresh token was sent")
        try:
            return await self._receive(fetch, claim, self._refreshed(fetch, refresh_token))
        except OAuthError as error:
            if not error.needs_sign_in:
                raise  # the refresh token may still be valid
            self._state.raise_if_logged_out(fetch)
            is_current = self._state.refresh_token == refresh_token
            if is_current:
                self._state.forget()
            await self._entry.delete(claim)
            if self._grant.can_begin or not is_current:
                return None
            self._state.is_grant_used_up = True
            raise login_required(error) from error

    def _refreshed(self, fetch: Fetch, refresh_token: str | None) -> Awaitable[Token]:
        scope = self._refresh_scope(fetch)
        if refresh_token is None:  # first refresh: `RefreshToken` sends its own
            return self._grant.request_token(fetch.server)
        fetch.sent_refresh_token = refresh_token
        form = MaskedDict({"grant_type": "refresh_token", "refresh_token": refresh_token})
        if scope is not None:
            form["scope"] = scope
        amend = self._state.keeping_redirect_params(fetch.server)
        return fetch.server.request(form, amend=amend)

    def _refresh_scope(self, fetch: Fetch) -> str | None:
        """Return the scope to request: at most the granted scope (RFC 6749 §6); None if unknown."""
        if self._state.scope is None:
            return None
        requested = fetch.server.request_params.scope.split()
        missing = frozenset(requested) - self._state.scope
        if missing and fetch.has_own_scope:
            raise scope_not_granted(missing)
        return " ".join(word for word in requested if word not in missing)

    async def _receive(
        self,
        fetch: Fetch,
        claim: Claim | None,
        response: Awaitable[Token],
        *,
        is_sign_in: bool = False,
    ) -> Token:
        """Return the token of a response after storing it with its refresh token.

        Without a new refresh token in the response to a refresh, the one that was sent stays valid
        (RFC 6749 §6). If the response is unusable, its refresh token is stored nevertheless.
        """
        try:
            token = await response
        except TokenError as error:
            is_kept = await self._keep_replacement(error, fetch, claim)
            if not is_sign_in:
                raise
            raise after_sign_in(error, is_kept=is_kept) from error.__cause__
        if is_sign_in:
            _log_missing_refresh_token(token, fetch.server)
        if token.refresh_token and not self._grant.can_begin:
            self._state.is_grant_used_up = True  # the server has replaced the given refresh token
        refresh_token = token.refresh_token or fetch.sent_refresh_token
        return await self._state.finish(token, refresh_token, fetch, claim)

    async def _keep_replacement(self, error: TokenError, fetch: Fetch, claim: Claim | None) -> bool:
        """Store the refresh token of an unusable response; return whether there is one."""
        replacement = error.take_replacement() if isinstance(error, TokenResponseError) else None
        if replacement is None:
            return False
        await self._state.store(None, replacement, fetch, claim)
        fetch.received.append(Token("", 0, refresh_token=replacement))
        return True

    async def _notify(self, fetch: Fetch) -> None:
        received, fetch.received = fetch.received, []
        for token in received:
            if self._on_token is not None and not self._state.is_logged_out(fetch):
                await notify_on_token(self._on_token, token)


def _log_missing_refresh_token(token: Token, server: AuthorizationServer) -> None:
    """Log which scope to request, if a sign-in lacks a refresh token because of its scope."""
    rules = server.authorization_rules
    wanted = rules.refresh_scope
    requested = server.request_params.scope or rules.default_scope
    if token.refresh_token is None and wanted and wanted not in requested.split():
        logger.info(
            "The sign-in yielded no refresh token, so the user must sign in again when the token "
            "expires: request the scope %s as well",
            wanted,
        )
