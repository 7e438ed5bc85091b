"""The aiohttp session of each request to the authorization server.

By default each request opens a session with a connection of its own, so nothing has to be closed,
and the session of the API requests may be closed at any time. Only settings of that session are
used, never its connections or its identity (headers, cookies, netrc). Must not know what is
requested.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from ssl import CERT_REQUIRED, SSLContext
from typing import Any, Final, cast

from aiohttp import (
    ClientRequest,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    Fingerprint,
    InvalidURL,
    NamedPipeConnector,
    TCPConnector,
    TraceConfig,
    UnixConnector,
)
from aiohttp.connector import Connection
from aiohttp.helpers import BasicAuth, get_env_proxy_for_url
from aiohttp.tracing import Trace
from yarl import URL

from aioalf._auth_server.http_options import DEFAULT_TIMEOUT
from aioalf._masking import Unpicklable
from aioalf.errors import TokenConfigurationError

logger: logging.Logger = logging.getLogger(__name__)

AuthSessionOption = ClientSession | Callable[[], ClientSession]
"""The option ``auth_session``: a session, or a function that returns one in an event loop."""


class AbortingConnector(TCPConnector):
    """A connector for few requests, which aborts its connections when it is closed.

    A connection with TLS that is closed waits for the server's last message. If a short program
    closes its event loop meanwhile, the socket stays open.
    """

    _opened: tuple[asyncio.Transport | None, ...] = ()

    async def connect(
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        self._opened = (*self._opened, connection.transport)
        return connection

    async def close(self, *, abort_ssl: bool = True) -> None:
        for transport in filter(None, self._opened if abort_ssl else ()):
            transport.abort()
        await super().close()


_STANDARD_CONNECTORS: Final = (
    TCPConnector,
    AbortingConnector,
    UnixConnector,
    NamedPipeConnector,
)


def verifies_certificates(ssl: object) -> bool:
    """Tell whether aiohttp verifies the server's certificate and name with these TLS settings."""
    if isinstance(ssl, SSLContext):
        return ssl.verify_mode == CERT_REQUIRED and ssl.check_hostname
    return ssl is True or isinstance(ssl, Fingerprint)


class SessionSettings(Unpicklable):
    """The proxy and the TLS settings of a session, copied so that they outlive the session.

    TLS settings that do not verify certificates are not copied. ``repr`` shows no setting.
    """

    __slots__ = ("proxy", "proxy_auth", "ssl", "trust_env")

    def __init__(self, session: ClientSession | None = None) -> None:
        # aiohttp has no public names for most of these settings.
        self.proxy: str | URL | None = getattr(session, "_default_proxy", None)
        self.proxy_auth: BasicAuth | None = getattr(session, "_default_proxy_auth", None)
        self.trust_env: bool = getattr(session, "trust_env", False)
        ssl = getattr(getattr(session, "connector", None), "_ssl", True)
        self.ssl: object = ssl if verifies_certificates(ssl) else True

    @property
    def is_default(self) -> bool:
        """Whether these are the settings of a session without arguments."""
        return self.ssl is True and not (self.proxy or self.proxy_auth or self.trust_env)


DEFAULT_SETTINGS: Final = SessionSettings()
"""Shared by the clients without other settings, to save memory."""


class AuthSession:
    """The session of the option ``auth_session``, which is never closed here."""

    def __init__(self, option: AuthSessionOption) -> None:
        self._session: ClientSession | None = None
        self._open: Callable[[], ClientSession] = (
            (lambda: option) if isinstance(option, ClientSession) else option
        )

    @property
    def ssl(self) -> object:
        """The TLS settings of its connector, None for a connector without TLS. Raises likewise."""
        connector = self.current().connector
        return getattr(connector, "_ssl", True) if isinstance(connector, TCPConnector) else None

    def current(self) -> ClientSession:
        """Return the session.

        A function is called if there is no session yet, or if the last one cannot be used here.
        Raises TokenConfigurationError if the session is closed or belongs to another event loop.
        """
        session = self._session
        if session is None or _problem(session):
            session = self._session = _result_of(self._open)
        if problem := _problem(session):
            raise TokenConfigurationError(f"The session passed as auth_session {problem}")
        return session


def _result_of(function: Callable[[], ClientSession]) -> ClientSession:
    try:
        session = function()
    except Exception as error:
        raise TokenConfigurationError(
            f"The function passed as auth_session raised {type(error).__name__}"
        ) from error
    if not isinstance(session, ClientSession):
        raise TokenConfigurationError(
            "The function passed as auth_session must return an aiohttp.ClientSession, "
            f"not {type(session).__name__}"
        )
    return session


def _problem(session: ClientSession) -> str | None:
    if session.closed:
        return "is closed: close it after the client"
    loop = asyncio.get_running_loop()
    if getattr(session, "_loop", loop) is not loop:
        return "belongs to another event loop: pass a function that creates it"
    return None


async def open_session(
    url: URL,
    settings: SessionSettings,
    auth_session: AuthSession | None,
    trace_configs: Sequence[TraceConfig],
    *,
    needs_proxy: bool,
) -> ClientSession:
    """Return a new session for one request, to be closed after it.

    It uses `settings` and a new connection, or else the settings and the connections of
    `auth_session`. If the request has a proxy of its own (not `needs_proxy`), the proxy of the
    settings and its credentials are not used. Raises TokenConfigurationError and InvalidURL.
    """
    if auth_session is not None:
        settings = SessionSettings(auth_session.current())
    options: dict[str, Any] = {}
    if needs_proxy:
        options["proxy"] = await _proxy_of(settings, url)
    traces = list(trace_configs)
    if auth_session is None:
        ssl = cast("bool | SSLContext | Fingerprint", settings.ssl)
        options["connector"] = AbortingConnector(ssl=ssl, force_close=True)
    else:
        session = auth_session.current()  # again: it may have been closed meanwhile
        options |= {"connector": session.connector, "connector_owner": False}
        traces = [*session.trace_configs, *traces]
    return ClientSession(
        timeout=DEFAULT_TIMEOUT,
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        trace_configs=traces,
        **options,
    )


def has_custom_connector(session: ClientSession) -> bool:
    """Tell whether connections of a session are made by a class that is not aiohttp's."""
    return type(session.connector) not in _STANDARD_CONNECTORS


async def _proxy_of(settings: SessionSettings, url: URL) -> URL | None:
    """Return the proxy with its credentials. Raises InvalidURL, which does not quote it."""
    try:
        if settings.proxy is not None:
            return _with_credentials(URL(settings.proxy), settings.proxy_auth)
        if settings.trust_env:
            # A session with trust_env would also take credentials for the server from netrc.
            return await asyncio.to_thread(_proxy_of_environment, url)
    except (LookupError, ValueError):  # LookupError: an unknown encoding
        raise InvalidURL("proxy") from None
    return None


def _proxy_of_environment(url: URL) -> URL | None:
    try:
        proxy, auth = get_env_proxy_for_url(url)
    except LookupError:
        return None
    return _with_credentials(proxy, auth)


def _with_credentials(proxy: URL, auth: BasicAuth | None) -> URL:
    """Return the URL with the credentials, since aiohttp 3.14 deprecates ``proxy_auth``.

    aiohttp reads them from the URL as UTF-8, and sends them as Latin-1. Raises ValueError if it
    cannot.
    """
    if auth is not None:
        login, password, encoding = cast("tuple[str, str, str]", auth)
        sent = f"{login}:{password}".encode(encoding).decode("latin-1")
        login, _, password = sent.partition(":")
        proxy = proxy.with_user(login).with_password(password)
    f"{proxy.user}{proxy.password}".encode("latin-1")
    return proxy
