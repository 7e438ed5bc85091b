"""Shows the requests and responses of ``--verbose``, as curl does, with the secrets masked.

Must not know logins.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

from aiohttp import (
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    TraceConfig,
    TraceRequestChunkSentParams,
    TraceRequestEndParams,
    TraceRequestHeadersSentParams,
)
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from aioalf._auth_server.response import PUBLIC_PARAMS
from aioalf._masking import MASK, mask_secrets, printable
from aioalf._urls import redact_url

_MAX_LINE: Final = 2000
_SENSITIVE: Final = re.compile(
    r"assertion|auth|code|cookie|credential|key|pass|secret|session|signature|token", re.IGNORECASE
)
"""Words in the names of headers that may hold a secret."""
_CHALLENGES: Final = frozenset({"www-authenticate", "proxy-authenticate"})
"""Headers with such a word in the name that hold no secret, and explain a refusal."""
_CREDENTIALS: Final = frozenset({"authorization", "proxy-authorization"})
"""Headers that start with a scheme, which is no secret."""
_URLS: Final = frozenset({"content-location", "location", "referer"})


class Wire:
    """Writes the start of each request and response with `write`, and the form of token requests.

    The values of forms, of queries and of headers with a sensitive name are masked, except for
    parameters that are public.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def token_requests(self) -> TraceConfig:
        """Return an observer of requests to the authorization server and their responses."""
        trace = TraceConfig()
        trace.on_request_headers_sent.append(self._show_request)
        trace.on_request_chunk_sent.append(self._show_form)
        trace.on_request_end.append(self._show_end)
        return trace

    def api_requests(self) -> TraceConfig:
        """Return an observer of requests to an API; `show_response` shows the responses."""
        trace = TraceConfig()
        trace.on_request_headers_sent.append(self._show_request)
        return trace

    async def show_response(
        self, request: ClientRequest, handler: ClientHandlerType
    ) -> ClientResponse:
        """Show each response of an API, also before a redirect is followed: a middleware."""
        response = await handler(request)
        self._show(response, frozenset())
        return response

    async def _show_request(
        self, _: ClientSession, __: SimpleNamespace, sent: TraceRequestHeadersSentParams
    ) -> None:
        start = f"{sent.method} {_without_query_values(sent.url.raw_path_qs)} HTTP/1.1"
        self._lines(">", start, _headers(sent.headers, frozenset()))

    async def _show_form(
        self, _: ClientSession, context: SimpleNamespace, sent: TraceRequestChunkSentParams
    ) -> None:
        form = sent.chunk.decode("ascii", "replace")
        values = (value for name, value in parse_qsl(form) if name not in PUBLIC_PARAMS)
        context.secrets = frozenset(values)  # a server may repeat them in its response
        self._line(f"> {_masked_form(form, PUBLIC_PARAMS)}")

    async def _show_end(
        self, _: ClientSession, context: SimpleNamespace, ended: TraceRequestEndParams
    ) -> None:
        self._show(ended.response, getattr(context, "secrets", frozenset()))

    def _show(self, response: ClientResponse, secrets: frozenset[str]) -> None:
        secrets |= _secrets_in(response.request_info.headers.get("Authorization", ""))
        version = response.version
        number = "1.1" if version is None else f"{version.major}.{version.minor}"
        reason = mask_secrets(response.reason or "", secrets)
        start = f"HTTP/{number} {response.status} {reason}"
        self._lines("<", start, _headers(response.headers, secrets))

    def _lines(self, direction: str, start: str, headers: Iterable[str]) -> None:
        for line in (start, *headers, ""):
            self._line(f"{direction} {line}".rstrip())

    def _line(self, line: str) -> None:
        self._write(printable(line, _MAX_LINE))


def _secrets_in(authorization: str) -> set[str]:
    scheme, _, credentials = authorization.partition(" ")
    secrets = {credentials}
    if scheme == "Basic":  # RFC 6749 §2.3.1
        secrets.add(unquote_plus(b64decode(credentials).decode().partition(":")[2]))
    return secrets - {""}


def _headers(
    headers: CIMultiDict[str] | CIMultiDictProxy[str], secrets: frozenset[str]
) -> list[str]:
    return [
        f"{name}: {mask_secrets(_shown(name.lower(), value), secrets)}"
        for name, value in headers.items()
    ]


def _shown(name: str, value: str) -> str:
    """Return the value of a header, or the parts of it that are no secret."""
    if name in _CREDENTIALS:
        return f"{value.partition(' ')[0]} {MASK}"
    if name in _URLS:
        return _without_query_values(value)
    is_masked = _SENSITIVE.search(name) and name not in _CHALLENGES
    return MASK if is_masked else value


def _without_query_values(text: str) -> str:
    try:
        url = URL(text)
    except ValueError:
        return MASK
    query = _masked_form(url.raw_query_string, frozenset())
    return f"{redact_url(url)}{query and f'?{query}'}"


def _masked_form(text: str, public: frozenset[str]) -> str:
    """Return an encoded form or query, with the values masked of parameters that are not public.

    A parameter without a value is masked too, because it may be the rest of a value.
    """
    pairs = [parameter.partition("=") for parameter in text.split("&") if parameter]
    return "&".join(
        f"{name}={value if name in public else MASK}" if equals else MASK
        for name, equals, value in pairs
    )
