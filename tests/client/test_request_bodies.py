"""Request bodies: sent in full with the rejected request and its retry, or the 401 is returned."""

import asyncio
import hashlib
import io
import re
import sys
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest
from aiohttp import BytesPayload, ClientSession, FormData, MultipartWriter, StreamReader
from aiohttp.base_protocol import BaseProtocol

from aioalf import Client
from aioalf.testing import Fault, OAuthServer
from tests.support.front import Sender, UserManager, Way, api_log, client_of, every_way

LARGE = bytes(range(256)) * 40_000  # 10 MB, more than the socket buffers hold

Options = dict[str, object]
Make = Callable[[Path, ExitStack], Options]


def make_file(directory: Path, stack: ExitStack, content: bytes = b"skipped, sent") -> io.IOBase:
    """Return an open file with this content."""
    path = directory / "body"
    path.write_bytes(content)
    return stack.enter_context(path.open("rb"))


def make_partly_read_file(directory: Path, stack: ExitStack) -> Options:
    """Return a file whose first bytes have been read."""
    file = make_file(directory, stack)
    file.seek(9)
    return {"data": file}


def make_partly_read_bytes_io(directory: Path, stack: ExitStack) -> Options:
    """Return a BytesIO whose first bytes have been read."""
    data = io.BytesIO(b"skipped, sent")
    data.seek(9)
    return {"data": data}


def make_form_data(directory: Path, stack: ExitStack) -> Options:
    """Return a form with a text field and a file."""
    form = FormData()
    form.add_field("name", "alf")
    form.add_field("upload", make_file(directory, stack), filename="alf.txt")
    return {"data": form}


def make_multipart(directory: Path, stack: ExitStack) -> Options:
    """Return a multipart body inside another one."""
    inner = MultipartWriter("mixed", boundary="inner")
    inner.append("one")
    outer = MultipartWriter("mixed", boundary="outer")
    outer.append(inner)
    outer.append(b"two")
    return {"data": outer}


REPEATABLE: dict[str, tuple[Make, bytes | None]] = {
    "nothing": (lambda _, __: {}, b""),
    "empty": (lambda _, __: {"data": b""}, b""),
    "bytes": (lambda _, __: {"data": b'{"name": "alf"}'}, b'{"name": "alf"}'),
    "bytearray": (lambda _, __: {"data": bytearray(b"alf")}, b"alf"),
    "str": (lambda _, __: {"data": "ält"}, "ält".encode()),
    "json": (lambda _, __: {"json": {"name": "alf"}}, b'{"name": "alf"}'),
    "form": (lambda _, __: {"data": {"name": "a b"}}, b"name=a+b"),
    "pairs": (lambda _, __: {"data": [("a", "1"), ("a", "2")]}, b"a=1&a=2"),
    "multipart form": (make_form_data, None),
    "multipart": (make_multipart, None),
    "payload": (lambda _, __: {"data": BytesPayload(b"alf")}, b"alf"),
    "BytesIO": (lambda _, __: {"data": io.BytesIO(b"alf")}, b"alf"),
    "partly read BytesIO": (make_partly_read_bytes_io, b"sent"),
    "StringIO": (lambda _, __: {"data": io.StringIO("ält")}, "ält".encode()),
    "file": (lambda path, stack: {"data": make_file(path, stack)}, b"skipped, sent"),
    "partly read file": (make_partly_read_file, b"sent"),
    "chunked": (lambda _, __: {"data": b"alf" * 99, "chunked": True}, b"alf" * 99),
    "chunked file": (
        lambda path, stack: {"data": make_file(path, stack), "chunked": True},
        b"skipped, sent",
    ),
    "after 100 Continue": (lambda _, __: {"data": b"alf", "expect100": True}, b"alf"),
}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Close the files of request bodies after the test."""
    with ExitStack() as stack:
        yield stack


@pytest.mark.rule("R061")
@pytest.mark.parametrize("kind", REPEATABLE)
@every_way
async def test_repeatable_body_is_sent_in_full_twice(
    oauth_server: OAuthServer, way: Way, kind: str, tmp_path: Path, stack: ExitStack
) -> None:
    """The rejected request and the retry carry the same body."""
    make, expected = REPEATABLE[kind]
    async with way(oauth_server) as sender:
        await authorize_and_revoke(sender, oauth_server)
        async with sender.post(oauth_server.url("/things"), **make(tmp_path, stack)) as response:  # type: ignore[arg-type]
            assert response.status == 200
    first, second = api_log(oauth_server)
    assert (first.status, second.status) == (401, 200)
    assert first.body == second.body
    if expected is None:
        assert first.body.length > 50
    else:
        assert first.body.sha256 == hashlib.sha256(expected).hexdigest()


async def authorize_and_revoke(sender: Sender, server: OAuthServer) -> None:
    """Let the sender fetch a token, and revoke it."""
    async with sender.get(server.url("/")) as response:
        assert response.status == 200
    server.revoke_all()
    server.reset_counters()


async def generate() -> AsyncIterator[bytes]:
    """Yield a body that can be sent only once."""
    yield b"one"
    yield b"two"


def make_stream() -> StreamReader:
    """Return a stream that can be sent only once."""
    loop = asyncio.get_running_loop()
    stream = StreamReader(BaseProtocol(loop), 2**16, loop=loop)
    stream.feed_data(b"onetwo")
    stream.feed_eof()
    return stream


def make_form_with_a_generator() -> FormData:
    """Return a form with a part that can be sent only once."""
    form = FormData()
    form.add_field("name", "alf")
    form.add_field("upload", generate(), filename="alf.txt")
    return form


@pytest.mark.rule("R061")
@pytest.mark.parametrize("make", [generate, make_stream, make_form_with_a_generator])
@every_way
async def test_single_use_body_is_not_sent_again(
    oauth_server: OAuthServer, way: Way, make: Callable[[], object]
) -> None:
    """If the body cannot be repeated, the 401 is returned; the next request uses a new token."""
    async with way(oauth_server) as sender:
        await authorize_and_revoke(sender, oauth_server)
        async with sender.post(oauth_server.url("/things"), data=make()) as response:
            assert response.status == 401
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
        async with sender.post(oauth_server.url("/things"), data=make()) as response:
            assert response.status == 200
    assert [exchange.status for exchange in api_log(oauth_server)] == [401, 200]


@pytest.mark.rule("R061")
@every_way
async def test_single_use_body_is_sent_with_a_valid_token(
    oauth_server: OAuthServer, way: Way
) -> None:
    """A body that cannot be repeated is sent as long as the token is accepted."""
    async with (
        way(oauth_server) as sender,
        sender.post(oauth_server.url("/things"), data=generate()) as response,
    ):
        assert (await response.json())["body"] == "onetwo"


@pytest.mark.rule("R061")
@every_way
async def test_compressed_body_is_compressed_again(oauth_server: OAuthServer, way: Way) -> None:
    """The rejected request and the retry carry the same compressed bytes."""
    async with way(oauth_server) as sender:
        await authorize_and_revoke(sender, oauth_server)
        async with sender.post(
            oauth_server.url("/things"), data=b"alf" * 999, compress="deflate"
        ) as response:
            assert response.status == 200
    first, second = api_log(oauth_server)
    assert first.headers["Content-Encoding"] == second.headers["Content-Encoding"] == "deflate"
    assert first.body == second.body
    assert second.body.length == 2997  # the test server has decompressed it


class EarlyRejectionServer:
    """A server that responds to the headers with 401 and reads the request body only afterwards.

    It reads as many bytes as announced, or all bytes if no length was announced. The second
    request, on any connection, is read in full and gets a 200.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.bodies: list[bytes] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}/"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()

    @property
    def connections(self) -> int:
        """Return the number of connections."""
        return len(self._writers)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                announced = re.search(r"content-length: (\d+)", head)
                length = int(announced[1]) if announced else sys.maxsize
                self.requests += 1
                if self.requests == 1:
                    writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
                    await self._skip(reader, length)
                    continue
                if "expect: 100-continue" in head:
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                self.bodies.append(await reader.readexactly(length))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _skip(self, reader: asyncio.StreamReader, length: int) -> None:
        while length > 0:
            chunk = await reader.read(min(length, 2**16))
            if not chunk:
                raise asyncio.IncompleteReadError(chunk, length)
            length -= len(chunk)


def make_large_file(directory: Path, stack: ExitStack) -> Options:
    """Return a large file."""
    return {"data": make_file(directory, stack, LARGE)}


LARGE_BODIES: dict[str, Make] = {
    "BytesIO": lambda _, __: {"data": io.BytesIO(LARGE)},
    "file": make_large_file,
    "BytesIO after 100 Continue": lambda _, __: {"data": io.BytesIO(LARGE), "expect100": True},
    "file after 100 Continue": lambda path, stack: {
        **make_large_file(path, stack),
        "expect100": True,
    },
}


@pytest.mark.rule("R061")
@pytest.mark.parametrize("kind", LARGE_BODIES)
@every_way
async def test_401_during_an_upload_stops_it_and_sends_the_whole_body_again(
    oauth_server: OAuthServer, way: Way, kind: str, tmp_path: Path, stack: ExitStack
) -> None:
    """The retry does not wait until the server has read the rest of the first body."""
    options = LARGE_BODIES[kind](tmp_path, stack)
    async with (
        EarlyRejectionServer() as server,
        way(oauth_server) as sender,
        asyncio.timeout(20),
        sender.post(server.url, **options) as response,  # type: ignore[arg-type]
    ):
        assert response.status == 200
    assert server.requests == 2
    assert server.bodies == [LARGE]
    assert oauth_server.token_requests == 2


@pytest.mark.rule("R061")
async def test_stopped_upload_no_longer_reads_the_body_during_the_retry(
    tmp_path: Path, stack: ExitStack
) -> None:
    """The upload stops before the retry, even if a token and a connection are available at once."""

    class ImmediateManager(UserManager):
        async def renew_token(self, rejected: str) -> str:
            return f"not-{rejected}"

    class ImmediateClient(Client):
        token_manager_class = ImmediateManager

    async with EarlyRejectionServer() as server, ImmediateClient() as sender, asyncio.timeout(20):
        server.requests = 1  # the server rejects only its first request
        responses = await asyncio.gather(*(sender.post(server.url, data=b"alf") for _ in range(2)))
        for response in responses:
            response.release()
        server.requests = 0
        options = make_large_file(tmp_path, stack)
        async with sender.post(server.url, **options) as response:  # type: ignore[arg-type]
            assert response.status == 200
    assert server.bodies == [b"alf", b"alf", LARGE]


@pytest.mark.rule("R061")
async def test_body_that_waits_for_100_continue_is_not_sent_with_a_rejected_request(
    oauth_server: OAuthServer,
) -> None:
    """A small body that waits for 100 Continue is sent with the retry only."""
    async with (
        EarlyRejectionServer() as server,
        client_of(oauth_server) as client,
        asyncio.timeout(20),
        client.post(server.url, data=b"alf", expect100=True) as response,
    ):
        assert response.status == 200
    assert server.bodies == [b"alf"]
    assert server.connections == 2, "on the first connection the server may still wait for the body"


async def as_generator(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the body itself."""
    async for chunk in body:
        yield chunk


def as_form_part(body: AsyncIterator[bytes]) -> MultipartWriter:
    """Return a form with the body as a part that can be sent only once."""
    form = MultipartWriter("form-data")
    form.append("alf")
    form.append(body)
    return form


@pytest.mark.rule("R061")
@pytest.mark.parametrize("sent_as", [as_generator, as_form_part])
async def test_partly_sent_generator_is_not_sent_again(
    oauth_server: OAuthServer, sent_as: Callable[[AsyncIterator[bytes]], object]
) -> None:
    """A 401 that arrives while a generator is being sent is returned."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield LARGE[:65536]
            await asyncio.sleep(0)

    async with (
        EarlyRejectionServer() as server,
        client_of(oauth_server) as client,
        asyncio.timeout(20),
        client.post(server.url, data=sent_as(endless())) as response,
    ):
        assert response.status == 401
    assert server.bodies == []
    assert oauth_server.token_requests == 1


async def test_arguments_of_the_caller_are_not_changed(oauth_server: OAuthServer) -> None:
    """Neither the request nor the retry changes the caller's objects."""
    form = {"name": "alf"}
    headers = {"Accept": "application/json"}
    async with client_of(oauth_server) as client:
        await authorize_and_revoke(client, oauth_server)
        url = oauth_server.url("/things")
        async with client.post(url, data=form, headers=headers) as response:
            assert response.status == 200
    assert (form, headers) == ({"name": "alf"}, {"Accept": "application/json"})


async def test_test_server_records_the_digest_of_a_body() -> None:
    """The test server records the digest of the body that was sent."""
    async with (
        OAuthServer() as server,
        ClientSession() as session,
        session.post(server.url("/"), data=zlib.compress(LARGE)) as response,
    ):
        assert response.status == 401
    [exchange] = api_log(server)
    assert exchange.body.sha256 == hashlib.sha256(zlib.compress(LARGE)).hexdigest()


async def test_body_is_sent_again_after_a_401_of_a_proxy(oauth_server: OAuthServer) -> None:
    """The retry carries the whole body, whichever server responds with 401."""
    oauth_server.api_fault = Fault.status(401).times(1)
    async with (
        client_of(oauth_server) as client,
        client.post(oauth_server.url("/things"), data="alf") as response,
    ):
        assert (await response.json())["body"] == "alf"
