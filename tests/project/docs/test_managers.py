"""docs/howto/token_managers.rst lists every method of a token manager, and every hook of 0.4.0."""

import re

from aioalf import TokenManager
from aioalf._legacy_hooks import HOOKS, REMOVED_FROM_MANAGER
from aioalf._requests.manager_adapter import RenewableManager
from tests.support.pages import ROOT


def public(kind: type[object]) -> set[str]:
    """Return the public names of a class."""
    return {name for name in dir(kind) if not name.startswith("_")}


def listed() -> set[str]:
    """Return the names of the methods in the tables."""
    text = (ROOT / "docs" / "howto" / "token_managers.rst").read_text(encoding="utf-8")
    return set(re.findall(r"^``(?:await )?(\w+)(?:\(\w*\))?``  ", text, re.MULTILINE))


def test_tables_list_the_methods_of_a_manager() -> None:
    """The tables list the methods for users and the methods that the client calls."""
    named = {name for name in listed() if not name.startswith("_")}
    assert named == public(TokenManager)
    assert named > public(RenewableManager)


def test_tables_list_the_hooks_of_0_4_0() -> None:
    """The tables list the hooks that are called and the methods that are refused."""
    assert {name for name in listed() if name.startswith("_")} == {*HOOKS, *REMOVED_FROM_MANAGER}
