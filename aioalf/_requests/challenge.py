"""Parses ``WWW-Authenticate`` headers (RFC 9110 §11.6.1, RFC 6750 §3).

Pure functions of header lines. Any text is accepted, and malformed parts are skipped. Must not know
requests or tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

_OWS: Final = r"[ \t]*"
_WORD: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_SCHEME: Final = re.compile(rf"({_WORD})(?=[ \t]|,|$)")
_PARAMETER: Final = re.compile(
    rf'({_WORD}){_OWS}={_OWS}(?:"((?:[^"\\]|\\.)*)"|({_WORD}))(?={_OWS}(?:,|$))', re.DOTALL
)
_TOKEN68: Final = re.compile(rf"([A-Za-z0-9\-._~+/]+=*)(?={_OWS}(?:,|$))")
_GAP: Final = re.compile(r"[ \t,]*")
_REST: Final = re.compile(r'(?:"(?:[^"\\]|\\(?:.|\Z))*+(?:"|\Z)|[^,"])*+', re.DOTALL)
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)

_MAX_LENGTH: Final = 16_384
"""Characters of one header line that are parsed; about twice aiohttp's default limit."""


class Challenge(NamedTuple):
    """A challenge with either parameters or a token68; scheme and names are in lower case."""

    scheme: str
    parameters: Mapping[str, str]
    token68: str | None = None


def parse_challenges(lines: Iterable[str]) -> tuple[Challenge, ...]:
    """Return the challenges of a response in order.

    ``response.headers.getall("WWW-Authenticate", ())`` returns the lines.
    """
    return tuple(challenge for line in lines for challenge in _parse_line(line[:_MAX_LENGTH]))


def required_scope(challenges: Iterable[Challenge]) -> frozenset[str] | None:
    """Return the scope of the first Bearer challenge that names one (RFC 6750 §3), or None."""
    for challenge in challenges:
        if challenge.scheme == "bearer" and "scope" in challenge.parameters:
            return frozenset(challenge.parameters["scope"].split())
    return None


def _parse_line(line: str) -> Iterator[Challenge]:
    position = _skip(_GAP, line, 0)
    while position < len(line):
        scheme = _SCHEME.match(line, position)
        if scheme is None:
            position = _skip_item(line, position)
            continue
        parameters, token68, position = _parse_challenge(line, scheme.end())
        yield Challenge(scheme[1].lower(), MappingProxyType(parameters), token68)


def _parse_challenge(line: str, position: int) -> tuple[dict[str, str], str | None, int]:
    parameters: dict[str, str] = {}
    start, position = position, _skip(_GAP, line, position)
    if _PARAMETER.match(line, position) is None and (token68 := _TOKEN68.match(line, position)):
        if "," in line[start:position]:
            return parameters, None, position  # a word after a comma is the next scheme
        return parameters, token68[1], _skip(_GAP, line, token68.end())
    while position < len(line):
        if parameter := _PARAMETER.match(line, position):
            name, quoted, plain = parameter.groups()
            value = plain if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
            parameters.setdefault(name.lower(), value)
            position = _skip(_GAP, line, parameter.end())
        elif _SCHEME.match(line, position):
            break
        else:
            position = _skip_item(line, position)
    return parameters, None, position


def _skip(pattern: re.Pattern[str], line: str, position: int) -> int:
    match = pattern.match(line, position)
    return match.end() if match else position


def _skip_item(line: str, position: int) -> int:
    # The item is not empty, so the position always moves: callers have skipped gaps and commas.
    return _skip(_GAP, line, _skip(_REST, line, position))
