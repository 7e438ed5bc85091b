"""`CacheEntry`: a login's entry in a token cache, with its claim, its note and its logout.

Must not know grants or how tokens are fetched.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Final, cast

from aioalf._cache_protocol import Claim, TokenCache
from aioalf._closing import MustFinish, run_to_completion
from aioalf._hidden_repr import MaskedStr
from aioalf._login import cache_calls
from aioalf._login.cache_calls import CALL_TIMEOUT, ask, release
from aioalf._login.cache_entry_format import (
    StoredLogin,
    has_version,
    read_stored_login,
    write_stored_login,
)
from aioalf._login.cache_note import CacheNote, read_note, write_note
from aioalf._login.logout import TokensToRevoke
from aioalf.errors import CacheError, TokenError
from aioalf.grants import AuthorizationServer

logger: logging.Logger = logging.getLogger(__name__)

_CLAIM_TIMEOUT: Final = 30.0
"""Seconds that a logout and the end of a sign-in wait while another client has the claim."""

_NOTE_GRACE: Final = 15.0
"""Seconds that a note stays in the cache after its end, so the next client sees what happened."""


class CacheEntry:
    """The cache entry that all logins with the same key share. Without a cache, nothing is stored.

    A failed write is only logged, since the tokens are valid. The text in the cache is then
    outdated, and it is ignored until another login changes it.
    """

    def __init__(
        self, cache: TokenCache | None, key: str, subject_ttl: float | None = None
    ) -> None:
        self.cache: TokenCache | None = cache
        self._key = key
        self._subject_ttl = subject_ttl
        self._text: str | None = None
        """The text that was read or written last, unless it was damaged."""
        self._damaged_text: str | None = None
        """The damaged text that was read last: it is logged once."""
        self.content: StoredLogin | None = None
        """The login that `read` found; None if the entry is empty, invalid or of another server."""
        self._is_outdated = False
        """Whether a write is unfinished, failed or was left out, so that `_text` is ignored."""
        self._may_be_empty = False
        """Whether a removal is unfinished or failed. An empty entry is ignored then, too."""
        self._pending_logout: TokensToRevoke | None = None
        """The tokens of a logout that has not emptied the entry yet."""

    # Read

    async def read(self, server: AuthorizationServer, claim: Claim | None) -> bool:
        """Read the entry; return whether it overrides the login in memory. Raises CacheError."""
        if self.is_logout_pending:
            if claim is None:
                return False
            await self._try(self._empty(server, claim))
        text = await self._get(self._store, self._key)
        is_known = text == self._text or (self._may_be_empty and text is None)
        if self.is_logout_pending or (self._is_outdated and is_known):
            return False
        if _is_damaged(text):
            # A damaged entry does not override the login in memory. An entry of another version of
            # this package does: that version may have sent the refresh token.
            if text and text != self._damaged_text:
                logger.warning(
                    "The token cache entry is ignored and will be replaced: it is damaged"
                )
            self._damaged_text = text
            return False
        await self._take(text, server)
        self._is_outdated = self._may_be_empty = False
        return True

    async def _take(self, text: str | None, server: AuthorizationServer) -> None:
        # The same text is parsed again too: the remaining lifetime of its token has changed.
        self.content = await _parse(text, server, is_new=text != self._text)
        self._text = text

    # The claim

    @property
    def _store(self) -> TokenCache:
        return cast("TokenCache", self.cache)  # for methods that need a cache

    async def claim(self) -> Claim | None:
        """Return the claim; None if another client has it. Raises CacheError."""
        return None if self.cache is None else await cache_calls.claim(self.cache, self._key)

    async def wait(self, seconds: float) -> None:
        """Wait until another client releases the claim, for at most this many seconds."""
        await ask(self._store.wait, self._key, seconds, limit=seconds + CALL_TIMEOUT)

    async def holder(self) -> str:
        return await ask(self._store.holder, self._key) or "another client"

    @asynccontextmanager
    async def claimed(self) -> AsyncIterator[Claim | None]:
        """Hold the claim; None without a cache, or if another client does not release it in time.

        Raises CacheError.
        """
        claim, ends_at = await self.claim(), time.monotonic() + _CLAIM_TIMEOUT
        while claim is None and self.cache is not None and time.monotonic() < ends_at:
            await self.wait(1.0)
            claim = await self.claim()
        try:
            yield claim
        finally:
            if claim is not None:
                await release(claim)

    # The note

    async def note(self, name: str | None) -> CacheNote | None:
        """Return the note of another client, or of this one. Raises CacheError.

        `name` is the name of a derived client, None for the login itself.
        """
        return read_note(await self._get(self._store, self._note_key(name)), time.time())

    async def set_note(self, note: CacheNote | None, name: str | None) -> None:
        """Replace the note; None removes it. A failure is only logged."""
        ttl = 0.0 if note is None else note.seconds_left(time.time()) + _NOTE_GRACE
        text = "" if note is None else write_note(note)
        try:
            await ask(self._store.set, self._note_key(name), text, ttl)
        except CacheError as error:
            logger.debug("The note in the token cache could not be written: %s", error)

    def _note_key(self, name: str | None) -> str:
        return f"{self._key}-note" if name is None else f"{self._key}-{name}-note"

    # Write

    async def write(
        self, stored: StoredLogin, server: AuthorizationServer, claim: Claim | None
    ) -> None:
        """Replace the entry, marked with the issuer. Without the claim, tokens stay in memory."""
        if self.cache is not None:
            await self._try(self._replace(stored, server, claim))

    def mark_outdated(self) -> None:
        """Ignore the entry until it changes: there are newer tokens, which were not written."""
        self._is_outdated = True

    async def delete(self, claim: Claim | None) -> None:
        """Delete the entry, whose tokens are no longer valid."""
        if claim is not None:
            await self._try(self._remove(claim))

    async def delete_if_outdated(self, claim: Claim | None) -> None:
        """Delete the entry if it could not be written: its refresh token must not be sent again."""
        if claim is not None and self._is_outdated:
            with suppress(CacheError):
                await self._remove(claim)

    async def _remove(self, claim: Claim) -> None:
        if not await self._is_removed(claim):
            raise CacheError("the claim to the entry was lost")

    async def _is_removed(self, claim: Claim) -> bool:
        """Delete the entry; return False instead if the claim was lost."""
        self._may_be_empty = True
        is_removed = await ask(claim.remove)
        if is_removed:
            self._text = None  # so that the empty entry does not override a login in memory
        else:
            self._may_be_empty = False
        return is_removed

    async def _delete_unclaimed(self) -> None:
        self._may_be_empty = True
        await ask(self._store.delete, self._key)
        self._text = None  # as above

    async def _replace(
        self, stored: StoredLogin, server: AuthorizationServer, claim: Claim | None
    ) -> None:
        if claim is None:
            raise CacheError(f"{await self.holder()} uses the entry")
        text = write_stored_login(stored._replace(issuer=await _issuer_of(server)))
        pending = self._pending_logout
        if await ask(claim.replace, text, _ttl(stored, self._subject_ttl)):
            self._text = text
            if self._pending_logout is pending:  # the text of the earlier login is gone
                self._pending_logout = None
            return
        # The claim was lost. A login that another client has stored since then is used from now on.
        # The text that was read before is not used: its refresh token has been sent.
        text_now = await self._get(self._store, self._key)
        if text_now != self._text:
            await self._take(text_now, server)
            if self.content is not None:
                return
        raise CacheError("the claim to the entry was lost")

    async def _try(self, change: Awaitable[object]) -> None:
        """Change the entry, which counts as outdated until the change succeeds; log an error."""
        was_outdated, self._is_outdated = self._is_outdated, True
        try:
            await change
        except Exception as error:
            reason = str(error) if isinstance(error, TokenError) else type(error).__name__
            if not was_outdated:
                logger.warning("Tokens are kept in memory only: %s", reason)
        else:
            self._is_outdated = self._may_be_empty = False

    async def _get(self, cache: TokenCache, key: str) -> str | None:
        text: object = await ask(cache.get, key)
        if text is None or isinstance(text, str):
            return text and MaskedStr(text)  # error reports show local variables
        kind = type(text).__name__
        del text
        raise CacheError(f"The token cache returned {kind} instead of text or None")

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

    async def empty_if_logged_out(self, server: AuthorizationServer, claim: Claim | None) -> None:
        """Empty the entry if a logout is pending, so that the next client does not use it."""
        if self.is_logout_pending:
            await self._try(self._empty(server, claim))

    async def finish_logout(
        self, server: AuthorizationServer, to_revoke: TokensToRevoke, requests: MustFinish
    ) -> None:
        """Wait for `requests` and the claim, and empty the entry.

        It is emptied even after an error or a cancellation. Raises CacheError if it cannot be read
        or emptied.
        """
        try:
            await requests.wait()
            async with self.claimed() as claim:
                await self._empty(server, claim)
        except BaseException:
            if self.is_logout_pending:
                await run_to_completion(self._try_to_delete(requests))
            raise
        finally:
            to_revoke.is_complete = True

    async def _try_to_delete(self, requests: MustFinish) -> None:
        try:
            await self._delete_unclaimed()
        except CacheError as error:
            logger.warning("The login may still be in the token cache: %s", error)
        else:
            if requests.is_idle:  # otherwise one of them may be storing a login now
                self._pending_logout = None

    async def _empty(self, server: AuthorizationServer, claim: Claim | None) -> None:
        if self.cache is None or not self.is_logout_pending:
            return
        text = await self._get(self.cache, self._key)
        to_revoke = self._pending_logout
        if to_revoke is None:
            return  # another task has emptied the entry meanwhile
        # From here on the text is ignored, even if it cannot be deleted. If it is damaged, the next
        # read may find the login nevertheless.
        self._text, self._is_outdated = text, True
        if not _is_damaged(text):
            self._pending_logout = None
        try:
            stored = await _parse(text, server, is_new=True)
            if stored is not None:
                to_revoke.add(stored.token, stored.refresh_token)
                for token in stored.derived.values():
                    to_revoke.add(token)
        finally:
            await run_to_completion(self._delete_after_logout(claim))
        self._is_outdated = False
        if self._pending_logout is to_revoke:
            self._pending_logout = None

    async def _delete_after_logout(self, claim: Claim | None) -> None:
        is_removed = False
        if claim is not None:
            with suppress(CacheError):
                is_removed = await self._is_removed(claim)
        if not is_removed:  # a logout must leave no login
            await self._delete_unclaimed()


def _is_damaged(text: str | None) -> bool:
    return text is not None and not has_version(text)


def this_process() -> str:
    """Name this process for the notes that others read."""
    return f"process {os.getpid()} on {socket.gethostname()}"


async def _parse(
    text: str | None, server: AuthorizationServer, *, is_new: bool
) -> StoredLogin | None:
    if not text:  # caches return "" for a damaged entry
        return None
    stored = read_stored_login(text, now=datetime.now(UTC), monotonic=time.monotonic())
    if stored is None or stored.issuer != await _issuer_of(server):
        if is_new:
            logger.warning(
                "The token cache entry is ignored and will be replaced: its format is unknown, or "
                "its tokens are of another issuer"
            )
        return None
    return stored


def _ttl(stored: StoredLogin, subject_ttl: float | None) -> float | None:
    lifetimes = [token.expires_in for token in (stored.token, *stored.derived.values())]
    # A refresh token outlives the access tokens.
    if stored.refresh_token or None in lifetimes:
        return subject_ttl
    return max(each for each in lifetimes if each is not None)


async def _issuer_of(server: AuthorizationServer) -> str:
    # The refresh token must be sent to this server only (RFC 6749 §10.4).
    return server.issuer or str(await server.url_of("token_endpoint"))
