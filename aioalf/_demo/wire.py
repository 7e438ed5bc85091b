"""Turn the server's log of requests into rows of text. No I/O.

Tokens are cut to their first characters, and secrets are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from textwrap import wrap
from typing import Final, NamedTuple

from aioalf.testing import RecordedRequest

_TOKEN_PREFIX: Final = 6
_MAX_REQUEST: Final = 26
_RECEIVERS: Final = {"authorization": "auth server", "api": "API", "other": "other origin"}
_RECEIVER_COLUMNS: Final = 11
_DETAILS_INDENT: Final = 7


class Line(NamedTuple):
    """One request: its receiver, method and path, authorization or grant, and response status."""

    receiver: str
    request: str
    details: str
    status: int | None


class Row(NamedTuple):
    """One line of text in three parts: the status in the middle has a color.

    `status` is None in a row that continues the row before it.
    """

    before: str
    status: int | str | None
    after: str


def lines_of(log: Iterable[RecordedRequest]) -> list[tuple[Line, int]]:
    """Return the lines of a log in order, each with the number of exchanges that it covers.

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


def rows_of(
    lines: Sequence[tuple[Line, int]], columns: int, shown: Callable[[str], str]
) -> list[Row]:
    """Return the rows that show the lines in at most so many columns.

    The details get rows of their own where they do not fit.

    Args:
        lines: The lines, and how often each one occurred.
        columns: The maximum length of a row.
        shown: Replaces the characters that the screen cannot show.
    """
    width = max((len(shown(line.request)) for line, _ in lines), default=0)
    rows: list[Row] = []
    for line, count in lines:
        request = f"{line.receiver:<{_RECEIVER_COLUMNS}}  {shown(line.request):<{width}}"
        before = shown(f"   → {request}  ")
        details = f"  {shown(line.details)}" if line.details else ""
        times = f"  {count} times" if count > 1 else ""
        whole = Row(before, line.status or "---", f"{details}{times}")
        if sum(len(str(part)) for part in whole) <= columns:
            rows.append(whole)
        else:
            rows.append(whole._replace(after=times))
            indent = " " * _DETAILS_INDENT
            rows += [
                Row(indent, None, part) for part in wrap(details.strip(), columns - len(indent))
            ]
    return rows


def _last_index(lines: list[Line], line: Line) -> int:
    return len(lines) - 1 - lines[::-1].index(line)


def _line(exchange: RecordedRequest) -> Line:
    request = f"{exchange.method:<4} {exchange.path}"
    if len(request) > _MAX_REQUEST:
        request = f"{request[: _MAX_REQUEST - 3]}…"  # at most three characters in ASCII
    return Line(_RECEIVERS[exchange.server], request, _details(exchange), exchange.status)


def _details(exchange: RecordedRequest) -> str:
    scheme, _, credentials = exchange.headers.get("Authorization", "").partition(" ")
    words = [
        f"{scheme} {credentials[:_TOKEN_PREFIX]}…" if scheme == "Bearer" else scheme,
        exchange.form.get("grant_type", "").rpartition(":")[2],
        "PKCE verifier" if "code_verifier" in exchange.form else "",
        "PKCE challenge" if "code_challenge=" in exchange.query else "",
        # Of the sign-in form, show only the button that the user pressed.
        exchange.form.get("decision", ""),
    ]
    return ", ".join(word for word in words if word)
