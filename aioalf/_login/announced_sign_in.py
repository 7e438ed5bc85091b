"""`AnnouncedSignIn`: one sign-in at a time, which a note in the cache announces to other clients.

Must not know how a user signs in.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from aioalf._login.cache_entry import CacheEntry, this_process
from aioalf._login.cache_note import CacheNote, NoteKind

_SIGN_IN_NOTE: Final = 15.0
"""The seconds after which the note of a sign-in ends, unless its client renews it."""


class AnnouncedSignIn:
    """The sign-in of a client. Other fetches of the client know of it without the cache."""

    def __init__(self, entry: CacheEntry) -> None:
        self._entry = entry
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_running(self) -> bool:
        """Whether a fetch in this event loop lets a user sign in, or stores the response."""
        return self._loop is asyncio.get_running_loop()

    @contextmanager
    def running(self) -> Iterator[None]:
        """The sign-in runs until its note was removed or replaced."""
        self._loop = asyncio.get_running_loop()
        try:
            yield
        finally:
            self._loop = None

    async def announce(self, name: str | None) -> None:
        """Write the note. `name` is the name of a derived client, None for the login itself."""
        ends = time.time() + _SIGN_IN_NOTE
        await self._entry.set_note(CacheNote(NoteKind.SIGNING_IN, ends, this_process()), name)

    @asynccontextmanager
    async def renewing_note(self, name: str | None) -> AsyncIterator[None]:
        """Renew the note again and again."""
        renewing = asyncio.create_task(self._renew_note(name))
        try:
            yield
        finally:
            renewing.cancel()

    async def _renew_note(self, name: str | None) -> None:
        while True:
            await asyncio.sleep(_SIGN_IN_NOTE / 3)
            await self.announce(name)
