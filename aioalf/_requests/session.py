"""The session that a client sends with: its own, made on first use, or one that it was given.

It knows event loops and aiohttp's sessions, and nothing of tokens but the middleware it is handed.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Sequence

from aiohttp import ClientMiddlewareType, ClientSession, ClientTimeout


class SessionProvider:
    """Holds a session, and another way to send in which each request passes a middleware.

    An own one has a twin for that, on the same connections and cookies; a session that was given
    gets the middleware with the call, and is not closed with this.
    """

    def __init__(self, middleware: ClientMiddlewareType, given: ClientSession | None) -> None:
        self._middleware = middleware
        self._given = given
        self.is_given: bool = given is not None
        self._own: ClientSession | None = None
        self._twin: ClientSession | None = None
        self._loop: AbstractEventLoop | None = None
        self.closed: bool = False

    @property
    def timeout(self) -> ClientTimeout | None:
        """What the caller wants of a session that was given; an own one has no wish."""
        return None if self._given is None else self._given.timeout

    def network(self) -> ClientSession | None:
        """Return the session as it is, None before an own one has been made."""
        return self._given or self._own

    def current(self) -> ClientSession:
        """Return the session for this event loop. Raises RuntimeError once closed."""
        if self.closed:
            raise RuntimeError("Session is closed")
        if self._given is not None:
            return self._given
        loop = get_running_loop()
        if self._own is None or self._loop is not loop:
            self._own = self._open(loop)
        return self._own

    @property
    def is_plain(self) -> bool:
        """Whether an answer comes as it is: nothing of the session's owner sees it before."""
        given = self._given
        return given is None or not (given.raise_for_status or _middlewares_of(given))

    def guarded(self) -> ClientSession:
        """Return the session in which each request passes the middleware, or is to be given it."""
        session = self.current()
        if self.is_given:
            return session
        if self._twin is None:
            self._twin = ClientSession(
                connector=session.connector,
                connector_owner=False,
                cookie_jar=session.cookie_jar,
                middlewares=(self._middleware,),
            )
        return self._twin

    def middlewares(
        self, of_call: Sequence[ClientMiddlewareType] | None
    ) -> Sequence[ClientMiddlewareType]:
        """Return the middlewares to pass with a call, which replace those of the session."""
        return (*(_middlewares_of(self._given) if of_call is None else of_call), self._middleware)

    def check_loop(self) -> None:
        """Raise RuntimeError while an own session is at work in another event loop."""
        if self._own is None or self._loop is None or self._loop is get_running_loop():
            return
        if self._loop.is_running():
            raise RuntimeError("a Client is used from two event loops at once: make one for each")

    async def close(self) -> None:
        """Close an own session; a given one stays open."""
        own, self._own = self._own, None
        self._drop_twin()
        if own is not None:
            await own.close()

    def _open(self, loop: AbstractEventLoop) -> ClientSession:
        self.check_loop()
        if self._own is not None:
            self._own.detach()  # its loop is gone, and its connections with it
            self._drop_twin()
        self._loop = loop
        return self._make()

    def _make(self) -> ClientSession:
        return ClientSession()

    def _drop_twin(self) -> None:
        twin, self._twin = self._twin, None
        if twin is not None:
            twin.detach()  # its connections are not its own


def _middlewares_of(session: ClientSession | None) -> Sequence[ClientMiddlewareType]:
    return getattr(session, "_middlewares", ())  # they have no public name
