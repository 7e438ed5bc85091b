"""A server that answers every request with the bytes it was given, be they HTTP or not."""

import asyncio
from typing import Self


class RawServer:
    """Listens on loopback within ``async with``; ``requests`` holds what arrived, as it arrived."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
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
            writer.write(self._answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has seen enough
        finally:
            writer.close()


def answer(body: bytes, *, status: str = "200 OK", **fields: str) -> bytes:
    """An HTTP response of a server that closes the connection after it."""
    lines = [f"HTTP/1.1 {status}", *(f"{k.replace('_', '-')}: {v}" for k, v in fields.items())]
    lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
