"""An aiohttp connector whose connections are answered in memory by `canned`.

Everything in aiohttp runs as usual except the socket, so the measurements lack the noise of the
kernel and of a server. A response arrives in a later turn of the event loop, as from a socket.
"""

import asyncio

from aiohttp import BaseConnector, ClientRequest, ClientTimeout
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace

from tools.benchmarks import canned


class MemoryTransport(asyncio.Transport):
    """One connection, which answers each request."""

    def __init__(self, protocol: ResponseHandler, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._protocol = protocol
        self._loop = loop
        self._received = b""
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Collect a request; answer it in the next turn when it is complete."""
        self._received += data
        if (answer := canned.answer(self._received)) is not None:
            self._received = b""
            self._loop.call_soon(self._protocol.data_received, answer.response)

    def is_closing(self) -> bool:
        """Whether `close` was called."""
        return self._closing

    def close(self) -> None:
        """Close the connection, once."""
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    abort = close

    def pause_reading(self) -> None:
        """Do nothing: responses arrive whole."""

    def resume_reading(self) -> None:
        """Do nothing: responses arrive whole."""

    def get_write_buffer_size(self) -> int:
        """Return 0: nothing is buffered."""
        return 0


class MemoryConnector(BaseConnector):
    """Answers requests to every origin, https included, from `canned`."""

    async def _create_connection(
        self,
        req: ClientRequest,  # noqa: ARG002 - all origins get the same responses
        traces: list[Trace],  # noqa: ARG002 - as aiohttp calls it
        timeout: ClientTimeout,  # noqa: ARG002 - as aiohttp calls it
    ) -> ResponseHandler:
        protocol = ResponseHandler(self._loop)
        protocol.connection_made(MemoryTransport(protocol, self._loop))
        return protocol
