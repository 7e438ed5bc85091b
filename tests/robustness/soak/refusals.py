"""Which 401s no client could have repaired: the reasons that there are, and no other.

Pure: requests, tokens and what ended tokens come with their times (seconds of one clock). It knows
what the client promises, and nothing of how it keeps that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

REFUSED: Final = "401"
STREAM: Final = "POST, stream"
"""The kind of request whose body is gone once it was sent."""
LIFETIME: Final = 6
"""Of a token, in seconds."""
PAUSE: Final = 0.5
"""So long after a renewal its token is not renewed again, if it is refused too."""


@dataclass(frozen=True)
class Request:
    """One that has ended, with the tokens that it was sent with, in order."""

    kind: str
    outcome: str
    begun: float
    ended: float
    sent: Sequence[str] = ()

    @property
    def tokens(self) -> list[str]:
        """Each token once: aiohttp sends again by itself when a kept connection was gone."""
        return list(dict.fromkeys(self.sent))

    @property
    def refused(self) -> list[str]:
        """The tokens that it was refused with: nobody sends another one without a 401."""
        return self.tokens if self.outcome == REFUSED else self.tokens[:-1]

    @property
    def is_repaired(self) -> bool:
        """Whether another token helped."""
        return self.outcome == "ok" and len(self.tokens) > 1


@dataclass(frozen=True)
class Ending:
    """What ended every token that there was: between these times, nobody knows when."""

    name: str
    begun: float
    done: float = math.inf


@dataclass
class _Token:
    """What is known of a token.

    It was issued between `asked` and `got`; `after` is the one that its user had before.
    """

    asked: float
    got: float
    after: str | None
    refused_from: float = math.inf
    """When the first request began that was refused with it."""
    forgotten_from: float = math.inf
    """When the user knew of a refusal, and had to use it no more."""
    proven_from: float = math.inf
    """When the first repeated request had ended well with it."""


class Refusals:
    """Judges 401s when nothing is under way: then all is known that another request met."""

    def __init__(self) -> None:
        self._tokens: dict[str, _Token] = {}
        self._requests: list[Request] = []

    def note_token(self, token: str, after: str | None, asked: float, got: float) -> None:
        """Write down a token, before a request is sent with it."""
        self._tokens[token] = _Token(asked, got, after)

    def note(self, request: Request) -> None:
        """Write down a request; only one that was refused is kept, until it is judged."""
        if request.refused or request.outcome == REFUSED:
            self._requests.append(request)

    def settle(self, now: float, endings: Sequence[Ending]) -> list[tuple[Request, str | None]]:
        """Return each 401 since the last time, with its excuse or None; forget what is over."""
        requests, self._requests = self._requests, []
        self._learn(requests)
        judged = [
            (request, self._excuse(request, endings))
            for request in requests
            if request.outcome == REFUSED
        ]
        # One that expired is sent no more; its successor may want to know of it.
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
            if request.is_repaired and (last := self._tokens.get(request.tokens[-1])) is not None:
                last.proven_from = min(last.proven_from, request.ended)
        for request, token in refused:
            if not self._is_unproven(token, request):
                token.forgotten_from = min(token.forgotten_from, request.ended)

    def _excuse(self, request: Request, endings: Sequence[Ending]) -> str | None:
        if not request.tokens or (token := self._tokens.get(request.tokens[-1])) is None:
            return None
        is_first, is_stream = len(request.tokens) == 1, request.kind.endswith(STREAM)
        by = _what_ended(token, request, endings)
        # A request is repeated once. A token may be ended before its first use, also by what ended
        # the one before it: it was issued already, and on its way.
        if by is not None and not is_first:
            return f"{by}, of the second token too"
        # A renewal that helped nobody is not repeated at once: an API that refuses every token
        # would cause a token request each time.
        if by is not None and self._is_unproven(token, request):
            return f"{by}, in the pause after a renewal"
        # What was sent of a stream is gone. But the token is forgotten: who begins when that is
        # known gets another.
        if is_stream and is_first and by is not None and request.begun <= token.forgotten_from:
            return f"{by}, a stream cannot be sent again"
        # Near the end of its life a token may be valid when it is sent, and not when it arrives;
        # another kind of request is repeated.
        if is_stream and is_first and _may_expire_on_its_way(token, request):
            return "expiry on its way, a stream cannot be sent again"
        return None

    def _is_unproven(self, token: _Token, request: Request) -> bool:
        """Tell whether the token may have replaced a refused one just now, and helped nobody."""
        before = None if token.after is None else self._tokens.get(token.after)
        return (
            before is not None
            and before.refused_from <= token.got
            and request.begun < token.got + PAUSE
            and request.begun <= token.proven_from
        )


def _what_ended(token: _Token, request: Request, endings: Sequence[Ending]) -> str | None:
    """Return what may have ended the token after it was issued and before its refusal."""
    for ending in reversed(endings):
        if ending.begun <= request.ended and token.asked <= ending.done:
            return ending.name
    return None


def _may_expire_on_its_way(token: _Token, request: Request) -> bool:
    return token.asked + LIFETIME <= request.ended and request.begun <= token.got + LIFETIME
