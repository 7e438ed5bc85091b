"""That who begins at README.rst finds every page, and that the index says what each is."""

import re

import pytest
from docutils.core import publish_doctree
from docutils.nodes import list_item, reference, title

from tests.project.docs.blocks import ROOT

DOCS = ROOT / "docs"
INDEX = publish_doctree((DOCS / "index.rst").read_text(encoding="utf-8"))
README = (ROOT / "README.rst").read_text(encoding="utf-8")
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.rst"))


def lines() -> dict[str, str]:
    """Each page that the index lists, with its line there."""
    items = list(INDEX.findall(list_item))
    return {str(next(item.findall(reference))["refuri"]): item.astext() for item in items}


def test_the_index_lists_every_page_once() -> None:
    """All but itself, and README.rst names it."""
    assert sorted([*lines(), "index.rst"]) == PAGES
    assert len(list(INDEX.findall(list_item))) == len(lines())
    assert "``docs/index.rst``" in README


@pytest.mark.parametrize("page", lines())
def test_a_line_calls_a_page_by_its_name(page: str) -> None:
    """The title, as far as it goes, and one line of what is there."""
    tree = publish_doctree((DOCS / page).read_text(encoding="utf-8"))
    name, _, told = lines()[page].partition(": ")
    assert next(tree.findall(title)).astext().startswith(name)
    assert told
    assert "\n" not in told


def test_the_readme_names_the_page_of_each_flow() -> None:
    """Who knows what they want need not look at the index first."""
    flows = {page for page in PAGES if page.startswith("flows/")}
    assert flows <= set(re.findall(r"``docs/(flows/\w+\.rst)``", README))


def test_the_password_grant_is_spoken_of_in_one_place() -> None:
    """It is not offered, and the index says so, with the reason; the rules have it as a rule."""
    places = [
        path.relative_to(ROOT).as_posix()
        for path in [ROOT / "README.rst", *DOCS.rglob("*.rst")]
        if path.name != "rules.rst" and "password grant" in path.read_text(encoding="utf-8").lower()
    ]
    assert places == ["docs/index.rst"]
