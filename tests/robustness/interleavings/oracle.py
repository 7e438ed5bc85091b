"""What a token client owes its callers and its server, judged from outside.

A `Watch` follows one manager: it is told of requests, answers, refusals and hand-outs, keeps a
small picture of what the client may know, and writes down each broken promise. It knows no code of
the client but the arithmetic that its options document.
"""

import asyncio
import random
import sys
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from aioalf import TokenConfigurationError, TokenConnectionError, TokenError, TokenHTTPError
from aioalf.renewal import Renewal
from tests.support.virtual_time import VirtualTimeLoop

STEPS = (0.0, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)  # a coarse grid: much falls on one moment
HANGING = 10.0  # seconds after which the server's silence is an error
LONGEST = HANGING + 6  # of a flight, with all that comes before and after its silence
MARK = "hushed-words"
"""What is in each secret: one search finds any. Its length is a multiple of three, so that base64
keeps it together."""
_MARKS = (MARK, b64encode(MARK.encode()).decode())  # as it is, and after "id:" as Basic has it
_NEVER, _NOT_YET = -1, sys.maxsize
_HAIR = 1e-6


class OddError(Exception):
    """What a grant of a user's may raise."""


class World:
    """A loop, the seed's choices, and the story so far."""

    def __init__(self, loop: VirtualTimeLoop, seed: int) -> None:
        self.loop = loop
        self.script = random.Random(f"script {seed}")  # noqa: S311 - the same again is the point
        # Of its own: a rare story of a seed stays that seed's when more may happen in others.
        self.aside = random.Random(f"aside {seed}")  # noqa: S311 - as above
        self.story: list[tuple[float, str, object]] = []
        self.broken: list[str] = []
        self.errors: list[BaseException] = []  # kept, so that no identity is used twice

    def note(self, event: str, about: object = "") -> int:
        """Put an event into the story, and return its number."""
        self.story.append((self.loop.time(), event, about))
        return len(self.story)

    def must(self, promise: str, *, holds: bool) -> None:
        """Write down a promise that is broken."""
        if not holds:
            self.broken.append(promise)
            self.note(f"BROKEN: {promise}")

    def keep_secret(self, where: str, text: str) -> None:
        """Somebody is shown a text."""
        self.must(
            f"no token and no secret is shown: {where} (R007, R063)",
            holds=not any(mark in text for mark in _MARKS),
        )

    def likely(self, chance: float) -> bool:
        """Tell whether something happens."""
        return self.script.random() < chance

    async def pass_time(self, steps: Sequence[float] = STEPS) -> None:
        """Take some seconds or none, and some turns of the loop or none."""
        await asyncio.sleep(self.script.choice(steps))
        for _ in range(self.script.randrange(3)):
            await asyncio.sleep(0)


@dataclass(eq=False)
class Flight:
    """A token request, from its sending to its end."""

    sent: int
    sent_at: float
    number: int  # of its task
    owner: object = None
    token: str | None = None
    lifetime: float = inf
    landed: int = _NEVER
    delivered: int = _NEVER  # to who waits, when it has been stored
    is_over: bool = False

    @property
    def deadline(self) -> float:
        """Until when the client may believe in its token."""
        return self.sent_at + self.lifetime


@dataclass(frozen=True)
class Moment:
    """When somebody asked, and whether a token was there for them."""

    event: int
    at: float
    turn: int
    is_served: bool
    other_than: str | None = None


@dataclass
class Watch:
    """Follows one manager."""

    world: World
    renewal: Renewal
    expiry_of: Callable[[str], float]
    abandoned: int = 0  # the number of the last task that is not to leave a trace any more
    current: Flight | None = None
    flights: list[Flight] = field(default_factory=list[Flight])
    paused_until: float = -inf
    unproven_until: float = -inf
    resets: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    refusals: list[tuple[str, int, object]] = field(default_factory=list[tuple[str, int, object]])
    longest: float = LONGEST

    @property
    def now(self) -> float:
        """The time."""
        return self.world.loop.time()

    # Requests and their answers.

    def take_off(self, owner: object) -> Flight:
        """A token request is sent."""
        number = hash(asyncio.current_task())
        flight = Flight(self.world.note("request"), self.now, number, owner)
        if self._counts(flight):
            self._judge_request()
        self.flights.append(flight)
        return flight

    def _counts(self, flight: Flight) -> bool:
        return flight.number > self.abandoned

    def _judge_request(self) -> None:
        token, must = self.current, self.world.must
        must(
            "one request at a time (R070)",
            holds=all(other.is_over or not self._counts(other) for other in self.flights),
        )
        must(
            "no request within the pause after a failure (R072)",
            holds=self.now >= self.paused_until - _HAIR,
        )
        must(
            "no request without a need: nothing has expired, is about to, or was refused (R060)",
            holds=token is None or self.now >= self._renewable_from(token) - _HAIR,
        )

    def _renewable_from(self, token: Flight) -> float:
        return token.deadline - min(self.renewal.before_expiry, token.lifetime / 3)

    def land(self, flight: Flight, token: str, lifetime: float | None) -> None:
        """It brings a token."""
        flight.token, flight.lifetime = token, inf if lifetime is None else lifetime
        flight.landed = self.world.note("answer", (token, lifetime))
        flight.is_over = True
        if self._counts(flight):
            if self.current is None and self.unproven_until > -inf:
                self.unproven_until = self.now + self.renewal.failure_backoff
            self.current, self.paused_until = flight, -inf

    def fail(self, flight: Flight, error: BaseException) -> None:
        """It fails, or is ended."""
        self.world.note("failure", error)
        flight.is_over = True
        if not self._counts(flight) or isinstance(error, asyncio.CancelledError):
            return
        is_served = self.current is not None and self.now < self.current.deadline
        if isinstance(error, TokenConfigurationError) and not is_served:
            return  # who mends it need not wait
        asked_for = (error.retry_after if isinstance(error, TokenHTTPError) else None) or 0.0
        self.paused_until = self.now + max(self.renewal.failure_backoff, min(asked_for, 60.0))

    # What the client is told.

    def refuse(self, token: str, *, is_heard: bool) -> None:  # it must know by itself
        """The client hears that an API refused a token."""
        event, current = self.world.note("refused", token), self.current
        if current is None or current.token != token:
            return
        if self.now >= min(self.unproven_until, current.deadline):
            self.refusals.append((token, event, asyncio.current_task()))
            self.current, self.unproven_until = None, self.now + self.renewal.failure_backoff

    def can_renew(self, token: str) -> bool:
        """Tell whether another token than one that was refused is there, or to be had."""
        current = self.current
        if current is None or current.token != token:
            return True
        return self.now >= min(self.unproven_until, current.deadline)

    def mark_accepted(self) -> None:
        """The client hears that a renewed token was good."""
        self.world.note("accepted")
        self.unproven_until = -inf

    def begin_reset(self) -> int:
        """The client is told to forget."""
        self.abandoned = self.world.loop.tasks
        self.current, self.paused_until, self.unproven_until = None, -inf, -inf
        return self.world.note("reset")

    def end_reset(self, begun: int, *, is_done: bool) -> None:
        """It says that it has, or was told to leave it."""
        event = self.world.note("reset is done" if is_done else "reset is cancelled")
        if is_done:
            self.resets.append((begun, event))

    def begin_close(self, owner: object) -> list[Flight]:
        """A client is told to end what is under way: these."""
        self.abandoned = self.world.loop.tasks
        self.world.note("close")
        return [flight for flight in self.flights if not flight.is_over]

    def end_close(self, flights: list[Flight]) -> None:
        """It says that it has."""
        self.world.note("close is done")
        self.world.must(
            "close() returns when what was under way has ended (R077)",
            holds=all(flight.is_over for flight in flights),
        )

    # What callers get.

    def moment(self, other_than: str | None = None) -> Moment:
        """Somebody asks now, for a token other than the one that was refused them."""
        token = self.current
        is_served = token is not None and self.now < token.deadline and token.token != other_than
        event = self.world.note("asks", other_than or "")
        return Moment(event, self.now, self.world.loop.turn, is_served, other_than)

    def hand_out(self, token: str, asked: Moment) -> None:
        """Somebody gets a token."""
        must = self.world.must
        self.world.note("gets", token)
        must("a token is never empty (R062)", holds=isinstance(token, str) and bool(token))
        self._on_time(asked)
        must(
            "who asks while a token is valid does not wait (R074)",
            holds=not asked.is_served or asked.turn == self.world.loop.turn,
        )
        must("a token comes from the server", holds=bool(self._bringers(token)))
        self._is_fresh(token, asked)

    def _is_fresh(self, token: str, asked: Moment) -> None:
        must, bringers = self.world.must, self._bringers(token)
        must(
            "a token is valid when it is handed out, or has just come (R025)",
            holds=self.now < self.expiry_of(token)
            or any(flight.landed > asked.event for flight in bringers),
        )
        forgotten = max((begun for begun, done in self.resets if done < asked.event), default=0)
        must(
            "no token from before a reset after it (R083)",
            holds=any(flight.sent > forgotten for flight in bringers),
        )
        refused = self._last_refusal(token, asked)
        must(
            "a token that was refused is not handed out again (R060)",
            holds=any(flight.landed > refused for flight in bringers),
        )

    def _last_refusal(self, token: str, asked: Moment) -> int:
        """Return when a token was last refused, before somebody asked or by them."""
        own = asyncio.current_task()
        events = (
            event
            for refused, event, task in self.refusals
            if refused == token and (event < asked.event or task is own)
        )
        return max(events, default=_NEVER)

    def _bringers(self, token: str) -> list[Flight]:
        return [flight for flight in self.flights if flight.token == token]

    def turn_away(self, error: Exception, asked: Moment) -> None:
        """Somebody gets an error."""
        must = self.world.must
        self.world.note("is turned away", error)
        self._on_time(asked)
        must("nobody gets an error while a token is valid (R074)", holds=not asked.is_served)
        must("errors are the server's or say so", holds=isinstance(error, TokenError | OddError))
        must(
            "every error is an object of its own (R072)",
            holds=all(error is not other for other in self.world.errors),
        )
        self.world.errors.append(error)

    def _on_time(self, asked: Moment) -> None:
        self.world.must(
            "nobody waits for longer than one request (R071)",
            holds=self.now - asked.at <= self.longest,
        )


@dataclass
class LoginWatch(Watch):
    """Follows the managers of one implicit flow: they share a storage, and one login at a time.

    A storage keeps a token without its lifetime, and one manager does not hear what was refused to
    another: where it `is_shared`, less is promised.
    """

    is_shared: bool = False
    is_stored: Callable[[], bool] = bool
    is_resetting: int = 0
    is_half_reset: bool = False
    longest: float = 10 * LONGEST  # behind another's login, and a storage that takes its time

    def _judge_request(self) -> None:
        must = self.world.must
        must("one login at a time (R070)", holds=all(flight.is_over for flight in self.flights))
        must(
            "no login while a token is stored (R070)",
            holds=self.is_resetting > 0 or self.is_half_reset or not self.is_stored(),
        )
        must(
            "no login within the pause after a failure (R072)",
            holds=self.is_shared or self.now >= self.paused_until - _HAIR,
        )

    def land(self, flight: Flight, token: str, lifetime: float | None) -> None:
        """It brings a token, which is stored unless it has expired."""
        super().land(flight, token, lifetime)
        flight.delivered = flight.landed if self.now >= flight.deadline else _NOT_YET

    def deliver(self, token: str) -> None:
        """A token has been stored, or could not be."""
        event = self.world.note("delivered", token)
        for flight in self._bringers(token):
            flight.delivered = event

    def refuse(self, token: str, *, is_heard: bool) -> None:
        """One of the clients hears that an API refused a token; it may be its pause."""
        event = self.world.note("refused", token)
        if is_heard and not self.is_shared:
            self.refusals.append((token, event, asyncio.current_task()))

    def begin_reset(self) -> int:
        """A client is told to forget; a login under way goes on, it is a new one."""
        self.current = None
        self.is_resetting += 1
        return self.world.note("reset")

    def end_reset(self, begun: int, *, is_done: bool) -> None:
        """It says that it has, or was told to leave it."""
        self.is_resetting -= 1
        self.is_half_reset |= not is_done
        super().end_reset(begun, is_done=is_done)

    def begin_close(self, owner: object) -> list[Flight]:
        """A client is told to end what is under way: its own."""
        flights = super().begin_close(owner)
        return [flight for flight in flights if flight.owner is owner]

    def moment(self, other_than: str | None = None) -> Moment:
        """Somebody asks now; the storage may take its time."""
        return replace(super().moment(other_than), is_served=False)

    def _is_fresh(self, token: str, asked: Moment) -> None:
        if token == asked.other_than and asked.turn == self.world.loop.turn:
            return  # at once: that is no for an answer
        must, bringers = self.world.must, self._bringers(token)
        must(
            "a token is valid when it is handed out, or has just come (R025)",
            holds=self.is_shared
            or self.is_half_reset
            or self.now < self.expiry_of(token)
            or any(flight.delivered > asked.event for flight in bringers),
        )
        forgotten = max((begun for begun, done in self.resets if done < asked.event), default=0)
        must(
            "no token from before a reset after it (R083)",
            holds=any(flight.landed > forgotten for flight in bringers),
        )
        refused = self._last_refusal(token, asked)
        must(
            "a token that was refused is not handed out again (R060)",
            holds=any(flight.delivered > refused for flight in bringers),
        )


def failure(world: World) -> Exception:
    """Return an error of a server, a network or a user's own grant."""
    kind = world.script.randrange(5)
    if kind == 0:
        return TokenHTTPError("refused", 400, f'{{"refresh_token": "{MARK}"}}')
    if kind == 1:
        return TokenHTTPError("busy", 503, retry_after=world.script.choice([0.0, 2.0, 3600.0]))
    if kind == 2:
        return TokenConnectionError("reset")
    if kind == 3:
        return TokenConfigurationError("missing")
    return OddError("odd")
