"""The figures for people, as a table, and for programs, as JSON.

Says what ran and on what kind of machine, and nothing that names the machine.
"""

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import aiohttp
from figures import Figure, Spread

import aioalf

_ROW: Final = "{:<34}{:>7}{:>17}{:>17}{:>9}  {}"
RESULTS: Final = Path(__file__).resolve().parent / "results"


def circumstances() -> dict[str, str | int | None]:
    """Return what a figure depends on."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "aiohttp": aiohttp.__version__,
        "aioalf": aioalf.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
    }


def table(figures: Sequence[Figure]) -> Iterator[str]:
    """Yield the lines of one table."""
    for measure in dict.fromkeys(figure.measure for figure in figures):
        yield ""
        yield _ROW.format(measure, "median", "quartiles", "95 % of median", "target", "").rstrip()
        yield from (_row(figure) for figure in figures if figure.measure == measure)


def _row(figure: Figure) -> str:
    digits = 0 if figure.unit == "token requests" else 3
    value = figure.value
    ranges = (_range(value, value.quartiles, digits), _range(value, value.interval, digits))
    target = "" if figure.target is None else f"{'! ' * figure.is_missed}≤ {figure.target:g}"
    note = "; ".join(text for text in (figure.unit, figure.absolute) if text)
    return _ROW.format(
        figure.contender, f"{value.median:.{digits}f}", *ranges, target, note
    ).rstrip()


def _range(value: Spread, ends: tuple[float, float], digits: int) -> str:
    return "" if value.count == 1 else f"{ends[0]:.{digits}f} to {ends[1]:.{digits}f}"


def write(figures: Sequence[Figure], directory: Path) -> Path:
    """Write the figures as JSON, in a file named after the time; return where."""
    now = datetime.now(UTC)
    path = directory / f"{now:%Y%m%dT%H%M%SZ}.json"
    content = {
        "at": now.isoformat(timespec="seconds"),
        "circumstances": circumstances(),
        "figures": [{**asdict(figure), "target": figure.target} for figure in figures],
    }
    directory.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
