"""What was authorized once, and lives on by its refresh token (RFC 6749 §6, RFC 9700 §4.14).

A refresh token may count once only: the answer to it is kept before anybody sees the new token, and
a request that has left is not cut off. It knows grants and what an entry of a cache does; nothing
of how that is kept, and nothing of HTTP.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

from aioalf._callbacks import OnToken, notify_on_token
from aioalf._login.cache_entry import CacheEntry
from aioalf._login.revocation import TokensToRevoke
from aioalf._login.stored_login import StoredLogin
from aioalf._redaction import printable
from aioalf._single_flight import run_to_completion
from aioalf.caches import TokenCache
from aioalf.errors import (
    LoginRequiredError,
    ScopeNotGrantedError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.grants import AuthorizationServer, Grant, RefreshToken
from aioalf.token import Token


@dataclass(frozen=True, slots=True)
class _Request:
    """What a token is got for: at which endpoint, under which name, and before which logout."""

    endpoint: AuthorizationServer
    outstanding: TokensToRevoke
    name: str | None = None  # None is what the login itself asks for
    is_of_scope: bool = False  # whether it asks for another scope than the login does


class Login:
    """Gets tokens with a grant at first, then with the refresh token that came with the last.

    With a cache, both are shared by all that have the same key, in this process and in others; what
    it holds goes before what is remembered here, except where it could not be written. What it
    cannot do otherwise is raised as CacheError. One token is got at a time.

    Derived clients share the login: `derived_token` gets theirs with its refresh token. They are in
    its entry of the cache, so that one write keeps a token and what replaces the refresh token.
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
        self._derived: dict[str, Token] = {}  # as the cache holds them
        self._refresh_token: str | None = None
        self._scope: frozenset[str] | None = None
        self._is_spent = False
        self._outstanding = TokensToRevoke()
        """What the next logout revokes besides: another object says that there was one."""

    async def token(self, endpoint: AuthorizationServer, unwanted: str | None) -> Token:
        """Return a token other than an unwanted one, kept already where it is to be kept.

        Raises LoginRequiredError when there is no way left without somebody's help, TokenError.
        """
        request = _Request(endpoint, self._outstanding)
        async with self._entry.lock():
            stored = await self._load(request)
            if stored is not None and stored.is_valid() and stored.access_token != unwanted:
                return stored
            return await self._renew(request)

    async def derived_token(
        self, endpoint: AuthorizationServer, unwanted: str | None, name: str, *, is_of_scope: bool
    ) -> Token | None:
        """Return a token for what another endpoint asks for, None where nobody is logged in.

        `name` is what the cache calls that, `is_of_scope` whether its scope is another than the
        login's. Raises ScopeNotGrantedError, LoginRequiredError, TokenError.
        """
        request = _Request(endpoint, self._outstanding, name, is_of_scope)
        async with self._entry.lock():
            stored = await self._load(request)
            if stored is not None and stored.is_valid() and stored.access_token != unwanted:
                return stored
            if self._token is None:
                return None
            if self._refresh_token is None and self._grant.can_begin:
                token = await self._grant.request_token(endpoint)  # a login of its own
                return await run_to_completion(self._kept(token, None, request))
            try:
                return await run_to_completion(self._refresh(request))
            except (TokenHTTPError, TokenResponseError) as error:
                if error.error != "invalid_grant":
                    raise
                await self._lose(error)
                return None

    def apart(self, key: str) -> Login:
        """Return one that has no login in common with this: for grants that need none."""
        return Login(self._grant, cache=self._entry.cache, key=key, on_token=self._on_token)

    @property
    def is_cached(self) -> bool:
        """Whether there is a cache."""
        return self._entry.cache is not None

    def leave(self) -> TokensToRevoke:
        """Log out: use nothing any more of what there is, and keep nothing of what is on its way.

        Returns what is to be revoked, to which `forget` adds what comes to light.
        """
        left, self._outstanding = self._outstanding, TokensToRevoke()
        left.add(self._token, self._refresh_token)
        for token in self._derived.values():
            left.add(token)
        left.counts_given = not (self._is_spent or self._grant.can_begin)
        self._is_spent = not self._grant.can_begin
        self._token = self._refresh_token = self._scope = None
        self._derived = {}
        self._entry.leave(left)
        return left

    async def forget(self, endpoint: AuthorizationServer, left: TokensToRevoke) -> None:
        """Wait until what was on its way is in `left`, and empty the cache.

        The cache is emptied also when this fails or is cancelled. Raises CacheError when it could
        not be read or emptied.
        """
        await self._entry.forget(endpoint, left)
        if left.counts_given and not left.has_refresh_token:
            await self._add_given(left)

    async def _add_given(self, left: TokensToRevoke) -> None:

        if isinstance(self._grant, RefreshToken):
            left.add(None, await self._grant.refresh_token())

    async def _load(self, request: _Request) -> Token | None:
        self._check(request)
        if not await self._entry.read(request.endpoint):
            return None
        # Somebody else may have used it, or logged out.
        self._token = self._refresh_token = None
        record = await self._entry.record(request.endpoint)
        if record is None:
            self._derived = {}
            return None
        self._token, self._refresh_token = record.token, record.refresh_token
        self._derived = dict(record.derived)
        self._scope = record.token.scope
        self._is_spent = False
        return record.token if request.name is None else record.derived.get(request.name)

    async def _renew(self, request: _Request) -> Token:
        if self._refresh_token is not None:
            try:
                return await run_to_completion(self._refresh(request))
            except (TokenHTTPError, TokenResponseError) as error:
                if error.error != "invalid_grant":
                    raise  # it may count still
                await self._lose(error)
        if self._grant.can_begin:
            token = await self._grant.request_token(request.endpoint)  # a person: no task
            return await run_to_completion(self._kept(token, token.refresh_token, request))
        if self._is_spent:
            raise _login_required()
        try:
            return await run_to_completion(self._begin(request))
        except (TokenHTTPError, TokenResponseError) as error:
            if error.error == "invalid_grant":
                await self._lose(error)
            raise

    async def _lose(self, error: TokenError) -> None:
        self._token = self._refresh_token = None
        self._derived = {}
        await self._entry.remove()
        if not self._grant.can_begin:
            self._is_spent = True
            raise _login_required() from error

    async def _begin(self, request: _Request) -> Token:
        self._check(request)  # for there may have been a logout before this task's first step
        token = await self._answer(self._grant.request_token(request.endpoint), request)
        return await self._kept(token, token.refresh_token, request)

    async def _refresh(self, request: _Request) -> Token:
        self._check(request)  # as above
        scope = self._scope_of(request)
        refresh_token = self._refresh_token
        if refresh_token is None:  # the grant has one that counts, until another replaces it
            return await self._begin(request)
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        if scope is not None:
            form["scope"] = scope
        token = await self._answer(request.endpoint.request(form), request)
        # A server that does not rotate sends none, and the old one stays (RFC 6749 §6).
        return await self._kept(token, token.refresh_token or refresh_token, request)

    def _scope_of(self, request: _Request) -> str | None:
        """Return the scope of a refresh, None for what is asked for anyway."""
        if self._scope is None:
            return None
        asked = request.endpoint.asked.scope.split()
        missing = frozenset(asked) - self._scope
        if missing and request.is_of_scope:
            raise _not_granted(missing)
        # Not more than was granted (RFC 6749 §6): less may have been, where that is allowed.
        return " ".join(word for word in asked if word not in missing)

    async def _answer(self, answer: Awaitable[Token], request: _Request) -> Token:
        """Return what a refresh token got; where that is of no use, its replacement is kept."""
        try:
            return await answer
        except TokenResponseError as error:
            replacement = error.take_replacement()
            if replacement is not None:
                await self._keep(None, replacement, request)
                await self._tell(Token("", 0, refresh_token=replacement), request)
            raise

    async def _kept(self, token: Token, refresh_token: str | None, request: _Request) -> Token:
        is_own = request.name is None
        if is_own and self._grant.keeps_refresh_token and not self._is_over(request):
            self._scope = self._scope if token.scope is None else token.scope
        await self._keep(token, refresh_token, request)
        await self._tell(token, request)
        self._check(request)
        return token

    async def _keep(
        self, token: Token | None, refresh_token: str | None, request: _Request
    ) -> None:
        if self._is_over(request):
            request.outstanding.add(token, refresh_token)
            await self._entry.empty_of_spent(request.endpoint)
            return
        before = self._refresh_token
        self._remember(token, request)
        if self._grant.keeps_refresh_token:
            self._refresh_token = refresh_token
        if self._token is None:
            return
        record = StoredLogin(self._token, self._refresh_token, derived=self._derived)
        await self._entry.write(record, request.endpoint)
        if self._is_over(request):
            if not self._entry.is_unemptied:  # it was emptied before that was written
                await self._entry.remove()
        elif before not in {None, self._refresh_token}:
            await self._entry.withdraw()

    def _remember(self, token: Token | None, request: _Request) -> None:
        if token is None:
            return
        if request.name is None:
            self._token = token
        elif self.is_cached:
            valid = {name: each for name, each in self._derived.items() if each.is_valid()}
            self._derived = {**valid, request.name: token}

    async def _tell(self, token: Token, request: _Request) -> None:
        if self._on_token is not None and not self._is_over(request):
            await notify_on_token(self._on_token, token)

    def _check(self, request: _Request) -> None:
        if self._is_over(request):
            raise _logged_out()

    def _is_over(self, request: _Request) -> bool:
        """Whether somebody has logged out since the request was begun."""
        return self._outstanding is not request.outstanding


def _logged_out() -> TokenError:
    return TokenError("The token request was ended: the client was logged out meanwhile")


def _not_granted(missing: frozenset[str]) -> ScopeNotGrantedError:
    names = printable(" ".join(sorted(missing)))
    return ScopeNotGrantedError(
        f"The login was not granted the scope {names}, and a refresh cannot ask for more (RFC 6749 "
        "§6): let the client that with_options() was called on ask for it, and log in again",
        missing,
    )


def _login_required() -> LoginRequiredError:
    return LoginRequiredError(
        "The refresh token is worth nothing any more: log in again, or give another one"
    )
