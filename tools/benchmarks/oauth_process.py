"""Runs the server of `aioalf.testing` in a separate process, controlled by one word a line.

As a program it prints its addresses and serves until its standard input is closed, so that it ends
with its parent. It answers each word with the number of token requests so far.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aioalf.testing import Fault, OAuthServer
from tools.benchmarks import child_process


@dataclass(frozen=True)
class Server:
    """The running server, seen from its parent."""

    api: str
    token_endpoint: str
    child: asyncio.subprocess.Process

    async def command(self, word: str) -> int:
        """Send revoke, fail, repair or count; return the number of token requests so far."""
        assert self.child.stdin is not None  # noqa: S101 - stdin is a pipe
        assert self.child.stdout is not None  # noqa: S101 - as above
        self.child.stdin.write(f"{word}\n".encode())
        return int(await self.child.stdout.readline())


@asynccontextmanager
async def run() -> AsyncIterator[Server]:
    """Run the server."""
    async with child_process.run("oauth_process") as (child, addresses):
        yield Server(**json.loads(addresses), child=child)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    # One contender sends its secret in the body.
    async with OAuthServer(allow_body_secret=True) as server:
        addresses = {"api": server.url("/things"), "token_endpoint": server.token_endpoint}
        print(json.dumps(addresses), flush=True)
        while word := await loop.run_in_executor(None, sys.stdin.readline):
            match word.strip():
                case "revoke":
                    server.revoke_all()
                case "fail":
                    server.token_fault = Fault.status(503)
                case "repair":
                    server.token_fault = None
                case _:
                    pass
            print(server.token_requests, flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
