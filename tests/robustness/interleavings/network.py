"""A network in memory: whole requests go over it, and whole answers come back, in virtual time.

aiohttp builds, writes, parses and pools as ever; only the sockets are missing. It knows HTTP, and
nothing of tokens.
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
    """A request, as a server has it."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes


Serve = Callable[[Received], Awaitable[bytes | None]]
"""What answers a request; None is a connection that breaks."""


class MemoryTransport(asyncio.Transport):
    """One connection, and who answers at its other end."""

    def __init__(self, network: "Network", protocol: ResponseHandler) -> None:
        super().__init__()
        self._network = network
        self._protocol = protocol
        self._received = b""
        self._is_closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take what aiohttp sends; when it is a whole request, it is answered."""
        self._received += data
        request = _read(self._received)
        if request is not None:
            self._received = b""
            self._network.begin(self._answer(request))

    def is_closing(self) -> bool:
        """Whether it was closed, from either end."""
        return self._is_closing

    def close(self) -> None:
        """Tell the protocol, once."""
        self._lose(None)

    abort = close

    def pause_reading(self) -> None:
        """Do nothing: an answer comes whole."""

    def resume_reading(self) -> None:
        """Do nothing: an answer comes whole."""

    def get_write_buffer_size(self) -> int:
        """Return 0: nothing waits to be sent."""
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
    """Connects to every origin, https too, and tells who sends what as soon as aiohttp knows."""

    def __init__(self, network: "Network", limit: int) -> None:
        super().__init__(limit=limit)
        self._network = network
        self.connections: list[MemoryTransport] = []

    async def connect(
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> Connection:
        """As aiohttp does, which may have to wait for a connection that is free."""
        if not self.closed:  # aiohttp tries again where a close has cut it off
            self._network.see_off(req.url, req.headers)
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
    """Servers and the connections to them; at most `limit` of each session."""

    def __init__(
        self,
        loop: VirtualTimeLoop,
        serve: Serve,
        see_off: Callable[[URL, Mapping[str, str]], None],
        limit: int,
    ) -> None:
        self.loop = loop
        self.serve = serve
        self.see_off = see_off
        """Hears of each request when it begins to look for a connection."""
        self.limit = limit
        self.connectors: list[MemoryConnector] = []
        self.serving: list[asyncio.Task[None]] = []
        loop.set_exception_handler(self._note_fault)

    def session(self, **options: Any) -> ClientSession:
        """Return a session, as aiohttp does; a connector of its own is of this network."""
        if "connector" not in options:
            options["connector"] = MemoryConnector(self, self.limit)
            self.connectors.append(options["connector"])
        return ClientSession(**options)

    def carry(self, patches: pytest.MonkeyPatch) -> None:
        """Have the package make its sessions here, whose pools follow the loop."""
        for module in ("_requests.session", "_auth_server.http"):
            patches.setattr(f"aioalf.{module}.ClientSession", self.session)
        patches.setattr("aiohttp.connector.monotonic", self.loop.time)
        patches.setattr("aiohttp.connector.random", SimpleNamespace(shuffle=self.loop.shuffle))

    @property
    def is_in_use(self) -> bool:
        """Whether a connection is open."""
        return any(connector.is_in_use for connector in self.connectors)

    def _note_fault(self, _: object, context: Mapping[str, Any]) -> None:
        # aiohttp does not look at how an upload ended that a close has cut off.
        if not isinstance(context.get("exception"), ClientConnectionResetError):
            self.loop.faults.append(str(context["message"]))

    def begin(self, serving: Any) -> None:
        """Let a server work, also for somebody who hangs up meanwhile."""
        self.serving.append(self.loop.create_task(serving))

    async def close(self) -> None:
        """Close what is open."""
        for connector in self.connectors:
            await connector.close()

    async def fall_silent(self) -> None:
        """Wait until all servers have done their work."""
        await asyncio.gather(*self.serving)


def answer_of(
    status: int, body: object, fields: Mapping[str, str] | None = None, *, missing: int = 0
) -> bytes:
    """Return an answer as it is on the wire; its body is JSON, of which some bytes never come."""
    content = json.dumps(body).encode()
    head = {
        "Content-Type": "application/json",
        "Content-Length": str(len(content) + missing),
        **(fields or {}),
    }
    lines = [f"HTTP/1.1 {status} -", *(f"{name}: {value}" for name, value in head.items())]
    return "\r\n".join(lines).encode() + _END_OF_HEAD + content


def _read(received: bytes) -> Received | None:
    """Return the request in what was received, None when it is not whole."""
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
