"""That every document renders as it is meant to."""

import re
from pathlib import Path

import pytest
from docutils.core import publish_doctree
from docutils.nodes import Element, document

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = sorted([*ROOT.glob("*.rst"), *(ROOT / "docs").rglob("*.rst")])
EVERY_COMPLAINT = {"report_level": 1, "halt_level": 1}


def read(path: Path) -> document:
    """Parse a document; any complaint of the parser's raises."""
    return publish_doctree(
        path.read_text(encoding="utf-8"), source_path=str(path), settings_overrides=EVERY_COMPLAINT
    )


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_renders_without_a_complaint(path: Path) -> None:
    """Titles, lists, tables and code blocks are what their author meant."""
    assert read(path).children


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_files_of_the_project_lead_somewhere(path: Path) -> None:
    """A link or picture without a scheme names a file that is there."""
    targets = [
        str(node[attribute])
        for node in read(path).findall(Element)
        for attribute in ("refuri", "uri")
        if attribute in node
    ]
    local = [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:", target)]
    assert not [name for name in local if not (path.parent / name).exists()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_files_named_in_a_document_exist(path: Path) -> None:
    """A path in double backquotes that names a file of ours is that file's path."""
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"``((?:aioalf|tests|docs|benchmarks)/[\w./-]*)``", text)
    assert not [name for name in named if not (ROOT / name).exists()]
