"""That the picture in the repository is what its source gives, and that it can be read."""

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PICTURE = DOCS / "request.svg"
SVG = "{http://www.w3.org/2000/svg}"

draw: Callable[[str], str] = runpy.run_path(str(DOCS / "draw_sequence.py"))["draw"]


def elements(picture: str) -> list[ET.Element]:
    """Every element of a picture, from its first to its last."""
    return list(ET.fromstring(picture).iter())  # noqa: S314 - the project's own


def test_the_picture_is_what_its_source_gives() -> None:
    """`python docs/draw_sequence.py` was run after the last change."""
    source = PICTURE.with_suffix(".seq").read_text(encoding="utf-8")
    assert PICTURE.read_text(encoding="utf-8") == draw(source)


def test_the_picture_loads_nothing_and_runs_nothing() -> None:
    """No script, no link, no font from elsewhere."""
    picture = PICTURE.read_text(encoding="utf-8")
    names = {element.tag.removeprefix(SVG) for element in elements(picture)}
    assert names == {"svg", "title", "style", "rect", "line", "path", "text"}
    assert not re.search(r"href|url\(|@import|@font-face", picture)


def test_both_colour_schemes_set_the_same_colours() -> None:
    """What is dark on light has its counterpart that is light on dark."""
    light, dark = PICTURE.read_text(encoding="utf-8").split("prefers-color-scheme: dark")
    names = re.findall(r"(--[\w-]+): #", light)
    assert names == re.findall(r"(--[\w-]+): #", dark)
    assert len(names) > 5


def test_everything_a_source_says_is_drawn() -> None:
    """Actors, headings, requests, answers and notes, with what XML would take amiss."""
    source = "actor a A & B\nactor b C\n\n# no\npart <D>\na -> b: E\nb --> a: F\nnote b: G\n"
    texts = [element.text for element in elements(draw(source)) if element.tag == f"{SVG}text"]
    assert texts == ["A & B", "C", "<D>", "E", "F", "G"]


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("actor a A\na => a: what", "line 2 is not understood: a => a: what"),
        ("actor a A\na -> b: hello", "line 2: there is no actor 'b'"),
    ],
)
def test_a_line_that_says_nothing_known_is_refused(source: str, complaint: str) -> None:
    """The error names the line."""
    with pytest.raises(ValueError, match=re.escape(complaint)):
        draw(source)
