"""A response whose body has been read: up to a cap, for each of many callers."""

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
    """A session as the token endpoint has it."""
    async with ClientSession(auto_decompress=False) as session:
        yield session


async def fetch(session: ClientSession, raw: bytes) -> tuple[ClientResponse, bytes]:
    """The response that these bytes are, buffered, and its body."""
    async with RawServer(raw) as server:
        response = await session.post(server.url, headers={"Authorization": "Basic x"})
        return response, await buffer(response, LIMIT)


async def test_a_body_is_read_and_can_be_read_again(session: ClientSession) -> None:
    """The response works as any other: text, JSON, twice, and after it was released."""
    response, body = await fetch(session, answer(b'{"a": 1}', Content_Type="application/json"))
    assert body == b'{"a": 1}'
    assert await response.json() == {"a": 1}
    assert await response.text() == '{"a": 1}'
    assert response.connection is None


async def test_an_empty_body_is_empty(session: ClientSession) -> None:
    """No body is no error."""
    response, body = await fetch(session, answer(b"", status="204 No Content"))
    assert body == await response.read() == b""


@pytest.mark.rule("R031")
@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1, 32 * LIMIT])
async def test_a_body_is_read_up_to_the_limit(session: ClientSession, size: int) -> None:
    """What is longer is cut, in the bytes and in the response, and its connection is not kept."""
    response, body = await fetch(session, answer(b"x" * size))
    assert len(body) == len(await response.read()) == LIMIT
    assert response.connection is None


@pytest.mark.rule("R031")
async def test_a_body_without_an_end_is_cut(session: ClientSession) -> None:
    """The rest is not waited for."""
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
async def test_a_small_body_that_grows_is_cut(
    session: ClientSession, encoding: str, compressed: bytes
) -> None:
    """Four mebibytes in some kilobytes take no more memory than the limit."""
    assert len(compressed) < LIMIT
    _, body = await fetch(session, answer(compressed, Content_Encoding=encoding))
    assert body == b"x" * LIMIT


async def test_a_body_that_is_not_compressed_as_it_says_is_kept(session: ClientSession) -> None:
    """A wrong header does not hide what came."""
    response, body = await fetch(session, answer(b"plain", Content_Encoding="gzip"))
    assert body == await response.read() == b"plain"


async def test_a_body_that_stops_short_raises_and_lets_go(session: ClientSession) -> None:
    """The connection is closed when the server hangs up within the body."""
    async with RawServer(answer(b"abc").replace(b"Length: 3", b"Length: 9")) as server:
        response = await session.get(server.url)
        with pytest.raises(ClientPayloadError):
            await buffer(response, LIMIT)
        assert response.closed


@pytest.mark.rule("R007")
async def test_the_credentials_of_the_request_are_forgotten(session: ClientSession) -> None:
    """Neither the response nor the error of `raise_for_status` holds them."""
    response, _ = await fetch(session, answer(b"", status="400 Bad Request"))
    assert "Authorization" not in response.request_info.headers
    assert "Host" in response.request_info.headers


async def test_twins_are_read_and_released_each_on_its_own(session: ClientSession) -> None:
    """Many callers get one response, and none takes it from another."""
    response, _ = await fetch(session, answer(b"body", status="400 Bad Request"))
    first, second = copy_response(response), copy_response(response)
    async with first:
        assert await first.read() == b"body"
    assert await second.content.read() == b"body"
    assert (second.status, second.url) == (400, response.url)
