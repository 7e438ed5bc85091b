"""The servers of a soak, in a process of their own: what they need is not the client's.

As a program it takes a command a line and answers each with a line of JSON, until its input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

from aioalf.testing import FaultProxy, OAuthServer
from tests.robustness.soak.events import BY_NAME, Place
from tests.robustness.soak.refusals import LIFETIME

_ROOT = Path(__file__).resolve().parents[3]


class Servers:
    """The process as the soak sees it."""

    def __init__(self, process: Process, urls: dict[str, str]) -> None:
        self._process = process
        self.urls = urls
        """Of the token endpoint (``token``), through the proxy, and of the API (``api``)."""

    async def begin(self, name: str) -> None:
        """Let an event happen."""
        await _ask(self._process, f"begin {name}")

    async def end(self) -> None:
        """Let everything work again."""
        await _ask(self._process, "end")


@contextlib.asynccontextmanager
async def in_child_process() -> AsyncIterator[Servers]:
    """Start the servers; they end with this process at the latest."""
    command = (sys.executable, "-m", "tests.robustness.soak.servers")
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, cwd=_ROOT)
    try:
        yield Servers(process, await _ask(process, "urls"))
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def _ask(process: Process, command: str) -> dict[str, str]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{command}\n".encode())
    async with asyncio.timeout(20):
        return cast("dict[str, str]", json.loads(await process.stdout.readline()))


def answer(place: Place, command: str) -> dict[str, str]:
    """Do what a command says."""
    place.server.reset_counters()  # the log of a long run would fill the memory
    word, _, name = command.partition(" ")
    if word == "begin":
        BY_NAME[name].begin(place)
    elif word == "end":
        place.end_faults()
    return {"token": place.proxy.url, "api": place.server.api_url}


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    async with (
        OAuthServer(expires_in=LIFETIME) as server,
        FaultProxy(server.token_endpoint) as proxy,
    ):
        while command := await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps(answer(Place(server, proxy), command.strip())), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
