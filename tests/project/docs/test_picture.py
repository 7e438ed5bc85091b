"""Each sequence diagram is drawn from its source, and is readable."""

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
SOURCES = sorted(DOCS.rglob("*.seq"))
MAX_WIDTH = {"actor": 135, "noted": 190}
"""The maximum width of the texts of a class, in pixels."""
LETTER_WIDTH = 7
SVG = "{http://www.w3.org/2000/svg}"

PROGRAM = runpy.run_path(str(ROOT / "tools" / "draw_sequence.py"))
draw: Callable[[str], str] = PROGRAM["draw"]
main: Callable[[list[str]], None] = PROGRAM["main"]

each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


def elements(picture: str) -> list[ET.Element]:
    """Return all elements of a picture in document order."""
    return list(ET.fromstring(picture).iter())  # noqa: S314 - the project's own


@each_source
def test_picture_is_up_to_date(source: Path) -> None:
    """`python tools/draw_sequence.py` was run after the last change of the source."""
    picture = source.with_suffix(".svg").read_text(encoding="utf-8")
    assert picture == draw(source.read_text(encoding="utf-8"))


def test_every_picture_has_a_source() -> None:
    """No picture was drawn by hand or remains from a deleted source."""
    pictures = [*DOCS.glob("*.svg"), *(DOCS / "grants").glob("*.svg")]
    assert sorted(picture.with_suffix(".seq") for picture in pictures) == sorted(SOURCES)


def test_only_named_sources_are_drawn(tmp_path: Path) -> None:
    """A picture is written next to each source that was named, and to no other."""
    for name in ("one.seq", "other.seq"):
        (tmp_path / name).write_text("actor a A\n", encoding="utf-8")
    main([str(tmp_path / "one.seq")])
    assert [path.name for path in tmp_path.glob("*.svg")] == ["one.svg"]
    assert (tmp_path / "one.svg").read_text(encoding="utf-8") == draw("actor a A\n")


def test_all_sources_are_drawn_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without arguments, all sources below docs are drawn."""
    drawn: list[Path] = []

    def record(path: Path, _text: str, **_options: str) -> None:
        drawn.append(path)

    monkeypatch.setattr(Path, "write_text", record)
    main([])
    assert drawn == [source.with_suffix(".svg") for source in SOURCES]


@each_source
def test_picture_has_no_scripts_and_no_external_content(source: Path) -> None:
    """A picture contains no script, no link and no external font."""
    picture = source.with_suffix(".svg").read_text(encoding="utf-8")
    names = {element.tag.removeprefix(SVG) for element in elements(picture)}
    assert names <= {"svg", "title", "style", "rect", "line", "path", "text"}
    assert not re.search(r"href|url\(|@import|@font-face", picture)


@each_source
def test_texts_fit_their_space(source: Path) -> None:
    """Names fit their boxes, notes fit their sheets, and labels of arrows fit the picture."""
    root, *parts = elements(source.with_suffix(".svg").read_text(encoding="utf-8"))
    for element in parts:
        kind = element.get("class")
        width = len(element.text or "") * LETTER_WIDTH
        if element.tag == f"{SVG}text" and kind in MAX_WIDTH:
            assert width < MAX_WIDTH[kind], element.text
        elif element.tag == f"{SVG}text" and kind is None:
            middle = float(element.attrib["x"])
            left, right = middle - width / 2, middle + width / 2
            assert 0 < left < right < float(root.attrib["width"]), element.text


def test_both_colour_schemes_set_the_same_colours() -> None:
    """Each colour of the light scheme has a counterpart in the dark scheme."""
    light, dark = draw("actor a A\n").split("prefers-color-scheme: dark")
    names = re.findall(r"(--[\w-]+): #", light)
    assert names == re.findall(r"(--[\w-]+): #", dark)
    assert len(names) > 5


def test_all_lines_of_a_source_are_drawn() -> None:
    """Actors, headings, requests, responses and notes are drawn, with XML characters escaped."""
    source = "actor a A & B\nactor b C\n\n# no\npart <D>\na -> b: E\nb --> a: F\nnote b: G\n"
    texts = [element.text for element in elements(draw(source)) if element.tag == f"{SVG}text"]
    assert texts == ["A & B", "C", "<D>", "E", "F", "G"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("actor a A\na => a: what", "line 2 is not understood: a => a: what"),
        ("actor a A\na -> b: hello", "line 2: there is no actor 'b'"),
    ],
    ids=["unknown syntax", "unknown actor"],
)
def test_invalid_line_is_refused(source: str, message: str) -> None:
    """The error message names the line."""
    with pytest.raises(ValueError, match=re.escape(message)):
        draw(source)
