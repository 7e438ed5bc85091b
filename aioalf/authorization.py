"""What was authorized once, and lives on by its refresh token (RFC 6749 §6, RFC 9700 §4.14).

A refresh token may count once only: the answer to it is kept before anybody sees the new token, and
a request that has left is not cut off. It knows grants, caches and records, and nothing of HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from yarl import URL

from aioalf.cache_key import cache_key
from aioalf.caches.locks import KeyLocks
from aioalf.callables import outcome
from aioalf.errors import (
    LoginRequiredError,
    ScopeNotGrantedError,
    TokenConfigurationError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.grants.contract import OfSubject
from aioalf.redaction import printable
from aioalf.revocation import Outstanding
from aioalf.single_flight import uncut
from aioalf.token import Token
from aioalf.token_record import Record, read_record, write_record
from aioalf.urls import is_insecure, shown

if TYPE_CHECKING:
    from aioalf.caches import TokenCache
    from aioalf.grants import Grant, TokenSource

logger: logging.Logger = logging.getLogger(__name__)

_PATIENCE: Final = 30.0
"""Seconds for which a logout waits for who has locked the cache."""

_WITHOUT_SUBJECT: Final = frozenset(
    {
        "authorization_code",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:device_code",
    }
)

OnToken = Callable[["Token"], object]
"""Called with each new token, before its callers get it: a coroutine function, or a plain one.

It must not use the client, whose callers wait for it, and has ten seconds. Where an answer replaced
a refresh token and was of no use otherwise, the access token is empty.
"""

TELLING: Final = 10.0
"""Seconds for which `OnToken` is waited for: who closes the client waits for it, too."""


@dataclass(frozen=True, slots=True)
class _Request:
    """What a token is got for: at which endpoint, under which name, and before which logout."""

    endpoint: TokenSource
    outstanding: Outstanding
    name: str | None = None  # None is what the login itself asks for
    is_of_scope: bool = False  # whether it asks for another scope than the login does


class Authorization:
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
        self._cache = cache
        self._locks = KeyLocks()
        self._key = key
        self._on_token = on_token
        self._token: Token | None = None
        self._derived: dict[str, Token] = {}  # as the cache holds them
        self._refresh_token: str | None = None
        self._scope: frozenset[str] | None = None
        self._is_spent = False
        self._read: str | None = None
        self._is_behind = False
        """Whether the cache could not be written: it holds no more than what was `_read`."""
        self._outstanding = Outstanding()
        """What the next logout revokes besides: another object says that there was one."""
        self._left: Outstanding | None = None
        """That of a logout which has not emptied the cache yet: nobody believes what it holds."""

    async def token(self, endpoint: TokenSource, unwanted: str | None) -> Token:
        """Return a token other than an unwanted one, kept already where it is to be kept.

        Raises LoginRequiredError when there is no way left without somebody's help, TokenError.
        """
        request = _Request(endpoint, self._outstanding)
        async with self._lock():
            stored = await self._load(request)
            if stored is not None and stored.is_valid() and stored.access_token != unwanted:
                return stored
            return await self._renew(request)

    async def derived_token(
        self, endpoint: TokenSource, unwanted: str | None, name: str, *, is_of_scope: bool
    ) -> Token | None:
        """Return a token for what another endpoint asks for, None where nobody is logged in.

        `name` is what the cache calls that, `is_of_scope` whether its scope is another than the
        login's. Raises ScopeNotGrantedError, LoginRequiredError, TokenError.
        """
        request = _Request(endpoint, self._outstanding, name, is_of_scope)
        async with self._lock():
            stored = await self._load(request)
            if stored is not None and stored.is_valid() and stored.access_token != unwanted:
                return stored
            if self._token is None:
                return None
            if self._refresh_token is None and self._grant.can_begin:
                token = await self._grant.request_token(endpoint)  # a login of its own
                return await uncut(self._kept(token, None, request))
            try:
                return await uncut(self._refresh(request))
            except (TokenHTTPError, TokenResponseError) as error:
                if error.error != "invalid_grant":
                    raise
                await self._lose(error)
                return None

    def apart(self, key: str) -> Authorization:
        """Return one that has no login in common with this: for grants that need none."""
        return Authorization(self._grant, cache=self._cache, key=key, on_token=self._on_token)

    @property
    def is_cached(self) -> bool:
        """Whether there is a cache."""
        return self._cache is not None

    def leave(self) -> Outstanding:
        """Log out: use nothing any more of what there is, and keep nothing of what is on its way.

        Returns what is to be revoked, to which `forget` adds what comes to light.
        """
        left, self._outstanding = self._outstanding, Outstanding()
        left.add(self._token, self._refresh_token)
        for token in self._derived.values():
            left.add(token)
        left.counts_given = not (self._is_spent or self._grant.can_begin)
        self._is_spent = not self._grant.can_begin
        self._token = self._refresh_token = self._scope = None
        self._derived = {}
        if self._cache is not None and (self._left is None or self._left.is_complete):
            self._left = left  # of two logouts at once, the first has what the cache holds
        return left

    async def forget(self, endpoint: TokenSource, left: Outstanding) -> None:
        """Wait until what was on its way is in `left`, and empty the cache.

        The cache is emptied also when this fails or is cancelled. Raises CacheError when it could
        not be read or emptied.
        """
        try:
            with suppress(TimeoutError):  # somebody else's login takes as long as a person does
                async with asyncio.timeout(None if self._cache is None else _PATIENCE):
                    async with self._lock():
                        await self._empty(endpoint)
            await self._empty(endpoint)
        finally:
            left.is_complete = True
            if self._cache is not None and self._left is not None:
                await uncut(self._cache.delete(self._key))
                self._left = None
        if left.counts_given and not left.has_refresh_token:
            await self._add_given(left)

    async def _empty(self, endpoint: TokenSource) -> None:
        """Take what a logout left out of the cache, and take note of it."""
        if self._cache is None or self._left is None:
            return
        text = await self._cache.get(self._key)
        # From here on it is not believed, whether it can be deleted or not.
        left, self._read, self._is_behind, self._left = self._left, text, True, None
        try:
            record = await self._record_in(text, endpoint)
            if record is not None:
                left.add(record.token, record.refresh_token)
                for token in record.derived.values():
                    left.add(token)
        finally:
            await uncut(self._cache.delete(self._key))
        self._is_behind = False

    async def _add_given(self, left: Outstanding) -> None:
        from aioalf.grants import RefreshToken  # noqa: PLC0415 - few need it

        if isinstance(self._grant, RefreshToken):
            left.add(None, await self._grant.refresh_token())

    def _lock(self) -> AbstractAsyncContextManager[object]:
        # Without a cache too: who resets the client starts another request beside the one that is
        # in the air, and both would send one refresh token.
        if self._cache is None:
            return self._locks.hold(self._key)
        return self._cache.lock(self._key)

    async def _load(self, request: _Request) -> Token | None:
        if self._outstanding is not request.outstanding:
            raise _logged_out()
        if self._cache is None:
            return None
        if self._left is not None:
            await self._write(self._empty(request.endpoint))
        text = await self._cache.get(self._key)
        if self._is_behind and text == self._read:
            return None
        self._read, self._is_behind = text, False
        if text == "":
            return None  # damaged: what is remembered goes on counting, as far as one can know
        # Somebody else may have used it, or logged out.
        self._token = self._refresh_token = None
        record = await self._record_in(text, request.endpoint)
        if record is None:
            self._derived = {}
            return None
        self._token, self._refresh_token = record.token, record.refresh_token
        self._derived = dict(record.derived)
        self._scope = record.token.scope
        self._is_spent = False
        return record.token if request.name is None else record.derived.get(request.name)

    async def _record_in(self, text: str | None, endpoint: TokenSource) -> Record | None:
        if text is None:
            return None
        record = read_record(text, now=datetime.now(UTC), monotonic=time.monotonic())
        if record is None or record.issuer != await _origin(endpoint):
            logger.warning("The token cache holds something that is none of ours; it is replaced")
            return None
        return record

    async def _renew(self, request: _Request) -> Token:
        if self._refresh_token is not None:
            try:
                return await uncut(self._refresh(request))
            except (TokenHTTPError, TokenResponseError) as error:
                if error.error != "invalid_grant":
                    raise  # it may count still
                await self._lose(error)
        if self._grant.can_begin:
            token = await self._grant.request_token(request.endpoint)  # a person: no task
            return await uncut(self._kept(token, token.refresh_token, request))
        if self._is_spent:
            raise _login_required()
        try:
            return await uncut(self._begin(request))
        except (TokenHTTPError, TokenResponseError) as error:
            if error.error == "invalid_grant":
                await self._lose(error)
            raise

    async def _lose(self, error: TokenError) -> None:
        self._token = self._refresh_token = None
        self._derived = {}
        if self._cache is not None:
            await self._write(self._cache.delete(self._key))
        if not self._grant.can_begin:
            self._is_spent = True
            raise _login_required() from error

    async def _begin(self, request: _Request) -> Token:
        token = await self._answer(self._grant.request_token(request.endpoint), request)
        return await self._kept(token, token.refresh_token, request)

    async def _refresh(self, request: _Request) -> Token:
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
                if self._on_token is not None and self._outstanding is request.outstanding:
                    await _tell(self._on_token, Token("", 0, refresh_token=replacement))
            raise

    async def _kept(self, token: Token, refresh_token: str | None, request: _Request) -> Token:
        is_own, outstanding = request.name is None, request.outstanding
        if is_own and self._grant.keeps_refresh_token and self._outstanding is outstanding:
            self._scope = self._scope if token.scope is None else token.scope
        await self._keep(token, refresh_token, request)
        if self._on_token is not None and self._outstanding is outstanding:
            await _tell(self._on_token, token)
        if self._outstanding is not outstanding:
            raise _logged_out()
        return token

    async def _keep(
        self, token: Token | None, refresh_token: str | None, request: _Request
    ) -> None:
        outstanding = request.outstanding
        if self._outstanding is not outstanding:
            outstanding.add(token, refresh_token)
            return
        before = self._refresh_token
        self._remember(token, request)
        if self._grant.keeps_refresh_token:
            self._refresh_token = refresh_token
        if self._cache is None or self._token is None:
            return
        issuer = await _origin(request.endpoint)
        record = Record(self._token, self._refresh_token, issuer, self._derived)
        await self._write(_store(self._cache, self._key, record))
        if self._outstanding is not outstanding:
            if self._left is None:  # it was emptied before that was written
                await self._write(self._cache.delete(self._key))
        elif self._is_behind and before not in {None, self._refresh_token}:
            await self._withdraw(self._cache)

    def _remember(self, token: Token | None, request: _Request) -> None:
        if token is None:
            return
        if request.name is None:
            self._token = token
        elif self._cache is not None:
            valid = {name: each for name, each in self._derived.items() if each.is_valid()}
            self._derived = {**valid, request.name: token}

    async def _withdraw(self, cache: TokenCache) -> None:
        """Remove what could not be replaced: it was used, and used again it would end the login."""
        try:
            await cache.delete(self._key)
        except Exception:  # noqa: BLE001 - as in `_write`, which has told of it
            return
        self._read = None  # so that what is remembered here goes on counting

    async def _write(self, change: Awaitable[None]) -> None:
        try:
            await change
        except Exception as error:  # noqa: BLE001 - of anybody's cache; what was granted counts
            problem = str(error) if isinstance(error, TokenError) else type(error).__name__
            if not self._is_behind:
                logger.warning("Tokens are kept in memory only: %s", problem)
            self._is_behind = True
        else:
            self._is_behind = False


async def _store(cache: TokenCache, key: str, record: Record) -> None:
    # While there is a refresh token, the record is worth keeping for longer.
    lives = [token.expires_in for token in (record.token, *record.derived.values())]
    is_lasting = record.refresh_token or None in lives
    ttl = None if is_lasting else max(life for life in lives if life is not None)
    await cache.set(key, write_record(record), ttl)


async def _tell(on_token: OnToken, token: Token) -> None:
    try:
        async with asyncio.timeout(TELLING):
            await outcome("on_token", on_token, token)
    except TokenError as error:
        logger.warning("%s; the token is used nevertheless", error)
    except TimeoutError:
        logger.warning(
            "on_token took longer than %s seconds and is not waited for: does it use the client?",
            TELLING,
        )


def key_of(grant: Grant, endpoint: TokenSource, token_endpoint: str | URL | None) -> str:
    """Return the key of what this client asks for (`cache_key`).

    Raises TokenConfigurationError for a grant whose token is for somebody who is not in the key.
    """
    subject = grant.subject_key if isinstance(grant, OfSubject) else None
    if subject is None and grant.name not in _WITHOUT_SUBJECT:
        raise TokenConfigurationError(
            f"cache cannot be used with {grant.name} here: it does not say for whom its tokens are"
        )
    asked = endpoint.asked
    return cache_key(
        client_id=endpoint.client_id or "",
        grant=grant.name,
        issuer=endpoint.issuer,
        token_endpoint=None if token_endpoint is None else str(URL(token_endpoint)),
        scope=asked.scope,
        resource=asked.resource,
        audience=asked.audience,
        extra=asked.extra,
        subject=subject,
    )


def check_transport(grant: Grant, token_endpoint: URL | None) -> None:
    """Raise TokenConfigurationError where a refresh token could be read on its way."""
    if grant.keeps_refresh_token and token_endpoint is not None and is_insecure(token_endpoint):
        raise TokenConfigurationError(
            f"The token endpoint {shown(token_endpoint)} is plain http, and {grant.name} has "
            "refresh tokens, which go by https only (RFC 6749 §10.4)"
        )


async def _origin(endpoint: TokenSource) -> str:
    # The only one that the refresh token may be sent to (RFC 6749 §10.4).
    return endpoint.issuer or str(await endpoint.url_of("token_endpoint"))


def _logged_out() -> TokenError:
    return TokenError("The token request was ended: the client was logged out meanwhile")


def _not_granted(missing: frozenset[str]) -> ScopeNotGrantedError:
    names = printable(" ".join(sorted(missing)))
    return ScopeNotGrantedError(
        f"The login was not granted the scope {names}, and a refresh cannot ask for more (RFC 6749 "
        "§6): let the client that with_() was called on ask for it, and log in again",
        missing,
    )


def _login_required() -> LoginRequiredError:
    return LoginRequiredError(
        "The refresh token is worth nothing any more: log in again, or give another one"
    )
