"""The charts of the documents, made from a result. It reads and writes no files."""

from collections.abc import Callable, Mapping
from typing import Final

from tools.benchmarks import chart, figures
from tools.benchmarks.chart import Axis, Row, Series
from tools.benchmarks.figures import Figure
from tools.benchmarks.reference import (
    BARE,
    CLIENT,
    GIVEN,
    HERDS,
    LOOPBACK,
    MIDDLEWARE,
    PEER,
    RELEASE,
    Reference,
)
from tools.benchmarks.tables import contenders, short

_LOOKS: Final = {
    **dict.fromkeys((CLIENT, GIVEN, "aioalf", figures.WITH_CLIENT, "TokenManager.get_token"), 1),
    MIDDLEWARE: 2,
    RELEASE: 3,
    PEER: 4,
    "authlib": 5,
    "httpx-auth": 5,
}


def _row(figure: Figure, text: str) -> Row:
    value = figure.value
    return Row(
        figure.contender, _LOOKS.get(figure.contender, 0), value.median, value.interval, text
    )


def _overhead(reference: Reference) -> str:
    measures = (figures.AWAITED, figures.ENTERED, *LOOPBACK)
    groups = [
        (
            measure,
            [_row(one, short(one)) for one in reference.of(measure) if one.contender != BARE],
        )
        for measure in measures
    ]
    return chart.rows(
        "A request with a valid token, relative to aiohttp", groups, dots=True, rule=BARE
    )


def _bars(title: str, measure: str, rule: str = "") -> Callable[[Reference], str]:
    def draw(reference: Reference) -> str:
        group = [_row(one, short(one)) for one in reference.of(measure)]
        return chart.rows(title, [("", group)], rule=rule)

    return draw


def _herd(reference: Reference) -> str:
    titles = ("No token yet", "After a revocation", "While the token endpoint fails")
    groups = [
        (title, [_row(one, short(one) + _refusals(one)) for one in reference.of(measure)])
        for title, measure in zip(titles, HERDS, strict=True)
    ]
    herd = reference.effort["herd"]
    return chart.rows(f"Token requests of {herd:,} concurrent requests", groups)


def _refusals(figure: Figure) -> str:
    return f" ({figure.note})" if figure.note.endswith("401") else ""


def _timeline(reference: Reference) -> str:
    names = (BARE, RELEASE, PEER, "authlib", CLIENT)
    curves = {one.contender: one.points for one in reference.results.curves}
    series = [Series(name, _LOOKS.get(name, 0), curves[name]) for name in names]
    return chart.lines(
        "Slowest request in each 50 ms; tokens expire after 2 s, the token endpoint takes 300 ms",
        series,
        Axis("seconds"),
        Axis("ms", log=True),
    )


def _growth(
    title: str,
    measure: str,
    axes: tuple[Axis, Axis],
    value: Callable[[Figure], float],
) -> Callable[[Reference], str]:
    def draw(reference: Reference) -> str:
        found = reference.of(measure)
        series = [
            Series(
                name,
                _LOOKS.get(name, 0),
                [(one.size or 0, value(one)) for one in found if one.contender == name],
            )
            for name in contenders(found)
            if name != GIVEN
        ]
        return chart.lines(title, series, *axes)

    return draw


def _median(figure: Figure) -> float:
    return figure.value.median


def _noted(figure: Figure) -> float:
    """Return the value of a figure in its own unit, from its note."""
    return float(figure.note.split()[0])


PICTURES: Final[Mapping[str, Callable[[Reference], str]]] = {
    "overhead": _overhead,
    "get_token": _bars(
        "get_token() with a cached token, relative to an empty call", figures.GET_TOKEN
    ),
    "token_requests": _herd,
    "expiry": _timeline,
    "callers": _growth(
        "Concurrent requests on a client without a token: CPU time of a request",
        figures.CALLERS,
        (Axis("concurrent requests", log=True), Axis("µs per request", log=True)),
        _noted,
    ),
    "client_cpu": _growth(
        "Many clients in one process: CPU time of a request",
        figures.CLIENT_CPU,
        (Axis("clients", log=True), Axis("µs per request")),
        _noted,
    ),
    "client_memory": _growth(
        "Many clients in one process: memory of a client in addition to its aiohttp session",
        figures.CLIENT_MEMORY,
        (Axis("clients", log=True), Axis("KiB per client")),
        _median,
    ),
    "import": _bars(
        "Import time, relative to the HTTP library alone", figures.IMPORT, "the library"
    ),
}
