"""The HTTP server of the redirect listener: few connections, short time limits, no log lines.

Defends against hostile clients on this machine. Must not know sign-ins or the served pages.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from itertools import islice
from typing import Final, cast

from aiohttp import web

from aioalf._browser import pages

MAX_RESPONSE_BYTES: Final = 64 * 1024
MAX_CONNECTION_BYTES: Final = 128 * 1024  # with the cookies of other programs on this host
MAX_CONNECTIONS: Final = 64
# The event loop accepts up to this number of connections in an iteration, on each socket, and reads
# their requests a few iterations later. They must not evict each other before that.
BACKLOG: Final = 8
REQUEST_SECONDS: Final = 5.0
DRAIN_SECONDS: Final = 1.0
ACCEPT_TURNS: Final = 3  # event loop iterations from an accepted socket to its protocol


class LoopbackServer:
    """Serves on given sockets. `close` ends within a bounded time, whatever clients do."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.Response]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._handler = handler
        self._web = web.Server(self._handle)
        self._servers: list[asyncio.Server] = []
        self._connections: dict[_Connection, None] = {}
        self._is_open = True

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Serve on the sockets. They are closed by `close`, or if this method fails."""
        with ExitStack() as undo:
            for listening in sockets:
                undo.enter_context(listening)
            undo.callback(self._close_now)
            for listening in sockets:
                self._servers.append(
                    await self._loop.create_server(
                        self._connect, sock=listening, backlog=BACKLOG, start_serving=False
                    )
                )
            for server in self._servers:
                await server.start_serving()
            undo.pop_all()

    async def close(self) -> None:
        """Stop accepting, send the responses in progress, then abort all connections."""
        try:
            await self._stop_accepting()
            in_progress: list[asyncio.Future[None]] = []
            for connection in [*self._connections]:
                if connection.has_request:
                    in_progress.append(connection.lost)
                else:
                    connection.abort()
            if in_progress:
                await asyncio.wait(in_progress, timeout=DRAIN_SECONDS)
        finally:
            remaining = [connection.lost for connection in self._connections]
            self._close_now()
        if remaining:
            await asyncio.wait(remaining, timeout=DRAIN_SECONDS)

    async def _stop_accepting(self) -> None:
        # asyncio logs a warning for a connection that it accepted just before the server closed.
        for server in self._servers:
            for listening in server.sockets:
                # Proactor event loops have no readers.
                with suppress(NotImplementedError, RuntimeError):
                    self._loop.remove_reader(listening)
        for _ in range(ACCEPT_TURNS):
            await asyncio.sleep(0)

    def _close_now(self) -> None:
        self._is_open = False
        for server in self._servers:
            server.close()
        for connection in [*self._connections]:
            connection.abort()

    def _connect(self) -> _Connection:
        return _Connection(self._web, self._loop, self._opened, self._lost)

    def _opened(self, connection: _Connection) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:
            self._evict()
        self._connections[connection] = None
        if not self._is_open:
            connection.abort()

    def _evict(self) -> None:
        """Close the oldest connection of the newer half.

        The older half stays for its time limit, so that a browser that connected before a flood is
        not closed. The newer half changes, so that a browser that connects later gets in.
        """
        victim = next(islice(self._connections, MAX_CONNECTIONS // 2, None))
        # Its loss is only reported in the next iteration of the event loop.
        del self._connections[victim]
        victim.abort()

    def _lost(self, connection: _Connection) -> None:
        self._connections.pop(connection, None)

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        connection = cast("_Connection", request.protocol)
        connection.has_request = True
        response = await self._handler(request)
        connection.has_response = True
        return response


# aiohttp quotes bad requests in its log lines, and they may contain a token. This logger is not in
# logging's registry, so a logging configuration cannot enable it.
_SILENCE: Final = logging.Logger("aioalf._browser.redirect_listener")  # noqa: LOG001 - see above
_SILENCE.disabled = True


class _Connection(web.RequestHandler):
    """A connection for one request, with a time limit and without log lines."""

    def __init__(
        self,
        server: web.Server,
        loop: asyncio.AbstractEventLoop,
        opened: Callable[[_Connection], None],
        lost: Callable[[_Connection], None],
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            logger=_SILENCE,
            access_log=_SILENCE,
            max_line_size=MAX_RESPONSE_BYTES,
            max_field_size=MAX_CONNECTION_BYTES,
            lingering_time=DRAIN_SECONDS,
            auto_decompress=False,
        )
        self.has_request = self.has_response = False
        self._received = 0
        self.lost: asyncio.Future[None] = loop.create_future()
        self._on_opened = opened
        self._on_lost = lost

    def abort(self) -> None:
        self._socket_transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # Kept here because aiohttp drops its reference while the transport still sends.
        self._socket_transport = cast("asyncio.Transport", transport)
        self._time_limit = self._loop.call_later(REQUEST_SECONDS, self.abort)
        self._on_opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._time_limit.cancel()
        self._on_lost(self)
        super().connection_lost(exc)
        if self.has_response:
            # aiohttp would wait for the rest of a request body that cannot arrive.
            self._serving.cancel()
        self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > MAX_CONNECTION_BYTES:
            self.abort()
            return
        try:
            super().data_received(data)
        except Exception:
            self.abort()

    async def start(self) -> None:
        self._serving = cast("asyncio.Task[None]", asyncio.current_task())
        try:
            await super().start()
        except Exception:
            self.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        return refuse(status)


def refuse(status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a response that shows its status only, with these extra headers."""
    return reply(f"{status}\n", "text/plain", status, {**pages.HEADERS, **(headers or {})})


def reply(
    text: str, content_type: str, status: int, headers: Mapping[str, str] = pages.HEADERS
) -> web.Response:
    """Return a response after which the connection is closed."""
    response = web.Response(
        text=text, content_type=content_type, charset="utf-8", status=status, headers=headers
    )
    response.force_close()
    return response
