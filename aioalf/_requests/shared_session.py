"""The session of a derived client: its parent's, with a middleware of its own beside it.

It knows no tokens, and closes nothing that is the parent's.
"""

from __future__ import annotations

from aiohttp import ClientMiddlewareType, ClientSession

from aioalf._requests.session import SessionProvider


class SharedSession(SessionProvider):
    """Holds the session that the parent has made, or was given."""

    def __init__(self, parent: SessionProvider, middleware: ClientMiddlewareType) -> None:
        super().__init__(middleware, parent.network() if parent.is_given else None)
        self._parent = parent
        self.closed: bool = parent.closed

    async def close(self) -> None:
        """Let go of it; the parent closes it."""
        self._own = None
        self._drop_twin()

    def _make(self) -> ClientSession:
        return self._parent.current()
