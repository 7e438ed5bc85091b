"""The generated texts of the documents: tables and sentences, made from a result.

It reads and writes no files.
"""

from collections.abc import Callable, Mapping, Sequence
from textwrap import fill
from typing import Final

from tools.benchmarks import figures
from tools.benchmarks.figures import Figure, best_peer, is_missed
from tools.benchmarks.reference import (
    HERDS,
    LOOPBACK,
    PEER,
    Reference,
)


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    rule = "  ".join("=" * width for width in widths)
    cells = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in (head, *body)]
    return "\n".join((rule, cells[0], rule, *cells[1:], rule))


def _number(value: float, unit: str) -> str:
    match unit:
        case "":
            return f"{value:.3f}" if value < 3 else f"{value:.1f}"
        case "%":
            return f"{value:.1f} %"
        case "token requests":
            return f"{value:,.0f}"
        case _:
            return f"{value:.1f} {unit}" if value >= 10 else f"{value:.2f} {unit}"


def _value(figure: Figure) -> str:
    low, high = figure.value.interval
    if low == high:
        return short(figure)
    ends = (_number(end, figure.unit).removesuffix(f" {figure.unit}") for end in (low, high))
    return f"{short(figure)} ({'range ' * figure.value.is_range}{' to '.join(ends)})"


def contenders(found: Sequence[Figure]) -> list[str]:
    """Return the names of the contenders, without duplicates."""
    return list(dict.fromkeys(figure.contender for figure in found))


def _side_by_side(*columns: tuple[str, str]) -> Callable[[Reference], str]:
    """A table with a line per contender; each column is a heading and a measure."""

    def write(reference: Reference) -> str:
        names = contenders(reference.of(columns[0][1]))
        body = [
            [name, *(_value(reference.one(measure, name)) for _, measure in columns)]
            for name in names
        ]
        return _table(["Contender", *(head for head, _ in columns)], body)

    return write


def _with_notes(measure: str, *heads: str) -> Callable[[Reference], str]:
    """A table with a line per contender, with the note of its figure."""

    def write(reference: Reference) -> str:
        body = [[one.contender, _value(one), one.note] for one in reference.of(measure)]
        return _table(["Contender", *heads], body)

    return write


def grown(measure: str) -> Callable[[Reference], str]:
    """A table with a line per contender and a column per size."""

    def write(reference: Reference) -> str:
        sizes: list[int] = reference.effort["sizes"]
        names = contenders(reference.of(measure))
        body = [
            [name, *(_value(reference.one(measure, name, size)) for size in sizes)]
            for name in names
        ]
        return _table(["Contender", *(f"{size:,}" for size in sizes)], body)

    return write


def short(figure: Figure) -> str:
    """Format a median with its unit."""
    return _number(figure.value.median, figure.unit)


def _token_requests(reference: Reference) -> str:
    names = contenders(reference.of(figures.COLD))
    body = [
        [name, *(_with_outcome(reference.one(measure, name)) for measure in HERDS)]
        for name in names
    ]
    return _table(["Contender", "No token yet", "After a revocation", "Endpoint fails"], body)


def _with_outcome(figure: Figure) -> str:
    return f"{short(figure)} ({figure.note})"


def _circumstances(reference: Reference) -> str:
    around, effort = reference.content["circumstances"], reference.effort
    peers = ", ".join(
        f"{name} {around[name]}"
        for name in (PEER, "httpx", "Authlib", "httpx-auth")
        if name in around
    )
    rounds, turns = effort["rounds"], effort["turns"]
    commit = around.get("commit", "unknown")
    text = (
        f"{around['python']} on {around['machine']} with {around['cpus']} CPUs, on "
        f"{reference.content['at']}; aio-alf {around['aioalf']} (commit {commit}), aiohttp "
        f"{around['aiohttp']}, {peers}. The load average before the run was "
        f"{around['load']}; the run took "
        f"{reference.content['seconds'] / 60:.0f} minutes: {rounds:,} rounds in memory, "
        f"{effort['loopback_rounds']:,} over loopback, {effort['imports']:,} of imports, and "
        f"{turns} turns of {effort['seconds']:g} seconds for latency at expiry."
    )
    return fill(text, 100)


def _summary(reference: Reference) -> str:
    body: list[list[str]] = []
    for figure in reference.results.figures:
        if figure.target is not None:
            size = "" if figure.size in {None, reference.effort["herd"]} else f", {figure.size:,}"
            body.append(
                [
                    f"{figure.measure}{size}",
                    figure.contender,
                    f"≤ {_trimmed(figure)}",
                    _value(figure),
                    _verdict(figure, reference.results.figures),
                    _best(figure, reference.results.figures),
                ]
            )
    head = ["Measure", "Contender", "Target", "Measured", "Reached", "Best peer"]
    return _table(head, body)


def _trimmed(figure: Figure) -> str:
    unit = "" if figure.unit == "token requests" else f" {figure.unit}"
    return f"{figure.target:g}{unit}".rstrip()


def _verdict(figure: Figure, found: Sequence[Figure]) -> str:
    assert figure.target is not None  # noqa: S101 - checked by the caller
    low, high = figure.value.interval
    if low <= figure.target < high:
        return "within the interval"
    return "no" if is_missed(figure, found) else "yes"


def _best(figure: Figure, found: Sequence[Figure]) -> str:
    peer = best_peer(figure, found)
    return "" if peer is None else f"{short(peer)} {peer.contender}"


BLOCKS: Final[Mapping[str, Callable[[Reference], str]]] = {
    "circumstances": _circumstances,
    "summary": _summary,
    "requests": _side_by_side(("await get(…)", figures.AWAITED), ("async with", figures.ENTERED)),
    "requests, httpx": _with_notes(figures.HTTPX, "Ratio", "Time per request"),
    "loopback": _side_by_side(*zip(("await get(…)", "async with"), LOOPBACK, strict=True)),
    "get_token": _with_notes(figures.GET_TOKEN, "Ratio", "Time per call"),
    "token requests": _token_requests,
    "expiry": _side_by_side(
        ("p50", figures.P50),
        ("p99", figures.P99),
        ("p99 relative to baseline", figures.P99_RATIO),
        ("slower than 100 ms", figures.SLOW),
    ),
    "callers": grown(figures.CALLERS),
    "client CPU": grown(figures.CLIENT_CPU),
    "client memory": grown(figures.CLIENT_MEMORY),
    "import": _with_notes(figures.IMPORT, "Ratio", "CPU time"),
}
