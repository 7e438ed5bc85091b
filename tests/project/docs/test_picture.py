"""That each picture in the repository is what its source gives, and that it can be read."""

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
SOURCES = sorted(DOCS.rglob("*.seq"))
ROOM = {"actor": 135, "noted": 190}
"""How wide the words of a class may be, at some 7 a letter."""
SVG = "{http://www.w3.org/2000/svg}"

PROGRAM = runpy.run_path(str(ROOT / "tools" / "draw_sequence.py"))
draw: Callable[[str], str] = PROGRAM["draw"]
main: Callable[[list[str]], None] = PROGRAM["main"]

each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


def elements(picture: str) -> list[ET.Element]:
    """Every element of a picture, from its first to its last."""
    return list(ET.fromstring(picture).iter())  # noqa: S314 - the project's own


@each_source
def test_the_picture_is_what_its_source_gives(source: Path) -> None:
    """`python tools/draw_sequence.py` was run after the last change."""
    picture = source.with_suffix(".svg").read_text(encoding="utf-8")
    assert picture == draw(source.read_text(encoding="utf-8"))


def test_every_picture_of_a_sequence_has_its_source() -> None:
    """None is left of a source that has gone, and none was drawn by hand."""
    pictures = [*DOCS.glob("*.svg"), *(DOCS / "flows").glob("*.svg")]
    assert sorted(picture.with_suffix(".seq") for picture in pictures) == sorted(SOURCES)


def test_the_sources_that_are_named_are_drawn(tmp_path: Path) -> None:
    """An SVG beside each, and beside no other."""
    for name in ("one.seq", "other.seq"):
        (tmp_path / name).write_text("actor a A\n", encoding="utf-8")
    main([str(tmp_path / "one.seq")])
    assert [path.name for path in tmp_path.glob("*.svg")] == ["one.svg"]
    assert (tmp_path / "one.svg").read_text(encoding="utf-8") == draw("actor a A\n")


def test_without_a_name_all_sources_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those below docs, each beside itself."""
    drawn: list[Path] = []

    def note(path: Path, _text: str, **_options: str) -> None:
        drawn.append(path)

    monkeypatch.setattr(Path, "write_text", note)
    main([])
    assert drawn == [source.with_suffix(".svg") for source in SOURCES]


@each_source
def test_the_picture_loads_nothing_and_runs_nothing(source: Path) -> None:
    """No script, no link, no font from elsewhere."""
    picture = source.with_suffix(".svg").read_text(encoding="utf-8")
    names = {element.tag.removeprefix(SVG) for element in elements(picture)}
    assert names <= {"svg", "title", "style", "rect", "line", "path", "text"}
    assert not re.search(r"href|url\(|@import|@font-face", picture)


@each_source
def test_words_have_room(source: Path) -> None:
    """An actor's in the box, a note's on the note; an arrow's may reach out on both sides of it."""
    root, *parts = elements(source.with_suffix(".svg").read_text(encoding="utf-8"))
    for element in parts:
        kind = element.get("class")
        if element.tag == f"{SVG}text" and kind in ROOM:
            assert len(element.text or "") * 7 < ROOM[kind], element.text
        elif element.tag == f"{SVG}text" and kind is None:
            half, middle = len(element.text or "") * 7 / 2, float(element.attrib["x"])
            assert 0 < middle - half < middle + half < float(root.attrib["width"]), element.text


def test_both_colour_schemes_set_the_same_colours() -> None:
    """What is dark on light has its counterpart that is light on dark."""
    light, dark = draw("actor a A\n").split("prefers-color-scheme: dark")
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
