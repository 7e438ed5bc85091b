"""The diary of a soak: which events there were, and whether they excuse what requests came to.

It keeps counts, not requests: what is watched for growth must not grow by being watched.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.soak.events import Event

_SHOWN = 20
_KEPT = 60.0  # seconds that an event is remembered: longer than any request takes


@dataclass
class Entry:
    """One event and its time; `ended` is None while it lasts."""

    event: Event
    begun: float
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
    errors: list[str] = field(default_factory=list[str])
    """What no event excuses: the first of them, in words."""
    error_count: int = 0
    undisturbed: Counter[str] = field(default_factory=Counter[str])
    """Of the times that a token was got far from any event: ``tokens`` and ``requests``."""
    tokens: Counter[str] = field(default_factory=Counter[str])
    """Of all times: ``tokens`` got, and ``requests`` made for them."""
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

    def note(self, kind: str, outcome: str, begun: float, ended: float) -> None:
        """Write down what a request came to: "ok", a status or the name of an error."""
        if outcome == "ok":
            self.answered[kind] += 1
            return
        for event in self.touching(begun, ended):
            if outcome in event.excuses:
                self.injected[f"{event.name}: {outcome}"] += 1
                return
        self._complain(f"{kind}: {outcome} at {begun:.2f} s, after {ended - begun:.2f} s")

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
