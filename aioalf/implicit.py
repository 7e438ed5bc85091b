"""The implicit flow of 0.4.0: a person signs in in the browser, a `TokenStorage` keeps the token.

It binds the implicit grant to `Client` and keeps what is stored and what was refused apart. Nothing
uses it unless `use_implicit_flow` was called; code + PKCE replaces it (RFC 9700 §2.1.2, RFC 8252
§8.2).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, ClassVar, Protocol, TypeVar, cast
from weakref import WeakKeyDictionary

from yarl import URL

from aioalf._browser.open_url import OpenBrowser
from aioalf._browser.sockets import checked_ports
from aioalf._single_flight import run_to_completion
from aioalf._syntax import is_b64token, join_scope, scope_set
from aioalf._urls import is_insecure, read_endpoint, warn_insecure
from aioalf.client import Client
from aioalf.client_auth import ClientAuth
from aioalf.errors import TokenConfigurationError, TokenError
from aioalf.grants import Grant
from aioalf.grants.implicit import Implicit, ImplicitLogin
from aioalf.manager import TokenManager
from aioalf.renewal import Renewal
from aioalf.retry import Retry
from aioalf.token import Token

__all__ = (
    "OAuthImplicitTokenManager",
    "OAuthImplictTokenManager",
    "Storage",
    "TokenStorage",
    "use_implicit_flow",
)

logger: logging.Logger = logging.getLogger(__name__)

T = TypeVar("T")

_PAUSE_OF_PEOPLE = 60.0
"""Seconds before a person is asked again whose last login gave a token that the API refused."""


class Storage(Protocol):
    """Keeps one access token, as a string; each method may be a coroutine function.

    What a method raises is named by its type, without its words, which may hold the token: of
    ``load`` in a TokenError, with the exception as its cause; of ``save`` in the log, and the token
    is kept in memory; of ``clean`` in the log, and what is stored is not used any more.
    """

    def save(self, token: str, /) -> Awaitable[None] | None:
        """Keep the token."""

    def load(self) -> Awaitable[str | None] | str | None:
        """Return the token, None when there is none."""

    def clean(self) -> Awaitable[None] | None:
        """Forget the token."""


class TokenStorage:
    """Keeps the access token in memory; a subclass may keep it for longer.

    Its methods may be coroutine functions, and may raise; `Storage` says what becomes of that.
    """

    def __init__(self) -> None:
        self.token: str | None = None

    def save(self, token: str) -> Awaitable[None] | None:
        """Keep the token."""
        self.token = token
        return None

    def load(self) -> Awaitable[str | None] | str | None:
        """Return the token, None when there is none."""
        return self.token

    def clean(self) -> Awaitable[None] | None:
        """Forget the token."""
        self.token = None
        return None


class _LockOfLoop:
    """A lock for each event loop that asks for it."""

    def __init__(self) -> None:
        self._locks = WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]()

    def get(self) -> asyncio.Lock:
        return self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())


class Flow:
    """What `use_implicit_flow` was told, and the one login that all its clients share."""

    def __init__(self, storage: Storage, login: ImplicitLogin) -> None:
        self.storage = storage
        self.login = login
        self.changes: int = 0
        self._is_stale = False
        self._owner: tuple[object, ...] | None = None
        self._logins = _LockOfLoop()
        self._writes = _LockOfLoop()

    def lock(self) -> asyncio.Lock:
        """Return the lock of this event loop: one login at a time."""
        return self._logins.get()

    async def load(self) -> str | None:
        """Return what is stored; None where that was written meanwhile: it may be from before.

        Raises TokenError where the storage raises.
        """
        changes = self.changes
        try:
            stored = await _done(self.storage.load())
        except Exception as error:  # the words of which may hold a token
            raise TokenError(f"The TokenStorage's load raised {type(error).__name__}") from error
        is_written = self._writes.get().locked() or changes != self.changes
        return None if is_written or self._is_stale else stored

    async def save(self, token: str) -> None:
        """Store a token, when what is being written has been."""
        await self._write(lambda: self.storage.save(token))
        self._is_stale = False

    async def clean(self) -> None:
        """Empty the storage, when what is being written has been; else do not believe it."""
        try:
            await self._write(self.storage.clean)
            self._is_stale = False
        except Exception as error:  # noqa: BLE001 - a user's
            self._is_stale = True
            logger.warning(
                "The TokenStorage's clean raised %s: what it holds is not used any more",
                type(error).__name__,
            )

    async def _write(self, write: Callable[[], Awaitable[None] | None]) -> None:
        async with self._writes.get():
            try:
                await _done(write())
            finally:
                self.changes += 1

    def claim(self, key: tuple[object, ...]) -> None:
        """Let one kind of client use the storage: it holds one token, without a name."""
        if self._owner is None:
            self._owner = key
        if self._owner != key:
            raise TokenConfigurationError(
                "This TokenStorage holds the token of a client with another client_id, endpoint or "
                "scope: call use_implicit_flow with a storage of its own before making this client"
            )


class OAuthImplicitTokenManager(TokenManager):
    """Gets its token from a login in the browser and from the storage given to `use_implicit_flow`.

    The storage is asked each time; a login starts when it has no token, or one that was refused or
    has expired.
    """

    flow: ClassVar[Flow | None] = None

    def __init__(
        self,
        token_endpoint: str | URL | None,
        client_id: str | None,
        client_secret: str | None,
        http_options: Mapping[str, Any] | None = None,
        scope: str | Collection[str] | None = None,
        *,
        client_auth: ClientAuth | None = None,
        grant: Grant | None = None,
        default_expires_in: float | None = None,
        allow_narrower_scope: bool = False,
        renewal: Renewal | None = None,
        retry: Retry | None = None,
    ) -> None:
        if grant is not None:
            raise TokenConfigurationError(
                "use_implicit_flow gives clients their grant; for one with another, set "
                "Client.token_manager_class = TokenManager before making it"
            )
        if self.flow is None:
            raise TokenConfigurationError(
                "call use_implicit_flow(...) before making a client for it"
            )
        super().__init__(
            token_endpoint or self.flow.login.authorization_endpoint,
            client_id,
            client_secret,
            http_options,
            scope,
            client_auth=client_auth,
            default_expires_in=default_expires_in,
            allow_narrower_scope=allow_narrower_scope,
            renewal=renewal,
            retry=retry,
        )
        self._flow = self.flow
        self._grant = Implicit(client_id, self._flow.login, scope, self._policy)
        self._key = (str(token_endpoint), client_id, scope_set(join_scope(scope)))
        self._refused: set[str] = set()
        self._unsaved: str | None = None
        self._resets = 0

    def cached_token(self) -> None:
        """Know nothing without asking the storage."""

    async def get_token(self) -> str:
        """Return the stored token, or that of a login: one, however many wait for it.

        Raises TokenError.
        """
        self._flow.claim(self._key)
        stored = await self._load()
        if stored is not None and self._is_usable(stored):
            return stored
        return (await self._obtain()).access_token

    async def renew_token(self, rejected: str) -> str:
        """Return a token to use in place of one that an API refused. Raises TokenError."""
        if not self.can_renew(rejected):
            return rejected
        self.mark_rejected(rejected)
        return await self.get_token()

    def mark_rejected(self, token: str) -> None:
        """Do not use a token again that an API refused, if `can_renew` says yes."""
        if self.can_renew(token):
            self._refused.add(token)

    async def reset_token(self) -> None:
        """Forget the token; a login that is under way goes on, it is a new one."""
        self._resets += 1
        token, self._unsaved = self._token, None
        await self._flow.clean()
        if self._token is token:  # until it is gone from the storage, its lifetime counts
            self._token = None

    async def logout(self) -> None:
        """Forget the token, here and in the storage, also for who is cancelled meanwhile.

        A login of this client that is under way is ended. The token is not revoked: there is no
        endpoint for that where this flow is used.
        """
        self._flight.end()
        await run_to_completion(self.reset_token())

    async def _fetch_token(self) -> Token:
        async with self._flow.lock():
            stored = await self._load()
            if stored is not None:
                if self._is_usable(stored):
                    return Token(stored, None)
                self._unsaved = None
                await self._flow.clean()
            token = await super()._fetch_token()
            if token.is_valid():
                if stored in self._refused:
                    pause = max(self._renewal.failure_backoff, _PAUSE_OF_PEOPLE)
                    self._unproven_until = time.monotonic() + pause
                await self._store(token)
            return token

    def _keep(self, token: Token) -> None:
        """Keep nothing here: what is new is stored already, what was stored has no lifetime."""

    async def _store(self, token: Token) -> None:
        self._token = token
        self._refused.clear()
        resets = self._resets
        try:
            await self._flow.save(token.access_token)
        except Exception as error:  # noqa: BLE001 - a user's
            logger.warning(
                "The TokenStorage's save raised %s: the token is kept in memory",
                type(error).__name__,
            )
            if resets == self._resets:
                self._unsaved = token.access_token

    async def _load(self) -> str | None:
        stored = await self._flow.load() or self._unsaved
        if stored is None or is_b64token(stored):
            return stored
        logger.warning(
            "The TokenStorage holds something that is no access token; a login replaces it"
        )
        return None

    def _is_usable(self, stored: str) -> bool:
        if stored in self._refused:
            return False
        token = self._token
        return token is None or token.access_token != stored or token.is_valid()


OAuthImplictTokenManager = OAuthImplicitTokenManager
"""0.4.0's spelling."""


async def use_implicit_flow(
    token_storage: Storage,
    port_range: tuple[int, int] = (32000, 32009),
    *,
    authorization_endpoint: str | URL | None = None,
    open_browser: OpenBrowser | None = None,
    timeout: float | None = 300,
) -> None:
    """Make each `Client` that is made from now on get its token from a login in the browser.

    ``port_range`` is inclusive: the ports that the browser may come back to, of which one is
    listened on, on this machine only, while a login waits. ``http://localhost:PORT`` must be
    registered for the client. ``authorization_endpoint`` is ``{token_endpoint}/authorize`` by
    default. ``open_browser`` is called with the URL, in a thread if it is a plain function, in
    place of the default browser. ``timeout`` is in seconds, None for no limit. Raises
    TokenConfigurationError for what cannot work.
    """
    if isinstance(token_storage, type) or not all(
        callable(getattr(token_storage, name, None)) for name in ("save", "load", "clean")
    ):
        raise TokenConfigurationError(
            "token_storage must be an object with save, load and clean: TokenStorage()"
        )
    if isinstance(timeout, bool) or not (timeout is None or timeout > 0):
        raise TokenConfigurationError(
            "timeout must be a number of seconds above 0, or None for no limit"
        )
    checked_ports(port_range)
    endpoint = None
    if authorization_endpoint is not None:
        endpoint = read_endpoint("authorization_endpoint", authorization_endpoint)
        if is_insecure(endpoint):
            warn_insecure("The authorization endpoint", endpoint)
    login = ImplicitLogin(port_range, endpoint, open_browser, timeout)
    OAuthImplicitTokenManager.flow = Flow(token_storage, login)
    Client.token_manager_class = OAuthImplicitTokenManager


async def _done(result: Awaitable[T] | T) -> T:
    if isinstance(result, Awaitable):
        return await cast("Awaitable[T]", result)
    return result
