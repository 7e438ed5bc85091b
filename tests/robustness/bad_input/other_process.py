"""Another process with the same file cache.

``python -m tests.robustness.bad_input.other_process`` reads jobs from stdin, one line of JSON each.
It forks a process for each job, which takes milliseconds, and prints the results as lines of JSON.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from aioalf import Client, Renewal, Retry, TokenError
from aioalf._callbacks import OpenBrowser
from aioalf._login import announced_sign_in
from aioalf.caches import FileCache
from aioalf.grants import AuthorizationCode
from tests.grants.visitor import Visitor

ROOT = Path(__file__).resolve().parents[3]
LIMIT = 20
SIGN_IN_NOTE = 1.0
"""Seconds that others wait for the sign-in of a process that was killed; usually 15."""


class KillingCache(FileCache):
    """Kills its process when it should write."""

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Kill this process."""
        os.kill(os.getpid(), signal.SIGKILL)


async def refuse(url: str) -> None:
    """Report that the user was asked to sign in, and fail."""
    report(login="requested")
    raise OSError("no browser")


async def wait(url: str) -> None:
    """Wait forever, like a user who does nothing."""
    report(login="waits")
    await asyncio.Event().wait()


async def perform(job: dict[str, str]) -> None:
    """Send one request and report the result."""
    visitor = Visitor()
    browsers: dict[str, OpenBrowser] = {"refuse": refuse, "wait": wait, "sign in": visitor}
    cache = (KillingCache if job["writing"] == "dies" else FileCache)(job["cache"])
    grant = AuthorizationCode(open_browser=browsers[job["user"]])
    options: dict[str, Any] = {"retry": Retry(attempts=1), "renewal": Renewal(failure_backoff=0)}
    async with Client(
        "client-id", "secret", issuer=job["issuer"], grant=grant, cache=cache, **options
    ) as client:
        try:
            async with client.get(job["url"]) as response:
                report(status=response.status)
        except TokenError as error:
            report(error=type(error).__name__)
    await visitor.done()


def report(**members: object) -> None:
    """Print a result for the parent process."""
    print(json.dumps(members), flush=True)  # noqa: T201 - read by the parent


def main() -> None:
    """Run the jobs, one at a time."""
    mock.patch.object(announced_sign_in, "_SIGN_IN_NOTE", SIGN_IN_NOTE).start()
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            try:
                asyncio.run(perform(json.loads(line)))
            finally:
                os._exit(0)
        report(pid=pid)
        os.waitpid(pid, 0)
        report(ended=True)


class OtherProcess:
    """The other process, as tests use it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    async def get(self, issuer: str, cache: Path, url: str) -> dict[str, Any]:
        """Send a request there, without a user who signs in, and return the result."""
        async with self.running(issuer, cache, url) as said:
            return {name: value async for each in said for name, value in each.items()}

    @asynccontextmanager
    async def running(
        self, issuer: str, cache: Path, url: str, *, user: str = "refuse", writing: str = "lives"
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Send a request there; yield an iterator over its reports, the pid first."""
        job = {"issuer": issuer, "cache": str(cache), "url": url}
        line = json.dumps({**job, "user": user, "writing": writing})
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        said = self._said()
        try:
            yield said
        finally:
            async for _ in said:
                pass

    async def _said(self) -> AsyncIterator[dict[str, Any]]:
        assert self._process.stdout is not None
        async with asyncio.timeout(LIMIT):
            while True:
                line = await asyncio.to_thread(self._process.stdout.readline)
                said: dict[str, Any] = json.loads(line)
                if "ended" in said:
                    return
                yield said


@contextmanager
def other_process() -> Iterator[OtherProcess]:
    """Start the other process; end it at exit."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.robustness.bad_input.other_process"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield OtherProcess(process)


if __name__ == "__main__":
    main()
