"""Prints figures as tables and writes them as JSON.

The JSON says which versions ran on which kind of machine, but does not identify the machine.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import aiohttp

import aioalf
from tools.benchmarks.effort import Effort
from tools.benchmarks.figures import Figure, Results, Spread, is_missed
from tools.benchmarks.reference import json_text

_ROW: Final = "{:<34}{:>7}{:>19}{:>19}{:>9}  {}"
_PEERS: Final = ("aiohttp-oauth2-client", "httpx", "Authlib", "httpx-auth")
_ROOT: Final = Path(__file__).resolve().parents[2]
RESULTS: Final = Path(__file__).resolve().parent / "results"


def circumstances() -> dict[str, str | int | float]:
    """Return what the figures depend on. ``load`` is the average of the minute before the run."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "aiohttp": aiohttp.__version__,
        "aioalf": aioalf.__version__,
        "commit": commit(_ROOT),
        **{name: found for name in _PEERS if (found := _version(name))},
        "machine": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count() or 0,
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else -1.0,
    }


def commit(checkout: Path) -> str:
    """Return the short hash of the checked out commit, marked if files were changed.

    "unknown" if the directory is not a git checkout, such as an unpacked archive.
    """
    git = shutil.which("git")
    # An archive may have been unpacked inside the checkout of another project.
    if git is None or not (checkout / ".git").exists():
        return "unknown"
    described = subprocess.run(
        [git, "-C", str(checkout), "describe", "--always", "--dirty", "--exclude=*"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return described.stdout.strip() or "unknown"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def table(figures: Sequence[Figure]) -> Iterator[str]:
    """Yield the lines of a table for each measure and size."""
    for measure, size in dict.fromkeys((figure.measure, figure.size) for figure in figures):
        title = measure if size is None else f"{measure}: {size}"
        yield ""
        yield _ROW.format(title, "median", "quartiles", "95 % of median", "target", "").rstrip()
        chosen = [one for one in figures if (one.measure, one.size) == (measure, size)]
        yield from (_row(figure, is_missed=is_missed(figure, chosen)) for figure in chosen)


def _row(figure: Figure, *, is_missed: bool) -> str:
    digits = 0 if figure.unit == "token requests" else 3
    value = figure.value
    ranges = (_range(value, value.quartiles, digits), _range(value, value.interval, digits))
    target = "" if figure.target is None else f"{'! ' * is_missed}≤ {figure.target:g}"
    note = "; ".join(text for text in (figure.unit, figure.note) if text)
    return _ROW.format(
        figure.contender, f"{value.median:.{digits}f}", *ranges, target, note
    ).rstrip()


def _range(value: Spread, ends: tuple[float, float], digits: int) -> str:
    return "" if value.count == 1 else f"{ends[0]:.{digits}f} to {ends[1]:.{digits}f}"


class Record:
    """A JSON file, named after the current time, with the results so far."""

    def __init__(self, directory: Path, effort: Effort) -> None:
        now = datetime.now(UTC)
        self._head = {
            "at": f"{now:%Y-%m-%d}",
            "circumstances": circumstances(),
            "effort": asdict(effort),
        }
        self.path = directory / f"{now:%Y%m%dT%H%M%SZ}.json"

    def write(self, results: Results, seconds: float) -> None:
        """Write all results so far, so that an interrupted run keeps them."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {**self._head, "seconds": round(seconds), **results.as_json()}
        self.path.write_text(json_text(content), encoding="utf-8")
