"""Parses ``WWW-Authenticate`` headers (RFC 9110 §11.6.1, RFC 6750 §3).

Pure functions of header lines. Any text is accepted, and malformed parts are skipped. Must not know
requests or tokens.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

_OWS: Final = r"[ \t]*"
_WORD: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_SCHEME: Final = rf"({_WORD})(?=[ \t]|,|$)"
_PARAMETER: Final = rf'({_WORD}){_OWS}={_OWS}(?:"((?:[^"\\]|\\.)*)"|({_WORD}))(?={_OWS}(?:,|$))'
_TOKEN68: Final = rf"([A-Za-z0-9\-._~+/]+=*)(?={_OWS}(?:,|$))"
_GAP: Final = r"[ \t,]*"
_REST: Final = r'(?:"(?:[^"\\]|\\(?:.|\Z))*+(?:"|\Z)|[^,"])*+'
_QUOTED_PAIR: Final = r"(?s)\\(.)"

_MAX_LENGTH: Final = 16_384
"""Characters of all header lines together that are parsed; the end of a line counts as one."""


class Challenge(NamedTuple):
    """A challenge with either parameters or a token68; scheme and names are in lower case."""

    scheme: str
    parameters: Mapping[str, str]
    token68: str | None = None


def parse_challenges(lines: Iterable[str]) -> tuple[Challenge, ...]:
    """Return the challenges of a response in order.

    ``response.headers.getall("WWW-Authenticate", ())`` returns the lines.
    """
    challenges: list[Challenge] = []
    left = _MAX_LENGTH
    for line in lines:
        if left <= 0:
            break
        challenges.extend(_parse_line(line[:left]))
        left -= len(line) + 1  # a response may have millions of empty lines
    return tuple(challenges)


def required_scope(challenges: Iterable[Challenge]) -> frozenset[str] | None:
    """Return the scope of the first Bearer challenge that names one (RFC 6750 §3), or None."""
    for challenge in challenges:
        if challenge.scheme == "bearer" and "scope" in challenge.parameters:
            return frozenset(challenge.parameters["scope"].split())
    return None


def _parse_line(line: str) -> Iterator[Challenge]:
    position = _skip(_GAP, line, 0)
    while position < len(line):
        scheme = _match(_SCHEME, line, position)
        if scheme is None:
            position = _skip_item(line, position)
            continue
        parameters, token68, position = _parse_challenge(line, scheme.end())
        yield Challenge(scheme[1].lower(), MappingProxyType(parameters), token68)


def _parse_challenge(line: str, position: int) -> tuple[dict[str, str], str | None, int]:
    parameters: dict[str, str] = {}
    start, position = position, _skip(_GAP, line, position)
    if not _match(_PARAMETER, line, position) and (token68 := _match(_TOKEN68, line, position)):
        if "," in line[start:position]:
            return parameters, None, position  # a word after a comma is the next scheme
        return parameters, token68[1], _skip(_GAP, line, token68.end())
    while position < len(line):
        if parameter := _match(_PARAMETER, line, position):
            name, quoted, plain = parameter.groups()
            value = plain if quoted is None else re.sub(_QUOTED_PAIR, r"\1", quoted)
            parameters.setdefault(name.lower(), value)
            position = _skip(_GAP, line, parameter.end())
        elif _match(_SCHEME, line, position):
            break
        else:
            position = _skip_item(line, position)
    return parameters, None, position


def _match(pattern: str, line: str, position: int) -> re.Match[str] | None:
    # Compiled on first use: these patterns would take a millisecond of each import.
    return re.compile(pattern, re.DOTALL).match(line, position)


def _skip(pattern: str, line: str, position: int) -> int:
    match = _match(pattern, line, position)
    return match.end() if match else position


def _skip_item(line: str, position: int) -> int:
    # The item is not empty, so the position always moves: callers have skipped gaps and commas.
    return _skip(_GAP, line, _skip(_REST, line, position))
