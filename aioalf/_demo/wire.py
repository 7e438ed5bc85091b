"""Turn the server's log of requests into lines of text. No I/O.

Tokens are cut to their first characters, and secrets are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from aioalf.testing import RecordedRequest

_TOKEN_PREFIX: Final = 6
_RECEIVERS: Final = {"authorization": "auth server", "api": "API", "other": "other origin"}


class Line(NamedTuple):
    """One request: its receiver, method and path, authorization or grant, and response status."""

    receiver: str
    request: str
    details: str
    status: int | None


def lines_of(log: Iterable[RecordedRequest]) -> list[tuple[Line, int]]:
    """Return the lines of a log in order, each with the number of exchanges that it stands for.

    Equal API requests share a line, because concurrent requests end in any order. Equal token
    requests share a line only if they follow each other.
    """
    lines: list[Line] = []
    counts: list[int] = []
    for line in map(_line, log):
        if line in (lines if line.receiver == "API" else lines[-1:]):
            counts[_last_index(lines, line)] += 1
        else:
            lines.append(line)
            counts.append(1)
    return list(zip(lines, counts, strict=True))


def _last_index(lines: list[Line], line: Line) -> int:
    return len(lines) - 1 - lines[::-1].index(line)


def _line(exchange: RecordedRequest) -> Line:
    request = f"{exchange.method:<4} {exchange.path}"
    return Line(_RECEIVERS[exchange.server], request, _details(exchange), exchange.status)


def _details(exchange: RecordedRequest) -> str:
    scheme, _, credentials = exchange.headers.get("Authorization", "").partition(" ")
    words = [
        f"{scheme} {credentials[:_TOKEN_PREFIX]}…" if scheme == "Bearer" else scheme,
        exchange.form.get("grant_type", ""),
        # Of the sign-in form, show only the button that the user pressed.
        exchange.form.get("decision", ""),
    ]
    return ", ".join(word for word in words if word)
