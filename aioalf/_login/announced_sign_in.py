"""`AnnouncedSignIn`: one sign-in at a time, which a note in the cache announces to other clients.

Must not know how a user signs in.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aioalf._login.cache_entry import CacheEntry, this_process
from aioalf._login.cache_note import CacheNote, NoteKind
from aioalf._login.section import Section

_SIGN_IN_NOTE: Final = 15.0
"""The seconds after which the note of a sign-in ends, unless its client renews it."""


class AnnouncedSignIn:
    """The sign-in of a client. Other fetches of the client know of it without the cache.

    `section` runs from the moment at which the user is asked, until the note of the sign-in was
    removed or replaced.
    """

    def __init__(self, entry: CacheEntry) -> None:
        self.section = Section()
        self._entry = entry

    async def announce(self, name: str | None) -> None:
        """Write the note. `name` is the name of a derived client, None for the login itself."""
        ends = time.time() + _SIGN_IN_NOTE
        await self._entry.set_note(CacheNote(NoteKind.SIGNING_IN, ends, this_process()), name)

    @asynccontextmanager
    async def renewed_note(self, name: str | None) -> AsyncIterator[None]:
        """Renew the note again and again while the block runs."""
        is_over = asyncio.Event()
        renewing = asyncio.create_task(self._renew_note(name, is_over))
        try:
            yield
        finally:
            is_over.set()  # a cache may swallow the cancellation
            renewing.cancel()

    async def _renew_note(self, name: str | None, is_over: asyncio.Event) -> None:
        while not is_over.is_set():
            await asyncio.sleep(_SIGN_IN_NOTE / 3)
            await self.announce(name)
