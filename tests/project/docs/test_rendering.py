"""Every document renders, and its links and file names exist."""

import re
from pathlib import Path

import pytest
from docutils.core import publish_doctree
from docutils.nodes import Element, document

from tests.project.docs import sphinx_markup

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = sorted([*ROOT.glob("*.rst"), *(ROOT / "docs").rglob("*.rst")])
REPORT_EVERYTHING = {"report_level": 1, "halt_level": 1}

sphinx_markup.register()

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)


def parse(path: Path) -> document:
    """Parse a document, and raise if the parser reports anything."""
    return publish_doctree(
        path.read_text(encoding="utf-8"),
        source_path=str(path),
        settings_overrides=REPORT_EVERYTHING,
    )


@each_document
def test_document_renders_without_warnings(path: Path) -> None:
    """Titles, lists, tables and code blocks are valid reStructuredText."""
    assert parse(path).children


@each_document
def test_local_links_lead_to_existing_files(path: Path) -> None:
    """A link or picture without a scheme names an existing file."""
    targets = [
        str(node[attribute])
        for node in parse(path).findall(Element)
        for attribute in ("refuri", "uri")
        if attribute in node
    ]
    local = [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:", target)]
    assert not [name for name in local if not (path.parent / name).exists()]


@each_document
def test_files_named_in_a_document_exist(path: Path) -> None:
    """A project path in double backquotes exists."""
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"``((?:aioalf|tests|docs|tools)/[\w./-]*)``", text)
    assert not [name for name in named if not (ROOT / name).exists()]
