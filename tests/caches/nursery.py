"""A process that forks others on request: each is ready in milliseconds, and may be killed.

``python -m tests.caches.nursery``; a line on stdin is a job and what it is about, a directory for
those that are here; a line on stdout is the pid of who does it, then ``ready`` when it has begun,
then what it tells, then ``ended`` when it is no more.
"""

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

from aioalf.caches import FileCache

ROOT = Path(__file__).resolve().parent.parent.parent
KEY = "key"
VALUE_LENGTH = 50_000  # more than is written at once


def is_whole(value: str) -> bool:
    """Tell whether it is one of the values that a writer writes: one digit many times."""
    return len(value) == VALUE_LENGTH and len(set(value)) == 1


async def write(directory: str) -> None:
    """Write one value after another until killed."""
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

JOBS: Mapping[str, Job] = MappingProxyType({job.__name__: job for job in (write, hold, count)})


def tell(word: str) -> None:
    """Tell whoever started this."""
    print(word, flush=True)  # noqa: T201 - that is what stdout is for here


def main(jobs: Mapping[str, Job] = JOBS) -> None:
    """Do as the lines say, one at a time."""
    for line in sys.stdin:
        job, about = line.rstrip("\n").split(" ", 1)
        pid = os.fork()
        if not pid:
            tell(str(os.getpid()))
            perform(jobs[job], about)
        os.waitpid(pid, 0)
        tell("ended")


def perform(job: Job, about: str) -> None:
    """Do a job and be no more."""
    try:
        asyncio.run(job(about))
    finally:
        os._exit(0)


class Nursery:
    """A running nursery, as a test sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def start(self, job: str, about: object) -> int:
        """Start a job, wait until it has begun, and return its pid."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{job} {about}\n".encode())
        pid = int(await self._line())
        assert await self._line() == "ready"
        return pid

    async def told(self) -> str:
        """Wait until the job tells something, and return it."""
        return await self._line()

    async def ended(self) -> list[str]:
        """Wait until the job that was started last is no more, and return what it told."""
        told: list[str] = []
        while (line := await self._line()) != "ended":
            assert line, "the nursery itself is no more"
            told.append(line)
        return told

    async def _line(self) -> str:
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()


@asynccontextmanager
async def nursery(module: str = "tests.caches.nursery") -> AsyncIterator[Nursery]:
    """A nursery for the jobs of a module, until it is left."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Nursery(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    main()
