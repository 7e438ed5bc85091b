"""Draws SVG charts: bars, dots with intervals, and lines.

It knows numbers and labels, not their meaning. matplotlib and pygal were not used because their
colours do not adapt to light and dark pages, and two runs give different bytes; pygal's SVGs also
load a script from the network. These charts are byte for byte reproducible.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 720
_LEFT, _RIGHT, _ROW, _HEADING = 198, 90, 22, 34
_PLOT: Final = (64, 84, 620, 250)
"""The plot area of a line chart: left, top, width, height."""

LOOKS: Final = 6
_STYLE: Final = """
svg { color-scheme: light dark;
  --page: #ffffff; --text: #1b2230; --quiet: #566074; --line: #d5dae5;
  --look0: #6b7486; --look1: #1f4fd0; --look2: #0b7f74; --look3: #c2410c; --look4: #9333a8;
  --look5: #8a6a00; }
@media (prefers-color-scheme: dark) { svg {
  --page: #14171e; --text: #e8ebf2; --quiet: #a3adbf; --line: #333b4a;
  --look0: #98a2b5; --look1: #8fb0ff; --look2: #4fd1c0; --look3: #ff9d66; --look4: #df9cf2;
  --look5: #e2c044; } }
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  fill: var(--text); }
.page { fill: var(--page); } .title { font-size: 15px; font-weight: 600; }
.heading { font-weight: 600; } .quiet { fill: var(--quiet); font-size: 12px; }
.end { text-anchor: end; } .middle { text-anchor: middle; }
.grid { stroke: var(--line); } .rule { stroke: var(--quiet); stroke-dasharray: 3 3; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
""" + "\n".join(
    f".fill{look} {{ fill: var(--look{look}); }} .stroke{look} {{ stroke: var(--look{look}); }}"
    for look in range(LOOKS)
)
_DASHES: Final = ("", "", "7 3", "2 3", "9 3 2 3", "4 4")


@dataclass(frozen=True)
class Row:
    """A bar or a dot: its value, its interval, and the text beside it."""

    label: str
    look: int
    value: float
    spread: tuple[float, float]
    text: str


@dataclass(frozen=True)
class Series:
    """A line of a line chart."""

    label: str
    look: int
    points: Sequence[tuple[float, float]]


def rows(
    title: str,
    groups: Sequence[tuple[str, Sequence[Row]]],
    *,
    dots: bool = False,
    rule: str = "",
) -> str:
    """Draw bars that start at 0, or dots with intervals on a scale that fits them.

    `rule` labels a vertical line at 1, the baseline of ratios.
    """
    every = [row for _, members in groups for row in members]
    low, high = (min(row.spread[0] for row in every), max(row.spread[1] for row in every))
    start = min(low, 1.0 if rule else low) if dots else 0.0
    scale = _linear((start, max(high, start + 1e-9)), (_LEFT, WIDTH - _RIGHT))
    elements: list[str] = []
    y = 44
    for heading, members in groups:
        if heading:
            y += _HEADING - _ROW
            elements.append(f'<text class="heading" x="16" y="{y + 4}">{escape(heading)}</text>')
            y += _ROW
        for row in members:
            elements += _dot(row, scale, y) if dots else _bar(row, scale, y)
            y += _ROW
    if rule:
        x = scale(1.0)
        elements.insert(0, f'<line class="rule" x1="{x}" y1="38" x2="{x}" y2="{y - 8}"/>')
        elements.append(f'<text class="quiet middle" x="{x}" y="{y + 8}">{escape(rule)}</text>')
        y += 14
    return _picture(title, y + 4, elements)


def _bar(row: Row, scale: Callable[[float], float], y: int) -> Iterator[str]:
    width = max(round(scale(row.value) - _LEFT, 1), 1.5)
    yield _label(row, y)
    yield f'<rect class="fill{row.look}" x="{_LEFT}" y="{y - 7}" width="{width}" height="14"/>'
    yield f'<text x="{_LEFT + width + 6:.1f}" y="{y + 4}">{escape(row.text)}</text>'


def _dot(row: Row, scale: Callable[[float], float], y: int) -> Iterator[str]:
    low, middle, high = scale(row.spread[0]), scale(row.value), scale(row.spread[1])
    yield _label(row, y)
    yield (
        f'<line class="stroke{row.look}" x1="{low}" y1="{y}" x2="{high}" y2="{y}" '
        f'stroke-width="3"/>'
    )
    yield (
        f'<rect class="fill{row.look}" x="{middle - 4:.1f}" y="{y - 4}" width="8" height="8" '
        f'rx="4"/>'
    )
    yield f'<text x="{max(high, middle + 4) + 6:.1f}" y="{y + 4}">{escape(row.text)}</text>'


def _label(row: Row, y: int) -> str:
    return f'<text class="end" x="{_LEFT - 10}" y="{y + 4}">{escape(row.label)}</text>'


@dataclass(frozen=True)
class Axis:
    """The label of an axis, and whether its scale is logarithmic."""

    label: str
    log: bool = False


def lines(title: str, series: Sequence[Series], x_axis: Axis, y_axis: Axis) -> str:
    """Draw lines that differ in colour and dashes, with a legend above."""
    left, top, width, height = _PLOT
    points = [point for one in series for point in one.points]
    xs, ys = ([point[index] for point in points] for index in (0, 1))
    x_ends = (min(xs), max(xs))
    y_ends = _decades(ys) if y_axis.log else _rounded(min(0.0, *ys), max(ys))
    x_scale = (_logarithmic if x_axis.log else _linear)(x_ends, (left, left + width))
    y_scale = (_logarithmic if y_axis.log else _linear)(y_ends, (top + height, top))
    elements = [*_legend(series)]
    bottom = top + height
    for tick in _ticks(*y_ends, log=y_axis.log):
        y = y_scale(tick)
        elements.append(f'<line class="grid" x1="{left}" y1="{y}" x2="{left + width}" y2="{y}"/>')
        elements.append(f'<text class="quiet end" x="{left - 8}" y="{y + 4}">{tick:,g}</text>')
    for tick in _ticks(*x_ends, log=x_axis.log):
        x = x_scale(tick)
        elements.append(f'<text class="quiet middle" x="{x}" y="{bottom + 18}">{tick:,g}</text>')
    middle, below = left + width // 2, bottom + 38
    elements += [
        f'<text class="quiet middle" x="{middle}" y="{below}">{escape(x_axis.label)}</text>',
        f'<text class="quiet" x="16" y="{top - 14}">{escape(y_axis.label)}</text>',
    ]
    for one in series:
        path = " L".join(f"{x_scale(x)} {y_scale(y)}" for x, y in one.points)
        elements.append(f'<path class="curve stroke{one.look}"{_dash(one.look)} d="M{path}"/>')
    return _picture(title, bottom + 52, elements)


def _legend(series: Sequence[Series]) -> Iterator[str]:
    x = 16.0
    for one in series:
        yield (
            f'<line class="curve stroke{one.look}"{_dash(one.look)} x1="{x:.0f}" y1="46" '
            f'x2="{x + 26:.0f}" y2="46"/>'
        )
        yield f'<text x="{x + 32:.0f}" y="50">{escape(one.label)}</text>'
        x += 32 + 7.5 * len(one.label) + 12


def _dash(look: int) -> str:
    return f' stroke-dasharray="{_DASHES[look]}"' if _DASHES[look] else ""


def _linear(values: tuple[float, float], pixels: tuple[float, float]) -> Callable[[float], float]:
    factor = (pixels[1] - pixels[0]) / (values[1] - values[0])
    return lambda value: round(pixels[0] + (value - values[0]) * factor, 1)


def _logarithmic(
    values: tuple[float, float], pixels: tuple[float, float]
) -> Callable[[float], float]:
    scale = _linear((math.log10(values[0]), math.log10(values[1])), pixels)
    return lambda value: scale(math.log10(value))


def _decades(values: Sequence[float]) -> tuple[float, float]:
    # The nearest marks (1, 2 or 5 times a power of ten) below and above the values.
    marks = [factor * 10.0**power for power in range(-6, 10) for factor in (1, 2, 5)]
    low = max(mark for mark in marks if mark <= min(values))
    high = min(mark for mark in marks if mark >= max(values))
    return low, high if high > low else low * 10


def _ticks(low: float, high: float, *, log: bool) -> list[float]:
    if log:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        factors = (1, 2, 5) if math.log10(high / low) < 2.5 else (1,)
        marks = [float(f"{factor * 10.0**power:.1g}") for power in powers for factor in factors]
        return [mark for mark in marks if low <= mark * 1.0001 and mark <= high * 1.0001]
    step = _step(low, high)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.6g}") for number in range(first, last + 1)]


def _step(low: float, high: float) -> float:
    step = 10.0 ** math.floor(math.log10((high - low) / 2))
    return step * next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 8)


def _rounded(low: float, high: float) -> tuple[float, float]:
    step = _step(low, high)
    return math.floor(low / step) * step, math.ceil(high / step) * step


def _picture(title: str, height: int, elements: Sequence[str]) -> str:
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title">',
        f'<title id="title">{escape(title)}</title>',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="8"/>',
        f'<text class="title" x="16" y="24">{escape(title)}</text>',
        *elements,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"
