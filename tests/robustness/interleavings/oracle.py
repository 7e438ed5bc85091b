"""The oracle: decides from the outside whether a token manager keeps its promises.

Scenarios report events to an `Oracle`: token requests, responses, rejections, results of calls. It
keeps a small model of what the client can know, and records each broken promise in the `World`. It
uses no code of the client, only the rules that the documentation of `Renewal` states.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf

from aioalf import TokenConfigurationError, TokenError, TokenHTTPError
from aioalf.renewal import Renewal
from tests.robustness.interleavings.world import LONGEST_WAIT, UserGrantError, World

_NEVER, _NOT_YET = -1, sys.maxsize
_TOLERANCE = 1e-6


@dataclass(eq=False)
class TokenRequest:
    """A token request, from its start to its end."""

    sent: int
    sent_at: float
    number: int  # of its task
    owner: object = None
    token: str | None = None
    lifetime: float = inf
    arrived: int = _NEVER
    delivered: int = _NEVER  # to waiting callers, after it was stored
    is_over: bool = False

    @property
    def deadline(self) -> float:
        """Until when the client may consider the token valid."""
        return self.sent_at + self.lifetime


@dataclass(frozen=True)
class Moment:
    """The start of a call, and whether a valid token was available then."""

    event: int
    at: float
    turn: int
    had_token: bool
    other_than: str | None = None


@dataclass
class Oracle:
    """Checks the promises of one manager."""

    world: World
    renewal: Renewal
    expiry_of: Callable[[str], float]
    abandoned: int = 0  # number of the last task whose result a reset discards
    current: TokenRequest | None = None
    token_requests: list[TokenRequest] = field(default_factory=list[TokenRequest])
    paused_until: float = -inf
    unproven_until: float = -inf
    resets: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    rejections: list[tuple[str, int, object]] = field(default_factory=list[tuple[str, int, object]])
    longest_wait: float = LONGEST_WAIT

    @property
    def now(self) -> float:
        """The virtual time."""
        return self.world.loop.time()

    # Token requests.

    def note_request(self, owner: object) -> TokenRequest:
        """A token request starts."""
        number = hash(asyncio.current_task())
        token_request = TokenRequest(self.world.note("token request"), self.now, number, owner)
        if self._counts(token_request):
            self._judge_request()
        self.token_requests.append(token_request)
        return token_request

    def _counts(self, token_request: TokenRequest) -> bool:
        return token_request.number > self.abandoned

    def _judge_request(self) -> None:
        token, must = self.current, self.world.must
        must(
            "one token request at a time (R070)",
            holds=all(other.is_over or not self._counts(other) for other in self.token_requests),
        )
        must(
            "no token request during the backoff after a failure (R072)",
            holds=self.now >= self.paused_until - _TOLERANCE,
        )
        must(
            "no unneeded token request: none expired, due for renewal or rejected (R060)",
            holds=token is None or self.now >= self._renewable_from(token) - _TOLERANCE,
        )

    def _renewable_from(self, token: TokenRequest) -> float:
        return token.deadline - min(self.renewal.before_expiry, token.lifetime / 3)

    def note_token(self, token_request: TokenRequest, token: str, lifetime: float | None) -> None:
        """A token request ends with a token."""
        token_request.token, token_request.lifetime = token, inf if lifetime is None else lifetime
        token_request.arrived = self.world.note("token response", (token, lifetime))
        token_request.is_over = True
        if self._counts(token_request):
            if self.current is None and self.unproven_until > -inf:
                self.unproven_until = self.now + self.renewal.failure_backoff
            self.current, self.paused_until = token_request, -inf

    def note_failure(self, token_request: TokenRequest, error: BaseException) -> None:
        """A token request fails or is cancelled."""
        self.world.note("token request failed", error)
        token_request.is_over = True
        if not self._counts(token_request) or isinstance(error, asyncio.CancelledError):
            return
        had_token = self.current is not None and self.now < self.current.deadline
        if isinstance(error, TokenConfigurationError) and not had_token:
            return  # no backoff after a configuration error
        asked_for = (error.retry_after if isinstance(error, TokenHTTPError) else None) or 0.0
        self.paused_until = self.now + max(self.renewal.failure_backoff, min(asked_for, 60.0))

    # Calls that change the state of the client.

    def note_rejection(self, token: str, *, is_applied: bool) -> None:
        """The client is told that an API rejected a token."""
        event, current = self.world.note("rejected", token), self.current
        if current is None or current.token != token:
            return
        if self.now >= min(self.unproven_until, current.deadline):
            self.rejections.append((token, event, asyncio.current_task()))
            self.current, self.unproven_until = None, self.now + self.renewal.failure_backoff

    def can_renew(self, token: str) -> bool:
        """Whether the client has, or may request, a token other than the rejected one."""
        current = self.current
        if current is None or current.token != token:
            return True
        return self.now >= min(self.unproven_until, current.deadline)

    def mark_accepted(self) -> None:
        """The client is told that an API accepted a renewed token."""
        self.world.note("accepted")
        self.unproven_until = -inf

    def begin_reset(self, *, keeps_request: bool = False) -> int:
        """A reset or logout starts.

        `keeps_request` says that a token request in flight counts as new: there is no token that
        the reset could forget.
        """
        if keeps_request:
            self.world.must("a kept request has no token to replace", holds=self.current is None)
            in_flight = (each for each in self.token_requests if self._counts(each))
            sent = [each.sent for each in in_flight if not each.is_over]
            return min([self.world.note("reset"), *sent]) - 1
        self.abandoned = self.world.loop.tasks
        self.current, self.paused_until, self.unproven_until = None, -inf, -inf
        return self.world.note("reset")

    def end_reset(self, begun: int, *, is_done: bool) -> None:
        """A reset or logout ends, or is cancelled."""
        event = self.world.note("reset done" if is_done else "reset cancelled")
        if is_done:
            self.resets.append((begun, event))

    def begin_close(self, owner: object) -> list[TokenRequest]:
        """close() starts; return the token requests in flight, which it must end."""
        self.abandoned = self.world.loop.tasks
        self.world.note("close")
        return [token_request for token_request in self.token_requests if not token_request.is_over]

    def end_close(self, token_requests: list[TokenRequest]) -> None:
        """close() returns."""
        self.world.note("closed")
        self.world.must(
            "close() waits for token requests in flight (R077)",
            holds=all(token_request.is_over for token_request in token_requests),
        )

    # Results of calls.

    def moment(self, other_than: str | None = None) -> Moment:
        """A call starts; `other_than` is the token that was rejected before."""
        token = self.current
        had_token = token is not None and self.now < token.deadline and token.token != other_than
        event = self.world.note("call", other_than or "")
        return Moment(event, self.now, self.world.loop.turn, had_token, other_than)

    def note_result(self, token: str, started: Moment) -> None:
        """A call returns a token."""
        must = self.world.must
        self.world.note("returned", token)
        must("a token is not empty (R062)", holds=isinstance(token, str) and bool(token))
        self._on_time(started)
        must(
            "callers do not wait while a token is valid (R074)",
            holds=not started.had_token or started.turn == self.world.loop.turn,
        )
        must("a token comes from the server", holds=bool(self._sources(token)))
        self._is_fresh(token, started)

    def _is_fresh(self, token: str, started: Moment) -> None:
        must, sources = self.world.must, self._sources(token)
        must(
            "a returned token is valid, or has just arrived (R025)",
            holds=self.now < self.expiry_of(token)
            or any(token_request.arrived > started.event for token_request in sources),
        )
        forgotten = max((begun for begun, done in self.resets if done < started.event), default=0)
        must(
            "after a reset no older token is returned (R083)",
            holds=any(token_request.sent > forgotten for token_request in sources),
        )
        rejected = self._last_rejection(token, started)
        must(
            "a rejected token is not returned again (R060)",
            holds=any(token_request.arrived > rejected for token_request in sources),
        )

    def _last_rejection(self, token: str, started: Moment) -> int:
        """Return the last rejection of a token before the call, or by the same task."""
        own = asyncio.current_task()
        events = (
            event
            for rejected, event, task in self.rejections
            if rejected == token and (event < started.event or task is own)
        )
        return max(events, default=_NEVER)

    def _sources(self, token: str) -> list[TokenRequest]:
        return [
            token_request for token_request in self.token_requests if token_request.token == token
        ]

    def note_error(self, error: Exception, started: Moment) -> None:
        """A call raises an error."""
        must = self.world.must
        self.world.note("raised", error)
        self._on_time(started)
        must("callers get no error while a token is valid (R074)", holds=not started.had_token)
        must(
            "errors are TokenErrors, or come from the user's grant",
            holds=isinstance(error, TokenError | UserGrantError),
        )
        must(
            "each caller gets its own error object (R072)",
            holds=all(error is not other for other in self.world.errors),
        )
        self.world.errors.append(error)

    def _on_time(self, started: Moment) -> None:
        self.world.must(
            "no caller waits longer than one token request (R071)",
            holds=self.now - started.at <= self.longest_wait,
        )


@dataclass
class LoginOracle(Oracle):
    """Checks the managers of one implicit flow, which share a storage and sign in one at a time.

    The storage keeps tokens without their lifetimes, and a manager is not told which tokens were
    rejected for another one. So less is promised if the flow `is_shared`.
    """

    is_shared: bool = False
    is_stored: Callable[[], bool] = bool
    is_resetting: int = 0
    is_half_reset: bool = False
    longest_wait: float = (
        10 * LONGEST_WAIT
    )  # behind the sign-in of another manager and a slow storage

    def _judge_request(self) -> None:
        must = self.world.must
        must(
            "one sign-in at a time (R070)",
            holds=all(token_request.is_over for token_request in self.token_requests),
        )
        must(
            "no sign-in while a token is stored (R070)",
            holds=self.is_resetting > 0 or self.is_half_reset or not self.is_stored(),
        )
        must(
            "no sign-in during the backoff after a failure (R072)",
            holds=self.is_shared or self.now >= self.paused_until - _TOLERANCE,
        )

    def note_token(self, token_request: TokenRequest, token: str, lifetime: float | None) -> None:
        """A sign-in ends with a token, which is stored unless it has expired."""
        super().note_token(token_request, token, lifetime)
        token_request.delivered = (
            token_request.arrived if self.now >= token_request.deadline else _NOT_YET
        )

    def deliver(self, token: str) -> None:
        """A token was stored, or storing it failed."""
        event = self.world.note("delivered", token)
        for token_request in self._sources(token):
            token_request.delivered = event

    def note_rejection(self, token: str, *, is_applied: bool) -> None:
        """One of the managers is told that an API rejected a token; it may be in backoff."""
        event = self.world.note("rejected", token)
        if is_applied and not self.is_shared:
            self.rejections.append((token, event, asyncio.current_task()))

    def begin_reset(self, *, keeps_request: bool = False) -> int:
        """A reset or logout starts; a sign-in in flight continues and counts as new."""
        self.current = None
        self.is_resetting += 1
        return self.world.note("reset")

    def end_reset(self, begun: int, *, is_done: bool) -> None:
        """A reset or logout ends, or is cancelled."""
        self.is_resetting -= 1
        self.is_half_reset |= not is_done
        super().end_reset(begun, is_done=is_done)

    def begin_close(self, owner: object) -> list[TokenRequest]:
        """close() of one manager starts; return its own token requests in flight."""
        token_requests = super().begin_close(owner)
        return [token_request for token_request in token_requests if token_request.owner is owner]

    def moment(self, other_than: str | None = None) -> Moment:
        """A call starts. The storage is slow, so callers may wait even for a valid token."""
        return replace(super().moment(other_than), had_token=False)

    def _is_fresh(self, token: str, started: Moment) -> None:
        if token == started.other_than and started.turn == self.world.loop.turn:
            return  # returned at once: the client may not renew
        must, sources = self.world.must, self._sources(token)
        must(
            "a returned token is valid, or has just arrived (R025)",
            holds=self.is_shared
            or self.is_half_reset
            or self.now < self.expiry_of(token)
            or any(token_request.delivered > started.event for token_request in sources),
        )
        forgotten = max((begun for begun, done in self.resets if done < started.event), default=0)
        must(
            "after a reset no older token is returned (R083)",
            holds=any(token_request.arrived > forgotten for token_request in sources),
        )
        rejected = self._last_rejection(token, started)
        must(
            "a rejected token is not returned again (R060)",
            holds=any(token_request.delivered > rejected for token_request in sources),
        )
