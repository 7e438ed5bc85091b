"""The implicit flow's token manager: a user signs in in the browser, a storage keeps the token.

Binds the implicit grant and a `TokenStorage` to `Client`. Must not know how the redirect is
received. 0.4.0's names and hooks are kept here, where programs import and set them.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Unpack

from yarl import URL

from aioalf._browser import pages
from aioalf._browser.custom_pages import CustomPages
from aioalf._browser.redirect_uri import check_ports
from aioalf._callbacks import OpenBrowser
from aioalf._closing import run_to_completion
from aioalf._error_frames import hide_locals_on_error
from aioalf._hidden_repr import MaskedStr
from aioalf._implicit_storage import (
    SharedStorage,
    Storage,
    TokenStorage,
    check_storage,
    shared_storage,
    unshare,
)
from aioalf._options import TokenManagerOptions
from aioalf._syntax import join_scope, scope_set
from aioalf._urls import is_insecure, read_endpoint, warn_insecure
from aioalf.client import Client
from aioalf.errors import TokenConfigurationError
from aioalf.grants._interactive import check_timeout
from aioalf.grants.implicit import Implicit, ImplicitLogin
from aioalf.manager import TokenManager
from aioalf.token import Token

__all__ = (
    "CLOSE_PAGE",
    "DEFAULT_PAGE",
    "OAuthImplicitTokenManager",
    "OAuthImplictTokenManager",
    "TokenStorage",
    "use_implicit_flow",
)

logger: logging.Logger = logging.getLogger("aioalf.implicit")

_DEFAULT_PORTS = (32000, 32009)
_SIGN_IN_PAUSE = 60.0
"""Seconds without another sign-in after an API rejected the token of two sign-ins in a row."""

_OWN_PAGES = (pages.render_html(pages.SIGNING_IN), pages.render_html(pages.SIGNED_IN))

DEFAULT_PAGE: str | bytes = _OWN_PAGES[0]
"""The HTML document at the redirect URI. Set it to serve a page of your own.

Its script must pass on the whole fragment of its address, including ``state``, for instance with
``location.replace("/?" + location.hash.slice(1))``.
"""

CLOSE_PAGE: str | bytes = _OWN_PAGES[1]
"""The HTML document after a successful sign-in. Set it to serve a page of your own."""

_REMOVED_HOOKS = {
    "_get_stored_token": "override load() of the TokenStorage",
    "_retrieve_token": "override load() of the TokenStorage or the manager's _ask_for_token()",
    "_shall_open_browser": "pass open_browser to use_implicit_flow",
}

_USABLE_OPTIONS = {
    *("client_auth", "default_expires_in", "require_scope", "renewal", "retry"),
    *("token_scheme", "token_header", "api_headers"),
}


class OAuthImplicitTokenManager(TokenManager):
    """Gets its token from the storage, or from a sign-in in the browser.

    A sign-in starts if the storage has no token, or if an API rejected it or it has expired.
    A subclass may override ``_ask_for_token``.

    Args:
        token_endpoint: The browser opens ``{token_endpoint}/authorize``, unless
            `use_implicit_flow` was given an ``authorization_endpoint``.
        client_id: The client's id at the authorization server.
        client_secret: Not sent in this flow.
        http_options: Not used in this flow.
        scope: The scope to request, a string or a collection of strings.
        options: ``default_expires_in``, ``require_scope``, ``renewal``, ``token_scheme``,
            ``token_header`` and ``api_headers`` of `TokenManager`; ``client_auth`` and ``retry``
            are not used in this flow.

    Raises:
        TokenConfigurationError: An option cannot work.
    """

    storage: Storage | None = None
    """Where the token is kept. Set by `use_implicit_flow`, or on a class or an object."""

    login: ClassVar[ImplicitLogin] = ImplicitLogin(_DEFAULT_PORTS)
    """The way in which users sign in. Set by `use_implicit_flow`."""

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401 - any subclass's options
        super().__init_subclass__(**options)
        for name, advice in _REMOVED_HOOKS.items():
            if hasattr(cls, name):
                raise TokenConfigurationError(
                    f"{cls.__name__}.{name} is a method of 0.4.0 that is no longer called: {advice}"
                )

    @hide_locals_on_error
    def __init__(
        self,
        token_endpoint: str | URL | None,
        client_id: str | None,
        client_secret: str | None,
        http_options: Mapping[str, Any] | None = None,
        scope: str | Collection[str] | None = None,
        **options: Unpack[TokenManagerOptions],
    ) -> None:
        _refuse_unusable(options)
        super().__init__(
            token_endpoint or self.login.authorization_endpoint,
            client_id,
            client_secret,
            http_options,
            scope,
            **options,
        )
        self._policy = self._policy._replace(is_interactive=True)
        self._grant = Implicit(client_id, self.login, scope, self._policy, _custom_pages)
        self._key = (str(token_endpoint), client_id, scope_set(join_scope(scope)))
        self._rejected: set[str] = set()
        self._unsaved: str | None = None
        self._resets = 0
        self._shared: SharedStorage | None = None
        if self.storage is not None:
            # A later call of use_implicit_flow does not change this manager.
            self._shared = shared_storage(self.storage)
            self.storage = self.storage

    def cached_token(self) -> None:
        """Return None: only the storage has the token."""

    async def get_token(self) -> str:
        """Return the stored token, or sign in. Concurrent callers share one sign-in.

        Raises:
            TokenError: No token is available.
        """
        self._shared_storage().claim(self._key)
        stored = await self._load()
        if stored is not None and self._is_usable(stored):
            return stored
        del stored
        return (await self._obtain()).access_token

    async def token(self) -> Token:
        """Return the stored token, or sign in. The storage keeps no lifetime and no scope.

        Raises:
            TokenError: No token is available.
        """
        text, token = await self.get_token(), self._token
        return token if token is not None and token.access_token == text else Token(text, None)

    async def renew_token(self, rejected: str) -> str:
        """Return a token that replaces one that an API rejected, or `rejected` if it is too early.

        Raises:
            TokenError: No token is available.
        """
        if not self.can_renew(rejected):
            return rejected
        rejected = MaskedStr(rejected)  # error reports show local variables
        self.mark_rejected(rejected)
        return await self.get_token()

    def mark_rejected(self, token: str) -> None:
        """Do not return this token again, if `can_renew` allows to replace it."""
        if self.can_renew(token):
            self._rejected.add(token)

    async def reset_token(self) -> None:
        """Forget the token, here and in the storage. A sign-in in progress continues."""
        self._resets += 1
        token, self._unsaved = self._token, None
        await self._shared_storage().clean()
        if self._token is token:  # its lifetime is needed until the storage is empty
            self._token = None

    async def logout(self) -> None:
        """Forget the token, here and in the storage, even if the caller is cancelled.

        A sign-in in progress is cancelled. The token is not revoked: servers with this flow have
        no revocation endpoint.
        """
        self._flight.end()
        await run_to_completion(self.reset_token())

    async def _fetch_token(self, *, is_ahead: bool) -> Token:
        shared = self._shared_storage()
        async with shared.lock():
            stored = await self._load()
            if stored is not None:
                if self._is_usable(stored):
                    return Token(stored, None)
                stored = MaskedStr(stored)
                self._unsaved = None
                await shared.clean()
            token = await super()._fetch_token(is_ahead=is_ahead)
            if token.is_valid():
                if stored in self._rejected:
                    pause = max(self._renewal.failure_backoff, _SIGN_IN_PAUSE)
                    self._unproven_until = time.monotonic() + pause
                await self._store(token)
            return token

    async def _get_token_data(self) -> Token | Mapping[str, Any]:
        return await self._ask_for_token()

    async def _ask_for_token(self) -> Token | Mapping[str, Any]:
        """Let the user sign in. An override returns a token or a mapping with ``access_token``."""
        return await self._new_token()

    def _next_sign_in_at(self, token: Token) -> float:
        """Return no time: as in 0.4.0, the first rejected token of a sign-in starts a new one."""
        del token
        return -math.inf

    def _keep(self, token: Token) -> None:
        """Do nothing: a new token is stored already, and a stored one has no known lifetime."""

    async def _store(self, token: Token) -> None:
        self._token = token
        self._rejected.clear()
        resets = self._resets
        try:
            await self._shared_storage().save(token.access_token)
        except Exception as error:  # noqa: BLE001 - user code may raise anything
            logger.warning(
                "The TokenStorage's save raised %s: the token is kept in memory",
                type(error).__name__,
            )
            if resets == self._resets:
                self._unsaved = token.access_token

    async def _load(self) -> str | None:
        return await self._shared_storage().load() or self._unsaved

    def _is_usable(self, stored: str) -> bool:
        if stored in self._rejected:
            return False
        token = self._token
        return token is None or token.access_token != stored or token.is_valid()

    def _shared_storage(self) -> SharedStorage:
        if self._shared is None or self._shared.storage is not self.storage:
            self._shared = shared_storage(self.storage)
        return self._shared


OAuthImplictTokenManager = OAuthImplicitTokenManager
"""0.4.0's spelling."""


async def use_implicit_flow(
    token_storage: Storage,
    port_range: tuple[int, int] = _DEFAULT_PORTS,
    *,
    authorization_endpoint: str | URL | None = None,
    open_browser: OpenBrowser | None = None,
    timeout: float | None = 300,
) -> None:
    """Let each `Client` made from now on get its token from a sign-in in the browser.

    Args:
        token_storage: Keeps the token.
        port_range: First and last port for the redirect URI, ``http://localhost:PORT``, which must
            be registered for the client. The first free port is used while a sign-in waits.
        authorization_endpoint: URL of the sign-in page, ``{token_endpoint}/authorize`` by default.
        open_browser: Called with the URL instead of opening the default browser. A plain function
            runs in a thread.
        timeout: Seconds that the user has to sign in, None for no limit.

    Raises:
        TokenConfigurationError: An argument cannot work, or `DEFAULT_PAGE` or `CLOSE_PAGE`.
    """
    check_storage(token_storage)
    check_timeout(timeout)
    check_ports(port_range)
    _custom_pages()
    endpoint = None
    if authorization_endpoint is not None:
        endpoint = read_endpoint("authorization_endpoint", authorization_endpoint)
        if is_insecure(endpoint):
            warn_insecure("The authorization endpoint", endpoint)
    unshare(token_storage)
    OAuthImplicitTokenManager.storage = token_storage
    OAuthImplicitTokenManager.login = ImplicitLogin(port_range, endpoint, open_browser, timeout)
    Client.token_manager_class = OAuthImplicitTokenManager


def _custom_pages() -> CustomPages:
    """Return the pages that the program has set. Raises TokenConfigurationError."""
    sign_in, signed_in = _OWN_PAGES
    return CustomPages.read(
        None if sign_in == DEFAULT_PAGE else DEFAULT_PAGE,
        None if signed_in == CLOSE_PAGE else CLOSE_PAGE,
    )


def _refuse_unusable(options: TokenManagerOptions) -> None:
    if options.get("grant") is not None:
        raise TokenConfigurationError(
            "Clients made after use_implicit_flow use the implicit grant: for another grant, "
            "set Client.token_manager_class = TokenManager before making the client"
        )
    given = {name for name, value in options.items() if value is not None}
    if unusable := sorted(given - _USABLE_OPTIONS):
        raise TokenConfigurationError(
            f"{', '.join(unusable)} cannot be used with the implicit flow: use the authorization "
            "code grant instead"
        )
