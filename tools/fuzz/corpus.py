"""The corpus: inputs that once made a target fail, one per file."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).with_name("corpus")


def kept(target: str) -> Iterator[tuple[Path, Any]]:
    """Yield the files and inputs of a target."""
    for file in sorted((CORPUS / target).glob("*.txt")):
        yield file, ast.literal_eval(file.read_text(encoding="utf-8"))
