"""Writes a result to the documents: tables and charts.

The output depends only on the JSON of the result. Nothing is measured here.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tools.benchmarks.pictures import PICTURES
from tools.benchmarks.reference import Reference, check, json_text
from tools.benchmarks.tables import BLOCKS

ROOT: Final = Path(__file__).resolve().parents[2]
REFERENCE: Final = Path(__file__).with_name("reference.json")
DOCUMENT: Final = ROOT / "docs" / "explanation" / "performance.rst"
DIRECTORY: Final = ROOT / "docs" / "explanation" / "benchmarks"


def publish(content: Mapping[str, Any]) -> list[str]:
    """Save this result as reference.json, update the documents, and return the written files."""
    check(content)
    text = json_text(content)
    files = {REFERENCE: text, **render(json.loads(text))}
    for path, written in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written, encoding="utf-8", newline="\n")
    return [str(path.relative_to(ROOT)) for path in files]


def render(content: Mapping[str, Any]) -> dict[Path, str]:
    """Return the new content of every document that shows figures."""
    reference = Reference(content)
    return {
        DOCUMENT: _filled(DOCUMENT, reference),
        **{DIRECTORY / f"{name}.svg": draw(reference) for name, draw in PICTURES.items()},
    }


def _filled(path: Path, reference: Reference) -> str:
    """Return a document with all of its generated blocks replaced."""
    text = path.read_text(encoding="utf-8")
    for name, write in BLOCKS.items():
        begin, end = f".. begin of benchmarks: {name}\n", f".. end of benchmarks: {name}\n"
        if begin in text:
            head, tail = text.split(begin)[0], text.split(end)[1]
            text = f"{head}{begin}\n{write(reference)}\n\n{end}{tail}"
    return text
