"""Run, check and print the steps of the demo. Must not know the steps themselves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Final, Self, TypeAlias

from aiohttp import ClientError

from aioalf._demo.screen import Screen
from aioalf._demo.wire import Line, lines_of
from aioalf.client import Client
from aioalf.errors import TokenError
from aioalf.testing import OAuthServer

PATH: Final = "/things"


@dataclass(frozen=True)
class Check:
    """A result of a step: its label, the actual value and the expected value."""

    label: str
    actual: object
    expected: object

    @property
    def passed(self) -> bool:
        """Whether the actual value is the expected one."""
        return self.actual == self.expected

    def __str__(self) -> str:
        text = f"{self.label}: {self.actual}"
        return text if self.passed else f"{text}, expected {self.expected}"


class Demo:
    """The server, the client that the steps share, and a function that makes another client."""

    def __init__(self, server: OAuthServer, new_client: Callable[[], Client]) -> None:
        self.server = server
        self.new_client = new_client
        self.client: Client = new_client()

    async def get(self, client: Client | None = None) -> int:
        """Send a request to the API, and return the status that the caller gets."""
        async with (client or self.client).get(self.server.url(PATH)) as response:
            await response.read()
            return response.status

    async def get_concurrently(self, count: int, client: Client | None = None) -> str:
        """Send `count` concurrent requests, and return the distinct statuses as text."""
        statuses = await asyncio.gather(*(self.get(client) for _ in range(count)))
        return " and ".join(map(str, sorted(set(statuses))))

    async def ensure_token(self) -> None:
        """Make sure that the shared client has a valid token, then reset the server's counters."""
        await self.get()
        self.server.reset_counters()

    def counter_checks(self, *, tokens: int, requests: int, rejected: int = 0) -> list[Check]:
        """Return checks of the server's counters."""
        server = self.server
        return [
            Check("token requests", server.token_requests, tokens),
            Check("API requests", server.api_requests, requests),
            Check("401 responses", server.rejected_requests, rejected),
        ]


Action: TypeAlias = Callable[[Demo], Awaitable[Sequence[Check]]]


@dataclass(frozen=True)
class Step:
    """A title, a description, and the coroutine function that runs the step.

    `timeout` is in seconds.
    """

    title: str
    description: str
    action: Action
    timeout: float = 10


async def run_steps(steps: Iterable[Step], demo: Demo, screen: Screen) -> list[bool]:
    """Run and print the steps in order; return whether each one passed."""
    with _CapturedLog(logging.getLogger("aioalf")) as log:
        return [
            await _run_step(number, step, demo, screen, log) for number, step in enumerate(steps, 1)
        ]


async def _run_step(number: int, step: Step, demo: Demo, screen: Screen, log: _CapturedLog) -> bool:
    screen.title(f"{number}  {step.title}")
    screen.note(f"   {step.description}")
    demo.server.reset_counters()

    checks = await _results(step, demo)
    for line, count in lines_of(demo.server.log):
        _print_line(line, count, screen)
    for message in log.take():
        _print_log(message, screen)
    screen.checks([(str(check), check.passed) for check in checks])
    screen.line()
    return all(check.passed for check in checks)


async def _results(step: Step, demo: Demo) -> Sequence[Check]:
    try:
        async with asyncio.timeout(step.timeout):
            return await step.action(demo)
    except TimeoutError:
        seconds = f"{step.timeout:g} seconds"
        return [Check("took", f"more than {seconds}", f"at most {seconds}")]
    except (ClientError, TokenError) as error:
        return [Check("raised", f"{type(error).__name__} ({error})", "no error")]


def _print_line(line: Line, count: int, screen: Screen) -> None:
    succeeded = line.status is not None and line.status < 400
    status = screen.styled(str(line.status or "---"), "green" if succeeded else "yellow")
    times = f"  {count} times" if count > 1 else ""
    screen.line(f"   → {line.receiver:<12} {line.request:<20} {line.details:<26} {status}{times}")


def _print_log(message: str, screen: Screen) -> None:
    for line in wrap(f"logged: {message}", 77, subsequent_indent=" " * 8, break_on_hyphens=False):
        screen.note(f"   {line}")


class _CapturedLog(logging.Handler):
    """Keeps the warnings that the library logs, instead of printing them to standard error."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__(logging.WARNING)
        self._logger = logger
        self._messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        self._messages.append(record.getMessage())

    def take(self) -> list[str]:
        """Return the messages since the last call."""
        messages, self._messages = self._messages, []
        return messages

    def __enter__(self) -> Self:
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
