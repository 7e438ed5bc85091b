"""Responses with a body that is already read, up to a limit, and that many callers can read.

Knows aiohttp's response class. Must not know OAuth.
"""

from __future__ import annotations

import asyncio
import copy
import zlib
from collections.abc import Callable
from typing import Final

from aiohttp import ClientResponse, RequestInfo, StreamReader
from aiohttp.base_protocol import BaseProtocol
from multidict import CIMultiDict, CIMultiDictProxy

from aioalf._auth_server.http_options import PUBLIC_HEADERS

_COMPRESSED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32


async def buffer(response: ClientResponse, limit: int) -> bytes:
    """Read at most `limit` bytes of the body and close the connection.

    The response keeps the bytes that were read, so callers can read it again. The limit also
    applies after decompression; the session must be created with ``auto_decompress=False``. Request
    headers that may hold a secret, and the query of the URL, are removed from the response.
    """
    try:
        body = await _read(response, limit)
    except BaseException:
        response.close()
        raise
    _remove_request_secrets(response)
    response.content = _stream(body)
    await response.read()
    return body


def copy_response(response: ClientResponse) -> ClientResponse:
    """Return a copy of a buffered response, which can be read and released on its own."""
    other = copy.copy(response)
    other.content = _stream(response._body or b"")
    return other


def replace_texts(response: ClientResponse, body: bytes, mask: Callable[[str], str]) -> None:
    """Replace the body of a buffered response, and mask its header values and its reason.

    If the body changes, the cookies are removed too: the caller of an API does not need them.
    """
    headers = CIMultiDict((name, mask(value)) for name, value in response.headers.items())
    reason = response.reason and mask(response.reason)
    is_masked = headers != response.headers or reason != response.reason
    if body == response._body and not is_masked:
        return
    if "Content-Length" in headers:
        headers["Content-Length"] = str(len(body))
    response._body, response.reason = body, reason
    response._headers = CIMultiDictProxy(headers)
    response._raw_headers = tuple(
        (name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in headers.items()
    )
    response._raw_cookie_headers = None
    response.cookies.clear()  # the masked headers still have them
    for name in ("headers", "raw_headers"):  # aiohttp caches these properties
        response._cache.pop(name, None)


async def _read(response: ClientResponse, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            break
    # The body is longer than the limit, or the server switched protocols (101). In both cases
    # aiohttp would keep the connection open.
    if response.connection is not None:
        response.connection.close()
    body = b"".join(chunks)
    if response.headers.get("Content-Encoding", "").lower() in _COMPRESSED:
        body = _decompress(body, limit)
    return body[:limit]


def _decompress(body: bytes, limit: int) -> bytes:
    try:
        return zlib.decompressobj(_GZIP_OR_ZLIB).decompress(body, limit)
    except zlib.error:
        return body


def _stream(body: bytes) -> StreamReader:
    loop = asyncio.get_running_loop()
    # With a limit below the size of the body, the reader would pause a connection that does not
    # exist.
    stream = StreamReader(BaseProtocol(loop), len(body), loop=loop)
    stream.feed_data(body)
    stream.feed_eof()
    return stream


def _remove_request_secrets(response: ClientResponse) -> None:
    # The repr of the response shows its URL, and the repr of the error that raise_for_status()
    # raises shows request_info. aiohttp has no public way to replace them, and caches the values
    # of the properties after the first access.
    info = response._request_info
    headers = CIMultiDict(
        each for each in info.headers.items() if each[0].lower() in PUBLIC_HEADERS
    )
    url = info.url.with_query(None)
    response._request_info = RequestInfo(url, info.method, CIMultiDictProxy(headers), url)
    response._url = response._real_url = url
    for name in ("real_url", "request_info", "url"):
        response._cache.pop(name, None)
