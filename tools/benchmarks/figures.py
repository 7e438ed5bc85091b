"""What a measure yields: a value with its spread, and what it should be.

Plain values and their arithmetic; knows no clock and no contender.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median, quantiles
from typing import Final


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, the quartiles around it, and between which values the true median is (95 %).

    Few values do not tell that: then `interval` is from the least of them to the greatest.
    """

    median: float
    quartiles: tuple[float, float]
    interval: tuple[float, float]
    count: int

    @property
    def is_range(self) -> bool:
        """Whether the values are too few for an interval."""
        return self.count < _LEAST

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Describe the values, at least one, to five digits."""
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


# Five values lie all on one side of the true median 1 time of 16, six 1 time of 32.
_LEAST: Final = 6


def _interval(ordered: Sequence[float]) -> tuple[float, float]:
    # How many of n values fall below the median is binomial: the ranks n/2 ± 1.96·√n/2 enclose it.
    reach = 0.98 * math.sqrt(len(ordered))
    low = max(math.floor(len(ordered) / 2 - reach), 0)
    return ordered[low], ordered[-1 - low]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table: ``unit`` is ``""`` for a ratio to the baseline of the contender.

    ``size`` is how many callers or clients there were, where that is varied. ``note`` is the same
    in units of its own, or what else is worth reading along.
    """

    measure: str
    contender: str
    value: Spread
    unit: str = ""
    size: int | None = None
    note: str = ""

    @property
    def target(self) -> float | None:
        """What the value should be at most; None where nothing was promised."""
        measure, contender = self.measure, self.contender
        return TARGETS.get((measure, contender, self.size), TARGETS.get((measure, contender, None)))

    @property
    def is_missed(self) -> bool:
        """Whether the median is above the target."""
        return self.target is not None and self.value.median > self.target


@dataclass(frozen=True, slots=True)
class Curve:
    """Points that are drawn and in no table."""

    measure: str
    contender: str
    points: list[tuple[float, float]]


@dataclass(slots=True)
class Results:
    """What measures have yielded so far."""

    figures: list[Figure] = field(default_factory=list[Figure])
    curves: list[Curve] = field(default_factory=list[Curve])

    def add(self, more: "Results") -> None:
        """Take in another's."""
        self.figures += more.figures
        self.curves += more.curves

    def as_json(self) -> dict[str, object]:
        """Return what `read_results` reads."""
        return {
            "figures": [asdict(figure) for figure in self.figures],
            "curves": [asdict(curve) for curve in self.curves],
        }


def read_results(content: Mapping[str, list[dict[str, object]]]) -> Results:
    """Return the results that a JSON object holds."""
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
    """Compare each contender with the baseline, round by round; `scale` is of the note."""
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
    """Return a note: a value, and by how much it differs from the baseline's."""
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
"""The contender of `IMPORT` that imports what a client is made of, too."""

TARGETS: Final[dict[tuple[str, str, int | None], float]] = {
    (AWAITED, "OAuth2Middleware", None): 1.01,
    (AWAITED, "Client", None): 1.05,
    (ENTERED, "OAuth2Middleware", None): 1.01,
    (ENTERED, "Client", None): 1.05,
    (LOOPBACK_AWAITED, "OAuth2Middleware", None): 1.01,
    (LOOPBACK_AWAITED, "Client", None): 1.02,
    (LOOPBACK_ENTERED, "OAuth2Middleware", None): 1.01,
    (LOOPBACK_ENTERED, "Client", None): 1.02,
    (GET_TOKEN, "TokenManager.get_token", None): 2.2,
    (COLD, "OAuth2Middleware", None): 1,
    (COLD, "Client", None): 1,
    (REVOKED, "OAuth2Middleware", None): 1,
    (REVOKED, "Client", None): 1,
    (FAILING, "OAuth2Middleware", None): 3,  # one, and two retries
    (FAILING, "Client", None): 3,
    (P99_RATIO, "OAuth2Middleware", None): 2,
    (P99_RATIO, "Client", None): 2,
    (SLOW, "OAuth2Middleware", None): 0,
    (SLOW, "Client", None): 0,
    (CALLERS, "OAuth2Middleware", 10_000): 1.15,
    (CALLERS, "Client", 10_000): 1.15,
    (CLIENT_MEMORY, "Client", 1_000): 1.5,
    (IMPORT, "aioalf", None): 1.02,
}
