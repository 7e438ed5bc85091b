"""Runs a server of the benchmarks in a separate process, which ends when its input is closed."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def run(module: str) -> AsyncIterator[tuple[Process, bytes]]:
    """Run a module of `tools.benchmarks` as a program; yield its process and its first line."""
    command = (sys.executable, "-m", f"tools.benchmarks.{module}")
    child = await asyncio.create_subprocess_exec(*command, cwd=_ROOT, stdin=PIPE, stdout=PIPE)
    try:
        if child.stdout is None or not (line := await child.stdout.readline()):
            raise RuntimeError(f"{module} did not start: it printed nothing")
        yield child, line
    finally:
        if child.stdin is not None:
            child.stdin.close()
        await child.wait()
