"""The pages in docs/reference list every public module, name and environment variable."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from docutils.nodes import literal

import aioalf
from aioalf.caches import TokenCache
from tests.support.pages import DOCS, ROOT, parse
from tools.site.api import NAMES_OF_0_4_0, adapt_docstring, adapt_signature, is_new, place_of

API = DOCS / "reference" / "api"
MODULES = sorted(
    {path.stem for path in (ROOT / "aioalf").glob("[a-z]*") if path.suffix in {"", ".py"}}
)


def names_in(module: ModuleType) -> set[str]:
    """Return the names that a module exports."""
    own = {name for name in vars(module) if is_described_by_autodoc(module, name)}
    return set(getattr(module, "__all__", own))


def is_described_by_autodoc(module: ModuleType, name: str) -> bool:
    """Return whether ``automodule`` describes a name; it finds no docstrings of other values."""
    value = getattr(module, name)
    if name.startswith("_") or not (inspect.isclass(value) or inspect.isfunction(value)):
        return False
    return name in getattr(module, "__all__", ()) or value.__module__ == module.__name__


def names_on(name: str) -> set[str]:
    """Return the names that the page of a module describes."""
    page = (API / f"{name}.rst").read_text(encoding="utf-8")
    explicit = re.findall(r"^(?:\.\. (?:auto|py:)[a-z]+::|   +) *(\w+)$", page, re.MULTILINE)
    module = import_module(f"aioalf.{name}")
    has_all = re.search(r"automodule:: .*\n   :members:", page)
    found = {each for each in names_in(module) if has_all and is_described_by_autodoc(module, each)}
    return found.union(explicit)


def test_each_public_module_has_a_page() -> None:
    """A module or package without an underscore has a page of its name, and ``aioalf`` has one."""
    assert sorted(path.stem for path in API.glob("*.rst")) == sorted(["aioalf", *MODULES])


def test_each_public_name_is_described() -> None:
    """A name that a module exports is described on its page, or on the page of another module."""
    described = set[str]().union(*map(names_on, MODULES))
    modules = [import_module(f"aioalf.{name}") for name in MODULES]
    missing = {module.__name__: names_in(module) - described for module in modules}
    assert not {name: names for name, names in missing.items() if names}


def test_page_of_the_package_lists_its_names() -> None:
    """The page names everything that can be imported from ``aioalf``."""
    listed = {node.astext() for node in parse(API / "aioalf.rst").findall(literal)}
    assert set(aioalf.__all__) <= listed


def test_index_lists_each_page_of_a_module() -> None:
    """The page of the reference links to all modules."""
    index = (DOCS / "reference" / "index.rst").read_text(encoding="utf-8")
    listed = re.findall(r"^   api/(\w+)$", index, re.MULTILINE)
    assert sorted(listed) == sorted(["aioalf", *MODULES])


def test_page_of_the_environment_lists_each_variable() -> None:
    """Each variable whose name begins with AIOALF is on the page."""
    page = (DOCS / "reference" / "environment.rst").read_text(encoding="utf-8")
    code = "".join(path.read_text(encoding="utf-8") for path in Path(ROOT, "aioalf").rglob("*.py"))
    variables = set(re.findall(r"\bAIOALF_[A-Z_]*[A-Z]\b", code))
    assert len(variables) >= 4
    assert [name for name in variables if f"``{name}``" not in page] == []


# How the reference adapts docstrings


@pytest.mark.parametrize("name", sorted(NAMES_OF_0_4_0))
def test_name_of_0_4_0_exists(name: str) -> None:
    """Each name that is not marked as new can be imported."""
    _, module, name, *members = name.split(".")
    value = getattr(import_module(f"aioalf.{module}"), name)
    assert all(hasattr(value, member) for member in members)


def test_new_names_are_marked() -> None:
    """A new class or method is marked; a method of a new class and an old name are not."""
    assert is_new("aioalf.retry.Retry")
    assert is_new("aioalf.client.Client.logout")
    assert not is_new("aioalf.retry.Retry.wait_after")
    assert not is_new("aioalf.client.Client.request")
    lines = ["Summary."]
    adapt_docstring("class", "aioalf.retry.Retry", lines)
    assert lines == ["Summary.", "", ".. versionadded:: 1.0", ""]
    adapt_docstring("class", "aioalf.client.Client", lines)
    assert lines.count(".. versionadded:: 1.0") == 1


def test_docstring_of_a_module_is_shortened_to_its_summary() -> None:
    """Users need not know what a module must not import."""
    lines = ["Summary", "in two lines.", "", "Must not import sockets."]
    adapt_docstring("module", "aioalf.retry", lines)
    adapt_docstring("module", "aioalf.retry", lines)
    assert lines == ["Summary", "in two lines."]


def test_signature_has_no_arguments_that_say_nothing() -> None:
    """A protocol is not called, and a default that is made for each object has no value."""
    assert adapt_signature("class", TokenCache, "(*args, **kwargs)") == ""
    assert adapt_signature("class", aioalf.Client, "(a=<factory>)") == "(a=...)"


def test_name_of_a_private_module_is_found_at_its_public_place() -> None:
    """The place of a name is unknown if there are two or none."""
    described = ["aioalf.caches.TokenCache", "aioalf.caches.TokenCache.get", "a.B.get"]
    assert place_of("aioalf._cache_protocol.TokenCache", described) == described[0]
    assert place_of("TokenCache", described) == described[0]
    assert place_of("get", described) is None
    assert place_of("Unknown", described) is None
