"""That docs/managers.rst tells of every method that a token manager has, and of no other."""

import re

from aioalf import TokenManager
from aioalf._requests.manager_adapter import RenewableManager
from tests.project.docs.blocks import ROOT


def public(kind: type[object]) -> set[str]:
    """The methods that a class has for others."""
    return {name for name in vars(kind) if not name.startswith("_")}


def test_the_tables_name_the_methods_of_a_manager() -> None:
    """What the client calls is among them, as what is for the user is."""
    text = (ROOT / "docs" / "managers.rst").read_text(encoding="utf-8")
    named = set(re.findall(r"^``(?:await )?(\w+)\(\w*\)``  ", text, re.MULTILINE))
    assert named == public(TokenManager)
    assert named > public(RenewableManager)
