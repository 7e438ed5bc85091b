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
from functools import partial
from pathlib import Path

from aioalf._cache_protocol import Claim
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


async def claimed(cache: FileCache, key: str = KEY) -> Claim:
    """Wait for the claim to a key."""
    while (claim := await cache.claim(key)) is None:
        await cache.wait(key, 60)
    return claim


async def add_one(cache: FileCache, duration: float = 0) -> None:
    """Add one to the number that is stored, with a claim that takes some seconds longer."""
    claim = await claimed(cache)
    await asyncio.sleep(duration)
    await claim.replace(str(int(await cache.get(KEY) or 0) + 1), None)
    await claim.release()


async def hold(directory: str) -> None:
    """Hold the claim until killed."""
    claim = await claimed(FileCache(directory))
    tell("ready")
    await asyncio.Event().wait()
    await claim.release()


async def hold_with_a_child(directory: str) -> None:
    """Hold the claim until killed, and fork a process that lives longer and tells its pid."""
    claim = await claimed(FileCache(directory))
    tell("ready")
    fork(partial(tell_pid_and_start, lambda _: asyncio.sleep(60)), directory)
    await asyncio.Event().wait()
    await claim.release()


async def hurry(directory: str) -> None:
    """Add to a number until killed, and claim the key again as soon as it was released."""
    cache = FileCache(directory)
    tell("ready")
    while True:
        await add_one(cache, 0.03)


async def count(directory: str) -> None:
    """Add one to a number 30 times."""
    cache = FileCache(directory)
    for _ in range(30):
        await add_one(cache)


async def count_in_eight_processes(directory: str) -> None:
    """Add 30 to a number in each of eight processes."""
    processes = [fork(count, directory) for _ in range(8)]
    tell("ready")
    for process in processes:
        await asyncio.to_thread(os.waitpid, process, 0)


async def fork_in_use(directory: str) -> None:
    """Fork while the claim is held and its thread writes; tell the results of both processes."""
    cache = FileCache(directory)
    claim = await claimed(cache)
    writing = asyncio.create_task(claim.replace("1" * VALUE_LENGTH, None))
    await asyncio.sleep(0)

    async def use_in_child(_: str) -> None:
        tell(f"child: {claim.is_held}, {await claim.replace('2', None)}")
        await claim.release()
        tell(f"child: {await cache.claim(KEY)}")
        await cache.set("key of the child", "3", None)
        await (await claimed(cache, "another key")).release()

    tell("ready")
    child = fork(use_in_child, directory)
    await asyncio.to_thread(os.waitpid, child, 0)
    tell(f"parent: {await writing}, {claim.is_held}, {await FileCache(directory).claim(KEY)}")
    await claim.release()
    tell(f"parent: {is_whole(await cache.get(KEY) or '')}")
    tell(f"parent: {await cache.get('key of the child')}")


Job = Callable[[str], Coroutine[object, object, None]]

JOBS: Mapping[str, Job] = {
    job.__name__: job
    for job in (write, hold, hold_with_a_child, hurry, count_in_eight_processes, fork_in_use)
}


def tell(line: str) -> None:
    """Print a line for the test, with one system call: the process may be killed at any moment."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


def main(jobs: Mapping[str, Job] = JOBS) -> None:
    """Run the jobs named on stdin, one at a time."""
    for line in sys.stdin:
        job, argument = line.rstrip("\n").split(" ", 1)
        os.waitpid(fork(partial(tell_pid_and_start, jobs[job]), argument), 0)
        tell("ended")


def tell_pid_and_start(job: Job, argument: str) -> Coroutine[object, object, None]:
    """Start a job after telling the pid of this process."""
    tell(str(os.getpid()))
    return job(argument)


def fork(job: Job, argument: str) -> int:
    """Run a job in a new process, which exits afterwards; return its pid."""
    if pid := os.fork():
        return pid
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
