"""The benchmarks: that they run, and that the documents say what the reference says.

The scripts import one another by bare names, as scripts do; here they are imported as such.
"""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import aioalf

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "benchmarks"
PACKAGE = Path(aioalf.__file__).parent
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Import a script by its name."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(SCRIPTS)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == SCRIPTS:
            del sys.modules[name]


@pytest.fixture
def reference() -> dict[str, Any]:
    """The result that the documents are made of."""
    content: dict[str, Any] = json.loads((SCRIPTS / "reference.json").read_text(encoding="utf-8"))
    return content


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, str(SCRIPTS / "bench.py"), *arguments],
        capture_output=True,
        check=False,
        text=True,
        timeout=55,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PYTHONIOENCODING": "utf-8"},
    )


# Running


def test_every_measure_runs(tmp_path: Path) -> None:
    """`--quick` takes each of them, with the contenders that are installed."""
    ran = run("--quick", "--results", str(tmp_path))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (result,) = tmp_path.iterdir()
    content = json.loads(result.read_text(encoding="utf-8"))
    measured = {(figure["measure"], figure["contender"]) for figure in content["figures"]}
    assert ("CPU in memory, await", "Client") in measured
    assert ("memory beside a session", "Client") in measured
    counted = [figure for figure in content["figures"] if figure["unit"] == "token requests"]
    ours = {figure["measure"]: figure for figure in counted if figure["contender"] == "Client"}
    assert [figure["value"]["median"] for figure in ours.values()] == [1, 1, 3]


def test_a_quick_result_is_not_published(tmp_path: Path, script: Any) -> None:
    """Nor is one that lacks a measure or a contender."""
    effort, reports, results = script("effort"), script("report"), script("figures").Results()
    quick, full = (
        reports.Diary(tmp_path / name, size)
        for name, size in (("quick", effort.QUICK), ("full", effort.FULL))
    )
    for diary, complaint in ((quick, "not measured in full"), (full, "not in it")):
        diary.write(results, 1.0)
        refused = run("--of", str(diary.path))
        assert refused.returncode == 1
        assert complaint in refused.stdout


# What the documents say


def test_the_documents_are_what_the_reference_gives(script: Any, reference: Any) -> None:
    """No figure stands in them that was not measured; `--of` writes them."""
    written = script("publish").render(reference)
    stale = [
        path.name for path, text in written.items() if path.read_text(encoding="utf-8") != text
    ]
    assert not stale, "python benchmarks/bench.py --of benchmarks/reference.json"


def test_every_picture_is_one_of_the_reference_and_is_shown(script: Any, reference: Any) -> None:
    """None is left from another run, and none is forgotten, on either page."""
    drawn = {path.name for path in script("publish").render(reference) if path.suffix == ".svg"}
    assert drawn == {path.name for path in (ROOT / "docs" / "benchmarks").iterdir()}
    for page, directory in (
        ("docs/benchmarks.rst", "benchmarks"),
        ("README.rst", "docs/benchmarks"),
    ):
        shown = re.findall(rf"image:: {directory}/(\S+)", (ROOT / page).read_text("utf-8"))
        assert sorted(shown) == sorted(drawn), page


def test_every_text_of_the_reference_stands_in_a_document(script: Any) -> None:
    """A block that no document names would be written nowhere."""
    publish = script("publish")
    pages = [path.read_text(encoding="utf-8") for path in (publish.DOCUMENT, publish.README)]
    named = re.findall(r"^\.\. begin of benchmarks: (.+)$", "\n".join(pages), re.MULTILINE)
    assert sorted(named) == sorted(publish.BLOCKS)


def test_the_reference_is_of_a_whole_run(script: Any, reference: Any) -> None:
    """All measures, all contenders, and as JSON is written here."""
    module = script("reference")
    module.check(reference)
    text = (SCRIPTS / "reference.json").read_text(encoding="utf-8")
    assert text == module.json_text(reference)


def test_every_target_is_of_a_figure_that_there_is(script: Any, reference: Any) -> None:
    """A measure or a contender with a new name takes its target along."""
    figures = script("figures")
    measured = figures.read_results(reference).figures
    with_target = {(one.measure, one.contender) for one in measured if one.target is not None}
    assert with_target == {(measure, contender) for measure, contender, _ in figures.TARGETS}


# Charts


def test_pictures_load_nothing_and_keep_to_both_colour_schemes(script: Any, reference: Any) -> None:
    """No script, no link, no font from elsewhere; each colour has its counterpart."""
    for path, picture in script("publish").render(reference).items():
        if path.suffix == ".svg":
            assert not re.search(r"href|url\(|@import|@font-face|<script", picture)
            light, dark = picture.split("prefers-color-scheme: dark")
            assert re.findall(r"(--\w+): #", light) == re.findall(r"(--\w+): #", dark)


def test_a_chart_stays_within_its_frame(script: Any, reference: Any) -> None:
    """What is drawn begins inside of the picture, and texts end there as far as can be told."""
    for path, picture in script("publish").render(reference).items():
        if path.suffix == ".svg":
            root = ET.fromstring(picture)  # noqa: S314 - the project's own
            width, height = float(root.attrib["width"]), float(root.attrib["height"])
            for element in root.iter(f"{SVG}text"):
                end = 0.0 if "class" in element.attrib else 6.5 * len(element.text or "")
                assert 0 <= float(element.attrib["x"]) + end <= width, (path.name, element.text)
                assert 0 <= float(element.attrib["y"]) <= height, (path.name, element.text)


def test_a_spread_tells_its_median_and_where_it_lies(script: Any) -> None:
    """One value is its own median; of many, the interval lies within the quartiles or near."""
    spread = script("figures").Spread
    assert spread.of([2.0]).interval == (2.0, 2.0)
    many = spread.of(float(value) for value in range(101))
    assert (many.median, many.quartiles, many.interval) == (50.0, (25.0, 75.0), (40.0, 60.0))
    assert not many.is_range
    few = spread.of([3.0, 1.0, 2.0, 5.0, 4.0])
    assert (few.is_range, few.interval) == (True, (1.0, 5.0))


@pytest.mark.parametrize(
    ("values", "unit", "text"),
    [
        ([1.0] * 9, "", "1.000"),
        ([1.0, 1.1, 1.2], "", "1.100 (range 1.000 to 1.200)"),
        ([2.0, 20.0], "ms", "11.0 ms (range 2.00 to 20.0)"),
        ([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7], "", "1.350 (1.100 to 1.600)"),
        ([3.0], "token requests", "3"),
    ],
)
def test_a_table_shows_the_spread_of_what_varies(
    script: Any, values: list[float], unit: str, text: str
) -> None:
    """And says where it is the range, as there were few values."""
    figures, tables = script("figures"), script("tables")
    reference = script("reference").Reference(
        {
            **figures.Results(
                [figures.Figure("m", "Client", figures.Spread.of(values), unit, 1)]
            ).as_json(),
            "effort": {"sizes": [1]},
        }
    )
    assert text in tables.grown("m")(reference).splitlines()[3]


# Circumstances


def git(directory: Path, *arguments: str) -> None:
    """Run git as somebody, whatever is configured here."""
    options = ("user.name=somebody", "user.email=somebody@example.com", "commit.gpgsign=false")
    somebody = [part for option in options for part in ("-c", option)]
    command = [shutil.which("git") or "", "-C", str(directory), *somebody, *arguments]
    subprocess.run(command, check=True, capture_output=True, timeout=30)


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git on this machine")
def test_a_result_names_the_commit_that_was_measured(tmp_path: Path, script: Any) -> None:
    """Marked when a file differs from it; unknown outside of a checkout."""
    commit = script("report").commit
    git(tmp_path, "init")
    (tmp_path / "file").write_text("one", encoding="utf-8")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--message", "One")
    named = commit(tmp_path)
    assert re.fullmatch("[0-9a-f]{7,}", named)
    (tmp_path / "file").write_text("other", encoding="utf-8")
    assert commit(tmp_path) == f"{named}-dirty"
    (tmp_path / "unpacked").mkdir()
    assert commit(tmp_path / "unpacked") == "unknown"


def test_a_document_tells_of_an_unknown_commit(script: Any, reference: Any) -> None:
    """Results of before it was recorded can be published."""
    tables, results = script("tables"), script("reference")
    circumstances = {**reference["circumstances"], "commit": "0123abc"}
    for around, told in ((circumstances, "(commit 0123abc)"), ({}, "(commit unknown)")):
        without = {k: v for k, v in reference["circumstances"].items() if k != "commit"}
        content = {**reference, "circumstances": around or without}
        text = tables.BLOCKS["circumstances"](results.Reference(content))
        assert told in " ".join(text.split())
