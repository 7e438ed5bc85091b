"""The report of a soak, as text and as values for JSON."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator

import aiohttp

from tests.robustness.soak.meters import Growth
from tests.robustness.soak.soak import JUDGED_FROM, Result

_SCALE = {"KiB": 1024, "": 1}


def lines(result: Result) -> Iterator[str]:
    """Yield the report line by line."""
    diary = result.diary
    yield (
        f"{result.seconds:g} s, {diary.requests} requests, {diary.event_count} events; "
        f"Python {platform.python_version()}, aiohttp {aiohttp.__version__}"
    )
    yield from _counts("answered", diary.answered)
    yield from _counts("repeated after a 401", diary.repaired)
    yield from _counts("shared logins and closed clients", diary.logins)
    yield from _counts("failures explained by events", diary.injected)
    yield f"unexplained errors: {diary.error_count}"
    yield from (f"    {error}" for error in diary.errors)
    near, far = _ratio(diary.tokens), _ratio(diary.undisturbed)
    yield f"token requests per token: {far}; with events {near}"
    yield "growth after warm-up:"
    yield from (f"    {_growth(one)}" for one in result.growth)
    if result.is_judged and not result.has_seen_enough:
        yield "TOO LITTLE SEEN: no token without a nearby event, or no repaired 401"
    if not result.is_judged:
        yield f"    (not judged: the run is shorter than {JUDGED_FROM} s)"
    yield f"left after closing: {dict(result.left) or 'nothing'}"
    yield "good" if result.is_good else "NOT GOOD"


def values(result: Result) -> dict[str, object]:
    """Return the values of the report for JSON."""
    diary = result.diary
    return {
        "seconds": result.seconds,
        "requests": diary.requests,
        "answered": dict(diary.answered),
        "repaired": dict(diary.repaired),
        "logins": dict(diary.logins),
        "injected": dict(diary.injected),
        "errors": diary.error_count,
        "tokens": dict(diary.tokens),
        "undisturbed": dict(diary.undisturbed),
        "growth": {
            one.meter.name: {"mean": one.mean, "growth": one.growth, "noise": one.noise}
            for one in result.growth
        },
        "left": dict(result.left),
        "is_good": result.is_good,
    }


def _counts(title: str, counts: Counter[str]) -> Iterator[str]:
    yield f"{title}: {counts.total()}"
    yield from (f"    {name}: {number}" for name, number in sorted(counts.items()))


def _ratio(counts: Counter[str]) -> str:
    tokens, requests = counts["tokens"], counts["requests"]
    each = f"{requests / tokens:.2f}" if tokens else "none"
    return f"{each} ({requests} for {tokens})"


def _growth(one: Growth) -> str:
    scale = _SCALE[one.meter.unit]
    word = "ok" if one.is_noise else "GREW"
    return (
        f"{one.meter.name}: {one.growth / scale:+.2f} {one.meter.unit}".rstrip()
        + f" of {one.mean / scale:.1f}, noise {one.noise / scale:.2f}: {word}"
    )
