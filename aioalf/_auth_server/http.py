"""One exchange with an authorization server: a request sent, its whole answer or a `TokenError`.

The caller's network is used, not the caller's identity. It knows HTTP and nothing of OAuth.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from ssl import SSLContext
from types import MappingProxyType
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
from aioalf._redaction import printable
from aioalf._urls import redact_url
from aioalf.errors import TokenConfigurationError, TokenConnectionError

Network = Callable[[], ClientSession | None]
"""Whose connector and proxy a request uses; None: those of a session of its own."""

TIMEOUT: Final = ClientTimeout(total=10, sock_connect=5)
"""How long one request may take, in seconds, unless ``http_options`` says otherwise."""

MAX_BODY: Final = 2**20
"""Bytes of an answer that are read."""

_CERT_NONE: Final = 0  # ssl.CERT_NONE
_NO_OPTIONS: Final[Mapping[str, Any]] = MappingProxyType({})  # one for all: clients may be many
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}
_OURS: Final = frozenset(
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


class RawResponse:
    """What a server answered, its body read; ``response`` can be handed to callers."""

    def __init__(self, response: ClientResponse, body: bytes) -> None:
        self.status: int = response.status
        self.content_type: str = response.headers.get("Content-Type", "")
        self.body = body
        self.response = response


class AuthServerHTTP:
    """Sends requests to an authorization server.

    ``http_options`` are keywords of aiohttp's ``request`` (``timeout``, ``proxy``, ``ssl``,
    ``headers`` …); its headers go on top of ours. Redirects are not followed, whatever they say
    (RFC 9700 §4.12). Raises TokenConfigurationError for options that cannot work.
    """

    def __init__(self, http_options: Mapping[str, Any] | None, network: Network) -> None:
        self._options = _read_options(http_options)
        self.network: Network = network

    def checks_certificates(self, ssl: SSLContext | None) -> bool:
        """Tell whether whom it asks has to prove who that is; `ssl` is as with `post`."""
        chosen = ssl or self._options.get("ssl")
        return chosen is not False and getattr(chosen, "verify_mode", None) != _CERT_NONE

    async def get(self, what: str, url: URL) -> RawResponse:
        """GET; otherwise as `post`."""
        return await self._exchange("GET", what, url, _HEADERS, {})

    async def post(
        self,
        what: str,
        url: URL,
        form: Form,
        fields: Mapping[str, str],
        *,
        ssl: SSLContext | None = None,
    ) -> RawResponse:
        """POST a form with these header fields; `what` names the endpoint in errors.

        Several values of a name are sent one by one, empty ones not at all (RFC 6749 §3.2). `ssl`
        goes before that of the options. Raises TokenConnectionError, its reason in ``__cause__``, and
        TokenConfigurationError for what aiohttp cannot send.
        """
        data = MultiDict(
            (name, value)
            for name, values in form.items()
            for value in ((values,) if isinstance(values, str) else values)
            if value
        )
        options: dict[str, object] = {"data": data}
        if ssl is not None:
            if url.scheme != "https":
                raise TokenConfigurationError(
                    f"A client certificate cannot be shown to {what} {redact_url(url)}: it needs https"
                )
            options["ssl"] = ssl
        return await self._exchange("POST", what, url, {**_HEADERS, **fields}, options)

    async def _exchange(
        self,
        method: str,
        what: str,
        url: URL,
        fields: Mapping[str, str],
        options: Mapping[str, object],
    ) -> RawResponse:
        try:
            headers = CIMultiDict(fields)
            headers.update(self._options.get("headers") or {})
            return await self._send(method, url, {**options, "headers": headers})
        except InvalidURL:  # which quotes it, and a proxy's may hold a password
            raise TokenConfigurationError(
                "The token request cannot be sent: a URL in http_options or the environment, as of "
                "proxy, is malformed"
            ) from None
        except (ClientError, HttpProcessingError, OSError) as error:
            failure = error
        except asyncio.CancelledError:
            # A connector that is closed so ends who waits for a connection, whom nobody cancelled.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            failure = ClientConnectionError("the session was closed")
        except (TypeError, ValueError) as error:
            raise TokenConfigurationError(
                f"The token request cannot be sent; look at http_options: {_shown(str(error))}"
            ) from error
        cause = _without_traffic(failure)
        reason = _shown(f"{type(failure).__name__}: {cause}".rstrip(": "))
        raise TokenConnectionError(
            f"No answer from {what} {redact_url(url)}: {reason}", is_transient=_may_pass(failure)
        ) from cause

    async def _send(self, method: str, url: URL, ours: Mapping[str, object]) -> RawResponse:

        options: dict[str, Any] = {"timeout": TIMEOUT, **self._options, **ours}
        async with await _session(self.network(), url) as session:
            response = await session.request(method, url, allow_redirects=False, **options)
            return RawResponse(response, await buffer(response, MAX_BODY))


def _shown(reason: str) -> str:

    return printable(reason)


def _without_traffic(error: Exception) -> Exception:
    # aiohttp's errors show the request's headers and quote what they dislike of an answer, be it
    # the token: a server that forgets to chunk a body, or its head, is quoted with all of it.
    match error:
        case ServerDisconnectedError():
            return ServerDisconnectedError()
        case ClientHttpProxyError():
            return ClientPayloadError(f"the proxy answered {error.status}")
        case ClientPayloadError():
            return ClientPayloadError("the answer broke off, or is not HTTP any more")
        case ClientResponseError() | HttpProcessingError():
            return ClientPayloadError("the answer is not HTTP, or has too much of it")
        case _:
            return error


def _may_pass(error: Exception) -> bool:
    if isinstance(error, ClientConnectorCertificateError):
        return False
    return isinstance(error, ClientConnectionError | ClientPayloadError | OSError)


def _read_options(http_options: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if http_options is None:
        return _NO_OPTIONS
    if not isinstance(http_options, Mapping):
        _refuse_options("it must be a mapping of keywords of aiohttp's request")
    if clash := _OURS & set(http_options):
        _refuse_options(f"{', '.join(sorted(clash))} cannot be set for a token request")
    return dict(http_options) or _NO_OPTIONS


def _refuse_options(problem: str) -> NoReturn:
    raise TokenConfigurationError(f"http_options: {problem}")


async def _session(network: ClientSession | None, url: URL) -> ClientSession:
    """Return a session for one token request: the caller's network, not the caller's identity."""
    proxy = await _proxy_of(network, url)  # first: meanwhile the caller's may be closed
    # One that is closed, or whose event loop is gone, has no network to offer.
    loop = asyncio.get_running_loop()
    if network is None or network.closed or getattr(network, "_loop", loop) is not loop:
        return ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False)
    # The proxy of a session has no public name.
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
        # To a session with trust_env, netrc would also say who the client is.
        proxy = await asyncio.to_thread(_proxy_of_environment, url)
    return proxy


def _proxy_of_environment(url: URL) -> URL | None:
    try:
        proxy, auth = get_env_proxy_for_url(url)
    except LookupError:
        return None
    except ValueError:  # which may quote it
        raise InvalidURL("proxy") from None
    if auth is None:
        return proxy
    user, password, _ = cast("tuple[str, str, str]", auth)
    return proxy.with_user(user).with_password(password)  # aiohttp 3.14 warns of proxy_auth
