"""Results of measures: figures with their spread, and the targets that they must reach.

Plain values and arithmetic: no clocks, no files.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median, quantiles
from typing import Final


@dataclass(frozen=True)
class Spread:
    """The median of values, their quartiles, and a 95 % confidence interval of the median.

    With fewer than six values, `interval` is their range.
    """

    median: float
    quartiles: tuple[float, float]
    interval: tuple[float, float]
    count: int

    @property
    def is_range(self) -> bool:
        """Whether there are too few values for a confidence interval."""
        return self.count < _LEAST

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Summarize at least one value, rounded to five digits."""
        ordered = sorted(float(f"{value:.5g}") for value in values)
        if len(ordered) == 1:
            (only,) = ordered
            return cls(only, (only, only), (only, only), 1)
        first, _, third = (
            float(f"{value:.5g}") for value in quantiles(ordered, method="inclusive")
        )
        return cls(
            float(f"{median(ordered):.5g}"), (first, third), _interval(ordered), len(ordered)
        )


# Five values are all on one side of the true median in 1 of 16 cases, six in 1 of 32.
_LEAST: Final = 6


def _interval(ordered: Sequence[float]) -> tuple[float, float]:
    # The number of values below the median is binomial: ranks n/2 ± 1.96·√n/2 enclose it.
    reach = 0.98 * math.sqrt(len(ordered))
    low = max(math.floor(len(ordered) / 2 - reach), 0)
    return ordered[low], ordered[-1 - low]


@dataclass(frozen=True)
class Figure:
    """One line of a table. ``unit`` is empty for a ratio to the contender's baseline.

    ``size`` is the number of callers or clients, if the measure varies it. ``note`` is the value in
    its own unit, or other information.
    """

    measure: str
    contender: str
    value: Spread
    unit: str = ""
    size: int | None = None
    note: str = ""

    @property
    def target(self) -> float | None:
        """The maximum that the value may have, or None if there is no target."""
        measure, contender = self.measure, self.contender
        return TARGETS.get((measure, contender, self.size), TARGETS.get((measure, contender, None)))


@dataclass(frozen=True)
class Curve:
    """Points of a chart that are not in a table."""

    measure: str
    contender: str
    points: list[tuple[float, float]]


@dataclass
class Results:
    """The results so far."""

    figures: list[Figure] = field(default_factory=list[Figure])
    curves: list[Curve] = field(default_factory=list[Curve])

    def add(self, more: "Results") -> None:
        """Append other results."""
        self.figures += more.figures
        self.curves += more.curves

    def as_json(self) -> dict[str, object]:
        """Return a JSON object for `read_results`."""
        return {
            "figures": [asdict(figure) for figure in self.figures],
            "curves": [asdict(curve) for curve in self.curves],
        }


def read_results(content: Mapping[str, list[dict[str, object]]]) -> Results:
    """Return the results of a JSON object."""
    figures = [
        Figure(**{**one, "value": Spread(**one["value"])})  # type: ignore[arg-type]
        for one in content["figures"]
    ]
    curves = [Curve(**one) for one in content["curves"]]  # type: ignore[arg-type]
    return Results(figures, curves)


def ratios(
    measure: str,
    seconds: Mapping[str, Sequence[float]],
    baseline: str,
    *,
    scale: tuple[float, str],
    size: int | None = None,
) -> list[Figure]:
    """Compare each contender with the baseline, round by round; `scale` is the unit of the note."""
    base = seconds[baseline]
    factor, unit = scale
    return [
        Figure(
            measure,
            name,
            Spread.of(mine / theirs for mine, theirs in zip(values, base, strict=True)),
            size=size,
            note=beside(median(values) * factor, median(base) * factor, unit),
        )
        for name, values in seconds.items()
    ]


def beside(value: float, base: float, unit: str) -> str:
    """Return a note: a value, and its difference from the baseline."""
    return f"{value:.2f} {unit} ({value - base:+.2f})"


AWAITED: Final = "CPU in memory, await"
ENTERED: Final = "CPU in memory, async with"
HTTPX: Final = "CPU in memory, httpx"
LOOPBACK_AWAITED: Final = "loopback, await"
LOOPBACK_ENTERED: Final = "loopback, async with"
GET_TOKEN: Final = "get_token()"
COLD: Final = "token requests, cold"
REVOKED: Final = "token requests, after a revocation"
FAILING: Final = "token requests, endpoint fails"
P50: Final = "latency at expiry, p50"
P99: Final = "latency at expiry, p99"
P99_RATIO: Final = "latency at expiry, p99 against bare"
SLOW: Final = "latency at expiry, slower than 100 ms"
TIMELINE: Final = "latency at expiry, over time"
CALLERS: Final = "callers on a cold client"
CLIENT_CPU: Final = "CPU of a request, many clients"
CLIENT_MEMORY: Final = "memory beside a session"
IMPORT: Final = "import"

WITH_CLIENT: Final = "aioalf, a Client made"
"""The contender of `IMPORT` that also creates a client."""

OURS: Final = frozenset(
    {
        *("OAuth2Middleware", "Client", "Client, session="),
        *("TokenManager.get_token", "aioalf", WITH_CLIENT),
    }
)
BASELINES: Final = frozenset({"aiohttp", "httpx", "no-op middleware", "empty async def"})

TARGETS: Final[dict[tuple[str, str, int | None], float]] = {
    (AWAITED, "OAuth2Middleware", None): 1.01,
    (AWAITED, "Client", None): 1.05,
    (ENTERED, "OAuth2Middleware", None): 1.01,
    (ENTERED, "Client", None): 1.05,
    (LOOPBACK_AWAITED, "OAuth2Middleware", None): 1.01,
    (LOOPBACK_AWAITED, "Client", None): 1.05,
    (LOOPBACK_ENTERED, "OAuth2Middleware", None): 1.01,
    (LOOPBACK_ENTERED, "Client", None): 1.05,
    (GET_TOKEN, "TokenManager.get_token", None): 2.5,
    (COLD, "OAuth2Middleware", None): 1,
    (COLD, "Client", None): 1,
    (REVOKED, "OAuth2Middleware", None): 1,
    (REVOKED, "Client", None): 1,
    (FAILING, "OAuth2Middleware", None): 3,  # one request and two retries
    (FAILING, "Client", None): 3,
    (P99_RATIO, "OAuth2Middleware", None): 2,
    (P99_RATIO, "Client", None): 2,
    (SLOW, "OAuth2Middleware", None): 0,
    (SLOW, "Client", None): 0,
    (CALLERS, "OAuth2Middleware", 10_000): 1.15,
    (CALLERS, "Client", 10_000): 1.15,
    (CLIENT_MEMORY, "Client", 1_000): 2.5,
    (IMPORT, "aioalf", None): 1.10,
}
"""The maximum of each figure, by measure, contender and size (None: every size)."""

BELOW_PEERS: Final = frozenset({(AWAITED, "Client"), (ENTERED, "Client")})
"""Figures that must also be lower than the figure of every peer in the same run."""


def best_peer(figure: Figure, figures: Sequence[Figure]) -> Figure | None:
    """Return the best figure of other OAuth clients for the same measure and size."""
    peers = [
        one
        for one in figures
        if (one.measure, one.size) == (figure.measure, figure.size)
        and one.contender not in OURS | BASELINES
        # A contender that passes a 401 on to the caller makes no token request: that is not better.
        and not one.note.endswith("401")
    ]
    return min(peers, key=lambda one: one.value.median, default=None)


def is_missed(figure: Figure, figures: Sequence[Figure]) -> bool:
    """Whether a figure is above its target or, where that counts, not below every peer."""
    if figure.target is None:
        return False
    must_be_below = (figure.measure, figure.contender) in BELOW_PEERS
    peer = best_peer(figure, figures) if must_be_below else None
    median = figure.value.median
    return median > figure.target or (peer is not None and median >= peer.value.median)
