"""Buffered responses: a body read up to a limit, which many callers can read."""

import gzip
import zlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientPayloadError, ClientResponse, ClientSession

from aioalf._auth_server.buffered_response import buffer, copy_response
from tests.support.raw_server import RawServer, answer

LIMIT = 2**18


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    """Return a session that does not decompress, as for token requests."""
    async with ClientSession(auto_decompress=False) as session:
        yield session


async def fetch(session: ClientSession, raw: bytes) -> tuple[ClientResponse, bytes]:
    """Return the buffered response for raw bytes from a server, and its body."""
    async with RawServer(raw) as server:
        response = await session.post(server.url, headers={"Authorization": "Basic x"})
        return response, await buffer(response, LIMIT)


async def test_body_can_be_read_again(session: ClientSession) -> None:
    """A buffered response can be read as text and JSON, repeatedly, and after its release."""
    response, body = await fetch(session, answer(b'{"a": 1}', Content_Type="application/json"))
    assert body == b'{"a": 1}'
    assert await response.json() == {"a": 1}
    assert await response.text() == '{"a": 1}'
    assert response.connection is None


async def test_empty_body_is_empty(session: ClientSession) -> None:
    """A response without a body is not an error."""
    response, body = await fetch(session, answer(b"", status="204 No Content"))
    assert body == await response.read() == b""


@pytest.mark.rule("R031")
@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1, 32 * LIMIT])
async def test_body_is_read_up_to_the_limit(session: ClientSession, size: int) -> None:
    """A longer body is cut, and its connection is closed."""
    response, body = await fetch(session, answer(b"x" * size))
    assert len(body) == len(await response.read()) == LIMIT
    assert response.connection is None


@pytest.mark.rule("R031")
async def test_endless_body_is_cut(session: ClientSession) -> None:
    """The rest of the body is not awaited."""
    chunk = b"%x\r\n" % (2 * LIMIT) + b"x" * (2 * LIMIT) + b"\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    _, body = await fetch(session, head + chunk)
    assert len(body) == LIMIT


@pytest.mark.rule("R031")
@pytest.mark.parametrize(
    ("encoding", "compressed"),
    [
        ("gzip", gzip.compress(b"x" * 2**22)),
        ("X-GZIP", gzip.compress(b"x" * 2**22)),
        ("deflate", zlib.compress(b"x" * 2**22)),
    ],
)
async def test_decompressed_body_is_cut(
    session: ClientSession, encoding: str, compressed: bytes
) -> None:
    """A compressed body of 4 MiB is decompressed only up to the limit."""
    assert len(compressed) < LIMIT
    _, body = await fetch(session, answer(compressed, Content_Encoding=encoding))
    assert body == b"x" * LIMIT


async def test_body_with_a_wrong_content_encoding_is_kept(session: ClientSession) -> None:
    """A body that cannot be decompressed is returned unchanged."""
    response, body = await fetch(session, answer(b"plain", Content_Encoding="gzip"))
    assert body == await response.read() == b"plain"


async def test_truncated_body_raises_and_closes_the_connection(session: ClientSession) -> None:
    """If the server hangs up within the body, aiohttp's error is raised."""
    async with RawServer(answer(b"abc").replace(b"Length: 3", b"Length: 9")) as server:
        response = await session.get(server.url)
        with pytest.raises(ClientPayloadError):
            await buffer(response, LIMIT)
        assert response.closed


@pytest.mark.rule("R007")
async def test_authorization_header_is_removed_from_the_request_info(
    session: ClientSession,
) -> None:
    """The response and the error of `raise_for_status` do not hold the credentials."""
    response, _ = await fetch(session, answer(b"", status="400 Bad Request"))
    assert "Authorization" not in response.request_info.headers
    assert "Host" in response.request_info.headers


async def test_copies_are_read_and_released_independently(session: ClientSession) -> None:
    """Each caller can read its copy after another caller released its own."""
    response, _ = await fetch(session, answer(b"body", status="400 Bad Request"))
    first, second = copy_response(response), copy_response(response)
    async with first:
        assert await first.read() == b"body"
    assert await second.content.read() == b"body"
    assert (second.status, second.url) == (400, response.url)
