"""The documents name files that exist, and their maps of the code list every module."""

import re
from pathlib import Path

import pytest

from tests.project.docs.blocks import ROOT
from tests.project.test_architecture import ORDER

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("*.rst"), *(ROOT / "docs").rglob("*.rst"), ROOT / "tests/README.rst"]
)
NAMED = re.compile(r"``((?:aioalf|docs|tests|tools)/[\w./-]*)``")
MAPS = {
    "CONTRIBUTING.rst": re.compile(r"(?ms)^\d+\. (.*?): "),
    "docs/about/architecture.rst": re.compile(r"(?ms)^   \* - (``.*?)\n     - "),
}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_files_exist(document: str) -> None:
    """Each path below aioalf, docs, tests or tools that a document names exists."""
    named = set(NAMED.findall((ROOT / document).read_text(encoding="utf-8")))
    assert {path for path in named if not (ROOT / path).exists()} == set()


@pytest.mark.parametrize("document", MAPS)
def test_map_lists_every_module_in_its_order(document: str) -> None:
    """A map of the code has the modules of tests/project/test_architecture.py, in this order."""
    layers = MAPS[document].findall((ROOT / document).read_text(encoding="utf-8"))
    listed = [name for layer in layers for name in re.findall(r"``(\w+)/?``", layer)]
    assert listed == ORDER


def test_maps_mark_packages_with_a_slash() -> None:
    """A package is written with a slash at its end, and a module without one."""
    for document, layer in MAPS.items():
        for text in layer.findall((ROOT / document).read_text(encoding="utf-8")):
            for name, slash in re.findall(r"``(\w+)(/?)``", text):
                assert Path(ROOT, "aioalf", name).is_dir() == bool(slash), name
