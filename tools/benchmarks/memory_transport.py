"""A connector whose connections are answered in memory.

aiohttp builds, writes, parses and pools as ever; only the socket is missing, and with it the noise
of the kernel and of a server. An answer comes in a later turn of the loop, as from a socket.
"""

import asyncio

import canned
from aiohttp import BaseConnector, ClientRequest, ClientTimeout
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace


class MemoryTransport(asyncio.Transport):
    """One connection: what is written to it is answered."""

    def __init__(self, protocol: ResponseHandler, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._protocol = protocol
        self._loop = loop
        self._received = b""
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take what aiohttp sends; when it is a whole request, answer soon."""
        self._received += data
        if (answer := canned.answer(self._received)) is not None:
            self._received = b""
            self._loop.call_soon(self._protocol.data_received, answer.response)

    def is_closing(self) -> bool:
        """Whether `close` was called."""
        return self._closing

    def close(self) -> None:
        """Tell the protocol, once."""
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    abort = close

    def pause_reading(self) -> None:
        """Do nothing: an answer comes whole."""

    def resume_reading(self) -> None:
        """Do nothing: an answer comes whole."""

    def get_write_buffer_size(self) -> int:
        """Return 0: nothing waits to be sent."""
        return 0


class MemoryConnector(BaseConnector):
    """Connects every origin, https too, to the canned answers."""

    async def _create_connection(
        self,
        req: ClientRequest,  # noqa: ARG002 - all origins are alike
        traces: list[Trace],  # noqa: ARG002 - as aiohttp calls it
        timeout: ClientTimeout,  # noqa: ARG002 - as aiohttp calls it
    ) -> ResponseHandler:
        protocol = ResponseHandler(self._loop)
        protocol.connection_made(MemoryTransport(protocol, self._loop))
        return protocol
