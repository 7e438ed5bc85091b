"""The diary of a soak: which events there were, and whether they excuse what requests came to.

It keeps counts, and a refused request no longer than until it is judged: what is watched for growth
must not grow by being watched.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from tests.robustness.soak.events import Event
from tests.robustness.soak.refusals import REFUSED, Ending, Refusals, Request

_SHOWN = 20
_KEPT = 60.0  # seconds that an event is remembered: longer than any request takes


@dataclass
class Entry:
    """One event and its time; `ended` is None while it lasts.

    What it does at once is done at `happened`, None while nobody knows.
    """

    event: Event
    begun: float
    happened: float | None = None
    ended: float | None = None


@dataclass
class Diary:
    """Events and outcomes. An event touches what runs until `grace` seconds after its end."""

    grace: float
    event_count: int = 0
    answered: Counter[str] = field(default_factory=Counter[str])
    """Of each kind of request, how many were answered rightly."""
    injected: Counter[str] = field(default_factory=Counter[str])
    """How many came to what an event excuses, by event and outcome."""
    repaired: Counter[str] = field(default_factory=Counter[str])
    """Of those that were answered rightly: how many were refused first."""
    errors: list[str] = field(default_factory=list[str])
    """What no event excuses: the first of them, in words."""
    error_count: int = 0
    undisturbed: Counter[str] = field(default_factory=Counter[str])
    """Of the times that a token was got far from any event: ``tokens`` and ``requests``."""
    tokens: Counter[str] = field(default_factory=Counter[str])
    """Of all times: ``tokens`` got, and ``requests`` made for them."""
    refusals: Refusals = field(default_factory=Refusals)
    _entries: list[Entry] = field(default_factory=list[Entry])

    @property
    def requests(self) -> int:
        """How many requests there were."""
        return self.answered.total() + self.injected.total() + self.error_count

    def begin(self, event: Event, now: float) -> Entry:
        """Write down that an event begins; who ends it says so in the entry."""
        entry = Entry(event, now)
        recent = [old for old in self._entries if old.ended is None or old.ended > now - _KEPT]
        self._entries = [*recent, entry]
        self.event_count += 1
        return entry

    def touching(self, begun: float, ended: float) -> list[Event]:
        """The events that may have to do with what ran from and until these times."""
        return [
            entry.event
            for entry in self._entries
            if entry.begun <= ended and (entry.ended is None or begun <= entry.ended + self.grace)
        ]

    def note(self, request: Request) -> None:
        """Write down what a request came to: "ok", a status or the name of an error.

        A 401 is judged, and counted, by `settle`.
        """
        kind, outcome = request.kind, request.outcome
        self.refusals.note(request)
        if outcome == "ok":
            self.answered[kind] += 1
            if request.is_repaired:
                self.repaired[kind] += 1
        elif outcome != REFUSED:
            touching = self.touching(request.begun, request.ended)
            excuses = (event.name for event in touching if event.is_reason_for(kind, outcome))
            self._count(request, next(excuses, None))

    def settle(self, now: float) -> None:
        """Judge the 401s, when nothing is under way."""
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
        self._complain(
            f"{request.kind}: {request.outcome} at {request.begun:.2f} s, after {lasted:.2f} s, "
            f"sent {times} times with {len(request.tokens)} tokens"
        )

    def note_flight(self, requests: int, *, got: bool, begun: float, ended: float) -> None:
        """Write down how many token requests were made until there was a token, or none."""
        self.tokens.update(tokens=got, requests=requests)
        if self.touching(begun, ended):
            return
        self.undisturbed.update(tokens=got, requests=requests)
        if not got or requests != 1:
            self._complain(f"{requests} token requests for {int(got)} token at {begun:.2f} s")

    def _complain(self, text: str) -> None:
        self.error_count += 1
        if len(self.errors) < _SHOWN:
            self.errors.append(text)
