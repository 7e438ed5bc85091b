"""A process that forks a child for each job. A child starts in milliseconds and may be killed.

Run with ``python -m tests.caches.fork_server``. Each line on stdin is the name of a job and its
argument, a directory for the jobs in this module. The answer on stdout is the pid of the child,
``ready`` when the job has started, the lines that the job prints, and ``ended`` after its exit.
"""

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from aioalf.caches import FileCache

ROOT = Path(__file__).resolve().parent.parent.parent
KEY = "key"
VALUE_LENGTH = 50_000  # too large for a single write


def is_whole(value: str) -> bool:
    """Tell whether a value is complete: one digit, repeated."""
    return len(value) == VALUE_LENGTH and len(set(value)) == 1


async def write(directory: str) -> None:
    """Write values until killed."""
    cache = FileCache(directory)
    for number in itertools.count():
        await cache.set(KEY, str(number % 10) * VALUE_LENGTH, None)
        if not number:
            tell("ready")


async def hold(directory: str) -> None:
    """Hold the lock until killed."""
    async with FileCache(directory).lock(KEY):
        tell("ready")
        await asyncio.Event().wait()


async def count(directory: str) -> None:
    """Add one to a number 500 times."""
    cache = FileCache(directory)
    tell("ready")
    for _ in range(500):
        async with cache.lock(KEY):
            await cache.set(KEY, str(int(await cache.get(KEY) or 0) + 1), None)


Job = Callable[[str], Coroutine[object, object, None]]

JOBS: Mapping[str, Job] = {job.__name__: job for job in (write, hold, count)}


def tell(line: str) -> None:
    """Print a line for the test."""
    print(line, flush=True)  # noqa: T201 - the test reads stdout


def main(jobs: Mapping[str, Job] = JOBS) -> None:
    """Run the jobs named on stdin, one at a time."""
    for line in sys.stdin:
        job, argument = line.rstrip("\n").split(" ", 1)
        pid = os.fork()
        if not pid:
            tell(str(os.getpid()))
            run_job(jobs[job], argument)
        os.waitpid(pid, 0)
        tell("ended")


def run_job(job: Job, argument: str) -> None:
    """Run a job and exit."""
    try:
        asyncio.run(job(argument))
    finally:
        os._exit(0)


class ForkServer:
    """A running fork server, controlled by a test."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def start(self, job: str, argument: object) -> int:
        """Start a job, wait until it is ready, and return its pid."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{job} {argument}\n".encode())
        pid = int(await self._line())
        assert await self._line() == "ready"
        return pid

    async def told(self) -> str:
        """Return the next line that the job prints."""
        return await self._line()

    async def ended(self) -> list[str]:
        """Wait for the exit of the last job, and return the lines that it printed."""
        lines: list[str] = []
        while (line := await self._line()) != "ended":
            assert line, "the fork server has exited"
            lines.append(line)
        return lines

    async def _line(self) -> str:
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()


@asynccontextmanager
async def fork_server(module: str = "tests.caches.fork_server") -> AsyncIterator[ForkServer]:
    """Run a fork server for the jobs of a module."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield ForkServer(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    main()
