"""The servers of a soak, in a separate process, so that only the client's resources are measured.

As a program it reads commands from stdin and answers each with a line of JSON.
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
    """The server process, as the soak uses it."""

    def __init__(self, process: Process, urls: dict[str, str]) -> None:
        self._process = process
        self.urls = urls
        """URLs of the token endpoint behind the proxy (``token``) and without it (``direct``), of
        the endpoints ``authorize`` and ``revocation``, and of the API (``api``)."""

    async def begin(self, name: str) -> None:
        """Start an event."""
        await _ask(self._process, f"begin {name}")

    async def end(self) -> None:
        """End all faults."""
        await _ask(self._process, "end")


@contextlib.asynccontextmanager
async def in_child_process() -> AsyncIterator[Servers]:
    """Start the servers; they end at exit, or with this process."""
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
    """Run a command and return the URLs."""
    place.server.reset_counters()  # otherwise the log would fill the memory
    word, _, name = command.partition(" ")
    if word == "begin":
        BY_NAME[name].begin(place)
    elif word == "end":
        place.end_faults()
    return {
        "token": place.proxy.url,
        "direct": place.server.token_endpoint,
        "authorize": place.server.authorization_endpoint,
        "revocation": place.server.revocation_endpoint,
        "api": place.server.api_url,
    }


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    async with (
        OAuthServer(expires_in=LIFETIME, auto_sign_in="Ada") as server,
        FaultProxy(server.token_endpoint) as proxy,
    ):
        while command := await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps(answer(Place(server, proxy), command.strip())), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
