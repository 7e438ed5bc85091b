"""Records the events of a soak and the outcomes of requests, and decides which are errors.

It keeps counters instead of lists, because it must not itself cause the growth that is measured.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from tests.robustness.soak.events import Event, is_shared
from tests.robustness.soak.refusals import REFUSED, Ending, Refusals, Request

_CUT_OFF = frozenset(
    {
        *("FlightCancelledError", "TokenConnectionError", "ClientConnectionError"),
        *("ServerDisconnectedError", "ClientConnectionResetError", "CancelledError"),
        *("RuntimeError", "AssertionError"),  # of aiohttp, for a closed session
        "WSMessageTypeError",  # of aiohttp, for a websocket that was closed
    }
)
"""The errors of a request whose client or session is closed meanwhile."""
_SHOWN = 20
_KEPT = 60.0  # seconds that events are remembered; no request takes longer


@dataclass
class Entry:
    """An event and its times.

    `happened` is the time by which the servers have applied it; `ended` is None while it lasts.
    """

    event: Event
    begun: float
    happened: float | None = None
    ended: float | None = None


@dataclass
class Diary:
    """Events and outcomes. An event affects requests until `grace` seconds after its end."""

    grace: float
    event_count: int = 0
    answered: Counter[str] = field(default_factory=Counter[str])
    """Correct responses, by kind of request."""
    injected: Counter[str] = field(default_factory=Counter[str])
    """Failures that an event explains, by event and outcome."""
    repaired: Counter[str] = field(default_factory=Counter[str])
    """Requests that succeeded after a 401, by kind."""
    errors: list[str] = field(default_factory=list[str])
    """Descriptions of the first failures that no event explains."""
    error_count: int = 0
    undisturbed: Counter[str] = field(default_factory=Counter[str])
    """``tokens`` received and ``requests`` made for them, while no event was near."""
    tokens: Counter[str] = field(default_factory=Counter[str])
    """The same at any time."""
    logins: Counter[str] = field(default_factory=Counter[str])
    """Events of shared logins: sign-ins, refreshes, logouts; and clients that were replaced."""
    refusals: Refusals = field(default_factory=Refusals)
    _entries: list[Entry] = field(default_factory=list[Entry])

    @property
    def requests(self) -> int:
        """The number of requests."""
        return self.answered.total() + self.injected.total() + self.error_count

    def begin(self, event: Event, now: float) -> Entry:
        """Record the start of an event; the caller sets its end in the returned entry."""
        entry = Entry(event, now)
        recent = [old for old in self._entries if old.ended is None or old.ended > now - _KEPT]
        self._entries = [*recent, entry]
        self.event_count += 1
        return entry

    def affecting(self, begun: float, ended: float) -> list[Event]:
        """Return the events that may affect a request that ran between these times."""
        return [
            entry.event
            for entry in self._entries
            if entry.begun <= ended
            and (entry.ended is None or begun <= entry.ended + self.grace + entry.event.aftermath)
        ]

    def note(self, request: Request) -> None:
        """Record the outcome of a request: "ok", a status or the name of an error.

        `settle` decides about a 401 later.
        """
        kind, outcome = request.kind, request.outcome
        if not is_shared(kind):
            self.refusals.note(request)
        if outcome == "ok":
            self.answered[kind] += 1
            if request.is_repaired:
                self.repaired[kind] += 1
        elif request.is_cut_off and outcome in _CUT_OFF:
            self._count(request, "closed")
        elif outcome != REFUSED or is_shared(kind):
            affecting = self.affecting(request.begun, request.ended)
            excuses = (event.name for event in affecting if event.is_reason_for(kind, outcome))
            self._count(request, next(excuses, None))

    def settle(self, now: float) -> None:
        """Decide about the 401s; no request may be in flight."""
        endings = [
            Ending(
                entry.event.name,
                entry.begun,
                math.inf if entry.happened is None else entry.happened,
            )
            for entry in self._entries
            if entry.event.ends_tokens
        ]
        for request, excuse in self.refusals.settle(now, endings):
            self._count(request, excuse)

    def _count(self, request: Request, excuse: str | None) -> None:
        if excuse is not None:
            self.injected[f"{excuse}: {request.outcome}"] += 1
            return
        lasted, times = request.ended - request.begun, len(request.sent)
        self.add_error(
            f"{request.kind}: {request.outcome} at {request.begun:.2f} s, after {lasted:.2f} s, "
            f"sent {times} times with {len(request.tokens)} tokens"
        )

    def note_token_requests(self, requests: int, *, got: bool, begun: float, ended: float) -> None:
        """Record the number of token requests for one token, or for a failure."""
        self.tokens.update(tokens=got, requests=requests)
        if self.affecting(begun, ended):
            return
        self.undisturbed.update(tokens=got, requests=requests)
        if not got or requests != 1:
            self.add_error(f"{requests} token requests for {int(got)} token at {begun:.2f} s")

    def note_misuse(self, user: str, fault: str, since: float, now: float) -> None:
        """Record a fault of clients that share a login, unless their cache was harmed meanwhile."""
        excuses = (event.name for event in self.affecting(since, now) if event.harms(user))
        if (excuse := next(excuses, None)) is not None:
            self.injected[f"{excuse}: {user}: {fault}"] += 1
        else:
            self.add_error(f"{user}: {fault} at {now:.2f} s")

    def add_error(self, text: str) -> None:
        """Record an error that no event explains."""
        self.error_count += 1
        if len(self.errors) < _SHOWN:
            self.errors.append(text)
