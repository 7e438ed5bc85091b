"""What happens to the servers of a soak, and what callers may see of it, by kind of request.

An event excuses an outcome where it is listed with it, for the kinds that can come to it. A 401 is
listed nowhere: the client repairs it, and where it cannot, `refusals` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from aioalf.testing import ConnectionFault, Fault, FaultProxy, OAuthServer

Kinds = Callable[[str], bool]
"""Whether a kind of request, as the report has it, is one of them."""
Excuses = Mapping[str, Kinds]

GET_TOKEN: Final = "manager: get_token"
WEBSOCKET: Final = "websocket"


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
    """What is done, and which outcomes of which kinds of requests that it touches are its work."""

    name: str
    begin: Callable[[Place], None]
    excuses: Excuses = field(default_factory=dict[str, Kinds])
    ends_tokens: bool = False
    """Whether every token that was issued before is refused from then on."""

    def is_reason_for(self, kind: str, outcome: str) -> bool:
        """Tell whether it is to be expected that this kind of request comes to this."""
        return outcome in self.excuses and self.excuses[outcome](kind)


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


def _any(kind: str) -> bool:
    return True


def _to_the_api(kind: str) -> bool:
    return kind != GET_TOKEN


def _returning(kind: str) -> bool:
    return kind.startswith("Client: ") and not kind.endswith(WEBSOCKET)


def _raising(kind: str) -> bool:
    return not _returning(kind)


# There is no answer that could be returned: all raise.
_NO_ANSWER: Excuses = {"TokenConnectionError": _any}
_USELESS: Excuses = {"TokenResponseError": _any}
# The error of the token endpoint is returned by a `Client`, where it has a response to return;
# the others raise it.
_DOWN: Excuses = {"503": _returning, "TokenHTTPError": _raising}
_BUSY: Excuses = {"429": _returning, "TokenHTTPError": _raising}
# The API's own failures are the caller's to see; who asks for a token alone does not go there.
_API_DOWN: Excuses = {"503": _to_the_api}
_API_GONE: Excuses = {"ServerDisconnectedError": _to_the_api}

EVENTS: Final = [
    Event("revocation", _revoke, ends_tokens=True),
    Event("503", _token(Fault.status(503)), _DOWN),
    Event("early expiry", _expire, ends_tokens=True),
    Event("black hole", _way(ConnectionFault.black_hole()), _NO_ANSWER),
    Event("API down", _api(Fault.status(503)), _API_DOWN),
    Event(
        "revocation while nobody answers",
        _both(_refuse, _revoke),
        _NO_ANSWER,
        ends_tokens=True,
    ),
    Event("429", _token(Fault.too_many_requests(1)), _BUSY),
    Event("reset", _way(ConnectionFault.reset(after=100)), _NO_ANSWER),
    Event("API hangs up", _api(Fault.hang_up()), _API_GONE),
    Event(
        "revocation while it is down",
        _both(_token(Fault.status(503)), _revoke),
        _DOWN,
        ends_tokens=True,
    ),
    Event("trickle", _way(ConnectionFault.trickle(0.1)), _NO_ANSWER),
    Event("a page for people", _token(Fault.html()), _USELESS),
    Event("slow first byte", _way(ConnectionFault.slow_first_byte(0.3))),
    Event("API slow", _api(Fault.slow(0.2))),
    Event("hang-up", _token(Fault.hang_up()), _NO_ANSWER),
    Event("refused", _refuse, _NO_ANSWER),
]
BY_NAME: Final = {event.name: event for event in EVENTS}
