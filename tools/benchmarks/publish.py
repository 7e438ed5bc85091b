"""Makes the documents of a result: tables, pictures, and what README.rst says.

All that is written is a function of the JSON, so that a test can say whether the documents are what
``tools/benchmarks/reference.json`` gives. It measures nothing.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pictures import PICTURES
from reference import Reference, check, json_text
from tables import BLOCKS

ROOT: Final = Path(__file__).resolve().parents[2]
REFERENCE: Final = Path(__file__).with_name("reference.json")
DOCUMENT: Final = ROOT / "docs" / "benchmarks.rst"
README: Final = ROOT / "README.rst"
DIRECTORY: Final = ROOT / "docs" / "benchmarks"


def publish(content: Mapping[str, Any]) -> list[str]:
    """Make this result the reference, write all that is made of it, and return the files."""
    check(content)
    text = json_text(content)
    files = {REFERENCE: text, **render(json.loads(text))}
    for path, written in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written, encoding="utf-8", newline="\n")
    return [str(path.relative_to(ROOT)) for path in files]


def render(content: Mapping[str, Any]) -> dict[Path, str]:
    """Return every file that is made of a result, whole."""
    reference = Reference(content)
    return {
        DOCUMENT: _filled(DOCUMENT, reference),
        README: _filled(README, reference),
        **{DIRECTORY / f"{name}.svg": draw(reference) for name, draw in PICTURES.items()},
    }


def _filled(path: Path, reference: Reference) -> str:
    """Return a document with each of its blocks written anew."""
    text = path.read_text(encoding="utf-8")
    for name, write in BLOCKS.items():
        begin, end = f".. begin of benchmarks: {name}\n", f".. end of benchmarks: {name}\n"
        if begin in text:
            head, tail = text.split(begin)[0], text.split(end)[1]
            text = f"{head}{begin}\n{write(reference)}\n\n{end}{tail}"
    return text
