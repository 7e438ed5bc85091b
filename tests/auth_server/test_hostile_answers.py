"""A token endpoint that means harm, or is broken: bytes on the wire, and what becomes of them.

Whatever comes, the caller gets a token or a `TokenError`, soon, in little memory, and no error
holds what must not be shown.
"""

import gc
import gzip
import logging
import time
import traceback
import tracemalloc
import zlib
from collections.abc import Iterator

import aiohttp
import pytest
from aiohttp import ClientSession, ClientTimeout
from aiohttp.http_parser import HttpResponseParserPy

from aioalf._auth_server.http import MAX_BODY
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf.client_auth import ClientSecretBasic, Credentials
from aioalf.errors import TokenConnectionError, TokenError, TokenHTTPError, TokenResponseError
from aioalf.retry import Retry
from aioalf.token import Token
from tests.support.raw_server import RawServer, answer

SECRET = "s3cret/w0rd"
TOKEN = b'{"access_token": "granted-token", "expires_in": 3600}'
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"

MAX_SECONDS = 2.0
"""Of this process for one answer; what is waited for the server's next byte is aiohttp's matter."""

LIMITS_HEADS = tuple(int(part) for part in aiohttp.__version__.split(".")[:2]) >= (3, 14)
"""Before 3.14 aiohttp collects header fields for as long as a server sends them."""

MAX_GROWTH = (16 if LIMITS_HEADS else 256) * MAX_BODY
"""Bytes that one answer may take at its height: a body, its text, and what aiohttp buffers."""


@pytest.fixture(params=["C", "Python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which of its parsers aiohttp reads answers with: it has two, which differ in their errors."""
    if request.param == "Python":
        monkeypatch.setattr("aiohttp.client_proto.HttpResponseParser", HttpResponseParserPy)
    return str(request.param)


async def outcome(server: RawServer, *, seconds: float = 10) -> Token | TokenError:
    """What a caller gets of this server, within these bounds."""
    endpoint = TokenEndpoint(
        server.url,
        Credentials("client-id", SECRET),
        ClientSecretBasic(),
        http_options={"timeout": ClientTimeout(total=seconds)},
        retry=Retry(attempts=1),
    )
    begin = time.process_time()
    try:
        return await endpoint.request({"grant_type": "client_credentials"})
    except TokenError as error:
        return error
    finally:
        assert time.process_time() - begin < MAX_SECONDS + seconds


@pytest.fixture
def bounded_memory() -> Iterator[None]:
    """Fail a test that takes more memory than any answer may."""
    gc.collect()
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MAX_GROWTH


# What aiohttp quotes

SAID = {
    "ClientResponseError": "the response is not valid HTTP, or its headers are too large",
    "ClientPayloadError": "the response broke off, or is not valid HTTP",
    "TransferEncodingError": "the response is not valid HTTP, or its headers are too large",
    "ServerDisconnectedError": "Server disconnected",
}
QUOTED = {
    "no head": [TOKEN],
    "a token alone": [b"granted-token"],
    "no chunks": [CHUNKED + TOKEN],
    "no chunks, later": [CHUNKED, TOKEN + b"\r\n"],
    "a token as the size of a chunk": [CHUNKED, b"granted-token\r\n"],
    "a chunk with a wrong size": [CHUNKED + b"5\r\n" + TOKEN],
    "more than the length says": [OK + b"Content-Length: 5\r\n\r\n" + TOKEN],
    "a trailer": [CHUNKED, b"0\r\n\0granted-token: x\0\r\n\r\n"],
    "a bad value": [OK + b"X: granted-token\0\r\n\r\n"],
    "a bad line": [OK + b"granted-token\r\n\r\n"],
    "a bad status": [b"HTTP/1.1 granted-token\r\n\r\n"],
    "an end within the head": [OK + b"X: granted-token\r\nY: "],
    "an end within the status line": [b"HTTP/1.1 200 granted-token"],
    "an endless line": [OK + b"X: " + b"granted-token" * 10_000],
}


@pytest.mark.rule("R031", "R063")
@pytest.mark.parametrize("pieces", QUOTED.values(), ids=QUOTED.keys())
async def test_what_is_not_http_is_not_quoted(
    pieces: list[bytes], parser: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A token in it is in no message, cause, traceback or log; what came is a TokenError."""
    caplog.set_level(logging.DEBUG)
    async with RawServer(*pieces) as server:
        error = await outcome(server, seconds=0.3)
    assert isinstance(error, TokenConnectionError | TokenResponseError)
    assert error.__context__ in {None, error.__cause__}
    if isinstance(error, TokenConnectionError) and error.__cause__.__class__ is not TimeoutError:
        kind, _, reason = str(error).partition(server.url + ": ")[2].partition(": ")
        assert SAID[kind] == reason == str(error.__cause__)
    assert "granted" not in "".join(traceback.format_exception(error)) + repr(error.__cause__)
    assert "granted" not in caplog.text


@pytest.mark.rule("R007", "R031")
async def test_a_content_type_that_repeats_the_secret_is_masked() -> None:
    """It is the one field of an answer that the error shows."""
    async with RawServer(answer(b"", Content_Type=f"text/{SECRET}")) as server:
        error = await outcome(server)
    assert isinstance(error, TokenResponseError)
    assert error.content_type == "text/***"
    assert SECRET not in str(error)


async def test_what_a_proxy_says_is_told_by_its_status() -> None:
    """A proxy that wants a password is another fault than an answer that is not HTTP."""
    async with (
        RawServer(answer(b"", status="407 Proxy Authentication Required")) as proxy,
        ClientSession(proxy=proxy.url) as session,
    ):
        endpoint = TokenEndpoint(
            "https://auth.localhost/token",
            Credentials("client-id", SECRET),
            ClientSecretBasic(),
            network=lambda: session,
        )
        with pytest.raises(
            TokenConnectionError, match="ClientHttpProxyError: the proxy answered 407"
        ):
            await endpoint.request({})


# What does not end

ENDLESS = {
    "head": (OK, b"X: y\r\n" * 1000),
    "header": (OK + b"X: ", b"y" * 2**16),
    "folded header": (OK + b"X: y", b"\r\n y" * 2**14),
    "status line": (b"HTTP/1.1 200 ", b"y" * 2**16),
    "cookies": (OK, b"Set-Cookie: a=b; Path=/\r\n" * 1000),
    "interim answers": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100),
    "empty lines": (b"", b"\r\n" * 2**14),
    "body": (OK + b"\r\n", b"y" * 2**16),
    "body of a promised length": (OK + b"Content-Length: 9999999999\r\n\r\n", b"y" * 2**16),
    "chunks": (CHUNKED, b"1000\r\n" + b"y" * 4096 + b"\r\n"),
    "extension of a chunk": (CHUNKED + b"1;", b"y" * 2**16),
    "size of a chunk": (CHUNKED, b"0" * 2**16),
    "trailers": (CHUNKED + b"0\r\n", b"X: y\r\n" * 1000),
    "answers": (b"", answer(b"x").replace(b"close", b"keep-alive") * 100),
    "another protocol": (SWITCHED, b"y" * 2**16),
}


@pytest.mark.rule("R031")
@pytest.mark.usefixtures("bounded_memory")
@pytest.mark.parametrize(("begin", "endless"), ENDLESS.values(), ids=ENDLESS.keys())
async def test_what_does_not_end_ends_in_an_error(begin: bytes, endless: bytes) -> None:
    """In the time that one attempt has, and in little memory."""
    async with RawServer(begin, endless=endless) as server:
        assert isinstance(await outcome(server, seconds=0.25), TokenError)


@pytest.mark.usefixtures("bounded_memory")
async def test_a_server_that_leaves_http_is_let_go_of() -> None:
    """An upgraded connection is kept by aiohttp, and with it a place in its pool, if not closed."""
    async with (
        RawServer(SWITCHED, endless=b"y" * 2**16) as server,
        ClientSession() as session,
    ):
        endpoint = TokenEndpoint(
            server.url,
            Credentials("client-id", SECRET),
            ClientSecretBasic(),
            network=lambda: session,
        )
        with pytest.raises(TokenHTTPError) as caught:
            await endpoint.request({})
        assert caught.value.response_status == 101
        assert session.connector is not None
        assert not session.connector._acquired  # noqa: SLF001 - the pool has no public count


# What grows

ZEROS = b"\0" * 2**20


def bomb(wbits: int) -> bytes:
    """Sixty-four mebibytes, compressed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return b"".join([*(packer.compress(ZEROS) for _ in range(64)), packer.flush()])


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    """By the name of their encoding."""
    zipped = bomb(31)
    return {"gzip": zipped, "deflate": bomb(15), "gzip, gzip": gzip.compress(zipped)}


@pytest.mark.rule("R031")
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "503 Service Unavailable"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip"])
async def test_a_bomb_does_not_go_off(bombs: dict[str, bytes], encoding: str, status: str) -> None:
    """A small body that grows without end is read as far as any other."""
    raw = answer(bombs[encoding], status=status, Content_Encoding=encoding)
    tracemalloc.start()
    async with RawServer(raw) as server:
        error = await outcome(server)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MAX_GROWTH
    assert isinstance(error, TokenHTTPError | TokenResponseError)
    if isinstance(error, TokenHTTPError):
        assert len(error.response_text or "") <= MAX_BODY
