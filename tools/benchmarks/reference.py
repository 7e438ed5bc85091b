"""A result for the documents: its figures by name, and the check before it is published.

It reads no files and measures nothing.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final, cast

from tools.benchmarks import figures
from tools.benchmarks.effort import FULL
from tools.benchmarks.figures import Figure, Results, read_results

LOOPBACK: Final = (figures.LOOPBACK_AWAITED, figures.LOOPBACK_ENTERED)
HERDS: Final = (figures.COLD, figures.REVOKED, figures.FAILING)
BARE, MIDDLEWARE, CLIENT, GIVEN = "aiohttp", "OAuth2Middleware", "Client", "Client, session="
RELEASE, PEER = "aio-alf 0.4.0", "aiohttp-oauth2-client"


class IncompleteError(Exception):
    """The result is incomplete and must not be published."""


class Reference:
    """A result, with access to its figures by name."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content
        self.effort: dict[str, Any] = content["effort"]
        self.results: Results = read_results(content)

    def of(self, measure: str, size: int | None = None) -> list[Figure]:
        """Return the figures of a measure, of one size or all sizes."""
        return [
            one
            for one in self.results.figures
            if one.measure == measure and size in {None, one.size}
        ]

    def one(self, measure: str, contender: str, size: int | None = None) -> Figure:
        """Return one figure."""
        (found,) = (one for one in self.of(measure, size) if one.contender == contender)
        return found


def check(content: Mapping[str, Any]) -> None:
    """Raise IncompleteError unless everything was measured in full, with all contenders."""
    if content["effort"] != json.loads(json.dumps(asdict(FULL))):
        raise IncompleteError("not published: this was not a full run; run again without --quick")
    found = {(one.measure, one.contender, one.size) for one in read_results(content).figures}
    if missing := [key for key in _wanted() if key not in found]:
        raise IncompleteError(f"not published: these figures are missing: {missing}")


def _wanted() -> Iterator[tuple[str, str, int | None]]:
    peers = (RELEASE, PEER)
    all_peers = (*peers, "authlib", "httpx-auth")
    for measure in (figures.AWAITED, figures.ENTERED, *LOOPBACK):
        yield from ((measure, name, None) for name in (MIDDLEWARE, CLIENT, GIVEN, *peers))
    yield from ((figures.HTTPX, name, None) for name in all_peers[2:])
    names = ("TokenManager.get_token", *all_peers[:3])
    yield from ((figures.GET_TOKEN, name, None) for name in names)
    for measure in HERDS:
        yield from ((measure, name, FULL.herd) for name in (MIDDLEWARE, CLIENT, *all_peers))
    for measure in (figures.P50, figures.P99, figures.P99_RATIO, figures.SLOW):
        yield from ((measure, name, None) for name in (BARE, MIDDLEWARE, CLIENT, *all_peers))
    for size in FULL.sizes:
        for measure in (figures.CALLERS, figures.CLIENT_CPU):
            yield from ((measure, name, size) for name in (BARE, MIDDLEWARE, CLIENT, *peers))
        names = (MIDDLEWARE, CLIENT, *peers)
        yield from ((figures.CLIENT_MEMORY, name, size) for name in names)
    imported = ("aioalf", figures.WITH_CLIENT, *all_peers)
    yield from ((figures.IMPORT, name, None) for name in imported)


def json_text(content: Mapping[str, object]) -> str:
    """Return JSON with one line per figure, for readable diffs."""
    return "{\n" + ",\n".join(_members(content)) + "\n}\n"


def _members(content: Mapping[str, object]) -> Iterator[str]:
    for name, value in content.items():
        if isinstance(value, list):
            items = cast("list[object]", value)
            lines = ",\n  ".join(json.dumps(item, ensure_ascii=False) for item in items)
            yield f' "{name}": [\n  {lines}\n ]'
        else:
            yield f' "{name}": {json.dumps(value, ensure_ascii=False)}'
