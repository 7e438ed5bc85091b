"""The aiohttp session that a client sends requests with: the caller's, or one of its own.

Must not know tokens.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Sequence
from typing import Any, Final

from aiohttp import ClientMiddlewareType, ClientSession, ClientTimeout

from aioalf._api_rules import AUTHORIZATION
from aioalf._options import SessionOptions
from aioalf._requests.retry_on_401 import renew_rejected_hop
from aioalf._requests.session_factory import create_session, read_session_options
from aioalf.errors import TokenConfigurationError

_USED_BY_TOKEN_REQUESTS: Final = frozenset({"connector", "proxy", "trust_env"})


class SessionProvider:
    """Provides the caller's session, which it never closes, or a session made on first use.

    Args:
        given: The caller's session.
        options: Arguments of the session that is made if the caller passes no session.
        token_header: The header that carries the token.

    Raises:
        TokenConfigurationError: If an option cannot work, or if there is a session as well.
    """

    timeout: ClientTimeout | None
    """The timeout of the session; None if the caller set none."""

    changes_responses: bool
    """Whether the session has middlewares of the caller, or raises for a status."""

    __slots__ = (
        *("_guarded", "_loop", "_own", "_settings"),
        *("changes_responses", "given", "is_closed", "timeout"),
    )

    def __init__(
        self,
        given: ClientSession | None = None,
        options: SessionOptions | None = None,
        token_header: str = AUTHORIZATION,
    ) -> None:
        options = options or {}
        if given is not None:
            _check_given(given, options)
        self.given = given
        self._settings = read_session_options(options, token_header)
        if given is None:
            settings = self._settings
            self.timeout = settings.get("timeout")
            self.changes_responses = bool(
                settings.get("raise_for_status") or settings.get("middlewares")
            )
        else:
            self.timeout = given.timeout
            self.changes_responses = bool(given.raise_for_status or _middlewares_of(given))
        self.is_closed: bool = False
        self._own: ClientSession | None = None
        self._guarded: ClientSession | None = None
        self._loop: AbstractEventLoop | None = None

    def current(self) -> ClientSession:
        """Return the session for the running event loop.

        Raises RuntimeError if it is closed, and TokenConfigurationError if it cannot be made.
        """
        if self.is_closed:
            raise RuntimeError("Session is closed")  # aiohttp's words
        if self.given is not None:
            return self.given
        loop = get_running_loop()
        if self._own is None or self._loop is not loop:
            self._own = self._open(loop)
        return self._own

    def for_token_requests(self) -> ClientSession | None:
        """Return its own session if token requests use one of its settings, and it is open."""
        is_used = not self.is_closed and not _USED_BY_TOKEN_REQUESTS.isdisjoint(self._settings)
        return self.current() if is_used else None

    def guarded(self) -> ClientSession:
        """Return the session whose requests pass `renew_rejected_hop`.

        Beside its own session, the client makes a second one with this middleware and the same
        settings, connector and cookies. Mocks and recorders then see only the arguments of the
        caller. For the caller's session, `with_middleware` adds the middleware to the arguments.
        """
        session = self.current()
        if self.given is not None:
            return session
        if self._guarded is None:
            # Outermost, so that a middleware that signs requests sees the header of each attempt.
            middlewares = (renew_rejected_hop, *self._settings.get("middlewares", ()))
            self._guarded = create_session(
                {
                    **self._settings,
                    "connector": session.connector,
                    "connector_owner": False,
                    "cookie_jar": session.cookie_jar,
                    "cookies": None,
                    "middlewares": middlewares,
                }
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
        return {**arguments, "middlewares": (renew_rejected_hop, *middlewares)}

    def check_loop(self) -> None:
        """Raise RuntimeError if a session of its own is in use in another running event loop."""
        if self._own is None or self._loop is None or self._loop is get_running_loop():
            return
        if self._loop.is_running():
            raise RuntimeError(
                "The client is in use in another running event loop, or was copied by a "
                "fork: create one for each event loop"
            )

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
            self._own = None
        self._loop = loop
        return create_session(self._settings)

    def _drop_guarded(self) -> None:
        guarded, self._guarded = self._guarded, None
        if guarded is not None:
            guarded.detach()  # the connector belongs to the other session


def _check_given(session: object, options: SessionOptions) -> None:
    if isinstance(session, type) or not hasattr(
        session, "request"
    ):  # a mock is not a ClientSession
        raise TokenConfigurationError(
            f"session must be an aiohttp.ClientSession, not {type(session).__name__}"
        )
    if names := sorted(name for name, value in options.items() if value is not None):
        raise TokenConfigurationError(
            f"{', '.join(names)} cannot be used with session: set it on that session, or leave "
            "session out"
        )


def _middlewares_of(session: ClientSession | None) -> Sequence[ClientMiddlewareType]:
    """Return the middlewares of a session, which have no public name."""
    return getattr(session, "_middlewares", ())
