"""What the documents say of a result: a text for each of their blocks.

Text only; knows no files.
"""

from collections.abc import Callable, Mapping, Sequence
from textwrap import fill
from typing import Final

import figures
from figures import Figure
from reference import BARE, CLIENT, GIVEN, HERDS, LOOPBACK, MIDDLEWARE, PEER, RELEASE, Reference

_OURS: Final = {MIDDLEWARE, CLIENT, GIVEN, "TokenManager.get_token", "aioalf"}
_NO_PEERS: Final = {*_OURS, BARE, "httpx", "no-op middleware", "empty async def"}


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
    """Return whose figures these are, each once."""
    return list(dict.fromkeys(figure.contender for figure in found))


def _side_by_side(*columns: tuple[str, str]) -> Callable[[Reference], str]:
    """One line a contender; each column is a heading and a measure."""

    def write(reference: Reference) -> str:
        names = contenders(reference.of(columns[0][1]))
        body = [
            [name, *(_value(reference.one(measure, name)) for _, measure in columns)]
            for name in names
        ]
        return _table(["Contender", *(head for head, _ in columns)], body)

    return write


def _with_notes(measure: str, *heads: str) -> Callable[[Reference], str]:
    """One line a contender, with the note of each figure."""

    def write(reference: Reference) -> str:
        body = [[one.contender, _value(one), one.note] for one in reference.of(measure)]
        return _table(["Contender", *heads], body)

    return write


def grown(measure: str) -> Callable[[Reference], str]:
    """One line a contender, one column a size."""

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
    """Write a median with its unit."""
    return _number(figure.value.median, figure.unit)


def _token_requests(reference: Reference) -> str:
    names = contenders(reference.of(figures.COLD))
    body = [
        [name, *(_with_outcome(reference.one(measure, name)) for measure in HERDS)]
        for name in names
    ]
    return _table(["Contender", "Cold", "After a revocation", "Endpoint fails"], body)


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
        f"{around['aiohttp']}, {peers}. The load of the machine before the run was "
        f"{around['load']}, where 0 is idle; the run took "
        f"{reference.content['seconds'] / 60:.0f} minutes: {rounds:,} rounds in memory, "
        f"{effort['loopback_rounds']:,} over loopback, {effort['imports']:,} of imports, and "
        f"{turns} turns of {effort['seconds']:g} seconds each at expiry."
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
                    _verdict(figure),
                    _best(reference.of(figure.measure, figure.size)),
                ]
            )
    head = ["Measure", "Contender", "To reach", "Measured", "Reached", "Best other"]
    return _table(head, body)


def _trimmed(figure: Figure) -> str:
    unit = "" if figure.unit == "token requests" else f" {figure.unit}"
    return f"{figure.target:g}{unit}".rstrip()


def _verdict(figure: Figure) -> str:
    assert figure.target is not None  # noqa: S101 - only such figures are here
    low, high = figure.value.interval
    if low <= figure.target < high:
        return "within the spread"
    return "no" if figure.is_missed else "yes"


def _best(found: Sequence[Figure]) -> str:
    # Who gives a refused token's 401 to the caller makes no token request, and is not best for it.
    others = [
        one for one in found if one.contender not in _NO_PEERS and not one.note.endswith("401")
    ]
    if not others:
        return ""
    best = min(others, key=lambda one: one.value.median)
    return f"{short(best)} {best.contender}"


_README: Final[Mapping[str, str]] = {
    "overhead": """\
The CPU time of a request, in memory, against aiohttp with the header set by hand: with
``OAuth2Middleware`` {middleware} times when it is awaited and {middleware_entered} in
``async with``, with ``Client`` {client} and {client_entered}. Over loopback, on the wall:
{middleware_loopback} and {middleware_loopback_entered}, {client_loopback} and
{client_loopback_entered}.""",
    "get_token": """\
The token alone, when it is valid, against a call that does nothing: {get_token} times, as against
{get_token_release} with 0.4.0.""",
    "token_requests": """\
Token requests that {herd:,} requests at once make: {cold} on a client without a token, {revoked}
after a revocation, {failing} with its retries while the endpoint fails.""",
    "expiry": """\
A token that lives 2 seconds, an endpoint that takes 300 ms: 99 of 100 requests are answered within
{p99}, as against {bare} with aiohttp alone and {release} with 0.4.0.""",
    "callers": """\
{most:,} requests at once on a client without a token: {callers} times the CPU time of aiohttp's
{most:,}.""",
    "client_cpu": """\
A request through each of {most:,} clients in one process: {client_cpu} times the CPU time of as
many through aiohttp sessions.""",
    "client_memory": """\
Memory that each of {most:,} clients takes beside its aiohttp session: {client_memory}.""",
    "import": """\
Importing aiohttp and then ``aioalf``: {import} times the CPU time of aiohttp alone. What talks to a
server is imported with the first client.""",
}
"""A line for each picture; README.rst shows them together."""


def _line(picture: str) -> Callable[[Reference], str]:
    def write(reference: Reference) -> str:
        most = max(reference.effort["sizes"])
        values: dict[str, tuple[str, str, int | None]] = {
            "middleware": (figures.AWAITED, MIDDLEWARE, None),
            "middleware_entered": (figures.ENTERED, MIDDLEWARE, None),
            "client": (figures.AWAITED, CLIENT, None),
            "client_entered": (figures.ENTERED, CLIENT, None),
            "middleware_loopback": (figures.LOOPBACK_AWAITED, MIDDLEWARE, None),
            "middleware_loopback_entered": (figures.LOOPBACK_ENTERED, MIDDLEWARE, None),
            "client_loopback": (figures.LOOPBACK_AWAITED, CLIENT, None),
            "client_loopback_entered": (figures.LOOPBACK_ENTERED, CLIENT, None),
            "get_token": (figures.GET_TOKEN, "TokenManager.get_token", None),
            "get_token_release": (figures.GET_TOKEN, RELEASE, None),
            "cold": (figures.COLD, CLIENT, None),
            "revoked": (figures.REVOKED, CLIENT, None),
            "failing": (figures.FAILING, CLIENT, None),
            "p99": (figures.P99, CLIENT, None),
            "bare": (figures.P99, BARE, None),
            "release": (figures.P99, RELEASE, None),
            "callers": (figures.CALLERS, CLIENT, most),
            "client_cpu": (figures.CLIENT_CPU, CLIENT, most),
            "client_memory": (figures.CLIENT_MEMORY, CLIENT, most),
            "import": (figures.IMPORT, "aioalf", None),
        }
        measured = {name: short(reference.one(*key)) for name, key in values.items()}
        text = _README[picture].format(herd=reference.effort["herd"], most=most, **measured)
        return fill(text, 100)

    return write


BLOCKS: Final[Mapping[str, Callable[[Reference], str]]] = {
    **{f"readme, {picture}": _line(picture) for picture in _README},
    "circumstances": _circumstances,
    "summary": _summary,
    "requests": _side_by_side(("await get(…)", figures.AWAITED), ("async with", figures.ENTERED)),
    "requests, httpx": _with_notes(figures.HTTPX, "Ratio", "Time a request"),
    "loopback": _side_by_side(*zip(("await get(…)", "async with"), LOOPBACK, strict=True)),
    "get_token": _with_notes(figures.GET_TOKEN, "Ratio", "Time a call"),
    "token requests": _token_requests,
    "expiry": _side_by_side(
        ("p50", figures.P50),
        ("p99", figures.P99),
        ("p99 against bare", figures.P99_RATIO),
        ("slower than 100 ms", figures.SLOW),
    ),
    "callers": grown(figures.CALLERS),
    "client CPU": grown(figures.CLIENT_CPU),
    "client memory": grown(figures.CLIENT_MEMORY),
    "import": _with_notes(figures.IMPORT, "Ratio", "CPU time"),
}
