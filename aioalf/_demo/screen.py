"""Writes lines, check marks and colors of the demo to a stream."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Final, TextIO

_MARKS: Final = {"✓": "[ok]", "✗": "[FAILED]", "…": "...", "→": "->"}
_COLUMNS: Final = 80
_ASCII: Final = str.maketrans(_MARKS)
_STYLES: Final = {"bold": 1, "faint": 2, "red": 31, "green": 32, "yellow": 33}


class Screen:
    """Writes lines to a stream and flushes each one.

    Colors are used on a terminal, unless ``NO_COLOR`` is set or ``TERM`` is ``dumb``. ASCII
    replaces the marks if the encoding of the stream does not have them.
    """

    def __init__(self, stream: TextIO, environment: Mapping[str, str] = os.environ) -> None:
        self._stream = stream
        self._is_plain = (
            not stream.isatty()
            or bool(environment.get("NO_COLOR"))
            or environment.get("TERM") == "dumb"
        )
        self._is_ascii = not _can_encode(stream, "".join(_MARKS))

    def line(self, text: str = "") -> None:
        """Write a line."""
        shown = text.translate(_ASCII) if self._is_ascii else text
        self._stream.write(f"{shown.rstrip()}\n")
        self._stream.flush()

    def title(self, text: str) -> None:
        """Write a heading."""
        self.line(self.styled(text, "bold"))

    def note(self, text: str) -> None:
        """Write a line of explanation."""
        self.line(self.styled(text, "faint"))

    def checks(self, results: Iterable[tuple[str, bool]]) -> None:
        """Write results, each with a mark for passed or failed, in lines of at most 80 columns."""
        line, columns = " ", 1
        for text, passed in results:
            mark = self._mark(passed=passed)
            needed = len(f"  {mark} {text}")
            if columns > 1 and columns + needed > _COLUMNS:
                self.line(line)
                line, columns = " ", 1
            line += f"  {self.styled(mark, 'green' if passed else 'red')} {text}"
            columns += needed
        self.line(line)

    def styled(self, text: str, style: str) -> str:
        """Return the text in a style: bold, faint or a color."""
        return text if self._is_plain else f"\x1b[{_STYLES[style]}m{text}\x1b[0m"

    def _mark(self, *, passed: bool) -> str:
        mark = "✓" if passed else "✗"
        return _MARKS[mark] if self._is_ascii else mark


def _can_encode(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "utf-8")  # StringIO has no encoding
    except (LookupError, UnicodeEncodeError):
        return False
    return True
