"""`FaultProxy`: a TCP proxy on loopback that spoils connections on demand.

It passes bytes on and knows nothing of what they say, nor of who sends them.
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
_NO_LINGER = struct.pack("ii", 1, 0)  # with it, closing resets the connection
_TURNS_TO_CLOSE = 3  # of the loop: what a transport needs to close its socket

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class FaultProxy:
    """Stands before one server, for ``async with``, or `start` and `close`.

    ``upstream`` is a URL of the server; ``url`` is the same through the proxy. ``fault`` strikes
    the connections that are made while it is set; those that are open go on as they began, and
    `disconnect` ends them. With ``ssl_context`` the proxy speaks TLS to its clients.
    ``connections`` counts those that were accepted. It needs an event loop with ``add_reader``,
    which asyncio's default on Windows has not.
    """

    def __init__(self, upstream: str | URL, *, ssl_context: SSLContext | None = None) -> None:
        self.fault: ConnectionFault | None = None
        self.connections: int = 0
        self._upstream = URL(upstream)
        self._ssl_context = ssl_context
        self._socket: socket.socket | None = None
        self._is_listening = False
        self._open: dict[asyncio.Task[None], socket.socket] = {}

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1; RuntimeError when that is done already."""
        if self._socket is not None:
            raise RuntimeError("The proxy is started already.")
        self._socket = _bound(0)
        self.listen()

    async def close(self) -> None:
        """Give up the port, and end every connection."""
        if self._socket is not None:
            self._stop_listening(self._socket)
            self._socket = None
        ending = list(self._open)
        self.disconnect()
        await asyncio.gather(*ending, return_exceptions=True)
        for _ in range(_TURNS_TO_CLOSE):
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
        """The upstream's URL through the proxy; RuntimeError unless started."""
        scheme = self._upstream.scheme if self._ssl_context is None else "https"
        port: int = self._started().getsockname()[1]
        return str(self._upstream.with_scheme(scheme).with_host(_HOST).with_port(port))

    def refuse(self) -> None:
        """Close the port, so that connections are refused, and reset those that are open.

        The port stays the proxy's own, until `close`.
        """
        listening = self._started()
        port: int = listening.getsockname()[1]
        self._stop_listening(listening)
        self._socket = _bound(port)
        self.disconnect()

    def listen(self) -> None:
        """Open the port again after `refuse`."""
        bound = self._started()
        if not self._is_listening:
            self._is_listening = True
            bound.listen(1024)
            asyncio.get_running_loop().add_reader(bound, self._accept, bound)

    def disconnect(self) -> None:
        """Reset every connection that is open."""
        for task, connection in self._open.items():
            _set_no_linger(connection)
            task.cancel()

    def _started(self) -> socket.socket:
        if self._socket is None:
            raise RuntimeError("The proxy is not started: use `async with`, or `start()`.")
        return self._socket

    def _stop_listening(self, listening: socket.socket) -> None:
        if self._is_listening:
            asyncio.get_running_loop().remove_reader(listening)
            self._is_listening = False
        listening.close()

    def _accept(self, listening: socket.socket) -> None:
        connection, _ = listening.accept()
        connection.setblocking(False)  # noqa: FBT003 - the standard library's
        self.connections += 1
        fault = self.fault
        self.fault = None if fault is None else fault.spent()
        task = asyncio.get_running_loop().create_task(self._serve(connection, fault))
        self._open[task] = connection
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        connection = self._open.pop(task)
        if task.cancelled() or task.exception():
            connection.close()  # also where the task was cancelled before it began

    async def _serve(self, connection: socket.socket, fault: ConnectionFault | None) -> None:
        reader, client = await _streams_of(connection, self._ssl_context)
        try:
            if fault is not None and fault.is_silent:
                await _pass_on(reader, None)
            else:
                await self._join(reader, client, fault)
        except (asyncio.CancelledError, OSError):
            _reset(client)  # the server is not there, or somebody has reset a connection
            raise
        finally:
            client.close()

    async def _join(
        self,
        reader: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        fault: ConnectionFault | None,
    ) -> None:
        host, port = self._upstream.host, self._upstream.port
        answers, server = await asyncio.open_connection(host, port)
        ways = (_pass_on(reader, server), _deliver(answers, client, fault))
        tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _bound(port: int) -> socket.socket:
    """Return a socket that has a port and does not listen: who connects to it is refused."""
    bound = socket.socket()
    bound.setblocking(False)  # noqa: FBT003 - the standard library's
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((_HOST, port))
    return bound


async def _streams_of(connection: socket.socket, ssl_context: SSLContext | None) -> Streams:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=ssl_context)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None) -> None:
    while data := await reader.read(_CHUNK):
        if writer is not None:
            writer.write(data)
            await writer.drain()


async def _deliver(
    answers: asyncio.StreamReader, client: asyncio.StreamWriter, fault: ConnectionFault | None
) -> None:
    if fault is None:
        await _pass_on(answers, client)
        return
    data = await answers.read(_CHUNK)
    await asyncio.sleep(fault.delay)
    left = fault.reset_after
    while data:
        size = min(fault.size or len(data), len(data) if left is None else left)
        client.write(data[:size])
        await client.drain()
        if left is not None and (left := left - size) == 0:
            _reset(client)
            return
        data = data[size:] or await answers.read(_CHUNK)
        await asyncio.sleep(fault.pause)


def _reset(client: asyncio.StreamWriter) -> None:
    _set_no_linger(client.get_extra_info("socket"))
    client.transport.abort()


def _set_no_linger(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it is closed already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
