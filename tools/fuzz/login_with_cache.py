"""Logins whose token cache holds any texts, played in virtual time."""

import asyncio
from collections.abc import Awaitable
from copy import copy
from math import inf

from aioalf._login.cache_note import MAX_SECONDS
from aioalf._login.login import Login
from aioalf._login.shared_fetch import PATIENCE
from aioalf._syntax import is_sendable, is_visible_ascii
from aioalf.caches import MemoryCache
from aioalf.errors import TokenConnectionError, TokenError, TokenHTTPError
from aioalf.retry import Retry
from aioalf.token import Token
from tests.login.scripted import INVALID_GRANT, KEY, ScriptedServer, ServiceGrant, SignInGrant
from tests.support.virtual_time import VirtualTimeLoop

DERIVED = "alf1-derived"
"""The name of the derived client whose token is fetched as well."""

NOTE_SECONDS = MAX_SECONDS + 15.0
"""The longest time for which clients store a note."""

MAX_VIRTUAL_SECONDS = NOTE_SECONDS + Retry().timeout + PATIENCE
"""The time limit of one fetch, which waits for the note and then for the answer."""

_ANSWERS = (
    None,
    TokenHTTPError("busy", 503),
    None,
    INVALID_GRANT,
    TokenConnectionError("reset"),
    None,
)


class LoginWithCache:
    """A login, with a cache in which another program stores two texts before each fetch.

    Attributes:
        errors: The errors of all fetches.
    """

    def __init__(self, grant: SignInGrant | ServiceGrant, entry: str, note: str) -> None:
        self.errors: list[TokenError] = []
        self._texts = {KEY: entry, f"{KEY}-note": note, f"{KEY}-{DERIVED}-note": note}
        self._cache = MemoryCache()
        self._server = ScriptedServer()
        self._login = Login(grant, cache=self._cache, key=KEY, failure_backoff=1.0)

    async def play(self) -> None:
        """Fetch tokens while the token endpoint gives several answers, then log out."""
        login, server, unwanted = self._login, self._server, None
        for answer in _ANSWERS:
            server.error = copy(answer)  # an error that is raised again keeps its old frames
            for key, text in self._texts.items():
                await self._cache.set(key, text, None if key == KEY else NOTE_SECONDS)
            token = await self._fetch(login.token(server, unwanted))
            unwanted = unwanted if token is None else token.access_token
            await self._fetch(login.derived_token(server, None, DERIVED, has_own_scope=False))
        assert all(name is None or is_sendable(str(name)) for name in server.sent)
        await login.finish_logout(server, login.start_logout())
        assert await self._cache.get(KEY) is None

    async def _fetch(self, call: Awaitable[Token | None]) -> Token | None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            token = await call
        except TokenError as error:
            self.errors.append(error)
            token = None
        assert loop.time() - begun <= MAX_VIRTUAL_SECONDS
        if token is not None:
            assert is_visible_ascii(token.access_token)
            assert token.expires_in is None or 0 <= token.expires_in < inf
        return token


def play(entry: str, note: str) -> list[TokenError]:
    """Play both kinds of logins with these texts; return the errors that callers get."""
    loop, errors = VirtualTimeLoop(0), list[TokenError]()
    try:
        for grant in (SignInGrant(), ServiceGrant()):
            login = LoginWithCache(grant, entry, note)
            loop.run_until_complete(login.play())
            errors += login.errors
    finally:
        loop.close()
    assert not loop.faults, loop.faults
    return errors
