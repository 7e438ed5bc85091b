"""The events of a soak: faults of servers and caches, and the failures that they explain.

A 401 is explained by no event here, because the client must repair it; `refusals` decides when it
cannot. Only for clients that share tokens an event explains it: several clients may have to repair
it, one after another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from aioalf._login.cache_calls import CALL_TIMEOUT
from aioalf.testing import ConnectionFault, Fault, FaultProxy, OAuthServer
from tests.robustness.soak.refusals import REFUSED, TOKEN_RESPONSE

Kinds = Callable[[str], bool]
"""A predicate on kinds of requests, as named in the report."""
Excuses = Mapping[str, Kinds]

GET_TOKEN: Final = "manager: get_token"
WEBSOCKET: Final = "websocket"
LOGOUT: Final = "logout"
FILES: Final = "login, file cache"
FAILING: Final = "login, failing cache"
SERVICE: Final = "service, failing cache"
REPLACED: Final = ("Client, replaced", "middleware, replaced")
"""Users that are closed and replaced."""

Disturbance = Literal["replace", "close sessions", "log out", "lose claims"]
"""The actions that users repeat during an event."""
CacheFaults = Literal["errors", "hangs", "delays", "lost answers"]


@dataclass(frozen=True)
class Place:
    """The test server, and the proxy in front of its token endpoint."""

    server: OAuthServer
    proxy: FaultProxy

    def end_faults(self) -> None:
        """End all faults."""
        self.server.token_fault = self.server.api_fault = self.proxy.fault = None
        self.proxy.listen()


@dataclass(frozen=True)
class Event:
    """A fault, and the outcomes that it explains, each for some kinds of requests."""

    name: str
    begin: Callable[[Place], None]
    excuses: Excuses = field(default_factory=dict[str, Kinds])
    ends_tokens: bool = False
    """Whether it invalidates all tokens issued before."""
    disturbance: Disturbance | None = None
    cache_faults: CacheFaults | None = None

    @property
    def aftermath(self) -> float:
        """Seconds after the end in which calls of a cache still hang."""
        return 0.0 if self.cache_faults is None else CALL_TIMEOUT

    def harms(self, user: str) -> bool:
        """Whether the cache of clients that share a login may lose a write or a claim."""
        if user == FILES:
            return self is SLOW_DISK
        return self.cache_faults is not None or self.disturbance == "lose claims"

    def is_reason_for(self, kind: str, outcome: str) -> bool:
        """Whether the event explains this outcome for this kind of request."""
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


def _nothing(place: Place) -> None:
    """The servers do nothing."""


def _any(kind: str) -> bool:
    return True


def is_shared(kind: str) -> bool:
    """Whether it is a request of clients that share their tokens."""
    return kind.startswith((FILES, FAILING, SERVICE))


def _to_the_api(kind: str) -> bool:
    return kind != GET_TOKEN


def _returning(kind: str) -> bool:
    return kind.startswith("Client") and not kind.endswith(WEBSOCKET)


def _raising(kind: str) -> bool:
    return not _returning(kind)


def _needs_failing_cache(kind: str) -> bool:
    return kind.startswith(FAILING) or kind == f"{SERVICE}: {LOGOUT}"


# There is no response to return, so all kinds raise.
_NO_ANSWER: Excuses = {"TokenConnectionError": _any}
_USELESS: Excuses = {"TokenResponseError": _any}
# `Client` returns the error response of the token endpoint; the others raise it.
_DOWN: Excuses = {f"{TOKEN_RESPONSE}503": _returning, "TokenHTTPError": _raising}
_BUSY: Excuses = {f"{TOKEN_RESPONSE}429": _returning, "TokenHTTPError": _raising}
# Failures of the API reach the caller; `get_token` does not contact the API.
_API_DOWN: Excuses = {"503": _to_the_api}
_API_GONE: Excuses = {"ServerDisconnectedError": _to_the_api}
_REVOKED: Excuses = {REFUSED: is_shared}
_NO_CACHE: Excuses = {"CacheError": _needs_failing_cache}
_NO_SESSION: Excuses = {"TokenConnectionError": lambda kind: kind.startswith(REPLACED)}
_LOGGED_OUT: Excuses = {"TokenError": is_shared, "FlightCancelledError": is_shared, **_REVOKED}

EVENTS: Final = [
    Event("revocation", _revoke, _REVOKED, ends_tokens=True),
    Event("503", _token(Fault.status(503)), _DOWN),
    Event("clients replaced", _nothing, disturbance="replace"),
    Event("early expiry", _expire, _REVOKED, ends_tokens=True),
    Event("black hole", _way(ConnectionFault.black_hole()), _NO_ANSWER),
    Event("API down", _api(Fault.status(503)), _API_DOWN),
    Event(
        "revocation while nobody answers",
        _both(_refuse, _revoke),
        {**_NO_ANSWER, **_REVOKED},
        ends_tokens=True,
    ),
    Event("cache errors", _nothing, _NO_CACHE, cache_faults="errors"),
    Event("sessions closed", _nothing, _NO_SESSION, disturbance="close sessions"),
    Event("429", _token(Fault.too_many_requests(1)), _BUSY),
    Event("reset", _way(ConnectionFault.reset(after=100)), _NO_ANSWER),
    Event("API hangs up", _api(Fault.hang_up()), _API_GONE),
    Event(
        "revocation while it is down",
        _both(_token(Fault.status(503)), _revoke),
        {**_DOWN, **_REVOKED},
        ends_tokens=True,
    ),
    Event("logout", _nothing, _LOGGED_OUT, disturbance="log out"),
    Event("cache hangs", _nothing, _NO_CACHE, cache_faults="hangs"),
    Event("trickle", _way(ConnectionFault.trickle(0.1)), _NO_ANSWER),
    Event("a page for people", _token(Fault.html()), _USELESS),
    Event("slow first byte", _way(ConnectionFault.slow_first_byte(0.3))),
    Event("claims lost", _nothing, _NO_CACHE, disturbance="lose claims"),
    Event("cache slow", _nothing, _NO_CACHE, cache_faults="delays"),
    Event("API slow", _api(Fault.slow(0.2))),
    Event("hang-up", _token(Fault.hang_up()), _NO_ANSWER),
    Event("answers of the cache lost", _nothing, _NO_CACHE, cache_faults="lost answers"),
    Event("refused", _refuse, _NO_ANSWER),
]
SLOW_DISK: Final = Event("slow disk", _nothing, {"CacheError": lambda kind: kind.startswith(FILES)})
"""A call of the file cache took too long. This happens by itself, on a busy machine."""
BY_NAME: Final = {event.name: event for event in EVENTS}


def now() -> float:
    """Return the time of the running event loop."""
    return asyncio.get_running_loop().time()
