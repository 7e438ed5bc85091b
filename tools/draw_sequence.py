"""Draws sequence diagrams: writes an SVG next to each given .seq file, or each one below docs.

The head of docs/request.seq describes the language. seqdiag was not used because it is unmaintained
and needs an old Pillow; mermaid needs Node and a browser, and its output depends on the fonts of
the machine. These diagrams are byte for byte reproducible, so that a test can compare them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"

EDGE, COLUMN, BOX_WIDTH, BOX_HEIGHT = 90, 180, 140, 36
STEP, HEADING, TOP = 38, 46, 24

STYLE: Final = """
svg { color-scheme: light dark;
  --page: #ffffff; --text: #1b2230; --quiet: #566074; --line: #b4bccb; --box: #eef1f7;
  --request: #2f54c8; --answer: #2b7a4b; --refusal: #b3261e; --note: #fff3c9;
  --note-line: #d9bb55; }
@media (prefers-color-scheme: dark) { svg {
  --page: #14171e; --text: #e8ebf2; --quiet: #a3adbf; --line: #4a5467; --box: #232936;
  --request: #9db4ff; --answer: #7fd6a2; --refusal: #ff9a90; --note: #3a3318;
  --note-line: #8d7a33; } }
text { font: 14px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  fill: var(--text); text-anchor: middle;
  paint-order: stroke; stroke: var(--page); stroke-width: 5px; stroke-linejoin: round; }
.page { fill: var(--page); }
.box { fill: var(--box); stroke: var(--line); }
.actor { font-weight: 600; stroke: none; }
.life { stroke: var(--line); stroke-dasharray: 2 5; stroke-linecap: round; }
.part { font-weight: 600; text-anchor: start; fill: var(--quiet); }
.rule { stroke: var(--line); }
.arrow { fill: none; stroke-width: 1.6; }
.note { fill: var(--note); stroke: var(--note-line); }
.noted { font-size: 13px; stroke: none; }
.request { stroke: var(--request); } .request-head { fill: var(--request); }
.answer { stroke: var(--answer); stroke-dasharray: 6 4; } .answer-head { fill: var(--answer); }
.refusal { stroke: var(--refusal); stroke-dasharray: 6 4; } .refusal-head { fill: var(--refusal); }
"""


@dataclass
class Drawing:
    """The elements so far, their height, and the columns of the actors."""

    title: str = ""
    columns: dict[str, int] = field(default_factory=dict[str, int])
    names: dict[str, str] = field(default_factory=dict[str, str])
    elements: list[str] = field(default_factory=list[str])
    height: int = TOP + BOX_HEIGHT

    @property
    def width(self) -> int:
        """The width of the diagram."""
        return max(self.columns.values(), default=0) + EDGE

    def add_title(self, title: str) -> None:
        """Set the title."""
        self.title = title

    def add_actor(self, name: str, text: str) -> None:
        """Add an actor with a column."""
        self.columns[name] = EDGE + COLUMN * len(self.columns)
        self.names[name] = text

    def add_part(self, text: str) -> None:
        """Add a heading with a line below it."""
        self.height += HEADING
        x, y = EDGE - BOX_WIDTH // 2, self.height
        self.elements += [
            f'<text class="part" x="{x}" y="{y - 8}">{escape(text)}</text>',
            f'<line class="rule" x1="{x}" y1="{y}" x2="{self.width - x}" y2="{y}"/>',
        ]

    def add_arrow(self, sender: str, kind: str, receiver: str, text: str) -> None:
        """Add an arrow for a request or a response, with its text."""
        self.height += STEP
        start, end, y = self.columns[sender], self.columns[receiver], self.height
        is_bad = text.startswith("4") or text.endswith("Error")
        look = "request" if kind == "->" else "refusal" if is_bad else "answer"
        back = -9 if end > start else 9
        head = f"M{end} {y} l{back} -5 v10 z"
        self.elements += [
            f'<path class="arrow {look}" d="M{start} {y} H{end + back}"/>',
            f'<path class="{look}-head" d="{head}"/>',
            f'<text x="{(start + end) // 2}" y="{y - 8}">{escape(text)}</text>',
        ]

    def add_note(self, actor: str, text: str) -> None:
        """Add a note on a column."""
        self.height += STEP
        x, y = self.columns[actor], self.height
        self.elements += [
            f'<rect class="note" x="{x - 95}" y="{y - 20}" width="190" height="26" rx="4"/>',
            f'<text class="noted" x="{x}" y="{y - 2}">{escape(text)}</text>',
        ]

    def svg(self) -> str:
        """Return the diagram as SVG."""
        bottom = self.height + BOX_HEIGHT
        size = f'viewBox="0 0 {self.width} {bottom}" width="{self.width}" height="{bottom}"'
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title">',
            f'<title id="title">{escape(self.title)}</title>',
            f"<style>{STYLE}</style>",
            f'<rect class="page" width="{self.width}" height="{bottom}" rx="8"/>',
            *self._columns(),
            *self.elements,
            "</svg>",
        ]
        return "\n".join(lines) + "\n"

    def _columns(self) -> Iterator[str]:
        for name, x in self.columns.items():
            box = f'x="{x - BOX_WIDTH // 2}" y="{TOP}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}"'
            life = f'x1="{x}" y1="{TOP + BOX_HEIGHT}" x2="{x}" y2="{self.height + 18}"'
            yield f'<line class="life" {life}/>'
            yield f'<rect class="box" {box} rx="6"/>'
            yield f'<text class="actor" x="{x}" y="{TOP + 23}">{escape(self.names[name])}</text>'


WORDS: Final[dict[str, Callable[..., None]]] = {
    r"title (.+)": Drawing.add_title,
    r"actor (\w+) (.+)": Drawing.add_actor,
    r"part (.+)": Drawing.add_part,
    r"note (\w+): (.+)": Drawing.add_note,
    r"(\w+) (-->|->) (\w+): (.+)": Drawing.add_arrow,
}


def draw(source: str) -> str:
    """Return the SVG of a source; raise ValueError for a line that is not understood."""
    drawing = Drawing()
    for number, line in enumerate(source.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            _add(drawing, line.strip(), number)
    return drawing.svg()


def _add(drawing: Drawing, line: str, number: int) -> None:
    for pattern, add in WORDS.items():
        if match := re.fullmatch(pattern, line):
            try:
                add(drawing, *match.groups())
            except KeyError as actor:
                raise ValueError(f"line {number}: there is no actor {actor}") from None
            return
    raise ValueError(f"line {number} is not understood: {line}")


def main(names: Iterable[str]) -> None:
    """Draw these sources, or all below docs."""
    for source in [Path(name) for name in names] or sorted(DOCS.rglob("*.seq")):
        picture = draw(source.read_text(encoding="utf-8"))
        source.with_suffix(".svg").write_text(picture, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
