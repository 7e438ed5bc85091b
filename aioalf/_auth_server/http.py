"""HTTP requests to the authorization server: one request, its whole response or a `TokenError`.

Request headers, timeout, body limit and the network (connector and proxy) are chosen here. Uses the
caller's network, never the caller's identity (headers, cookies, netrc). Must not know OAuth.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from ssl import CERT_NONE, SSLContext
from typing import Any, Final, NoReturn, cast

from aiohttp import (
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientError,
    ClientHttpProxyError,
    ClientPayloadError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    InvalidURL,
    ServerDisconnectedError,
)
from aiohttp.helpers import get_env_proxy_for_url
from aiohttp.http import HttpProcessingError
from multidict import CIMultiDict, MultiDict
from yarl import URL

from aioalf._auth_server.buffered_response import buffer
from aioalf._auth_server.request_params import Form
from aioalf._auth_server.response import ServerResponse
from aioalf._redaction import mask_secrets, printable
from aioalf._urls import redact_url
from aioalf.errors import TokenConfigurationError, TokenConnectionError, TokenError

Network = Callable[[], ClientSession | None]
"""Returns the session whose connector and proxy a request uses; None to use a new session's own."""

TIMEOUT: Final = ClientTimeout(total=10, sock_connect=5)
"""The timeout of one request, unless ``http_options`` sets another."""

MAX_BODY: Final = 2**20
"""The number of bytes of a response body that are read."""

_RESERVED_OPTIONS: Final = frozenset(
    {
        "allow_redirects",
        "auth",
        "data",
        "json",
        "method",
        "middlewares",
        "raise_for_status",
        "str_or_url",
        "url",
    }
)
"""Arguments of aiohttp's ``request`` that ``http_options`` must not set."""


class AuthServerHTTP:
    """Sends requests to an authorization server.

    `http_options` are arguments of aiohttp's ``request`` (``timeout``, ``proxy``, ``ssl``,
    ``headers`` ...). Redirects are not followed (RFC 9700 §4.12). Raises TokenConfigurationError
    for invalid options.
    """

    __slots__ = ("_options", "network")

    def __init__(self, http_options: Mapping[str, Any] | None, network: Network) -> None:
        self._options = _read_options(http_options)
        self.network: Network = network

    def checks_certificates(self, ssl: SSLContext | None) -> bool:
        """Tell whether the server's certificate is verified; `ssl` overrides the options."""
        chosen = ssl or self._options.get("ssl")
        return chosen is not False and getattr(chosen, "verify_mode", None) != CERT_NONE

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
    ) -> ServerResponse:
        """Send a form with these headers; ``http_options["headers"]`` override them.

        `endpoint` is the name of the endpoint in metadata, for error messages. `ssl` overrides the
        TLS settings of the options. `secrets` are masked in errors. Raises TokenConnectionError
        with the reason as ``__cause__``, and TokenConfigurationError if aiohttp cannot send the
        request.
        """
        options: dict[str, object] = {"data": _form_data(form)}
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
        failure: Exception
        try:
            merged = CIMultiDict({"Accept-Encoding": "identity", **headers})
            merged.update(self._options.get("headers") or {})
            response, body = await self._send(method, url, {**options, "headers": merged})
            return ServerResponse(endpoint, url, response, body, secrets)
        except asyncio.CancelledError:
            # A connector that is closed cancels the callers that wait for a connection.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            failure = ClientConnectionError("the session was closed")
        except (ClientError, HttpProcessingError, OSError, TypeError, ValueError) as error:
            failure = error
        # Raised here and not above, so that aiohttp's error is not kept as __context__.
        raise _token_error(failure, _label(endpoint, url), secrets)

    async def _send(
        self, method: str, url: URL, options: Mapping[str, object]
    ) -> tuple[ClientResponse, bytes]:
        merged: dict[str, Any] = {"timeout": TIMEOUT, **self._options, **options}
        async with await _session(self.network(), url) as session:
            response = await session.request(method, url, allow_redirects=False, **merged)
            return response, await buffer(response, MAX_BODY)


def _form_data(form: Form) -> MultiDict[str]:
    """Return the name-value pairs to send; empty values are left out (RFC 6749 §3.2)."""
    return MultiDict(
        (name, value)
        for name, values in form.items()
        for value in ((values,) if isinstance(values, str) else values)
        if value
    )


def _label(endpoint: str, url: URL) -> str:
    return f"the {endpoint.replace('_', ' ')} {redact_url(url)}"


def _token_error(failure: Exception, label: str, secrets: frozenset[str]) -> TokenError:
    """Return the error to raise when aiohttp could not send a request or read its response."""
    if isinstance(failure, InvalidURL):  # it quotes the URL, which may hold a proxy's password
        return TokenConfigurationError(
            "The token request cannot be sent: a URL in http_options or the environment, such as "
            "the proxy, is malformed"
        )
    if not isinstance(failure, ClientError | HttpProcessingError | OSError):
        reason = printable(mask_secrets(str(failure), secrets))
        refusal = TokenConfigurationError(
            f"The token request cannot be sent; look at http_options: {reason}"
        )
        refusal.__cause__ = None if _shows(failure, secrets) else failure
        return refusal
    cause = _without_traffic(failure)
    reason = printable(f"{type(failure).__name__}: {cause}".rstrip(": "))
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
        case _:
            return error


def _is_transient(error: Exception) -> bool:
    if isinstance(error, ClientConnectorCertificateError):
        return False
    return isinstance(error, ClientConnectionError | ClientPayloadError | OSError)


def _read_options(http_options: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if http_options is None:
        return {}
    if not isinstance(http_options, Mapping):
        _refuse_options("it must be a mapping of arguments of aiohttp's request")
    if clash := _RESERVED_OPTIONS & set(http_options):
        _refuse_options(f"{', '.join(sorted(clash))} cannot be set for a token request")
    return http_options


def _refuse_options(problem: str) -> NoReturn:
    raise TokenConfigurationError(f"http_options: {problem}")


async def _session(network: ClientSession | None, url: URL) -> ClientSession:
    """Return a session for one request, with the connector and proxy of `network` only."""
    proxy = await _proxy_of(
        network, url
    )  # before the checks below: `network` may be closed meanwhile
    # A session that is closed, or belongs to another event loop, cannot be used.
    loop = asyncio.get_running_loop()
    if network is None or network.closed or getattr(network, "_loop", loop) is not loop:
        return ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False)
    # aiohttp has no public name for the proxy of a session.
    proxy_auth = getattr(network, "_default_proxy_auth", None)
    return ClientSession(
        connector=network.connector,
        connector_owner=False,
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        proxy=proxy,
        **({} if proxy_auth is None else {"proxy_auth": proxy_auth}),
    )


async def _proxy_of(network: ClientSession | None, url: URL) -> str | URL | None:
    proxy: str | URL | None = getattr(network, "_default_proxy", None)
    if proxy is None and network is not None and network.trust_env:
        # A session with trust_env would also take credentials for the server from netrc.
        proxy = await asyncio.to_thread(_proxy_of_environment, url)
    return proxy


def _proxy_of_environment(url: URL) -> URL | None:
    try:
        proxy, auth = get_env_proxy_for_url(url)
    except LookupError:
        return None
    except ValueError:  # its text may quote the URL
        raise InvalidURL("proxy") from None
    if auth is None:
        return proxy
    user, password, _ = cast("tuple[str, str, str]", auth)
    return proxy.with_user(user).with_password(password)  # aiohttp 3.14 deprecates proxy_auth
