"""A terminal that accepts no output: device sign-ins go on, and Ctrl-C ends a real process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from aioalf.testing import OAuthServer, RecordedRequest

ROOT = Path(__file__).parents[2]

PROGRAM = """
import asyncio, sys
from aioalf import Client
from aioalf.grants import DeviceCode

async def main():
    async with Client(issuer=sys.argv[1], client_id="tv", grant=DeviceCode()) as client:
        await client.get(sys.argv[2])

try:
    asyncio.run(main())
except KeyboardInterrupt:  # Python would write its traceback to standard error
    sys.exit(3)
"""


@pytest.fixture
def full_pipe() -> Iterator[int]:
    """Return the end of a pipe to which nothing more can be written."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"-")
    os.set_blocking(writing, True)
    yield writing
    os.close(reading)
    os.close(writing)


@pytest.mark.rule("R159")
@pytest.mark.usefixtures("interruptible")
async def test_ctrl_c_ends_a_program_whose_prompt_is_blocked(
    oauth_server: OAuthServer, full_pipe: int
) -> None:
    """The program polls although its prompt cannot be written, and exits at the first SIGINT."""
    has_polled = asyncio.Event()

    def note(request: RecordedRequest) -> None:
        if request.path == "/token":
            has_polled.set()

    oauth_server.add_client("tv")
    oauth_server.device_interval = 0.1
    oauth_server.on_request = note
    async with asyncio.timeout(15):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, oauth_server.issuer, oauth_server.api_url),
            # Without PYTHONUNBUFFERED, standard error has a buffer with a lock.
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
            stderr=full_pipe,
        )
        try:
            await has_polled.wait()
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 3
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
