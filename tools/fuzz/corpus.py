"""The corpus: inputs that once broke a promise, one a file, by target. It knows files only."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).with_name("corpus")


def kept(target: str) -> Iterator[tuple[Path, Any]]:
    """The inputs of a target that are kept, with the files that hold them."""
    for file in sorted((CORPUS / target).glob("*.txt")):
        yield file, ast.literal_eval(file.read_text(encoding="utf-8"))
