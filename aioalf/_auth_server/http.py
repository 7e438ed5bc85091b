"""HTTP requests to the authorization server: one request, its whole response or a `TokenError`.

Request headers, timeout and body limit are chosen here; `session` chooses the connection. Must not
know OAuth.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from ssl import SSLContext
from typing import Any, Final

from aiohttp import (
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientError,
    ClientHttpProxyError,
    ClientPayloadError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    InvalidURL,
    ServerDisconnectedError,
    TraceConfig,
)
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http import HttpProcessingError
from multidict import CIMultiDict
from yarl import URL

from aioalf._auth_server.buffered_response import buffer
from aioalf._auth_server.http_options import (
    can_be_cause,
    read_http_options,
    secrets_in_options,
)
from aioalf._auth_server.request_params import Form
from aioalf._auth_server.response import ServerResponse
from aioalf._auth_server.session import (
    DEFAULT_SETTINGS,
    AuthSession,
    AuthSessionOption,
    SessionSettings,
    has_custom_connector,
    open_session,
    verifies_certificates,
)
from aioalf._closing import is_being_cancelled
from aioalf._hidden_repr import MaskedDict, MaskedMultiDict, MaskedSet, MaskedStr
from aioalf._masking import Unpicklable, mask_secrets, printable
from aioalf._urls import is_remote, redact_url
from aioalf.errors import TokenConfigurationError, TokenConnectionError, TokenError

logger: logging.Logger = logging.getLogger(__name__)

MAX_BODY: Final = 2**20
"""The number of bytes of a response body that are read."""

_FAILURES: Final = (ClientError, HttpProcessingError, LookupError, OSError, TypeError, ValueError)
"""The errors that aiohttp raises. Wrong options cause some: an unknown encoding, LookupError."""


class AuthServerHTTP(Unpicklable):
    """Sends requests to an authorization server.

    `http_options` are arguments of aiohttp's ``request`` (``timeout``, ``proxy``, ``ssl``,
    ``headers`` ...). Redirects are not followed (RFC 9700 §4.12). Raises TokenConfigurationError
    for invalid options.

    Args:
        http_options: The options of each request; they override the settings of any session.
        auth_session: The session whose connector, proxy and trace configurations are used.
        trace_configs: Observers of each request.
    """

    __slots__ = ("_auth_session", "_has_warned", "_options", "_settings", "_trace_configs")

    def __init__(
        self,
        http_options: Mapping[str, Any] | None = None,
        auth_session: AuthSessionOption | None = None,
        trace_configs: Sequence[TraceConfig] | None = None,
    ) -> None:
        self._options = read_http_options(http_options)
        self._auth_session = None if auth_session is None else AuthSession(auth_session)
        self._trace_configs = trace_configs or ()
        self._settings: SessionSettings = DEFAULT_SETTINGS
        self._has_warned = False

    def use_session(self, session: ClientSession) -> None:
        """Take over the settings of a session, unless it is closed or there is an auth_session."""
        if self._auth_session is not None or session.connector is None:
            return
        settings = SessionSettings(session)
        self._settings = DEFAULT_SETTINGS if settings.is_default else settings
        if not self._has_warned and has_custom_connector(session):
            self._has_warned = True
            logger.warning(
                "Requests to the authorization server do not use the %s of the session: pass "
                "auth_session if they must use it, for instance to reach a SOCKS proxy",
                type(session.connector).__name__,
            )

    def use_settings_of(self, other: AuthServerHTTP) -> None:
        """Take over the settings of the session that `other` uses."""
        self._settings, self._has_warned = other._settings, other._has_warned

    def checks_certificates(self, ssl: SSLContext | None) -> bool:
        """Tell whether the server's certificate is verified; `ssl` overrides the options.

        Raises TokenConfigurationError if ``auth_session`` cannot be used.
        """
        options = self._options
        if options.get("verify_ssl") is False:
            return False
        by_session = True if self._auth_session is None else self._auth_session.ssl
        chosen = ssl or options.get("ssl_context") or options.get("ssl")
        if chosen is None or chosen is True:
            chosen = by_session
        return by_session is not None and verifies_certificates(chosen)

    def require_checked_certificate(self, endpoint: str, url: URL, ssl: SSLContext | None) -> None:
        """Raise TokenConfigurationError if another machine's certificate is not verified."""
        if is_remote(url) and not self.checks_certificates(ssl):
            raise TokenConfigurationError(
                f"The certificate of the {endpoint} is not checked, so no token is sent there "
                "(RFC 7009 §5, RFC 7662 §4): pass an ssl context that checks it in http_options "
                "or in the connector of auth_session"
            )

    async def get(self, endpoint: str, url: URL) -> ServerResponse:
        """Send a GET request for JSON; otherwise as `post`."""
        headers = {"Accept": "application/json"}
        return await self._request("GET", endpoint, url, headers, {}, frozenset())

    async def post(
        self,
        endpoint: str,
        url: URL,
        form: Form,
        headers: Mapping[str, str],
        *,
        ssl: SSLContext | None = None,
        secrets: frozenset[str] = frozenset(),
        is_json: bool = False,
    ) -> ServerResponse:
        """Send a form with these headers; ``http_options["headers"]`` override them.

        `endpoint` is the name of the endpoint in metadata, for error messages. `ssl` overrides the
        TLS settings of the options. `secrets` are masked in errors. `is_json` sends the parameters
        as a JSON object. Raises TokenConnectionError with the reason as ``__cause__``, and
        TokenConfigurationError if aiohttp cannot send the request.
        """
        # Error reports show the local variables of each frame, so they must not show a value.
        form, headers, secrets = MaskedDict(form), MaskedDict(headers), MaskedSet(secrets)
        options: dict[str, object] = {"json": form} if is_json else {"data": _form_data(form)}
        if ssl is not None:
            if url.scheme != "https":
                raise TokenConfigurationError(
                    f"A client certificate cannot be shown to {_label(endpoint, url)}: it needs "
                    "https"
                )
            options["ssl"] = ssl
        return await self._request("POST", endpoint, url, headers, options, secrets)

    async def _request(
        self,
        method: str,
        endpoint: str,
        url: URL,
        headers: Mapping[str, str],
        options: Mapping[str, object],
        secrets: frozenset[str],
    ) -> ServerResponse:
        secrets = MaskedSet(secrets | secrets_in_options(self._options))
        try:
            response, body, of_session = await self._send(
                method, url, {**options, "headers": self._merge(headers)}
            )
            return ServerResponse(endpoint, url, response, body, MaskedSet(secrets | of_session))
        except asyncio.CancelledError:
            # A connector that is closed cancels the callers that wait for a connection.
            if is_being_cancelled():
                raise
            closed = ClientConnectionError("it was cancelled; was auth_session closed meanwhile?")
            failure = _token_error(closed, _label(endpoint, url), secrets, self._options)
        except TokenError:  # auth_session cannot be used
            raise
        except _FAILURES as error:
            failure = _token_error(error, _label(endpoint, url), secrets, self._options)
        try:
            raise failure  # not above, so that aiohttp's error is not kept as __context__
        finally:
            del failure  # its traceback refers to this frame: break the reference cycle

    def _merge(self, headers: Mapping[str, str]) -> CIMultiDict[str]:
        merged = CIMultiDict({"Accept-Encoding": "identity", **headers})
        merged.update(self._options.get("headers") or {})
        return CIMultiDict(
            (name, MaskedStr(value) if isinstance(value, str) else value)  # aiohttp reports others
            for name, value in merged.items()
        )

    async def _send(
        self, method: str, url: URL, options: Mapping[str, object]
    ) -> tuple[ClientResponse, bytes, frozenset[str]]:
        """Return the response, its body, and the secrets that the session has sent."""
        merged = MaskedDict({**self._options, **options})
        needs_proxy = merged.get("proxy") is None
        async with await open_session(
            url, self._settings, self._auth_session, self._trace_configs, needs_proxy=needs_proxy
        ) as session:
            response = await session.request(method, url, allow_redirects=False, **merged)
            settings = SessionSettings(session)
            proxy = MaskedDict(proxy=settings.proxy, proxy_auth=settings.proxy_auth)
            return response, await buffer(response, MAX_BODY), secrets_in_options(proxy)


def _form_data(form: Form) -> MaskedMultiDict:
    """Return the name-value pairs to send; empty values are left out (RFC 6749 §3.2)."""
    return MaskedMultiDict(
        (name, value)
        for name, values in form.items()
        for value in ((values,) if isinstance(values, str) else values)
        if value
    )


def _label(endpoint: str, url: URL) -> str:
    return f"the {endpoint.replace('_', ' ')} {redact_url(url)}"


def _token_error(
    failure: Exception, label: str, secrets: frozenset[str], options: Mapping[str, Any]
) -> TokenError:
    """Return the error to raise when aiohttp could not send a request or read its response."""
    if isinstance(failure, InvalidURL):  # it quotes the URL, which may hold a proxy's password
        return TokenConfigurationError(
            "The token request cannot be sent: a URL in http_options, the session or the "
            "environment, such as the proxy, is malformed"
        )
    if not isinstance(failure, ClientError | HttpProcessingError | OSError):
        reason = printable(mask_secrets(str(failure), secrets))
        hint = "; look at http_options" if can_be_cause(options, failure) else ""
        refusal = TokenConfigurationError(
            f"The token request cannot be sent{hint}: {type(failure).__name__}: {reason}"
        )
        refusal.__cause__ = None if _shows(failure, secrets) else _without_frames(failure)
        return refusal
    cause = _without_frames(_without_traffic(failure))
    reason = printable(f"{type(failure).__name__}: {cause}".rstrip(": "))
    if isinstance(failure, ClientConnectorCertificateError):
        reason += "; for a private certificate authority, pass an ssl context in http_options"
    error = TokenConnectionError(
        f"No response from {label}: {reason}", is_transient=_is_transient(failure)
    )
    error.__cause__ = cause
    return error


def _shows(error: Exception, secrets: frozenset[str]) -> bool:
    return mask_secrets(repr(error), secrets) != repr(error)


def _without_traffic(error: Exception) -> Exception:
    # Some of aiohttp's errors show the request's headers, or quote the part of a response that
    # could not be parsed, which may be the token.
    match error:
        case ServerDisconnectedError():
            return ServerDisconnectedError()
        case ClientHttpProxyError():
            return ClientPayloadError(f"the proxy answered {error.status}")
        case ClientPayloadError():
            return ClientPayloadError("the response broke off, or is not valid HTTP")
        case ClientResponseError() | HttpProcessingError():
            return ClientPayloadError(
                "the response is not valid HTTP, or its headers are too large"
            )
        case ClientConnectorError(args=(ConnectionKey() as key, *others)):
            # The repr of the key shows the password of a proxy.
            error.args = (key._replace(proxy=None, proxy_auth=None), *others)
            return error
        case _:
            return error


def _without_frames(error: Exception) -> Exception:
    """Remove the tracebacks of an error and its causes: aiohttp's frames show the request."""
    shown: BaseException | None = error
    while shown is not None:
        shown.__traceback__ = None
        shown = shown.__cause__ or shown.__context__
    return error


def _is_transient(error: Exception) -> bool:
    if isinstance(error, ClientConnectorCertificateError):
        return False
    return isinstance(error, ClientConnectionError | ClientPayloadError | OSError)
