"""Writes lines, check marks and colors of the demo to a stream.

A line has at most as many columns as the terminal, between 60 and 80. Only a URL may be longer,
because a wrapped URL cannot be copied.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from textwrap import TextWrapper
from typing import Final, TextIO

from aioalf.grants._prompt import columns_of, qr_code

MIN_COLUMNS: Final = 60
MAX_COLUMNS: Final = 80
_MARKS: Final = {"✓": "[ok]", "✗": "[FAILED]", "…": "...", "→": "->"}
_ASCII: Final = str.maketrans(_MARKS)
_STYLES: Final = {"bold": 1, "faint": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}
_INDENT: Final = "   "


class Screen:
    """Writes lines to a stream and flushes each one.

    Colors are used on a terminal, unless ``NO_COLOR`` is set or ``TERM`` is ``dumb``. ASCII
    replaces the marks if the encoding of the stream does not have them.

    Attributes:
        columns: The maximum length of a line.
    """

    def __init__(self, stream: TextIO, environment: Mapping[str, str] = os.environ) -> None:
        self._stream = stream
        self._is_plain = (
            not stream.isatty()
            or bool(environment.get("NO_COLOR"))
            or environment.get("TERM") == "dumb"
        )
        self._is_ascii = not _can_encode(stream, "".join(_MARKS))
        available = columns_of(stream) if stream.isatty() else MAX_COLUMNS
        self.columns: int = max(MIN_COLUMNS, min(available, MAX_COLUMNS))

    def line(self, text: str = "") -> None:
        """Write one line, which is not wrapped."""
        self._stream.write(f"{self.shown(text).rstrip()}\n")
        self._stream.flush()

    def text(self, text: str, style: str | None = None, hanging: int = 0) -> None:
        """Write a text that may need several lines. They have the indent of the first one.

        Args:
            text: The text with its indent.
            style: The style of each line.
            hanging: Columns that all lines but the first are indented more.
        """
        indent = text[: len(text) - len(text.lstrip())]
        wrapper = TextWrapper(
            self.columns,
            initial_indent=indent,
            subsequent_indent=indent + " " * hanging,
            break_on_hyphens=False,
        )
        for line in wrapper.wrap(self.shown(text.strip())):
            self.line(self.styled(line, style) if style else line)

    def title(self, text: str) -> None:
        """Write a heading."""
        self.text(text, "bold")

    def note(self, text: str) -> None:
        """Write an explanation."""
        self.text(f"{_INDENT}{text}", "faint")

    def code(self, source: str) -> None:
        """Write lines of Python, with the prompts of the interactive interpreter."""
        for line in source.splitlines():
            prompt = "..." if line.startswith(" ") else ">>>"
            self.line(self.styled(f"{_INDENT}{prompt} {line}", "cyan"))

    def qr_code(self, url: str) -> None:
        """Draw a URL as a QR code, if the terminal can show it and segno is installed."""
        for line in qr_code(url, self._stream).splitlines():
            self.line(line)

    def checks(self, results: Iterable[tuple[str, bool]]) -> None:
        """Write results, each with a mark for passed or failed."""
        line, columns = " ", 1
        for text, passed in ((self.shown(text), passed) for text, passed in results):
            mark = self.shown("✓" if passed else "✗")
            needed = len(f"  {mark} {text}")
            if columns > 1 and columns + needed > self.columns:
                self.line(line)
                line, columns = " ", 1
            if columns + needed > self.columns:
                self.text(f"{_INDENT}{mark} {text}", None if passed else "red", hanging=2)
                continue
            line += f"  {self.styled(mark, 'green' if passed else 'red')} {text}"
            columns += needed
        if line.strip():
            self.line(line)

    def shown(self, text: str) -> str:
        """Return the text with the characters that the stream can show."""
        return text.translate(_ASCII) if self._is_ascii else text

    def styled(self, text: str, style: str) -> str:
        """Return the text in a style: bold, faint or a color."""
        return text if self._is_plain else f"\x1b[{_STYLES[style]}m{text}\x1b[0m"


def _can_encode(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "utf-8")  # StringIO has no encoding
    except (LookupError, UnicodeEncodeError):
        return False
    return True
