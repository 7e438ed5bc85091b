"""The world of a scenario: its loop, random choices, events, broken promises and random errors."""

import asyncio
import random
from base64 import b64encode
from collections.abc import Sequence

from aioalf import TokenConfigurationError, TokenConnectionError, TokenHTTPError
from tests.support.virtual_time import VirtualTimeLoop

DELAYS = (0.0, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)  # a coarse grid, so that many events coincide
HANG_SECONDS = 10.0  # seconds until a request to a silent server times out
LONGEST_WAIT = HANG_SECONDS + 6  # of a token request, with delays before and after
SECRET_MARK = "hushed-words"
"""Part of each secret, so that one search finds them all. Its length is a multiple of three, so
that it is also found in base64."""
_MARKS = (
    SECRET_MARK,
    b64encode(SECRET_MARK.encode()).decode(),
)  # plain, and in base64 as in HTTP Basic


class UserGrantError(Exception):
    """An error that a grant written by a user may raise."""


class World:
    """Shared by all parts of a scenario: the loop, random choices, events, broken promises."""

    def __init__(self, loop: VirtualTimeLoop, seed: int) -> None:
        self.loop = loop
        self.choices = random.Random(f"script {seed}")  # noqa: S311 - must be reproducible
        # A second generator for choices added later: existing seeds keep their scenarios.
        self.rare_choices = random.Random(f"aside {seed}")  # noqa: S311 - as above
        self.events: list[tuple[float, str, object]] = []
        self.broken_promises: list[str] = []
        self.errors: list[BaseException] = []  # keeps the objects alive, so that no id is reused

    def note(self, event: str, about: object = "") -> int:
        """Record an event and return its number."""
        self.events.append((self.loop.time(), event, about))
        return len(self.events)

    def time_of(self, event: int) -> float:
        """Return when the event with this number happened. The number 0 means no event."""
        return self.events[event - 1][0] if event else 0.0

    def must(self, promise: str, *, holds: bool) -> None:
        """Record the promise as broken unless it holds."""
        if not holds:
            self.broken_promises.append(promise)
            self.note(f"BROKEN: {promise}")

    def keep_secret(self, where: str, text: str) -> None:
        """Check that a text which users can see contains no secret."""
        self.must(
            f"no secret is visible: {where} (R007, R063)",
            holds=not any(mark in text for mark in _MARKS),
        )

    def likely(self, chance: float) -> bool:
        """Return True with the given probability."""
        return self.choices.random() < chance

    async def pass_time(self, delays: Sequence[float] = DELAYS) -> None:
        """Wait for a random delay, and for a few turns of the loop."""
        await asyncio.sleep(self.choices.choice(delays))
        for _ in range(self.choices.randrange(3)):
            await asyncio.sleep(0)


def random_failure(world: World) -> Exception:
    """Return a random error of a server, the network or the user's grant."""
    kind = world.choices.randrange(5)
    if kind == 0:
        return TokenHTTPError("refused", 400, f'{{"refresh_token": "{SECRET_MARK}"}}')
    if kind == 1:
        return TokenHTTPError("busy", 503, retry_after=world.choices.choice([0.0, 2.0, 3600.0]))
    if kind == 2:
        return TokenConnectionError("reset")
    if kind == 3:
        return TokenConfigurationError("missing")
    return UserGrantError("odd")
