"""What a measure yields: a value with its spread, and what it should be.

Plain values and their arithmetic; knows no clock and no contender.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, the quartiles around it, and between which values the true median is (95 %)."""

    median: float
    quartiles: tuple[float, float]
    interval: tuple[float, float]
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Describe the values, at least one."""
        ordered = sorted(values)
        if len(ordered) == 1:
            (only,) = ordered
            return cls(only, (only, only), (only, only), 1)
        first, _, third = quantiles(ordered, method="inclusive")
        return cls(median(ordered), (first, third), _interval(ordered), len(ordered))


def _interval(ordered: Sequence[float]) -> tuple[float, float]:
    # How many of n values fall below the median is binomial: the ranks n/2 ± 1.96·√n/2 enclose it.
    reach = 0.98 * math.sqrt(len(ordered))
    low = max(math.floor(len(ordered) / 2 - reach), 0)
    return ordered[low], ordered[-1 - low]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: ``unit`` is ``""`` for a ratio to the measure's baseline.

    ``absolute`` is the same in units of its own, to read along.
    """

    measure: str
    contender: str
    value: Spread
    unit: str = ""
    absolute: str = ""

    @property
    def target(self) -> float | None:
        """What the value should be at most; None where nothing was promised."""
        return TARGETS.get((self.measure, self.contender))

    @property
    def is_missed(self) -> bool:
        """Whether the median is above the target."""
        return self.target is not None and self.value.median > self.target


def ratios(
    measure: str, seconds: dict[str, list[float]], baseline: str, *, unit: str, scale: float
) -> list[Figure]:
    """Compare each contender with the baseline, round by round; ``scale`` makes seconds `unit`."""
    base = seconds[baseline]
    return [
        Figure(
            measure,
            name,
            Spread.of(mine / theirs for mine, theirs in zip(values, base, strict=True)),
            absolute=_beside(median(values) * scale, median(base) * scale, unit),
        )
        for name, values in seconds.items()
    ]


def _beside(value: float, base: float, unit: str) -> str:
    return f"{value:.2f} {unit} ({value - base:+.2f})"


TARGETS: Final = {
    ("CPU in memory, await", "OAuth2Middleware"): 1.02,
    ("CPU in memory, await", "Client"): 1.07,
    ("CPU in memory, async with", "OAuth2Middleware"): 1.02,
    ("CPU in memory, async with", "Client"): 1.07,
    ("loopback, await", "OAuth2Middleware"): 1.02,
    ("loopback, await", "Client"): 1.07,
    ("get_token()", "TokenManager.get_token"): 3.0,
    ("1000 cold requests", "Client"): 1,
    ("1000 cold requests", "OAuth2Middleware"): 1,
    ("1000 requests after a revocation", "Client"): 1,
    ("1000 requests after a revocation", "OAuth2Middleware"): 1,
    ("import", "import aioalf"): 1.03,
    ("memory beside a session", "Client"): 1.5,
}
