"""The aiohttp session that a client sends requests with: the caller's, or one of its own.

Must not know tokens.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Sequence
from typing import Any

from aiohttp import ClientMiddlewareType, ClientSession, ClientTimeout

from aioalf._requests.retry_on_401 import renew_rejected_hop


class SessionProvider:
    """Provides the caller's session, which it never closes, or a session made on first use."""

    __slots__ = ("_guarded", "_loop", "_own", "changes_responses", "given", "is_closed", "timeout")

    def __init__(self, given: ClientSession | None = None) -> None:
        self.given = given
        self.timeout: ClientTimeout | None = None if given is None else given.timeout
        """The timeout of the caller's session; None for the client's own session."""
        self.changes_responses: bool = given is not None and bool(
            given.raise_for_status or _middlewares_of(given)
        )
        """Whether the caller's session has middlewares, or raises for a status."""
        self.is_closed: bool = False
        self._own: ClientSession | None = None
        self._guarded: ClientSession | None = None
        self._loop: AbstractEventLoop | None = None

    def current(self) -> ClientSession:
        """Return the session for the running event loop. Raises RuntimeError if it is closed."""
        if self.is_closed:
            raise RuntimeError("Session is closed")  # aiohttp's words
        if self.given is not None:
            return self.given
        loop = get_running_loop()
        if self._own is None or self._loop is not loop:
            self._own = self._open(loop)
        return self._own

    def guarded(self) -> ClientSession:
        """Return the session whose requests pass `renew_rejected_hop`.

        The client's own session has a twin for that, with the same connections and cookies, so that
        mocks and recorders see only the arguments of the caller. For the caller's session
        `with_middleware` adds the middleware to the arguments.
        """
        session = self.current()
        if self.given is not None:
            return session
        if self._guarded is None:
            self._guarded = ClientSession(
                connector=session.connector,
                connector_owner=False,
                cookie_jar=session.cookie_jar,
                middlewares=(renew_rejected_hop,),
            )
        return self._guarded

    def with_middleware(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Add the middleware to the arguments of a request that `guarded` sends, if necessary."""
        middlewares = arguments.get("middlewares")
        if middlewares is None and self.given is None:
            return arguments
        # aiohttp ignores the middlewares of the session if a request has its own.
        if middlewares is None:
            middlewares = _middlewares_of(self.given)
        return {**arguments, "middlewares": (*middlewares, renew_rejected_hop)}

    def check_loop(self) -> None:
        """Raise RuntimeError if a session of its own is in use in another running event loop."""
        if self._own is None or self._loop is None or self._loop is get_running_loop():
            return
        if self._loop.is_running():
            raise RuntimeError("a Client is used from two event loops at once: make one for each")

    async def close(self) -> None:
        """Close a session of its own."""
        own, self._own = self._own, None
        self._drop_guarded()
        if own is not None:
            await own.close()

    def _open(self, loop: AbstractEventLoop) -> ClientSession:
        self.check_loop()
        if self._own is not None:
            self._own.detach()  # its event loop has ended, and its connections with it
            self._drop_guarded()
        self._loop = loop
        return ClientSession()

    def _drop_guarded(self) -> None:
        guarded, self._guarded = self._guarded, None
        if guarded is not None:
            guarded.detach()  # the connector belongs to the other session


def _middlewares_of(session: ClientSession | None) -> Sequence[ClientMiddlewareType]:
    """Return the middlewares of a session, which have no public name."""
    return getattr(session, "_middlewares", ())
