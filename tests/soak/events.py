"""What happens to the servers of a soak, and what callers may see of it.

An event that is not listed with an outcome does not excuse it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aioalf.testing import ConnectionFault, Fault, FaultProxy, OAuthServer


@dataclass(frozen=True)
class Place:
    """Where things happen: the servers, and the proxy before the token endpoint."""

    server: OAuthServer
    proxy: FaultProxy

    def end_faults(self) -> None:
        """Let everything work again."""
        self.server.token_fault = self.server.api_fault = self.proxy.fault = None
        self.proxy.listen()


@dataclass(frozen=True)
class Event:
    """What is done, and which outcomes of requests that it touches are its work."""

    name: str
    begin: Callable[[Place], None]
    excuses: frozenset[str] = frozenset()


def _both(*steps: Callable[[Place], None]) -> Callable[[Place], None]:
    def begin(place: Place) -> None:
        for step in steps:
            step(place)

    return begin


def _token(fault: Fault) -> Callable[[Place], None]:
    return lambda place: setattr(place.server, "token_fault", fault)


def _api(fault: Fault) -> Callable[[Place], None]:
    return lambda place: setattr(place.server, "api_fault", fault)


def _way(fault: ConnectionFault) -> Callable[[Place], None]:
    def begin(place: Place) -> None:
        place.proxy.fault = fault
        place.proxy.disconnect()

    return begin


def _revoke(place: Place) -> None:
    place.server.revoke_all()


def _expire(place: Place) -> None:
    place.server.expire_all()


def _refuse(place: Place) -> None:
    place.proxy.refuse()


_REFUSED = frozenset({"401"})
_NO_ANSWER = frozenset({"NoAnswerError"})
_DOWN = frozenset({"503", "TokenHTTPError"})
_BUSY = frozenset({"429", "TokenHTTPError"})
_USELESS = frozenset({"TokenResponseError"})

EVENTS: Final = [
    Event("revocation", _revoke, _REFUSED),
    Event("503", _token(Fault.status(503)), _DOWN),
    Event("early expiry", _expire, _REFUSED),
    Event("black hole", _way(ConnectionFault.black_hole()), _NO_ANSWER),
    Event("API down", _api(Fault.status(503)), frozenset({"503"})),
    Event(
        "revocation while nobody answers",
        _both(_refuse, _revoke),
        _REFUSED | _NO_ANSWER,
    ),
    Event("429", _token(Fault.too_many_requests(1)), _BUSY),
    Event("reset", _way(ConnectionFault.reset(after=100)), _NO_ANSWER),
    Event("API hangs up", _api(Fault.hang_up()), frozenset({"ServerDisconnectedError"})),
    Event(
        "revocation while it is down", _both(_token(Fault.status(503)), _revoke), _REFUSED | _DOWN
    ),
    Event("trickle", _way(ConnectionFault.trickle(0.1)), _NO_ANSWER),
    Event("a page for people", _token(Fault.html()), _USELESS),
    Event("slow first byte", _way(ConnectionFault.slow_first_byte(0.3))),
    Event("API slow", _api(Fault.slow(0.2))),
    Event("hang-up", _token(Fault.hang_up()), _NO_ANSWER),
    Event("refused", _refuse, _NO_ANSWER),
]
BY_NAME: Final = {event.name: event for event in EVENTS}
