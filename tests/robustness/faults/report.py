"""The figures in docs/explanation/faults.rst: two tables between comments, from measurements."""

import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import aiohttp

from tests.robustness.faults.environment import Timing
from tests.robustness.faults.measurement import CALLERS, Measurement, TokenAge

PAGE: Final = "docs/explanation/faults.rst"
DOCUMENT: Final = Path(__file__).resolve().parents[3] / PAGE
BEGIN: Final = ".. begin of the output of make faults"
END: Final = ".. end of the output of make faults"
_HEADINGS: Final = ("Fault", "Callers got", "Waited", "Lost", "Token requests", "Recovery")
_TITLES: Final = {
    TokenAge.IN_WINDOW: "In the renewal window",
    TokenAge.EXPIRED: "After expiry",
}


def section(measurements: Sequence[Measurement], timing: Timing) -> str:
    """Return the text between the comments."""
    parts = [_conditions(timing)]
    for age, title in _TITLES.items():
        rows = [row(measurement) for measurement in measurements if measurement.age is age]
        parts += [f"{title}\n{'~' * len(title)}", "\n".join(_table([_HEADINGS, *rows]))]
    return "\n\n".join(parts)


def write(text: str) -> None:
    """Replace the text between the comments of the document."""
    document = DOCUMENT.read_text(encoding="utf-8")
    head, tail = document.split(BEGIN)[0], document.split(END)[1]
    DOCUMENT.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}", encoding="utf-8")


def row(measurement: Measurement) -> tuple[str, ...]:
    """Return the cells of one measurement."""
    return (
        measurement.case.name,
        _outcomes(measurement.outcomes),
        f"{measurement.longest_wait:.2f} s",
        f"{measurement.lost} of {measurement.requests}",
        str(measurement.token_requests),
        f"{measurement.recovery:.2f} s" if measurement.recovery else "during the fault",
    )


def _outcomes(outcomes: Counter[str]) -> str:
    cells = [
        f"{number} times {outcome if outcome.isdigit() else f'``{outcome}``'}"
        for outcome, number in sorted(outcomes.items())
    ]
    return ", ".join(cells)


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = "  ".join("=" * width for width in widths)
    lines = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in rows]
    yield from (rule, lines[0], rule, *lines[1:], rule)


def _conditions(timing: Timing) -> str:
    return (
        f"Python {platform.python_version()}, aiohttp {aiohttp.__version__}. A fault lasts "
        f"{timing.fault:g} seconds.\n"
        f"{1 / timing.interval:g} requests a second go to the API all the time, and {CALLERS} more "
        f"at once when the fault starts.\n"
        f"The timeout of a token request is {timing.timeout:g} seconds; all other options have "
        "their defaults.\n"
        f"The slow first byte comes after {timing.slow:g} second{'s' * (timing.slow != 1)}, "
        f"the bytes of the trickle come every {timing.trickle:g} seconds,\n"
        f"and the ``Retry-After`` of the 429 is {timing.retry_after} seconds."
    )
