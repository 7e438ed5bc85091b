"""`LoginState`: the tokens of one login in memory and in its cache entry, and its logout.

Must not know how tokens are requested.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from aioalf._auth_server.request_params import AmendResponse
from aioalf._cache_protocol import Claim
from aioalf._closing import MustFinish
from aioalf._hidden_repr import MaskedDict
from aioalf._login.cache_entry import CacheEntry, Reading
from aioalf._login.cache_entry_format import StoredLogin
from aioalf._login.logout import TokensToRevoke
from aioalf.errors import CacheError, TokenError
from aioalf.grants import AuthorizationServer, Grant
from aioalf.grants.refresh_token import RefreshToken
from aioalf.token import Token

MAX_STORED_DERIVED: Final = 100
"""The number of tokens of derived clients in a cache entry; the oldest ones are dropped."""


SUBJECT_TTL: Final = 3600.0
"""Seconds to store a token without ``expires_in`` that was issued for a subject's token.

The subject's token may be revoked in that time."""


@dataclass(eq=False, repr=False)
class Fetch:
    """One fetch of a token, for the login itself or for a derived client."""

    server: AuthorizationServer
    unwanted: str | None  # a token that the caller cannot use
    to_revoke: TokensToRevoke  # `LoginState.to_revoke` when the fetch started
    derived_name: str | None = None  # the derived client's name in the cache entry
    has_own_scope: bool = False  # whether it requests another scope than the login
    avoids_cache: bool = False  # whether the cache fails, and is not used
    known: Token | None = None  # the token in memory when the fetch started
    is_repeatable: bool = False  # whether the last request may be repeated
    sent_refresh_token: str | None = None  # the server replaces it, or keeps it valid
    received: list[Token] = field(default_factory=list[Token])  # not passed to `on_token` yet

    def can_use(self, token: Token | None) -> bool:
        return token is not None and token.is_valid() and token.access_token != self.unwanted


class LoginState:
    """The tokens of a login.

    A logout replaces the object `to_revoke`. A fetch keeps the object that was current when it
    started. If `to_revoke` is another object at the end of the fetch, there was a logout: the new
    tokens are not stored, but added to the kept object and revoked.
    """

    def __init__(self, grant: Grant, entry: CacheEntry) -> None:
        self._grant = grant
        self._entry = entry
        self.token: Token | None = None
        self.refresh_token: str | None = None
        self.scope: frozenset[str] | None = None
        """The granted scope, None if unknown."""
        self._derived: dict[str, Token] = {}
        """The tokens of derived clients by name, as in the cache entry."""
        self.is_grant_used_up = False
        """Whether the refresh token that the user gave to the grant must not be sent: it was
        refused, revoked or replaced."""
        self.to_revoke = TokensToRevoke()
        """Further tokens for the next logout to revoke, beside the current ones."""

    @property
    def needs_person(self) -> bool:
        """Whether there is no refresh token, and the grant lets a user sign in."""
        return self.refresh_token is None and self._grant.can_begin and self._grant.is_interactive

    def forget(self) -> None:
        self.token = self.refresh_token = None
        self._derived = {}

    async def load_usable(self, fetch: Fetch, claim: Claim | None) -> Token | None:
        """Update the attributes from the cache entry; return its token if the caller can use it."""
        self.raise_if_logged_out(fetch)
        reading = await self._entry.read(fetch.server, claim)
        self.raise_if_logged_out(fetch)
        if reading is None:
            if claim is None and self._entry.claims.turn.is_running:
                return None  # the token in memory may not be stored yet
            token = self.token_of(fetch.derived_name)
            return token if token is not fetch.known and fetch.can_use(token) else None
        if reading.overrides_memory:
            # Another process may have refreshed or logged out: the attributes are outdated.
            self._override(reading)
        if reading.content is None:
            return None
        stored, name = reading.content, fetch.derived_name
        token = stored.token if name is None else stored.derived.get(name)
        return token if fetch.can_use(token) else None

    def token_of(self, derived_name: str | None) -> Token | None:
        """Return the token in memory: of a derived client, or of the login itself."""
        return self.token if derived_name is None else self._derived.get(derived_name)

    def _override(self, reading: Reading) -> None:
        stored, previous = reading.content, self.refresh_token
        if stored is None:
            self.forget()
        else:
            self.token, self.refresh_token = stored.token, stored.refresh_token
            self._derived = dict(stored.derived)
            self.scope = stored.token.scope
        if reading.was_unsaved and previous != self.refresh_token:
            self.to_revoke.add(None, previous)

    def keeping_redirect_params(self, server: AuthorizationServer) -> AmendResponse | None:
        """Return a function that adds the kept parameters of the redirect to a refreshed token.

        A refresh has no redirect, and the parameters say whose data the login may use.
        """
        named: frozenset[str] = getattr(self._grant, "redirect_params", frozenset())
        names = named | server.authorization_rules.redirect_params
        before: Mapping[str, object] = {} if self.token is None else self.token.extra
        kept = {name: before[name] for name in names & before.keys()}
        return (lambda members: MaskedDict({**kept, **members})) if kept else None

    async def finish(
        self, token: Token, refresh_token: str | None, fetch: Fetch, claim: Claim | None
    ) -> Token:
        """Store a new token, unless there was a logout, and return it."""
        is_own = fetch.derived_name is None
        if is_own and self._grant.keeps_refresh_token and not self.is_logged_out(fetch):
            self.scope = self.scope if token.scope is None else token.scope
        await self.store(token, refresh_token, fetch, claim)
        fetch.received.append(token)
        return token

    async def store(
        self, token: Token | None, refresh_token: str | None, fetch: Fetch, claim: Claim | None
    ) -> None:
        """Store the tokens of a response; after a logout, mark them to be revoked instead."""
        if claim is not None or fetch.avoids_cache:
            await self._store(token, refresh_token, fetch, claim)
            return
        try:
            # A sign-in does not hold the claim.
            async with self._entry.claims.claimed() as own_claim:
                await self._store(token, refresh_token, fetch, own_claim)
        except CacheError:
            await self._store(token, refresh_token, fetch, None)  # keeps the tokens in memory

    async def _store(
        self, token: Token | None, refresh_token: str | None, fetch: Fetch, claim: Claim | None
    ) -> None:
        if self.is_logged_out(fetch):
            self._revoke_later(token, refresh_token, fetch)
            await self._entry.empty_if_logged_out(fetch.server, claim)
            return
        previous = self.refresh_token
        is_new_login = fetch.sent_refresh_token is None and self._grant.can_begin
        if is_new_login and fetch.derived_name is None:
            self._derived = {}  # perhaps of another user
        self._remember(token, fetch)
        if self._grant.keeps_refresh_token:
            self.refresh_token = refresh_token
            if previous not in {refresh_token, fetch.sent_refresh_token}:  # of another sign-in
                self.to_revoke.add(None, previous)
        # The response to a sign-in may have a refresh token and no usable access token.
        stored = StoredLogin(self.token or Token(), self.refresh_token, derived=self._derived)
        is_saved = True
        if fetch.avoids_cache:
            self._entry.supersede()
        else:
            is_saved = await self._entry.write(stored, fetch.server, claim)
        if self.is_logged_out(fetch):  # while the entry was written
            self._revoke_later(token, refresh_token, fetch)
            if self._entry.is_logout_pending:
                await self._entry.empty_if_logged_out(fetch.server, claim)
            else:  # the logout had emptied the entry before that
                await self._entry.delete(claim)
        elif not is_saved and claim is not None and previous not in {None, self.refresh_token}:
            await self._entry.delete_unsaved(claim)

    def _revoke_later(self, token: Token | None, refresh_token: str | None, fetch: Fetch) -> None:
        """Let the logout revoke the tokens, or the next one if that one has ended."""
        is_late = fetch.to_revoke.is_complete
        (self.to_revoke if is_late else fetch.to_revoke).add(token, refresh_token)

    def _remember(self, token: Token | None, fetch: Fetch) -> None:
        if token is None:
            return
        if fetch.derived_name is None:
            self.token = token
        elif self._entry.cache is not None:
            others = [each for each in self._derived.items() if each[0] != fetch.derived_name]
            valid = [each for each in others if each[1].is_valid()]
            newest = valid[-(MAX_STORED_DERIVED - 1) :]
            self._derived = {**dict(newest), fetch.derived_name: token}

    def raise_if_logged_out(self, fetch: Fetch) -> None:
        if self.is_logged_out(fetch):
            raise TokenError("The token request was cancelled: the client was logged out meanwhile")

    def is_logged_out(self, fetch: Fetch) -> bool:
        """Return whether there was a logout since the fetch started."""
        return self.to_revoke is not fetch.to_revoke

    # Log out

    def start_logout(self) -> TokensToRevoke:
        """Forget all tokens at once, without waiting, including tokens in flight.

        Returns the tokens to revoke. Fetches in flight and `finish_logout` add more.
        """
        to_revoke, self.to_revoke = self.to_revoke, TokensToRevoke()
        to_revoke.add(self.token, self.refresh_token)
        for token in self._derived.values():
            to_revoke.add(token)
        to_revoke.includes_given = not (self.is_grant_used_up or self._grant.can_begin)
        self.is_grant_used_up = not self._grant.can_begin
        self.token = self.refresh_token = self.scope = None
        self._derived = {}
        self._entry.start_logout(to_revoke)
        return to_revoke

    async def finish_logout(
        self, server: AuthorizationServer, to_revoke: TokensToRevoke, requests: MustFinish
    ) -> None:
        """Wait for `requests`, and empty the cache entry, even after an error or a cancellation.

        Adds the tokens of both to `to_revoke`. Raises CacheError if the entry cannot be read or
        emptied.
        """
        await self._entry.finish_logout(server, to_revoke, requests)
        grant, is_replaced = self._grant, to_revoke.has_refresh_token
        if to_revoke.includes_given and not is_replaced and isinstance(grant, RefreshToken):
            to_revoke.add(None, await grant.refresh_token())
