"""Every page can be found from the first page, which describes the most important ones."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from docutils.nodes import list_item, reference

from tests.support.pages import DOCS, ROOT, parse, title_of

INDEX = DOCS / "index.rst"
SITE = "https://aio-alf.readthedocs.io/"
README = (ROOT / "README.rst").read_text(encoding="utf-8")
ENTRIES = [item for item in parse(INDEX).findall(list_item) if ":" in item.astext()]


def links_of(page: Path) -> Iterator[Path]:
    """Yield the pages that a page links to."""
    for link in parse(page).findall(reference):
        target = Path(str(link.get("refuri", "")))
        if target.suffix == ".rst" and target.is_file():
            yield target.resolve()


def test_each_page_is_two_clicks_away() -> None:
    """Each page has a link on the first page, or on a page that the first page links to."""
    nearest = {INDEX, *links_of(INDEX)}
    reached = nearest.union(*map(links_of, nearest))
    assert [page for page in DOCS.rglob("*.rst") if page not in reached] == []


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.astext().partition(":")[0])
def test_entry_of_the_index_describes_its_page(entry: list_item) -> None:
    """An entry is the title of a page, and a description on the same line."""
    link = next(entry.findall(reference))
    name, _, description = entry.astext().partition(": ")
    assert name == title_of(Path(str(link["refuri"])))
    assert description
    assert "\n" not in description


def test_links_of_the_readme_lead_to_pages() -> None:
    """The links into the site name pages that exist."""
    names = re.findall(rf"{re.escape(SITE)}en/latest/(\S+)\.html", README)
    assert len(names) > 10
    assert not [name for name in names if not (DOCS / f"{name}.rst").is_file()]


def test_password_grant_is_explained_in_one_place() -> None:
    """The page about grants says why the password grant is not offered; only rules mention it."""
    places = [
        path.relative_to(ROOT).as_posix()
        for path in [ROOT / "README.rst", *DOCS.rglob("*.rst")]
        if path.name != "rules.rst" and "password grant" in path.read_text(encoding="utf-8").lower()
    ]
    assert places == ["docs/grants/index.rst"]
