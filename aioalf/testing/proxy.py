"""`FaultProxy`: a TCP proxy on loopback that forwards bytes and injects network faults.

Must not know HTTP or OAuth.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from ssl import SSLContext
from types import TracebackType
from typing import Self

from yarl import URL

from aioalf.testing.connection_faults import ConnectionFault

_HOST = "127.0.0.1"
_CHUNK = 2**16
_NO_LINGER = struct.pack("ii", 1, 0)  # makes close() send a reset (TCP RST)
_LOOP_ITERATIONS_TO_CLOSE = 3  # until a transport has closed its socket

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class FaultProxy:
    """A TCP proxy in front of one server that can inject network faults.

    Use it with ``async with``, or call `start` and `close`. It needs an event loop with
    ``add_reader``, which asyncio's default event loop on Windows does not have: use
    ``asyncio.SelectorEventLoop`` there.

    Args:
        upstream: A URL of the server. `url` is the same URL through the proxy.
        ssl_context: Use TLS between the client and the proxy, with this server context. None
            forwards the client's bytes unchanged.
    """

    fault: ConnectionFault | None
    """The fault of the connections that are opened from now on, or None.

    Open connections are not affected; `disconnect` resets them.
    """
    connections: int
    """The number of connections that the proxy has accepted."""

    def __init__(self, upstream: str | URL, *, ssl_context: SSLContext | None = None) -> None:
        self.fault = None
        self.connections = 0
        self._upstream = URL(upstream)
        self._ssl_context = ssl_context
        self._socket: socket.socket | None = None
        self._is_listening = False
        self._open: dict[asyncio.Task[None], socket.socket] = {}

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1.

        Raises:
            RuntimeError: If the proxy has been started already.
        """
        if self._socket is not None:
            raise RuntimeError("The proxy has been started already.")
        self._socket = _bound_socket(0)
        self.listen()

    async def close(self) -> None:
        """Close the port and reset every connection."""
        if self._socket is not None:
            self._stop_listening(self._socket)
            self._socket = None
        ending = list(self._open)
        self.disconnect()
        await asyncio.gather(*ending, return_exceptions=True)
        for _ in range(_LOOP_ITERATIONS_TO_CLOSE):
            await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """The upstream URL through the proxy.

        Raises:
            RuntimeError: If the proxy has not been started.
        """
        scheme = self._upstream.scheme if self._ssl_context is None else "https"
        port: int = self._started().getsockname()[1]
        return str(self._upstream.with_scheme(scheme).with_host(_HOST).with_port(port))

    def refuse(self) -> None:
        """Refuse new connections and reset the open ones.

        The port stays reserved for this proxy until `close`; `listen` accepts connections again.

        Raises:
            RuntimeError: If the proxy has not been started.
        """
        listening = self._started()
        port: int = listening.getsockname()[1]
        self._stop_listening(listening)
        self._socket = _bound_socket(port)
        self.disconnect()

    def listen(self) -> None:
        """Accept connections again after `refuse`.

        Raises:
            RuntimeError: If the proxy has not been started.
        """
        bound = self._started()
        if not self._is_listening:
            self._is_listening = True
            bound.listen(1024)
            asyncio.get_running_loop().add_reader(bound, self._accept, bound)

    def disconnect(self) -> None:
        """Reset every open connection."""
        for task, connection in self._open.items():
            _set_no_linger(connection)
            task.cancel()

    def _started(self) -> socket.socket:
        if self._socket is None:
            raise RuntimeError("The proxy is not started: use `async with` or `await start()`.")
        return self._socket

    def _stop_listening(self, listening: socket.socket) -> None:
        if self._is_listening:
            asyncio.get_running_loop().remove_reader(listening)
            self._is_listening = False
        listening.close()

    def _accept(self, listening: socket.socket) -> None:
        connection, _ = listening.accept()
        connection.settimeout(0)
        self.connections += 1
        fault = self.fault
        self.fault = None if fault is None else fault.after_use()
        task = asyncio.get_running_loop().create_task(self._serve(connection, fault))
        self._open[task] = connection
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        connection = self._open.pop(task)
        if task.cancelled() or task.exception():
            connection.close()  # needed if the task was cancelled before it began

    async def _serve(self, connection: socket.socket, fault: ConnectionFault | None) -> None:
        reader, client = await _open_streams(connection, self._ssl_context)
        try:
            if fault is not None and fault.is_black_hole:
                await _forward(reader, None)
            else:
                await self._forward_both_ways(reader, client, fault)
        except (asyncio.CancelledError, OSError):
            _reset(client)  # the server is unreachable, or a connection was reset
            raise
        finally:
            client.close()

    async def _forward_both_ways(
        self,
        reader: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        fault: ConnectionFault | None,
    ) -> None:
        host, port = self._upstream.host, self._upstream.port
        responses, server = await asyncio.open_connection(host, port)
        directions = (_forward(reader, server), _forward_faulty(responses, client, fault))
        tasks = [asyncio.ensure_future(direction) for direction in directions]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _bound_socket(port: int) -> socket.socket:
    """Return a socket that holds a port but does not listen, so connections are refused."""
    bound = socket.socket()
    bound.settimeout(0)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((_HOST, port))
    return bound


async def _open_streams(connection: socket.socket, ssl_context: SSLContext | None) -> Streams:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=ssl_context)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None) -> None:
    while data := await reader.read(_CHUNK):
        if writer is not None:
            writer.write(data)
            await writer.drain()


async def _forward_faulty(
    responses: asyncio.StreamReader, client: asyncio.StreamWriter, fault: ConnectionFault | None
) -> None:
    if fault is None:
        await _forward(responses, client)
        return
    data = await responses.read(_CHUNK)
    await asyncio.sleep(fault.delay)
    left = fault.reset_after
    while data:
        size = min(fault.chunk_size or len(data), len(data) if left is None else left)
        client.write(data[:size])
        await client.drain()
        if left is not None and (left := left - size) == 0:
            _reset(client)
            return
        data = data[size:] or await responses.read(_CHUNK)
        await asyncio.sleep(fault.chunk_interval)


def _reset(client: asyncio.StreamWriter) -> None:
    _set_no_linger(client.get_extra_info("socket"))
    client.transport.abort()


def _set_no_linger(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # already closed
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
