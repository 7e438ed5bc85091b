"""Every page can be found from README.rst through the index, which describes each page."""

import re

import pytest
from docutils.core import publish_doctree
from docutils.nodes import list_item, reference, title

from tests.project.docs.blocks import ROOT

DOCS = ROOT / "docs"
INDEX = publish_doctree((DOCS / "index.rst").read_text(encoding="utf-8"))
README = (ROOT / "README.rst").read_text(encoding="utf-8")
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.rst"))


def entries() -> dict[str, str]:
    """Return each page that the index lists, with the text of its entry."""
    items = list(INDEX.findall(list_item))
    return {str(next(item.findall(reference))["refuri"]): item.astext() for item in items}


def is_in_another_index(page: str) -> bool:
    """Whether the page belongs to a directory with an index of its own, other than that index."""
    path = DOCS / page
    return path.parent != DOCS and path.name != "index.rst" and (path.parent / "index.rst").exists()


def test_index_lists_every_page_once() -> None:
    """The index lists all pages except itself and those in another index."""
    listed = [page for page in PAGES if not is_in_another_index(page)]
    assert sorted([*entries(), "index.rst", "howto/migrate/index.rst"]) == sorted(listed)
    assert len(list(INDEX.findall(list_item))) == len(entries())
    assert "``docs/index.rst``" in README


@pytest.mark.parametrize("page", entries())
def test_index_entry_starts_with_the_title_of_the_page(page: str) -> None:
    """An entry is the beginning of the title, and a description on the same line."""
    tree = publish_doctree((DOCS / page).read_text(encoding="utf-8"))
    name, _, description = entries()[page].partition(": ")
    assert next(tree.findall(title)).astext().startswith(name)
    assert description
    assert "\n" not in description


def test_readme_names_the_page_of_each_flow() -> None:
    """The page of each grant can be found without the index."""
    flows = {page for page in PAGES if page.startswith("flows/")}
    assert flows <= set(re.findall(r"``docs/(flows/\w+\.rst)``", README))


def test_password_grant_is_explained_only_in_the_index() -> None:
    """The index says why the password grant is not offered; only the rules mention it too."""
    places = [
        path.relative_to(ROOT).as_posix()
        for path in [ROOT / "README.rst", *DOCS.rglob("*.rst")]
        if path.name != "rules.rst" and "password grant" in path.read_text(encoding="utf-8").lower()
    ]
    assert places == ["docs/index.rst"]
