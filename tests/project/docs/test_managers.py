"""docs/managers.rst lists every method of a token manager, and no other method."""

import re

from aioalf import TokenManager
from aioalf._requests.manager_adapter import RenewableManager
from tests.project.docs.blocks import ROOT


def public(kind: type[object]) -> set[str]:
    """Return the public names of a class."""
    return {name for name in dir(kind) if not name.startswith("_")}


def test_tables_list_the_methods_of_a_manager() -> None:
    """The tables list the methods for users and those that the client calls."""
    text = (ROOT / "docs" / "managers.rst").read_text(encoding="utf-8")
    named = set(re.findall(r"^``(?:await )?(\w+)(?:\(\w*\))?``  ", text, re.MULTILINE))
    assert named == public(TokenManager)
    assert named > public(RenewableManager)
