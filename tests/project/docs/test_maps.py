"""The maps of the code in the documents list every module of the package."""

import re
from pathlib import Path

import pytest

from tests.project.test_architecture import ORDER
from tests.support.pages import ROOT

MAPS = {
    "CONTRIBUTING.rst": re.compile(r"(?ms)^\d+\. (.*?): "),
    "docs/explanation/architecture.rst": re.compile(r"(?ms)^   \* - (``.*?)\n     - "),
}


def listed_in(document: str) -> list[tuple[str, str]]:
    """Return the names in a map in their order, each with its slash, or ``""`` without one."""
    layers = MAPS[document].findall((ROOT / document).read_text(encoding="utf-8"))
    return [found for layer in layers for found in re.findall(r"``(\w+)(/?)``", layer)]


@pytest.mark.parametrize("document", MAPS)
def test_map_lists_every_module_in_its_order(document: str) -> None:
    """A map has the modules of tests/project/test_architecture.py, in this order."""
    assert [name for name, _ in listed_in(document)] == ORDER


@pytest.mark.parametrize("document", MAPS)
def test_map_marks_packages_with_a_slash(document: str) -> None:
    """A package is written with a slash at its end, and a module without one."""
    wrong = {
        name
        for name, slash in listed_in(document)
        if Path(ROOT, "aioalf", name).is_dir() != bool(slash)
    }
    assert not wrong
