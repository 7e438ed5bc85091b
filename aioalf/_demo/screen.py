"""What a person sees of the demo: lines, marks and colours, or less where a terminal can do less.

It knows one text stream. It does not know what it shows.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Final, TextIO

_MARKS: Final = {"✓": "[ok]", "✗": "[FAILED]", "…": "...", "→": "->"}
_ASCII: Final = str.maketrans(_MARKS)
_CODES: Final = {"bold": 1, "faint": 2, "red": 31, "green": 32, "yellow": 33}


class Screen:
    """Writes to a stream, each line at once.

    Colours are used on a terminal only, and not where ``NO_COLOR`` is set or ``TERM`` is ``dumb``;
    a stream whose encoding has no ✓ gets ASCII.
    """

    def __init__(self, stream: TextIO, environment: Mapping[str, str] = os.environ) -> None:
        self._stream = stream
        self._is_plain = (
            not stream.isatty()
            or bool(environment.get("NO_COLOR"))
            or environment.get("TERM") == "dumb"
        )
        self._is_ascii = not _can_say(stream, "".join(_MARKS))

    def line(self, text: str = "") -> None:
        """Write a line."""
        shown = text.translate(_ASCII) if self._is_ascii else text
        self._stream.write(f"{shown.rstrip()}\n")
        self._stream.flush()

    def title(self, text: str) -> None:
        """Write a line that begins something."""
        self.line(self.styled(text, "bold"))

    def aside(self, text: str) -> None:
        """Write a line that explains."""
        self.line(self.styled(text, "faint"))

    def verdicts(self, told: Iterable[tuple[str, bool]]) -> None:
        """Write a line of what was found, a mark before each: whether it is as it should be."""
        self.line("".join(f"   {self._mark(holds)} {text}" for text, holds in told))

    def styled(self, text: str, style: str) -> str:
        """Return the text in a style: bold, faint or a colour."""
        return text if self._is_plain else f"\x1b[{_CODES[style]}m{text}\x1b[0m"

    def _mark(self, holds: bool) -> str:  # noqa: FBT001 - private, and its name says it
        return self.styled("✓", "green") if holds else self.styled("✗", "red")


def _can_say(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "utf-8")  # a stream in memory has none, and takes all
    except (LookupError, UnicodeEncodeError):
        return False
    return True
