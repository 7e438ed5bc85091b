"""A response whose body has been read: up to a cap, and readable by each of many callers.

It knows aiohttp's response and nothing of tokens.
"""

from __future__ import annotations

import asyncio
import copy
import zlib
from typing import Final

from aiohttp import ClientResponse, RequestInfo, StreamReader
from aiohttp.base_protocol import BaseProtocol
from multidict import CIMultiDict, CIMultiDictProxy

_COMPRESSED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32


async def buffer(response: ClientResponse, limit: int) -> bytes:
    """Read the body, at most `limit` bytes of it, and let go of the connection.

    The response keeps what was read. One that is longer is cut, also where it only grows so long by
    being decompressed: the session is expected not to decompress. The Authorization of its request
    is forgotten.
    """
    try:
        body = await _read(response, limit)
    except BaseException:
        response.close()
        raise
    _forget_credentials(response)
    response.content = _stream(body)
    await response.read()
    return body


def copy_response(response: ClientResponse) -> ClientResponse:
    """Return a buffered response once more, to be read and released on its own."""
    other = copy.copy(response)
    other.content = _stream(response._body or b"")  # noqa: SLF001 - read() is closed once it was released
    return other


async def _read(response: ClientResponse, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            break
    # More is to come, or the server has left HTTP (101), and then aiohttp lets go of nothing.
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
    # With a limit below its content it would ask a connection, which there is none, to pause.
    stream = StreamReader(BaseProtocol(loop), len(body), loop=loop)
    stream.feed_data(body)
    stream.feed_eof()
    return stream


def _forget_credentials(response: ClientResponse) -> None:
    # A response's request_info is in the repr of the error that raise_for_status() raises. There is
    # no public way to change it, and it is kept in the cache of its property once it was looked at.
    info = response._request_info  # noqa: SLF001
    headers = CIMultiDict(info.headers)
    headers.popall("Authorization", None)
    response._request_info = RequestInfo(  # noqa: SLF001
        info.url, info.method, CIMultiDictProxy(headers), info.real_url
    )
    response._cache.pop("request_info", None)  # noqa: SLF001
