"""`CacheEntry`: a login's entry in a token cache, with its lock and its part of a logout.

Must not know grants or how tokens are fetched.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime
from typing import Final

from aioalf._cache_protocol import TokenCache
from aioalf._key_locks import KeyLocks
from aioalf._login.cache_format import StoredLogin, read_stored_login, write_stored_login
from aioalf._login.logout import TokensToRevoke
from aioalf._single_flight import run_to_completion
from aioalf.errors import TokenError
from aioalf.grants import AuthorizationServer

logger: logging.Logger = logging.getLogger(__name__)

_LOGOUT_LOCK_TIMEOUT: Final = 30.0
"""The seconds that a logout waits for the lock: its holder may wait for a user to sign in."""


class CacheEntry:
    """The cache entry that all logins with the same key share. Without a cache, only a lock.

    Callers hold the lock, except for `start_logout`, and for `finish_logout`, which takes it.

    A failed write is only logged, since the tokens are valid. The text in the cache is then
    outdated, and it is ignored until another login changes it.
    """

    def __init__(self, cache: TokenCache | None, key: str) -> None:
        self.cache: TokenCache | None = cache
        self._key = key
        self._locks = KeyLocks()  # used without a cache
        self._text: str | None = None
        """The text that was read last."""
        self._is_outdated = False
        """Whether the last write failed, so that the cache still holds `_text` or nothing."""
        self._pending_logout: TokensToRevoke | None = None
        """The tokens of a logout that has not emptied the entry yet."""

    def lock(self) -> AbstractAsyncContextManager[object]:
        """Return a lock to hold while the entry is read, a token is fetched, and it is stored."""
        # Also needed without a cache: after a reset, a manager starts a new token request beside
        # the one in flight, and both would send the same refresh token.
        return self._locks.hold(self._key) if self.cache is None else self.cache.lock(self._key)

    async def read(self, endpoint: AuthorizationServer) -> bool:
        """Read the entry; return whether it overrides the login in memory. Raises CacheError."""
        if self.cache is None:
            return False
        await self.empty_if_logged_out(endpoint)
        text = await self.cache.get(self._key)
        if self._is_outdated and text == self._text:
            return False
        self._text, self._is_outdated = text, False
        return (
            text != ""
        )  # caches return "" for a damaged entry: the login in memory is still valid

    async def content(self, endpoint: AuthorizationServer) -> StoredLogin | None:
        """Return what `read` has read; None if it is empty, invalid, or of another server."""
        return await _parse(self._text, endpoint)

    async def write(self, stored: StoredLogin, endpoint: AuthorizationServer) -> None:
        """Replace the entry, marked with the issuer."""
        if self.cache is not None:
            with_issuer = stored._replace(issuer=await _issuer_of(endpoint))
            await self._try(_set(self.cache, self._key, with_issuer))

    async def delete(self) -> None:
        """Delete the entry, whose tokens are no longer valid."""
        if self.cache is not None:
            await self._try(self.cache.delete(self._key))

    async def delete_if_outdated(self) -> None:
        """Delete the entry if it could not be written: its refresh token must not be sent again."""
        if self.cache is None or not self._is_outdated:
            return
        try:
            await self.cache.delete(self._key)
        except Exception:
            return
        self._text = None  # so that the empty entry does not override the login in memory

    async def _try(self, change: Awaitable[None]) -> None:
        """Change the entry; log an error and remember that the entry is outdated."""
        try:
            await change
        except Exception as error:
            reason = str(error) if isinstance(error, TokenError) else type(error).__name__
            if not self._is_outdated:
                logger.warning("Tokens are kept in memory only: %s", reason)
            self._is_outdated = True
        else:
            self._is_outdated = False

    # Logout

    @property
    def is_logout_pending(self) -> bool:
        """Whether a logout has not emptied the entry yet."""
        return self._pending_logout is not None

    def start_logout(self, to_revoke: TokensToRevoke) -> None:
        """Ignore the entry from now on; add its tokens to `to_revoke` when it is emptied."""
        if self.cache is None:
            return
        # Of two concurrent logouts, the first one revokes the tokens of the entry.
        if self._pending_logout is None or self._pending_logout.is_complete:
            self._pending_logout = to_revoke

    async def empty_if_logged_out(self, endpoint: AuthorizationServer) -> None:
        """Empty the entry if a logout is pending, so that the next lock holder does not use it."""
        if self._pending_logout is not None:
            await self._try(self._empty(endpoint))

    async def finish_logout(self, endpoint: AuthorizationServer, to_revoke: TokensToRevoke) -> None:
        """Wait for the lock and empty the entry; empty it also on errors and cancellation.

        Raises CacheError if the entry cannot be read or emptied.
        """
        timeout = None if self.cache is None else _LOGOUT_LOCK_TIMEOUT
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout), self.lock():
                    await self._empty(endpoint)
            await self._empty(endpoint)
        finally:
            to_revoke.is_complete = True
            if self.cache is not None and self._pending_logout is not None:
                await run_to_completion(self.cache.delete(self._key))
                self._pending_logout = None

    async def _empty(self, endpoint: AuthorizationServer) -> None:
        if self.cache is None or not self.is_logout_pending:
            return
        text = await self.cache.get(self._key)
        to_revoke = self._pending_logout
        if to_revoke is None:
            return  # another task has emptied the entry meanwhile
        # From here on the text is ignored, even if it cannot be deleted.
        self._text, self._is_outdated, self._pending_logout = text, True, None
        try:
            stored = await _parse(text, endpoint)
            if stored is not None:
                to_revoke.add(stored.token, stored.refresh_token)
                for token in stored.derived.values():
                    to_revoke.add(token)
        finally:
            await run_to_completion(self.cache.delete(self._key))
        self._is_outdated = False


async def _parse(text: str | None, endpoint: AuthorizationServer) -> StoredLogin | None:
    if text is None:
        return None
    stored = read_stored_login(text, now=datetime.now(UTC), monotonic=time.monotonic())
    if stored is None or stored.issuer != await _issuer_of(endpoint):
        logger.warning(
            "The token cache entry is ignored and will be replaced: its format is unknown, or its "
            "tokens are of another issuer"
        )
        return None
    return stored


async def _set(cache: TokenCache, key: str, stored: StoredLogin) -> None:
    lifetimes = [token.expires_in for token in (stored.token, *stored.derived.values())]
    # A refresh token outlives the access tokens.
    is_unlimited = stored.refresh_token or None in lifetimes
    ttl = None if is_unlimited else max(each for each in lifetimes if each is not None)
    await cache.set(key, write_stored_login(stored), ttl)


async def _issuer_of(endpoint: AuthorizationServer) -> str:
    # The refresh token must be sent to this server only (RFC 6749 §10.4).
    return endpoint.issuer or str(await endpoint.url_of("token_endpoint"))
