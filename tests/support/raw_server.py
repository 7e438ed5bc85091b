"""A server that answers every request with given bytes, even if they are not HTTP."""

import asyncio
from typing import Self

_TURNS_TO_ARRIVE = 3  # turns of the event loop until data arrives at the other end


class RawServer:
    """Listens on loopback within ``async with``; ``requests`` has the bytes of each request.

    The pieces of the response arrive one by one; then `endless` repeats until the client
    disconnects.
    """

    def __init__(self, *pieces: bytes, endless: bytes = b"") -> None:
        self.pieces = pieces
        self._endless = endless
        self._server: asyncio.Server | None = None
        self.requests: list[bytes] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
            self.requests.append(head + await reader.readexactly(int(length or 0)))
            for piece in self.pieces:
                writer.write(piece)
                await writer.drain()
                for _ in range(_TURNS_TO_ARRIVE):
                    await asyncio.sleep(0)
            while self._endless:
                writer.write(self._endless)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has disconnected
        finally:
            writer.close()


def answer(body: bytes, *, status: str = "200 OK", **fields: str) -> bytes:
    """Return an HTTP response with ``Connection: close``."""
    lines = [f"HTTP/1.1 {status}", *(f"{k.replace('_', '-')}: {v}" for k, v in fields.items())]
    lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
