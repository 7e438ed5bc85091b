"""`CacheEntry`: a login's entry in a token cache, with its claim, its note and its logout.

Must not know grants or how tokens are fetched.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Awaitable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, NamedTuple, cast

from aioalf._cache_protocol import Claim, TokenCache
from aioalf._closing import MustFinish, run_to_completion
from aioalf._hidden_repr import MaskedStr
from aioalf._login.cache_calls import ask
from aioalf._login.cache_entry_format import (
    StoredLogin,
    is_damaged,
    read_stored_login,
    ttl_of,
    write_stored_login,
)
from aioalf._login.cache_note import CacheNote, read_note, write_note
from aioalf._login.entry_claims import EntryClaims
from aioalf._login.known_texts import KnownTexts, digest_of
from aioalf._login.logout import TokensToRevoke
from aioalf.errors import CacheError, TokenError
from aioalf.grants import AuthorizationServer

logger: logging.Logger = logging.getLogger(__name__)

_NOTE_GRACE: Final = 15.0
"""Seconds that a note stays in the cache after its end, so the next client sees what happened."""


class ClaimLostError(CacheError):
    """Raised by a change that was not made: another client has the claim now."""

    def __init__(self) -> None:
        super().__init__("the claim to the entry was lost")


class Reading(NamedTuple):
    """What an entry holds."""

    content: StoredLogin | None
    """The login; None if the entry is empty, invalid or of another server."""
    overrides_memory: bool = False
    """Whether the login in memory is older. It is not known whether it is older if another fetch
    had its turn meanwhile, or began to read later."""
    was_unsaved: bool = False
    """Whether the login in memory was not in the cache."""


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
        self.claims = EntryClaims(cache, key)
        self._texts = KnownTexts()
        self._reads = 0
        """The number of reads that began."""
        self._newest_read = 0
        """The number of the last read that replaced the login in memory."""
        self._damaged: bytes | None = None
        """The digest of the damaged text that was read last: it is logged once."""
        self._is_unsaved = False
        """Whether the last change is unfinished or failed."""
        self._pending_logout: TokensToRevoke | None = None
        """The tokens of a logout that has not emptied the entry yet."""
        self._gave_up_on: datetime | None = None
        """When the pending logout ended without success."""
        self._found_late = TokensToRevoke()
        """Tokens for the next logout to revoke: the pending one has ended."""

    # Read

    async def read(self, server: AuthorizationServer, claim: Claim | None) -> Reading | None:
        """Read the entry; None if its text is older than the login in memory, or damaged.

        Raises CacheError.
        """
        if self.is_logout_pending:
            if claim is None:
                return None
            await self._try(self._empty(server, claim))
        self._reads += 1
        number, turns = self._reads, self.claims.turn.changes
        text = await self._get(self._key)
        if is_damaged(text):
            # A damaged entry does not override the login in memory. An entry of another version of
            # this package does: that version may have sent the refresh token.
            damaged = digest_of(text)
            if text and damaged != self._damaged:
                logger.warning(
                    "The token cache entry is ignored and will be replaced: it is damaged"
                )
            self._damaged = damaged
            return None
        # The same text is parsed again too: the remaining lifetime of its token has changed.
        content = await _parse(text, server, is_new=not self._texts.is_last(text))
        # There may have been a logout or a write since the text was read.
        if self.is_logout_pending or self._texts.is_ignored(text):
            return None
        is_undisturbed = turns == self.claims.turn.changes and not self.claims.turn.is_running
        if claim is None and not (is_undisturbed and number > self._newest_read):
            return Reading(content)
        was_unsaved, self._is_unsaved = self._is_unsaved, False
        self._newest_read = number
        self._texts.set_last(text)
        self._texts.heed_empty()
        return Reading(content, overrides_memory=True, was_unsaved=was_unsaved)

    # The note

    async def note(self, name: str | None) -> CacheNote | None:
        """Return the note of another client, or of this one. Raises CacheError.

        `name` is the name of a derived client, None for the login itself.
        """
        return read_note(await self._get(self._note_key(name)), time.time())

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
    ) -> bool:
        """Replace the entry, marked with the issuer; return whether that succeeded.

        Without the claim, tokens stay in memory.
        """
        return self.cache is None or await self._try(self._replace(stored, server, claim))

    def supersede(self) -> None:
        """Ignore the text in the entry from now on: the tokens in memory are newer."""
        self._texts.supersede()

    async def delete(self, claim: Claim | None) -> None:
        """Delete the entry, whose tokens are no longer valid."""
        if claim is not None:
            await self._try(self._remove(claim))

    async def delete_unsaved(self, claim: Claim) -> None:
        """Delete an entry that could not be written: its refresh token must not be sent again."""
        with suppress(CacheError):
            await self._remove(claim)

    async def _replace(
        self, stored: StoredLogin, server: AuthorizationServer, claim: Claim | None
    ) -> None:
        self.supersede()
        self._texts.ignore_empty()
        if claim is None:
            raise CacheError(f"{await self.claims.holder()} uses the entry")
        pending = self._pending_logout
        if pending is not None:
            await self._collect(await self._get(self._key), pending, server)
        stored = stored._replace(issuer=await _issuer_of(server), stored_on=datetime.now(UTC))
        text = MaskedStr(write_stored_login(stored))
        self._texts.set_last(text)
        if not await ask(claim.replace, text, ttl_of(stored, self._subject_ttl)):
            raise ClaimLostError
        self._texts.heed_empty()
        if self._pending_logout is pending:  # the text of the earlier login is gone
            self._pending_logout = None

    async def _remove(self, claim: Claim | None) -> None:
        """Delete the entry, even without a claim."""
        self.supersede()
        self._texts.ignore_empty()
        if claim is None:
            await ask(self._store.delete, self._key)
        elif not await ask(claim.remove):
            raise ClaimLostError
        self._texts.set_last(None)

    async def _try(self, change: Awaitable[object]) -> bool:
        """Change the entry, and return whether that succeeded; log an error."""
        was_unsaved, self._is_unsaved = self._is_unsaved, True
        try:
            await change
        except Exception as error:
            reason = str(error) if isinstance(error, TokenError) else type(error).__name__
            if not was_unsaved:
                logger.warning("Tokens are kept in memory only: %s", reason)
            return False
        self._is_unsaved = False
        return True

    @property
    def _store(self) -> TokenCache:
        return cast("TokenCache", self.cache)  # for methods that need a cache

    async def _get(self, key: str) -> str | None:
        text: object = await ask(self._store.get, key)
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
        to_revoke.include(self._found_late)
        self._found_late = TokensToRevoke()
        # Of two concurrent logouts, the first one revokes the tokens of the entry.
        if self._pending_logout is None or self._pending_logout.is_complete:
            self._pending_logout, self._gave_up_on = to_revoke, None

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
            await self._empty_claimed(server)
        except BaseException:
            if self.is_logout_pending:
                await run_to_completion(self._try_to_delete(requests))
            raise
        finally:
            to_revoke.is_complete = True
            if self._pending_logout is to_revoke:
                self._gave_up_on = datetime.now(UTC)

    async def _empty_claimed(self, server: AuthorizationServer) -> None:
        try:
            async with self.claims.claimed() as claim:
                await self._empty(server, claim)
        except ClaimLostError:  # another client may have stored a login: read again
            async with self.claims.claimed() as claim:
                await self._empty(server, claim)

    async def _try_to_delete(self, requests: MustFinish) -> None:
        try:
            await self._remove(None)
        except CacheError as error:
            logger.warning("The login may still be in the token cache: %s", error)
        else:
            if requests.is_idle:  # otherwise one of them may be storing a login now
                self._pending_logout = None

    async def _empty(self, server: AuthorizationServer, claim: Claim | None) -> None:
        if self.cache is None or not self.is_logout_pending:
            return
        text = await self._get(self._key)
        to_revoke = self._pending_logout
        if to_revoke is None:
            return  # another task has emptied the entry meanwhile
        is_later = False
        try:
            is_later = not await self._collect(text, to_revoke, server)
        finally:
            # Meanwhile another task may have emptied the entry, and stored a login.
            if not is_later and self._pending_logout is to_revoke:
                if not is_damaged(text):
                    self._texts.set_last(text)  # ignored from now on, even if it is not deleted
                await run_to_completion(self._remove(claim))
        if self._pending_logout is to_revoke:
            self._pending_logout = None

    async def _collect(
        self, text: str | None, to_revoke: TokensToRevoke, server: AuthorizationServer
    ) -> bool:
        """Add the tokens in a text to the tokens that a logout revokes.

        Return False instead if the login was stored after the logout had given up.
        """
        stored = await _parse(text, server, is_new=True)
        if stored is None:
            return True
        gave_up_on, stored_on = self._gave_up_on, stored.stored_on
        if gave_up_on is not None and stored_on is not None and stored_on > gave_up_on:
            return False
        found = self._found_late if to_revoke.is_complete else to_revoke
        found.add(stored.token, stored.refresh_token)
        for token in stored.derived.values():
            found.add(token)
        return True


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
