"""A default browser that blocks: programs end without waiting for it, in real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

ROOT = Path(__file__).parents[2]

BROWSER = """#!/bin/sh
echo $$
exec sleep 60 >/dev/null 2>&1  # a reader of the output must not wait for it
"""

PROGRAM = """
import asyncio, signal
from aioalf._browser.redirect_listener import RedirectListener

async def main():
    async with RedirectListener(awaited=("code",)) as listener:
        print(listener.redirect_uri, flush=True)
        response = await listener.sign_in("https://auth.example.com/", "the-state", None)
        print(response["code"], flush=True)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
asyncio.run(main())
"""


class Program:
    """A process that signs in with a browser that stays open."""

    def __init__(self, process: asyncio.subprocess.Process, redirect_uri: str) -> None:
        self.process = process
        self.redirect_uri = redirect_uri

    async def line(self) -> str:
        """Return the next line of its output."""
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode().strip()


@asynccontextmanager
async def running_program(directory: Path) -> AsyncGenerator[Program, None]:
    """Start the program; yield when its browser is open. Stop the browser at the end."""
    browser = directory / "browser"
    browser.write_text(BROWSER)
    browser.chmod(0o700)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM),
        env={**os.environ, "BROWSER": str(browser), "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    program = Program(process, "")
    browser_pid = 0
    try:
        # The program and its browser write their lines in any order.
        for line in [await program.line(), await program.line()]:
            if line.isdecimal():
                browser_pid = int(line)
            else:
                program.redirect_uri = line
        yield program
    finally:
        if browser_pid:
            os.kill(browser_pid, signal.SIGKILL)
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_program_ends_while_the_browser_is_open(tmp_path: Path) -> None:
    """After the sign-in, neither asyncio.run nor the interpreter waits for the browser."""
    async with asyncio.timeout(15), running_program(tmp_path) as program:
        url = f"{program.redirect_uri}/?state=the-state&code=abc"
        async with aiohttp.ClientSession() as session, session.get(url) as page:
            assert page.status == 200
        assert await program.line() == "abc"
        assert await program.process.wait() == 0


async def test_ctrl_c_ends_the_program_while_the_browser_is_open(tmp_path: Path) -> None:
    """One SIGINT is enough."""
    async with asyncio.timeout(15), running_program(tmp_path) as program:
        program.process.send_signal(signal.SIGINT)
        assert await program.process.wait() == -signal.SIGINT
