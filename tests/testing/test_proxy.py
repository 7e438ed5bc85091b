"""`FaultProxy`: forwarding, the network faults, and closing."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator

import pytest
import trustme
from aiohttp import ClientOSError, ClientSession, TCPConnector
from yarl import URL

from aioalf.testing import ConnectionFault, FaultProxy, OAuthServer
from tests.support.front import client_of
from tests.support.tls import client_context, server_context

RESPONSE = b"0123456789"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Upstream:
    """A server that responds to each line with ten bytes, and keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.received = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Respond until the client disconnects or sends "bye"."""
        try:
            while (line := await reader.readline()) and line != b"bye\n":
                self.lines.append(line)
                self.received.set()
                writer.write(RESPONSE)
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """An `Upstream` on loopback."""
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.url = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}/path"
    yield upstream
    server.close()


@pytest.fixture
async def proxy(upstream: Upstream) -> AsyncIterator[FaultProxy]:
    """A proxy in front of the upstream."""
    async with FaultProxy(upstream.url) as proxy:
        yield proxy


def port_of(proxy: FaultProxy) -> int:
    """Return the port of the proxy."""
    return URL(proxy.url).port or 0


@contextlib.asynccontextmanager
async def connected(proxy: FaultProxy) -> AsyncIterator[Streams]:
    """Open a connection to a proxy."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(proxy))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


async def ask(streams: Streams, size: int = len(RESPONSE)) -> bytes:
    """Send a line, and read that many bytes of the response."""
    reader, writer = streams
    writer.write(b"hello\n")
    return await reader.readexactly(size)


async def is_reset(streams: Streams) -> bool:
    """Whether the connection ends with a reset."""
    try:
        await streams[0].read()
    except ConnectionResetError:
        return True
    return False


async def test_proxy_forwards_bytes_without_a_fault(proxy: FaultProxy, upstream: Upstream) -> None:
    """Several responses on one connection, and its end, pass the proxy."""
    async with connected(proxy) as streams:
        assert [await ask(streams) for _ in range(3)] == [RESPONSE] * 3
        streams[1].write(b"bye\n")
        assert await streams[0].read() == b""
    assert upstream.lines == [b"hello\n"] * 3
    assert proxy.connections == 1


async def test_large_messages_are_forwarded(oauth_server: OAuthServer) -> None:
    """Messages longer than one read of the proxy are complete in both directions."""
    body = b"x" * 1_000_000
    async with (
        FaultProxy(oauth_server.api_url) as proxy,
        client_of(oauth_server) as client,
        client.post(f"{proxy.url}/things", data=body) as response,
    ):
        assert (await response.json())["body"]["length"] == len(body)


async def test_url_keeps_path_and_query(oauth_server: OAuthServer) -> None:
    """`url` is the upstream URL with the host and port of the proxy."""
    async with FaultProxy(f"{oauth_server.token_endpoint}?a=1") as proxy:
        assert proxy.url.startswith("http://127.0.0.1:")
        assert proxy.url.endswith("/token?a=1")
        assert proxy.url != f"{oauth_server.token_endpoint}?a=1"


async def test_slow_first_byte_delays_the_first_response_only(proxy: FaultProxy) -> None:
    """The second response on the connection is not delayed."""
    proxy.fault = ConnectionFault.slow_first_byte(0.05)
    async with connected(proxy) as streams:
        begun = time.monotonic()
        assert await ask(streams) == RESPONSE
        assert time.monotonic() - begun >= 0.05
        proxy.fault = ConnectionFault.slow_first_byte(60)
        assert await ask(streams) == RESPONSE


@pytest.mark.parametrize(("size", "pieces"), [(1, 10), (4, 3), (100, 1)])
async def test_trickle_forwards_all_bytes_in_pieces(
    proxy: FaultProxy, size: int, pieces: int
) -> None:
    """There is a pause after each piece."""
    proxy.fault = ConnectionFault.trickle(0.01, size=size)
    async with connected(proxy) as streams:
        begun = time.monotonic()
        assert await ask(streams) == RESPONSE
        assert time.monotonic() - begun >= 0.01 * (pieces - 1)


@pytest.mark.parametrize("after", [0, 1, 9, 10, 15])
async def test_reset_forwards_some_bytes_first(
    proxy: FaultProxy, upstream: Upstream, after: int
) -> None:
    """The server has received the request; the response stops after the given bytes."""
    proxy.fault = ConnectionFault.reset(after=after)
    async with connected(proxy) as streams:
        streams[1].write(b"hello\n")
        received = await streams[0].readexactly(min(after, len(RESPONSE)))
        if after > len(RESPONSE):
            received += await ask(streams, after - len(RESPONSE))
        assert await is_reset(streams)
    assert received == (RESPONSE * 2)[:after]
    assert upstream.lines[:1] == [b"hello\n"]


async def test_black_hole_never_responds(proxy: FaultProxy, upstream: Upstream) -> None:
    """The connection is accepted, and the server receives nothing."""
    proxy.fault = ConnectionFault.black_hole()
    async with connected(proxy) as streams:
        streams[1].write(b"hello\n")
        response = asyncio.ensure_future(streams[0].read())
        _, waiting = await asyncio.wait([response], timeout=0.05)
        assert waiting
        proxy.disconnect()
        with pytest.raises(ConnectionResetError):
            await response
    assert (proxy.connections, upstream.lines) == (1, [])


async def test_refuse_resets_open_and_refuses_new_connections(proxy: FaultProxy) -> None:
    """`listen` opens the same port again."""
    url = proxy.url
    async with connected(proxy) as streams:
        assert await ask(streams) == RESPONSE
        proxy.refuse()
        assert await is_reset(streams)
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            async with connected(proxy):
                pass
        proxy.refuse()
    proxy.listen()
    proxy.listen()
    async with connected(proxy) as streams:
        assert await ask(streams) == RESPONSE
    assert proxy.url == url


async def test_refusing_proxy_can_be_closed_and_started_again(upstream: Upstream) -> None:
    """`close` works after `refuse`."""
    proxy = FaultProxy(upstream.url)
    for _ in range(2):
        await proxy.start()
        proxy.refuse()
        await proxy.close()


async def test_fault_does_not_affect_open_connections(proxy: FaultProxy) -> None:
    """New connections after `disconnect` get the fault."""
    async with connected(proxy) as streams:
        assert await ask(streams) == RESPONSE
        proxy.fault = ConnectionFault.reset()
        assert await ask(streams) == RESPONSE
        proxy.disconnect()
        assert await is_reset(streams)
    async with connected(proxy) as streams:
        streams[1].write(b"hello\n")
        assert await is_reset(streams)


async def test_fault_with_times_is_removed_afterwards(proxy: FaultProxy) -> None:
    """`times(2)` applies to two connections."""
    proxy.fault = ConnectionFault.reset().times(2)
    for _ in range(2):
        async with connected(proxy) as streams:
            streams[1].write(b"hello\n")
            assert await is_reset(streams)
    async with connected(proxy) as streams:
        assert await ask(streams) == RESPONSE
    assert proxy.fault is None


async def test_connection_is_reset_if_the_server_is_unreachable() -> None:
    """The proxy accepts the connection and then resets it."""
    async with FaultProxy("http://127.0.0.1:1/") as behind, FaultProxy(behind.url) as proxy:
        behind.refuse()
        async with connected(proxy) as streams:
            assert await is_reset(streams)


async def test_client_can_disconnect_during_a_slow_response(proxy: FaultProxy) -> None:
    """The next connection works."""
    proxy.fault = ConnectionFault.trickle(0.01)
    async with connected(proxy) as streams:
        assert await ask(streams, 2) == RESPONSE[:2]
    proxy.fault = None
    async with connected(proxy) as streams:
        assert await ask(streams) == RESPONSE


async def test_close_does_not_wait_for_connections(upstream: Upstream) -> None:
    """Neither a pending response nor a new connection delays `close`."""
    async with FaultProxy(upstream.url) as proxy:
        proxy.fault = ConnectionFault.slow_first_byte(60)
        async with connected(proxy) as late, connected(proxy) as new:
            late[1].write(b"hello\n")
            await asyncio.wait_for(upstream.received.wait(), 5)
            await proxy.close()
            assert await is_reset(late)
            with contextlib.suppress(ConnectionResetError):
                assert await new[0].read() == b""


@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.parametrize("loop_iterations", range(8))
async def test_refuse_resets_connections_in_any_state(
    upstream: Upstream, loop_iterations: int, *, is_tls: bool
) -> None:
    """The connection may wait to be accepted, be in the TLS handshake, or reach the server."""
    context = server_context(trustme.CA()) if is_tls else None
    async with FaultProxy(upstream.url, ssl_context=context) as proxy:
        with socket.create_connection(("127.0.0.1", port_of(proxy))) as client:
            for _ in range(loop_iterations):
                await asyncio.sleep(0)
            proxy.refuse()
            client.setblocking(False)  # noqa: FBT003 - positional only
            with pytest.raises(ConnectionResetError):
                await asyncio.get_running_loop().sock_recv(client, 1)


@pytest.mark.parametrize("loop_iterations", range(6))
async def test_disconnect_works_if_the_client_has_left(
    proxy: FaultProxy, loop_iterations: int
) -> None:
    """It does not matter whether the proxy has noticed that."""
    async with connected(proxy) as streams:
        assert await ask(streams) == RESPONSE
        streams[1].transport.abort()
        for _ in range(loop_iterations):
            await asyncio.sleep(0)
        proxy.disconnect()


async def test_server_can_close_before_the_fault_is_complete(proxy: FaultProxy) -> None:
    """The connection ends normally then."""
    proxy.fault = ConnectionFault.reset(after=100)
    async with connected(proxy) as streams:
        assert await ask(streams) == RESPONSE
        streams[1].write(b"bye\n")
        assert await streams[0].read() == b""


async def test_proxy_can_be_started_once(upstream: Upstream) -> None:
    """Before the start it has no URL."""
    proxy = FaultProxy(upstream.url)
    with pytest.raises(RuntimeError, match="not started"):
        _ = proxy.url
    with pytest.raises(RuntimeError, match="not started"):
        proxy.listen()
    async with proxy:
        with pytest.raises(RuntimeError, match="has been started already"):
            await proxy.start()


async def test_proxy_can_use_tls_with_its_client(oauth_server: OAuthServer) -> None:
    """The connection to the server stays unencrypted."""
    authority = trustme.CA()
    certificate = server_context(authority)
    async with (
        FaultProxy(oauth_server.api_url, ssl_context=certificate) as proxy,
        ClientSession(connector=TCPConnector(ssl=client_context(authority))) as session,
    ):
        assert proxy.url.startswith("https://127.0.0.1:")
        async with session.get(proxy.url) as response:
            assert response.status == 401
        proxy.disconnect()
        proxy.fault = ConnectionFault.reset(after=5)
        with pytest.raises(ClientOSError):
            await session.post(proxy.url, data=b"x")


@pytest.mark.parametrize("count", [0, -1])
def test_times_must_be_at_least_one(count: int) -> None:
    """A count below 1 raises ValueError."""
    with pytest.raises(ValueError, match="at least 1, not"):
        ConnectionFault.reset().times(count)


def test_impossible_faults_raise_value_error() -> None:
    """Pieces of 0 bytes and a reset after -1 bytes are invalid."""
    with pytest.raises(ValueError, match="at least 1 byte, not 0"):
        ConnectionFault.trickle(1, size=0)
    with pytest.raises(ValueError, match="at least 0, not -1"):
        ConnectionFault.reset(after=-1)


def test_equal_faults_compare_equal() -> None:
    """`times` returns a new fault, and equal faults compare equal."""
    fault = ConnectionFault.black_hole()
    assert fault == ConnectionFault.black_hole() != fault.times(1)
    assert repr(fault) == "ConnectionFault(kind='black hole')"
