"""Serves the responses of `canned` on 127.0.0.1, in a separate process.

As a program it prints its port and serves until its standard input is closed, so that it ends with
its parent.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tools.benchmarks import canned, child_process


class _Connection(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - the server uses TCP
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        if (answer := canned.answer(self._received)) is not None:
            self._received = b""
            if answer.delay:
                later = asyncio.get_running_loop().call_later
                later(answer.delay, self._transport.write, answer.response)
            else:
                self._transport.write(answer.response)


@asynccontextmanager
async def in_child_process() -> AsyncIterator[str]:
    """Run the server; yield its origin."""
    async with child_process.run("loopback_server") as (_, port):
        yield f"http://127.0.0.1:{int(port)}"


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
