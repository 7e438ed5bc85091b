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
    is_damaged,
    read_stored_login,
    ttl_of,
    write_stored_login,
)
from aioalf._login.cache_note import CacheNote, read_note, write_note
from aioalf._login.known_texts import KnownTexts
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

    A failed write is only logged, since the tokens are valid. A text that this login has replaced,
    or tried to replace, is older than the tokens in memory, and is ignored wherever it is read.
    """

    def __init__(
        self, cache: TokenCache | None, key: str, subject_ttl: float | None = None
    ) -> None:
        self.cache: TokenCache | None = cache
        self._key = key
        self._subject_ttl = subject_ttl
        self._texts = KnownTexts()
        self._damaged_text: str | None = None
        """The damaged text that was read last: it is logged once."""
        self.content: StoredLogin | None = None
        """The login that `read` found; None if the entry is empty, invalid or of another server."""
        self._is_unsaved = False
        """Whether the last change is unfinished or failed."""
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
        if is_damaged(text):
            # A damaged entry does not override the login in memory. An entry of another version of
            # this package does: that version may have sent the refresh token.
            if text and text != self._damaged_text:
                logger.warning(
                    "The token cache entry is ignored and will be replaced: it is damaged"
                )
            self._damaged_text = text
            return False
        return await self._take(text, server)

    async def _take(self, text: str | None, server: AuthorizationServer) -> bool:
        """Use a text that was read; return False instead if it is older than the login in memory.

        The same text is parsed again too: the remaining lifetime of its token has changed.
        """
        content = await _parse(text, server, is_new=text != self._texts.last)
        # There may have been a logout or a write since the text was read.
        if self.is_logout_pending or self._texts.is_ignored(text):
            return False
        self.content, self._texts.last = content, text
        self._is_unsaved = False
        self._texts.heed(None)
        return True

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

    def supersede(self) -> None:
        """Ignore the text in the entry from now on: the tokens in memory are newer."""
        self._texts.supersede()

    async def delete(self, claim: Claim | None) -> None:
        """Delete the entry, whose tokens are no longer valid."""
        if claim is not None:
            await self._try(self._remove(claim))

    async def delete_if_unsaved(self, claim: Claim | None) -> None:
        """Delete the entry if it could not be written: its refresh token must not be sent again."""
        if claim is not None and self._is_unsaved:
            with suppress(CacheError):
                await self._remove(claim)

    async def _remove(self, claim: Claim) -> None:
        self.supersede()
        is_empty_ignored = self._texts.is_ignored(None)
        self._texts.ignore(None)
        if not await ask(claim.remove):
            if not is_empty_ignored:
                self._texts.heed(None)
            raise CacheError("the claim to the entry was lost")
        self._texts.last = None

    async def _delete_unclaimed(self) -> None:
        self.supersede()
        self._texts.ignore(None)
        await ask(self._store.delete, self._key)
        self._texts.last = None

    async def _replace(
        self, stored: StoredLogin, server: AuthorizationServer, claim: Claim | None
    ) -> None:
        self.supersede()
        if claim is None:
            raise CacheError(f"{await self.holder()} uses the entry")
        text = write_stored_login(stored._replace(issuer=await _issuer_of(server)))
        pending, self._texts.last = self._pending_logout, text
        self._texts.heed(text)  # a server may give the same token again
        if await ask(claim.replace, text, ttl_of(stored, self._subject_ttl)):
            self._texts.heed(None)
            if self._pending_logout is pending:  # the text of the earlier login is gone
                self._pending_logout = None
            return
        # The claim was lost. A login that another client has stored since then is used from now on.
        text_now = await self._get(self._store, self._key)
        if text_now is None:
            self._texts.ignore(None)
        is_usable = text_now is not None and not is_damaged(text_now)
        if not (is_usable and await self._take(text_now, server) and self.content is not None):
            raise CacheError("the claim to the entry was lost")

    async def _try(self, change: Awaitable[object]) -> None:
        """Change the entry; log an error."""
        was_unsaved, self._is_unsaved = self._is_unsaved, True
        try:
            await change
        except Exception as error:
            reason = str(error) if isinstance(error, TokenError) else type(error).__name__
            if not was_unsaved:
                logger.warning("Tokens are kept in memory only: %s", reason)
        else:
            self._is_unsaved = False

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
                await self._empty(server, claim, is_logout=True)
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

    async def _empty(
        self, server: AuthorizationServer, claim: Claim | None, *, is_logout: bool = False
    ) -> None:
        if self.cache is None or not self.is_logout_pending:
            return
        text = await self._get(self.cache, self._key)
        to_revoke = self._pending_logout
        if to_revoke is None:
            return  # another task has emptied the entry meanwhile
        # From here on the text is ignored, even if it cannot be deleted. If it is damaged, the next
        # read may find the login nevertheless.
        if not is_damaged(text):
            self._texts.last, self._pending_logout = text, None
            self.supersede()
        try:
            stored = await _parse(text, server, is_new=True)
            if stored is not None:
                to_revoke.add(stored.token, stored.refresh_token)
                for token in stored.derived.values():
                    to_revoke.add(token)
        finally:
            await run_to_completion(self._delete_after_logout(claim, is_logout=is_logout))
        if self._pending_logout is to_revoke:
            self._pending_logout = None

    async def _delete_after_logout(self, claim: Claim | None, *, is_logout: bool) -> None:
        if claim is not None:
            try:
                await self._remove(claim)
            except CacheError:
                if not is_logout:
                    raise
            else:
                return
        await self._delete_unclaimed()  # a logout must leave no login


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


async def _issuer_of(server: AuthorizationServer) -> str:
    # The refresh token must be sent to this server only (RFC 6749 §10.4).
    return server.issuer or str(await server.url_of("token_endpoint"))
