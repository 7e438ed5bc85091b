"""The example of tests/README.rst works."""

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).resolve().parents[2] / "README.rst"
_BLOCK = re.compile(r"^\.\. code-block:: python\n\n((?:    .*\n|\n)+)", re.MULTILINE)


def test_example_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever copies the example gets a scenario that passes."""
    (block,) = _BLOCK.findall(README.read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    exec(textwrap.dedent(block), names)  # noqa: S102 - our own document
    names["test_reset_drops_the_token"](monkeypatch)
