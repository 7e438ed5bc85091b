"""The proxy: what each fault of a connection does to a client, and that nothing is left of it."""

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

ANSWER = b"0123456789"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Upstream:
    """A server that answers each line with ten bytes, and notes what reached it."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.asked = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the other side has gone, or says bye."""
        try:
            while (line := await reader.readline()) and line != b"bye\n":
                self.lines.append(line)
                self.asked.set()
                writer.write(ANSWER)
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """A server of plain bytes on loopback."""
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.url = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}/path"
    yield upstream
    server.close()


@pytest.fixture
async def proxy(upstream: Upstream) -> AsyncIterator[FaultProxy]:
    """A proxy before that server."""
    async with FaultProxy(upstream.url) as proxy:
        yield proxy


def port_of(proxy: FaultProxy) -> int:
    """Where it listens."""
    return URL(proxy.url).port or 0


@contextlib.asynccontextmanager
async def connected(proxy: FaultProxy) -> AsyncIterator[Streams]:
    """A connection to a proxy."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(proxy))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


async def ask(streams: Streams, size: int = len(ANSWER)) -> bytes:
    """Send a line, and read so much of an answer."""
    reader, writer = streams
    writer.write(b"hello\n")
    return await reader.readexactly(size)


async def is_reset(streams: Streams) -> bool:
    """Whether the other side ends a connection by a reset."""
    try:
        await streams[0].read()
    except ConnectionResetError:
        return True
    return False


async def test_without_a_fault_bytes_pass_both_ways(proxy: FaultProxy, upstream: Upstream) -> None:
    """As if there was no proxy: several answers on a connection, and an end."""
    async with connected(proxy) as streams:
        assert [await ask(streams) for _ in range(3)] == [ANSWER] * 3
        streams[1].write(b"bye\n")
        assert await streams[0].read() == b""
    assert upstream.lines == [b"hello\n"] * 3
    assert proxy.connections == 1


async def test_a_large_answer_is_passed_on_whole(oauth_server: OAuthServer) -> None:
    """More than one read of the proxy's, in both directions."""
    body = b"x" * 1_000_000
    async with (
        FaultProxy(oauth_server.api_url) as proxy,
        client_of(oauth_server) as client,
        client.post(f"{proxy.url}/things", data=body) as response,
    ):
        assert (await response.json())["body"]["length"] == len(body)


async def test_the_url_is_the_upstreams_through_the_proxy(oauth_server: OAuthServer) -> None:
    """Path and query are kept."""
    async with FaultProxy(f"{oauth_server.token_endpoint}?a=1") as proxy:
        assert proxy.url.startswith("http://127.0.0.1:")
        assert proxy.url.endswith("/token?a=1")
        assert proxy.url != f"{oauth_server.token_endpoint}?a=1"


async def test_a_slow_first_byte_is_late_and_the_others_are_not(proxy: FaultProxy) -> None:
    """The first answer of a connection waits, the next one does not."""
    proxy.fault = ConnectionFault.slow_first_byte(0.05)
    async with connected(proxy) as streams:
        begun = time.monotonic()
        assert await ask(streams) == ANSWER
        assert time.monotonic() - begun >= 0.05
        proxy.fault = ConnectionFault.slow_first_byte(60)
        assert await ask(streams) == ANSWER


@pytest.mark.parametrize(("size", "pieces"), [(1, 10), (4, 3), (100, 1)])
async def test_a_trickle_passes_on_a_few_bytes_at_a_time(
    proxy: FaultProxy, size: int, pieces: int
) -> None:
    """All of them arrive, with a pause after each piece."""
    proxy.fault = ConnectionFault.trickle(0.01, size=size)
    async with connected(proxy) as streams:
        begun = time.monotonic()
        assert await ask(streams) == ANSWER
        assert time.monotonic() - begun >= 0.01 * (pieces - 1)


@pytest.mark.parametrize("after", [0, 1, 9, 10, 15])
async def test_a_reset_comes_after_so_many_bytes(
    proxy: FaultProxy, upstream: Upstream, after: int
) -> None:
    """The request has arrived, so much of the answer comes, then the connection is reset."""
    proxy.fault = ConnectionFault.reset(after=after)
    async with connected(proxy) as streams:
        streams[1].write(b"hello\n")
        received = await streams[0].readexactly(min(after, len(ANSWER)))
        if after > len(ANSWER):
            received += await ask(streams, after - len(ANSWER))
        assert await is_reset(streams)
    assert received == (ANSWER * 2)[:after]
    assert upstream.lines[:1] == [b"hello\n"]


async def test_a_black_hole_accepts_and_never_answers(
    proxy: FaultProxy, upstream: Upstream
) -> None:
    """The server learns nothing of the connection."""
    proxy.fault = ConnectionFault.black_hole()
    async with connected(proxy) as streams:
        streams[1].write(b"hello\n")
        answer = asyncio.ensure_future(streams[0].read())
        _, waiting = await asyncio.wait([answer], timeout=0.05)
        assert waiting
        proxy.disconnect()
        with pytest.raises(ConnectionResetError):
            await answer
    assert (proxy.connections, upstream.lines) == (1, [])


async def test_a_closed_port_refuses(proxy: FaultProxy) -> None:
    """Who is connected is reset, who connects is refused; the port is the same when it opens."""
    url = proxy.url
    async with connected(proxy) as streams:
        assert await ask(streams) == ANSWER
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
        assert await ask(streams) == ANSWER
    assert proxy.url == url


async def test_a_proxy_can_be_closed_while_it_refuses(upstream: Upstream) -> None:
    """And be started again."""
    proxy = FaultProxy(upstream.url)
    for _ in range(2):
        await proxy.start()
        proxy.refuse()
        await proxy.close()


async def test_connections_that_are_open_go_on_as_they_began(proxy: FaultProxy) -> None:
    """Until they are disconnected: what comes then meets the fault."""
    async with connected(proxy) as streams:
        assert await ask(streams) == ANSWER
        proxy.fault = ConnectionFault.reset()
        assert await ask(streams) == ANSWER
        proxy.disconnect()
        assert await is_reset(streams)
    async with connected(proxy) as streams:
        streams[1].write(b"hello\n")
        assert await is_reset(streams)


async def test_a_fault_with_times_is_gone_after_them(proxy: FaultProxy) -> None:
    """`times(2)` strikes two connections."""
    proxy.fault = ConnectionFault.reset().times(2)
    for _ in range(2):
        async with connected(proxy) as streams:
            streams[1].write(b"hello\n")
            assert await is_reset(streams)
    async with connected(proxy) as streams:
        assert await ask(streams) == ANSWER
    assert proxy.fault is None


async def test_without_a_server_the_connection_is_reset() -> None:
    """The proxy accepts, and finds nobody behind it."""
    async with FaultProxy("http://127.0.0.1:1/") as behind, FaultProxy(behind.url) as proxy:
        behind.refuse()
        async with connected(proxy) as streams:
            assert await is_reset(streams)


async def test_a_client_that_leaves_early_harms_nobody(proxy: FaultProxy) -> None:
    """Also in the middle of a slow answer; the next one is served."""
    proxy.fault = ConnectionFault.trickle(0.01)
    async with connected(proxy) as streams:
        assert await ask(streams, 2) == ANSWER[:2]
    proxy.fault = None
    async with connected(proxy) as streams:
        assert await ask(streams) == ANSWER


async def test_closing_waits_for_nobody(upstream: Upstream) -> None:
    """Neither for one who waits for an answer, nor for one who was accepted just now."""
    async with FaultProxy(upstream.url) as proxy:
        proxy.fault = ConnectionFault.slow_first_byte(60)
        async with connected(proxy) as late, connected(proxy) as new:
            late[1].write(b"hello\n")
            await asyncio.wait_for(upstream.asked.wait(), 5)
            await proxy.close()
            assert await is_reset(late)
            with contextlib.suppress(ConnectionResetError):
                assert await new[0].read() == b""


@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.parametrize("turns", range(8))
async def test_a_connection_is_reset_however_far_it_is(
    upstream: Upstream, turns: int, *, is_tls: bool
) -> None:
    """Waiting to be accepted, in its handshake, or about to reach the server."""
    context = server_context(trustme.CA()) if is_tls else None
    async with FaultProxy(upstream.url, ssl_context=context) as proxy:
        with socket.create_connection(("127.0.0.1", port_of(proxy))) as client:
            for _ in range(turns):
                await asyncio.sleep(0)
            proxy.refuse()
            client.setblocking(False)  # noqa: FBT003 - the standard library's
            with pytest.raises(ConnectionResetError):
                await asyncio.get_running_loop().sock_recv(client, 1)


@pytest.mark.parametrize("turns", range(6))
async def test_a_client_may_be_gone_when_it_is_disconnected(proxy: FaultProxy, turns: int) -> None:
    """Whether the proxy has seen that or not."""
    async with connected(proxy) as streams:
        assert await ask(streams) == ANSWER
        streams[1].transport.abort()
        for _ in range(turns):
            await asyncio.sleep(0)
        proxy.disconnect()


async def test_a_server_may_end_before_the_fault_does(proxy: FaultProxy) -> None:
    """Then that is the end."""
    proxy.fault = ConnectionFault.reset(after=100)
    async with connected(proxy) as streams:
        assert await ask(streams) == ANSWER
        streams[1].write(b"bye\n")
        assert await streams[0].read() == b""


async def test_a_proxy_is_started_once(upstream: Upstream) -> None:
    """Before that it has no port, and no URL."""
    proxy = FaultProxy(upstream.url)
    with pytest.raises(RuntimeError, match="not started"):
        _ = proxy.url
    with pytest.raises(RuntimeError, match="not started"):
        proxy.listen()
    async with proxy:
        with pytest.raises(RuntimeError, match="started already"):
            await proxy.start()


async def test_a_proxy_can_speak_tls(oauth_server: OAuthServer) -> None:
    """To the client; the server's own answers come through it in the clear."""
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
def test_a_fault_strikes_at_least_once(count: int) -> None:
    """None is how to say that there is no fault."""
    with pytest.raises(ValueError, match="at least once"):
        ConnectionFault.reset().times(count)


def test_what_cannot_happen_cannot_be_asked_for() -> None:
    """Pieces of no bytes, and a reset before the beginning."""
    with pytest.raises(ValueError, match="at least one byte"):
        ConnectionFault.trickle(1, size=0)
    with pytest.raises(ValueError, match="-1 bytes"):
        ConnectionFault.reset(after=-1)


def test_faults_are_values() -> None:
    """Two of a kind are equal, and none changes when it is limited."""
    fault = ConnectionFault.black_hole()
    assert fault == ConnectionFault.black_hole() != fault.times(1)
    assert repr(fault) == "ConnectionFault(kind='black hole')"
