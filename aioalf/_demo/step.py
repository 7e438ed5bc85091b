"""A step of the demo: what it does, and what must be so afterwards; and how steps are shown.

It knows the server's record and the screen. It does not know which steps there are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Final, Self, TypeAlias

from aiohttp import ClientError

from aioalf._demo.screen import Screen
from aioalf._demo.wire import Line, told
from aioalf.client import Client
from aioalf.errors import TokenError
from aioalf.testing import OAuthServer

PATH: Final = "/things"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so: what it is, what was seen, and what it should be."""

    what: str
    seen: object
    expected: object

    @property
    def holds(self) -> bool:
        """Whether what was seen is what it should be."""
        return self.seen == self.expected

    def __str__(self) -> str:
        return f"{self.what}: {self.seen}" + ("" if self.holds else f", not {self.expected}")


class Stage:
    """What steps act with: the server, one client for all steps, and a way to make another."""

    def __init__(self, server: OAuthServer, new_client: Callable[[], Client]) -> None:
        self.server = server
        self.new_client = new_client
        self.client: Client = new_client()

    async def get(self, client: Client | None = None) -> int:
        """Ask the API for the things, and return the status that the caller gets."""
        async with (client or self.client).get(self.server.url(PATH)) as response:
            await response.read()
            return response.status

    async def get_at_once(self, count: int, client: Client | None = None) -> str:
        """Ask so many times at the same time, and name the statuses that the callers got."""
        statuses = await asyncio.gather(*(self.get(client) for _ in range(count)))
        return " and ".join(map(str, sorted(set(statuses))))

    async def warm_up(self) -> None:
        """See to it that the client has a token that is good, and leave no record of it."""
        await self.get()
        self.server.reset_counters()

    def counted(self, *, tokens: int, requests: int, refused: int = 0) -> list[Check]:
        """Return the checks of the server's counters."""
        server = self.server
        return [
            Check("token requests", server.token_requests, tokens),
            Check("API requests", server.api_requests, requests),
            Check("refused with 401", server.rejected_requests, refused),
        ]


Act: TypeAlias = Callable[[Stage], Awaitable[Sequence[Check]]]


@dataclass(frozen=True, slots=True)
class Step:
    """A title, a sentence on what happens, and the coroutine function that does and checks it."""

    title: str
    story: str
    act: Act
    seconds: float = 10


async def play(steps: Iterable[Step], stage: Stage, screen: Screen) -> list[bool]:
    """Do the steps in turn and show each; return of each whether it did what it says."""
    with _LoggedLines(logging.getLogger("aioalf")) as logged:
        return [
            await _play_one(number, step, stage, screen, logged)
            for number, step in enumerate(steps, 1)
        ]


async def _play_one(
    number: int, step: Step, stage: Stage, screen: Screen, logged: _LoggedLines
) -> bool:
    screen.title(f"{number}  {step.title}")
    screen.aside(f"   {step.story}")
    stage.server.reset_counters()
    checks = await _done(step, stage)
    for line, count in told(stage.server.log):
        _show(line, count, screen)
    for text in logged.taken():
        _show_logged(text, screen)
    screen.verdicts([(str(check), check.holds) for check in checks])
    screen.line()
    return all(check.holds for check in checks)


async def _done(step: Step, stage: Stage) -> Sequence[Check]:
    try:
        async with asyncio.timeout(step.seconds):
            return await step.act(stage)
    except TimeoutError:
        return [Check("took", f"more than {step.seconds:g} seconds", "so long")]
    except (ClientError, TokenError) as error:
        return [Check("ended with", f"{type(error).__name__} ({error})", "an error")]


def _show(line: Line, count: int, screen: Screen) -> None:
    is_good = line.status is not None and line.status < 400
    status = screen.styled(str(line.status or "---"), "green" if is_good else "yellow")
    times = f"  {count} times" if count > 1 else ""
    screen.line(f"     → {line.receiver:<12} {line.request:<21} {line.carried:<38} {status}{times}")


def _show_logged(text: str, screen: Screen) -> None:
    for line in wrap(f"logged: {text}", 90, subsequent_indent=" " * 8, break_on_hyphens=False):
        screen.aside(f"     {line}")


class _LoggedLines(logging.Handler):
    """Keeps what the library logs while it is entered, in place of standard error."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__(logging.WARNING)
        self._logger = logger
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        self._lines.append(record.getMessage())

    def taken(self) -> list[str]:
        """Return the messages since the last call."""
        lines, self._lines = self._lines, []
        return lines

    def __enter__(self) -> Self:
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
