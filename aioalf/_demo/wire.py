"""What went over the wire, in words, from the server's record of it.

It shows the first characters of a token, and nothing of a secret. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from aioalf.testing import RecordedRequest

_SHOWN: Final = 6
_RECEIVERS: Final = {"authorization": "auth server", "api": "API", "other": "other origin"}


class Line(NamedTuple):
    """One exchange: where it went, what it was and carried, and what was answered."""

    receiver: str
    request: str
    carried: str
    status: int | None


def told(log: Iterable[RecordedRequest]) -> list[tuple[Line, int]]:
    """Return the lines of a log and how many exchanges each stands for, in their order.

    Those with the API that look the same are one line: what is asked at once ends in any order.
    """
    lines: list[Line] = []
    counts: list[int] = []
    for line in map(_line, log):
        if line in (lines if line.receiver == "API" else lines[-1:]):
            counts[_last(lines, line)] += 1
        else:
            lines.append(line)
            counts.append(1)
    return list(zip(lines, counts, strict=True))


def _last(lines: list[Line], line: Line) -> int:
    return len(lines) - 1 - lines[::-1].index(line)


def _line(exchange: RecordedRequest) -> Line:
    request = f"{exchange.method:<4} {exchange.path}"
    return Line(_RECEIVERS[exchange.server], request, _carried(exchange), exchange.status)


def _carried(exchange: RecordedRequest) -> str:
    scheme, _, credentials = exchange.headers.get("Authorization", "").partition(" ")
    grant = exchange.form.get("grant_type")
    words = [
        f"{scheme} {credentials[:_SHOWN]}…" if scheme == "Bearer" else scheme,
        f"grant_type={grant}" if grant else "",
        # Of the login page's form, what the person decided; the rest is not for the screen.
        exchange.form.get("decision", ""),
    ]
    return ", ".join(word for word in words if word)
