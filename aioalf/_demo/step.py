"""Run, check and print the steps of the demo. Must not know the steps themselves."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

from aiohttp import ClientError

from aioalf._demo.screen import Screen
from aioalf._demo.wire import lines_of, rows_of
from aioalf.client import Client
from aioalf.errors import TokenError
from aioalf.testing import OAuthServer

PATH: Final = "/things"

NewClient: TypeAlias = Callable[..., Client]
"""Makes a client. Its keyword arguments are options of `Client`."""


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

    def __init__(self, server: OAuthServer, new_client: NewClient) -> None:
        self.server = server
        self.new_client = new_client
        self.client: Client = new_client()
        self._events: list[str] = []
        self._started = time.monotonic()

    async def get(self, client: Client | None = None) -> int:
        """Send a request to the API, and return the status that the caller gets."""
        async with (client or self.client).get(self.server.url(PATH)) as response:
            await response.read()
            return response.status

    async def get_token_number(self, client: Client) -> int:
        """Send a request to the API, and return the number of the token that it arrived with."""
        async with client.get(self.server.url(PATH)) as response:
            number: int = (await response.json())["token_number"]
            return number

    async def get_concurrently(self, count: int, client: Client | None = None) -> str:
        """Send `count` concurrent requests, and return the distinct statuses as text."""
        return await self.concurrently(count, lambda: self.get(client))

    async def concurrently(self, count: int, call: Callable[[], Awaitable[object]]) -> str:
        """Run `count` concurrent calls, and return their distinct results as text."""
        results = await asyncio.gather(*(call() for _ in range(count)))
        return " and ".join(sorted(set(map(str, results))))

    async def ensure_token(self) -> None:
        """Make sure that the shared client has a valid token, then reset the server's counters."""
        await self.get()
        self.server.reset_counters()

    @contextmanager
    def server_options(self, **options: Any) -> Iterator[None]:
        """Set options of the server, and restore them at the end."""
        before = {name: getattr(self.server, name) for name in options}
        try:
            self._set(options)
            yield
        finally:
            self._set(before)

    def _set(self, options: dict[str, Any]) -> None:
        for name, value in options.items():
            setattr(self.server, name, value)

    def event(self, text: str) -> None:
        """Note an event, which is printed with the time since the start of the step."""
        self._events.append(f"{time.monotonic() - self._started:4.2f} s  {text}")

    def start_step(self) -> None:
        """Forget the requests and the events of the step before."""
        self.server.reset_counters()
        self._events, self._started = [], time.monotonic()

    @property
    def events(self) -> Sequence[str]:
        """The events of this step."""
        return self._events

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
    """A title, a description, the lines of Python that it shows, and the function that runs it.

    `timeout` is in seconds. If a step that `is_required` fails, the steps after it are not run.
    """

    title: str
    description: str
    code: str
    action: Action
    timeout: float = 30
    is_required: bool = False


async def run_steps(steps: Iterable[Step], demo: Demo, screen: Screen) -> list[bool]:
    """Run and print the steps in order; return whether each one passed."""
    passed: list[bool] = []
    can_continue = True
    with _CapturedLog(logging.getLogger("aioalf")) as log:
        for number, step in enumerate(steps, 1):
            passed.append(can_continue and await _run_step(number, step, demo, screen, log))
            can_continue = can_continue and (passed[-1] or not step.is_required)
    return passed


async def _run_step(number: int, step: Step, demo: Demo, screen: Screen, log: _CapturedLog) -> bool:
    screen.title(f"{number}  {step.title}")
    screen.note(step.description)
    screen.code(step.code)
    demo.start_step()

    checks = await _results(step, demo)
    _print_requests(demo, screen)
    for event in demo.events:
        screen.text(f"   {event}", hanging=8)
    for message in log.take():
        screen.text(f"   logged: {message}", "faint", hanging=8)
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


def _print_requests(demo: Demo, screen: Screen) -> None:
    for before, status, after in rows_of(lines_of(demo.server.log), screen.columns, screen.shown):
        succeeded = isinstance(status, int) and status < 400
        shown = (
            "" if status is None else screen.styled(str(status), "green" if succeeded else "yellow")
        )
        screen.line(f"{before}{shown}{after}")


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
