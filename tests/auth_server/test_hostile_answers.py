"""A hostile or broken token endpoint: raw bytes on the wire.

The caller always gets a token or a `TokenError`, in bounded time and memory, and no error shows a
secret or a token.
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
"""The CPU time that this process may need for one response."""

LIMITS_HEADS = tuple(int(part) for part in aiohttp.__version__.split(".")[:2]) >= (3, 14)
"""Before 3.14, aiohttp does not limit the number of headers."""

MAX_GROWTH = (16 if LIMITS_HEADS else 256) * MAX_BODY
"""The peak memory of one response in bytes: the body, its text and the buffers of aiohttp."""


@pytest.fixture(params=["C", "Python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The HTTP parser of aiohttp: it has two, whose errors differ."""
    if request.param == "Python":
        monkeypatch.setattr("aiohttp.client_proto.HttpResponseParser", HttpResponseParserPy)
    return str(request.param)


async def result_of(server: RawServer, *, seconds: float = 10) -> Token | TokenError:
    """Return the token or error of one request, within the bounds."""
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
    """Fail a test that needs more memory than one response may."""
    gc.collect()
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MAX_GROWTH


# Responses that aiohttp quotes in its errors

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
async def test_response_that_is_not_http_is_not_quoted(
    pieces: list[bytes], parser: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A token in an invalid response is in no message, cause, traceback or log."""
    caplog.set_level(logging.DEBUG)
    async with RawServer(*pieces) as server:
        error = await result_of(server, seconds=0.3)
    assert isinstance(error, TokenConnectionError | TokenResponseError)
    assert error.__context__ in {None, error.__cause__}
    if isinstance(error, TokenConnectionError) and error.__cause__.__class__ is not TimeoutError:
        kind, _, reason = str(error).partition(server.url + ": ")[2].partition(": ")
        assert SAID[kind] == reason == str(error.__cause__)
    assert "granted" not in "".join(traceback.format_exception(error)) + repr(error.__cause__)
    assert "granted" not in caplog.text


@pytest.mark.rule("R007", "R031")
async def test_content_type_that_echoes_the_secret_is_masked() -> None:
    """The content type is the only response header that an error shows."""
    async with RawServer(answer(b"", Content_Type=f"text/{SECRET}")) as server:
        error = await result_of(server)
    assert isinstance(error, TokenResponseError)
    assert error.content_type == "text/***"
    assert SECRET not in str(error)


async def test_refusal_of_a_proxy_is_reported_with_its_status() -> None:
    """A proxy that requires a password differs from a response that is not HTTP."""
    async with (
        RawServer(answer(b"", status="407 Proxy Authentication Required")) as proxy,
        ClientSession(proxy=proxy.url) as session,
    ):
        endpoint = TokenEndpoint(
            "https://auth.localhost/token", Credentials("client-id", SECRET), ClientSecretBasic()
        )
        endpoint.use_session(session)
        with pytest.raises(
            TokenConnectionError, match="ClientHttpProxyError: the proxy answered 407"
        ):
            await endpoint.request({})


# Endless responses

ENDLESS = {
    "head": (OK, b"X: y\r\n" * 1000),
    "header": (OK + b"X: ", b"y" * 2**16),
    "folded header": (OK + b"X: y", b"\r\n y" * 2**14),
    "status line": (b"HTTP/1.1 200 ", b"y" * 2**16),
    "cookies": (OK, b"Set-Cookie: a=b; Path=/\r\n" * 1000),
    "interim responses": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100),
    "empty lines": (b"", b"\r\n" * 2**14),
    "body": (OK + b"\r\n", b"y" * 2**16),
    "body of a promised length": (OK + b"Content-Length: 9999999999\r\n\r\n", b"y" * 2**16),
    "chunks": (CHUNKED, b"1000\r\n" + b"y" * 4096 + b"\r\n"),
    "extension of a chunk": (CHUNKED + b"1;", b"y" * 2**16),
    "size of a chunk": (CHUNKED, b"0" * 2**16),
    "trailers": (CHUNKED + b"0\r\n", b"X: y\r\n" * 1000),
    "responses": (b"", answer(b"x").replace(b"close", b"keep-alive") * 100),
    "another protocol": (SWITCHED, b"y" * 2**16),
}


@pytest.mark.rule("R031")
@pytest.mark.usefixtures("bounded_memory")
@pytest.mark.parametrize(("begin", "endless"), ENDLESS.values(), ids=ENDLESS.keys())
async def test_endless_response_is_an_error(begin: bytes, endless: bytes) -> None:
    """The request ends within its timeout, and needs little memory."""
    async with RawServer(begin, endless=endless) as server:
        assert isinstance(await result_of(server, seconds=0.25), TokenError)


@pytest.mark.usefixtures("bounded_memory")
async def test_connection_is_closed_if_the_server_switches_protocols() -> None:
    """Otherwise aiohttp would keep the upgraded connection, and its place in the pool."""
    async with (
        RawServer(SWITCHED, endless=b"y" * 2**16) as server,
        ClientSession() as session,
    ):
        endpoint = TokenEndpoint(
            server.url,
            Credentials("client-id", SECRET),
            ClientSecretBasic(),
            auth_session=session,
        )
        with pytest.raises(TokenHTTPError) as caught:
            await endpoint.request({})
        assert caught.value.response_status == 101
        assert session.connector is not None
        assert not session.connector._acquired  # noqa: SLF001 - the pool has no public count


# Compressed responses

ZEROS = b"\0" * 2**20


def bomb(wbits: int) -> bytes:
    """Return 64 MiB of zeros, compressed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return b"".join([*(packer.compress(ZEROS) for _ in range(64)), packer.flush()])


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    """Return decompression bombs by their content encoding."""
    zipped = bomb(31)
    return {"gzip": zipped, "deflate": bomb(15), "gzip, gzip": gzip.compress(zipped)}


@pytest.mark.rule("R031")
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "503 Service Unavailable"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip"])
async def test_decompression_bomb_is_cut(
    bombs: dict[str, bytes], encoding: str, status: str
) -> None:
    """A compressed body is decompressed only up to the limit for a body."""
    raw = answer(bombs[encoding], status=status, Content_Encoding=encoding)
    tracemalloc.start()
    async with RawServer(raw) as server:
        error = await result_of(server)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MAX_GROWTH
    assert isinstance(error, TokenHTTPError | TokenResponseError)
    if isinstance(error, TokenHTTPError):
        assert len(error.response_text or "") <= MAX_BODY


# Error responses that are slow to read, or that look like another format

HALF = MAX_BODY // 2

SLOW = {
    "an error code that ends with another character": b'{"code": "' + b"a" * HALF + b'!"}',
    "many members": b"{" + b",".join(b'"k%d": "v"' % n for n in range(20_000)) + b"}",
    "many members that repeat the secret": (
        b'{"a": ["' + SECRET.encode() + b'"' + b', "v"' * 40_000 + b"]}"
    ),
    "a form with an open string": b'error=a&b="' + b'\\"' * (HALF // 2),
}


@pytest.mark.rule("R031")
@pytest.mark.parametrize("body", SLOW.values(), ids=SLOW.keys())
async def test_error_response_is_read_in_bounded_time(body: bytes) -> None:
    """The time to read and mask a response does not grow with the square of its length."""
    kind = "text/plain" if body.startswith(b"error=") else "application/json"
    response = answer(body, status="400 Bad Request", Content_Type=kind)
    async with RawServer(response) as server:
        assert isinstance(await result_of(server, seconds=1), TokenHTTPError)


@pytest.mark.rule("R031")
async def test_members_without_a_token_are_named_in_bounded_time() -> None:
    """The error names the first members of a response that may have thousands."""
    body = b"{" + b",".join(b'"k%d":0' % number for number in range(90_000)) + b"}"
    async with RawServer(answer(body, Content_Type="application/json")) as server:
        error = await result_of(server, seconds=1)
    assert isinstance(error, TokenResponseError)
    assert "it has k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, k10, k11, …" in str(error)


@pytest.mark.rule("R031")
@pytest.mark.parametrize("quoted", [b'"\\q"', b'"two\nlines"', b'"open'])
async def test_form_with_quotes_is_not_read_as_json(quoted: bytes) -> None:
    """The description of an error may quote a text that is no JSON string."""
    body = b"error=invalid_grant&error_description=" + quoted
    response = answer(body, status="400 Bad Request", Content_Type="text/plain")
    async with RawServer(response) as server:
        error = await result_of(server)
    assert isinstance(error, TokenHTTPError)
    assert (error.error, error.error_description) == ("invalid_grant", quoted.decode())
