"""Decides which 401s no client could have repaired.

It only compares times (in seconds of one clock) of requests, tokens and events that ended tokens.
It knows the promises of the client, not its code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

REFUSED: Final = "401"
TOKEN_RESPONSE: Final = "token response "
"""The start of the outcome if `Client` returned an error response of the token endpoint."""
STREAM: Final = "POST, stream"
"""The kind of request whose body can be sent only once."""
LIFETIME: Final = 6
"""Lifetime of a token, in seconds."""
PAUSE: Final = 0.5
"""Seconds after a renewal in which the new token is not renewed again."""


@dataclass(frozen=True)
class Request:
    """A finished request, with the token of each attempt."""

    kind: str
    outcome: str
    begun: float
    ended: float
    sent: Sequence[str] = ()
    is_cut_off: bool = False
    """Whether the client or a session that it used was closed meanwhile."""

    @property
    def tokens(self) -> list[str]:
        """The tokens without repetitions: aiohttp resends if a kept connection was closed."""
        return list(dict.fromkeys(self.sent))

    @property
    def refused(self) -> list[str]:
        """The tokens that got a 401: only then another token is requested and sent."""
        # All errors of token requests have names like TokenHTTPError.
        has_no_next = self.outcome.startswith((REFUSED, TOKEN_RESPONSE, "Token"))
        return self.tokens if has_no_next else self.tokens[:-1]

    @property
    def is_repaired(self) -> bool:
        """Whether it succeeded with a second token."""
        return self.outcome == "ok" and len(self.tokens) > 1

    @property
    def is_proof(self) -> bool:
        """Whether the client has certainly seen its second token succeed after a 401.

        Other methods than POST prove nothing: aiohttp itself resends them if a kept connection was
        closed, and the second attempt may carry a newer token.
        """
        return self.is_repaired and ": POST" in self.kind


@dataclass(frozen=True)
class Ending:
    """An event that ended all tokens at some time between `begun` and `done`."""

    name: str
    begun: float
    done: float = math.inf


@dataclass
class _Token:
    """A token: issued between `asked` and `got`, as successor of the token `after`."""

    asked: float
    got: float
    after: str | None
    refused_from: float = math.inf
    """Start of the first request that was rejected with it."""
    forgotten_from: float = math.inf
    """Time from which the client knew of a rejection and must not use it."""
    proven_from: float = math.inf
    """Time from which a repeated request had succeeded with it."""


class Refusals:
    """Decides about 401s while no request is in flight, when all outcomes are known."""

    def __init__(self) -> None:
        self._tokens: dict[str, _Token] = {}
        self._requests: list[Request] = []

    def note_token(self, token: str, after: str | None, asked: float, got: float) -> None:
        """Record a token, before a request is sent with it."""
        self._tokens[token] = _Token(asked, got, after)

    def note(self, request: Request) -> None:
        """Record a request if it was rejected at least once."""
        if request.refused or request.outcome == REFUSED:
            self._requests.append(request)

    def settle(self, now: float, endings: Sequence[Ending]) -> list[tuple[Request, str | None]]:
        """Return each 401 since the last call with its excuse, or None; drop old records."""
        requests, self._requests = self._requests, []
        self._learn(requests)
        judged = [
            (request, self._excuse(request, endings))
            for request in requests
            if request.outcome == REFUSED
        ]
        # Keep expired tokens for a while: their successors refer to them.
        recent = now - 2 * LIFETIME
        self._tokens = {name: one for name, one in self._tokens.items() if one.got > recent}
        return judged

    def _learn(self, requests: Sequence[Request]) -> None:
        refused = [
            (request, token)
            for request in requests
            for name in request.refused
            if (token := self._tokens.get(name)) is not None
        ]
        for request, token in refused:
            token.refused_from = min(token.refused_from, request.begun)
        for request in requests:
            if request.is_proof and (last := self._tokens.get(request.tokens[-1])) is not None:
                last.proven_from = min(last.proven_from, request.ended)
        for request, token in refused:
            if not self._is_unproven(token, request):
                token.forgotten_from = min(token.forgotten_from, request.ended)

    def _excuse(self, request: Request, endings: Sequence[Ending]) -> str | None:
        if not request.tokens or (token := self._tokens.get(request.tokens[-1])) is None:
            return None
        is_first, is_stream = len(request.tokens) == 1, request.kind.endswith(STREAM)
        by = _event_that_ended(token, request, endings)
        # A request is repeated once. The event may also have ended the second token, if the server
        # had issued it and the client had not yet received it.
        if by is not None and not is_first:
            return f"{by}, also of the second token"
        # A renewal that did not help is not repeated at once, because an API that rejects every
        # token would otherwise cause a token request each time.
        if by is not None and self._is_unproven(token, request):
            return f"{by}, in the backoff after a renewal"
        # A stream cannot be sent again. Later requests must use a new token.
        if is_stream and is_first and by is not None and request.begun <= token.forgotten_from:
            return f"{by}, a stream cannot be sent again"
        # A token may expire between sending and arrival. Only streams are not repeated then.
        if is_stream and is_first and _may_expire_in_transit(token, request):
            return "expired in transit, a stream cannot be sent again"
        return None

    def _is_unproven(self, token: _Token, request: Request) -> bool:
        """Whether the token just replaced a rejected one and no request has succeeded with it."""
        before = None if token.after is None else self._tokens.get(token.after)
        return (
            before is not None
            and before.refused_from <= token.got
            and request.begun < token.got + PAUSE
            and request.begun <= token.proven_from
        )


def _event_that_ended(token: _Token, request: Request, endings: Sequence[Ending]) -> str | None:
    """Return an event that may have ended the token before it was rejected."""
    for ending in reversed(endings):
        if ending.begun <= request.ended and token.asked <= ending.done:
            return ending.name
    return None


def _may_expire_in_transit(token: _Token, request: Request) -> bool:
    return token.asked + LIFETIME <= request.ended and request.begun <= token.got + LIFETIME
