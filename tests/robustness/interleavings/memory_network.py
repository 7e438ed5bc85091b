"""A network in memory: complete requests and responses, in virtual time.

Everything in aiohttp runs as usual except the sockets. It knows HTTP, and nothing about tokens.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import (
    BaseConnector,
    ClientConnectionResetError,
    ClientRequest,
    ClientSession,
    ClientTimeout,
)
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from multidict import CIMultiDict
from yarl import URL

from tests.support.virtual_time import VirtualTimeLoop

_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True)
class Received:
    """A request that arrived at a server."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes


Serve = Callable[[Received], Awaitable[bytes | None]]
"""Answers a request; None breaks the connection."""


class MemoryTransport(asyncio.Transport):
    """One connection to a server."""

    def __init__(self, network: "Network", protocol: ResponseHandler) -> None:
        super().__init__()
        self._network = network
        self._protocol = protocol
        self._received = b""
        self._is_closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Collect a request; answer it when it is complete."""
        self._received += data
        request = _read(self._received)
        if request is not None:
            self._received = b""
            self._network.begin(self._answer(request))

    def is_closing(self) -> bool:
        """Whether either side has closed the connection."""
        return self._is_closing

    def close(self) -> None:
        """Close the connection, once."""
        self._lose(None)

    abort = close

    def pause_reading(self) -> None:
        """Do nothing: responses arrive whole."""

    def resume_reading(self) -> None:
        """Do nothing: responses arrive whole."""

    def get_write_buffer_size(self) -> int:
        """Return 0: nothing is buffered."""
        return 0

    async def _answer(self, request: Received) -> None:
        answer = await self._network.serve(request)
        if self._is_closing:
            return
        if answer is None:
            self._lose(ConnectionResetError("reset"))
        else:
            self._protocol.data_received(answer)

    def _lose(self, error: Exception | None) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._network.loop.call_soon(self._protocol.connection_lost, error)


class MemoryConnector(BaseConnector):
    """Connects to every origin, https included, and reports each request before it is sent."""

    def __init__(self, network: "Network", limit: int) -> None:
        super().__init__(limit=limit)
        self._network = network
        self.connections: list[MemoryTransport] = []

    async def connect(
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> Connection:
        """Report the request, then wait for a free connection as aiohttp does."""
        if not self.closed:  # aiohttp retries after a close
            self._network.on_send(req.url, req.headers)
        return await super().connect(req, traces, timeout)

    @property
    def is_in_use(self) -> bool:
        """Whether a connection is open."""
        return any(not connection.is_closing() for connection in self.connections)

    async def _create_connection(
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> ResponseHandler:
        protocol = ResponseHandler(self._loop)
        transport = MemoryTransport(self._network, protocol)
        self.connections.append(transport)
        protocol.connection_made(transport)
        return protocol


class Network:
    """The servers and the connections to them, at most `limit` per session."""

    def __init__(
        self,
        loop: VirtualTimeLoop,
        serve: Serve,
        on_send: Callable[[URL, Mapping[str, str]], None],
        limit: int,
    ) -> None:
        self.loop = loop
        self.serve = serve
        self.on_send = on_send
        """Called for each request that starts to look for a connection."""
        self.limit = limit
        self.connectors: list[MemoryConnector] = []
        self.serving: list[asyncio.Task[None]] = []
        loop.set_exception_handler(self._note_fault)

    def session(self, **options: Any) -> ClientSession:
        """Create a ClientSession whose default connector uses this network."""
        if "connector" not in options:
            options["connector"] = self.connector()
        return ClientSession(**options)

    def connector(self, **_: object) -> MemoryConnector:
        """Create a connector of this network."""
        self.connectors.append(MemoryConnector(self, self.limit))
        return self.connectors[-1]

    def install(self, patches: pytest.MonkeyPatch) -> None:
        """Make the package create its sessions here, with pools that use the virtual clock."""
        patches.setattr("aioalf._requests.session_factory.ClientSession", self.session)
        patches.setattr("aioalf._auth_server.session.AbortingConnector", self.connector)
        patches.setattr("aiohttp.connector.monotonic", self.loop.time)
        patches.setattr("aiohttp.connector.random", SimpleNamespace(shuffle=self.loop.shuffle))

    @property
    def is_in_use(self) -> bool:
        """Whether a connection is open."""
        return any(connector.is_in_use for connector in self.connectors)

    def _note_fault(self, _: object, context: Mapping[str, Any]) -> None:
        # aiohttp does not retrieve the error of an upload that a close has aborted.
        if not isinstance(context.get("exception"), ClientConnectionResetError):
            self.loop.faults.append(str(context["message"]))

    def begin(self, serving: Any) -> None:
        """Start to answer a request, even if the client disconnects."""
        self.serving.append(self.loop.create_task(serving))

    async def close(self) -> None:
        """Close all connections."""
        for connector in self.connectors:
            await connector.close()

    async def wait_for_servers(self) -> None:
        """Wait until all requests are answered."""
        await asyncio.gather(*self.serving)


def answer_of(
    status: int, body: object, fields: Mapping[str, str] | None = None, *, missing: int = 0
) -> bytes:
    """Return the bytes of a JSON response; the last `missing` bytes of its body never arrive."""
    content = json.dumps(body).encode()
    head = {
        "Content-Type": "application/json",
        "Content-Length": str(len(content) + missing),
        **(fields or {}),
    }
    lines = [f"HTTP/1.1 {status} -", *(f"{name}: {value}" for name, value in head.items())]
    return "\r\n".join(lines).encode() + _END_OF_HEAD + content


def _read(received: bytes) -> Received | None:
    """Parse a request; None if it is not complete yet."""
    head, end, rest = received.partition(_END_OF_HEAD)
    if not end:
        return None
    first, *lines = head.decode().split("\r\n")
    fields = (line.partition(": ") for line in lines)
    headers = CIMultiDict((name, value) for name, _, value in fields)
    is_chunked = headers.get("Transfer-Encoding") == "chunked"
    body = _unchunked(rest) if is_chunked else _whole(rest, headers)
    if body is None:
        return None
    method, path, _ = first.split(" ")
    return Received(method, URL(f"https://{headers['Host']}{path}"), headers, body)


def _whole(rest: bytes, headers: Mapping[str, str]) -> bytes | None:
    return rest if len(rest) >= int(headers.get("Content-Length", "0")) else None


def _unchunked(rest: bytes) -> bytes | None:
    body = b""
    while True:
        size, end, rest = rest.partition(b"\r\n")
        count = int(size, 16) if end else 0
        if not end or len(rest) < count + 2:
            return None
        if count == 0:
            return body
        body, rest = body + rest[:count], rest[count + 2 :]
