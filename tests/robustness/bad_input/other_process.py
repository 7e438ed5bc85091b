"""Another process with the same file cache: forked on request, so that each takes milliseconds.

``python -m tests.robustness.bad_input.other_process``; a line on stdin is what to do, in JSON, the lines on
stdout are what came of it, then that it has ended.
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

from aioalf import Client, Renewal, Retry, TokenError
from aioalf._browser.open_url import OpenBrowser
from aioalf.caches import FileCache
from aioalf.grants import AuthorizationCode
from tests.grants.visitor import Visitor

ROOT = Path(__file__).resolve().parents[3]
LIMIT = 20


class Deadly(FileCache):
    """Kills its process in the moment in which it would write."""

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Not."""
        os.kill(os.getpid(), signal.SIGKILL)


async def refuse(url: str) -> None:
    """Say that somebody was asked to sign in, who is not to be."""
    tell(login="asked for")
    raise OSError("nobody is here")


async def wait(url: str) -> None:
    """Leave the person waiting."""
    tell(login="waits")
    await asyncio.Event().wait()


async def perform(job: dict[str, str]) -> None:
    """Make one request, and tell what came of it."""
    visitor = Visitor()
    browsers: dict[str, OpenBrowser] = {"refuse": refuse, "wait": wait, "sign in": visitor}
    cache = (Deadly if job["writing"] == "dies" else FileCache)(job["cache"])
    grant = AuthorizationCode(open_browser=browsers[job["person"]])
    options: dict[str, Any] = {"retry": Retry(attempts=1), "renewal": Renewal(failure_backoff=0)}
    async with Client(
        "client-id", "secret", issuer=job["issuer"], grant=grant, cache=cache, **options
    ) as client:
        try:
            async with client.get(job["url"]) as response:
                tell(status=response.status)
        except TokenError as error:
            tell(error=type(error).__name__)
    await visitor.done()


def tell(**said: object) -> None:
    """Tell whoever started this."""
    print(json.dumps(said), flush=True)  # noqa: T201 - that is what stdout is for here


def main() -> None:
    """Do as the lines say, one at a time."""
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            try:
                asyncio.run(perform(json.loads(line)))
            finally:
                os._exit(0)
        tell(pid=pid)
        os.waitpid(pid, 0)
        tell(ended=True)


class OtherProcess:
    """It, as a test sees it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    async def get(self, issuer: str, cache: Path, url: str) -> dict[str, Any]:
        """What came of a request for which nobody signs in."""
        async with self.doing(issuer, cache, url) as said:
            return {name: value async for each in said for name, value in each.items()}

    @asynccontextmanager
    async def doing(
        self, issuer: str, cache: Path, url: str, *, person: str = "refuse", writing: str = "lives"
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """What it says, its pid too, until it has ended."""
        job = {"issuer": issuer, "cache": str(cache), "url": url}
        line = json.dumps({**job, "person": person, "writing": writing})
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
    """One that is ready, until it is left."""
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
