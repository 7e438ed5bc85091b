"""The figures of docs/faults.rst: two tables between two comments, made of observations.

Text only; it knows nothing of how anything was observed.
"""

import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import aiohttp

from tests.robustness.faults.observation import CALLERS, Observation, Token
from tests.robustness.faults.scene import Pace

DOCUMENT: Final = Path(__file__).resolve().parents[3] / "docs" / "faults.rst"
BEGIN: Final = ".. begin of what make faults writes"
END: Final = ".. end of what make faults writes"
_HEAD: Final = ("Fault", "Callers saw", "Waited", "Lost", "Requests", "Recovery")
_TITLES: Final = {
    Token.IN_ITS_WINDOW: "In the renewal window",
    Token.EXPIRED: "After expiry",
}


def section(seen: Sequence[Observation], pace: Pace) -> str:
    """What stands between the comments."""
    parts = [_circumstances(pace)]
    for token, title in _TITLES.items():
        rows = [row(one) for one in seen if one.token is token]
        parts += [f"{title}\n{'~' * len(title)}", "\n".join(_table([_HEAD, *rows]))]
    return "\n\n".join(parts)


def write(text: str) -> None:
    """Put it there."""
    document = DOCUMENT.read_text(encoding="utf-8")
    head, tail = document.split(BEGIN)[0], document.split(END)[1]
    DOCUMENT.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}", encoding="utf-8")


def row(seen: Observation) -> tuple[str, ...]:
    """One line: times in seconds."""
    return (
        seen.case.name,
        _counted(seen.saw),
        f"{seen.longest_wait:.2f} s",
        f"{seen.lost} of {seen.requests}",
        str(seen.token_requests),
        f"{seen.recovery:.2f} s" if seen.recovery else "during it",
    )


def _counted(saw: Counter[str]) -> str:
    words = [
        f"{number} times {outcome if outcome.isdigit() else f'``{outcome}``'}"
        for outcome, number in sorted(saw.items())
    ]
    return ", ".join(words)


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = "  ".join("=" * width for width in widths)
    lines = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in rows]
    yield from (rule, lines[0], rule, *lines[1:], rule)


def _circumstances(pace: Pace) -> str:
    return (
        f"Python {platform.python_version()}, aiohttp {aiohttp.__version__}. A fault lasts "
        f"{pace.lasts:g} seconds.\n"
        f"{1 / pace.interval:g} requests a second go to the API all the time, and {CALLERS} more "
        f"at once when it begins.\n"
        f"One token request may take {pace.timeout:g} seconds, else everything is as by default.\n"
        f"The slow first byte comes after {pace.slow:g} second{'s' * (pace.slow != 1)}, "
        f"the bytes of the trickle {pace.trickle:g} seconds apart;\n"
        f"the 429 asks for {pace.retry_after} seconds."
    )
