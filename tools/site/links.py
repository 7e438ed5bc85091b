"""Checks the links of the built site: ``python -m tools.site.links DIRECTORY``.

Every link inside the site must lead to a file that exists, and to an element that exists if it
has a fragment. Links to other sites are not followed, because the check needs no network.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

_LINKS: Final = {"href", "src", "srcset", "data"}


class Page(HTMLParser):
    """The links of an HTML page, and the fragments that links can name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.fragments: set[str] = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the links and the fragments of an element."""
        for name, value in attrs:
            if value and name in _LINKS:
                self.links.add(value)
            if value and (name == "id" or (tag, name) == ("a", "name")):
                self.fragments.add(value)


def broken_links(site: Path) -> Iterator[tuple[str, str]]:
    """Yield each page with each of its links that lead nowhere."""
    pages = {
        path.resolve(): Page(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
    }
    for path, page in pages.items():
        for link in sorted(page.links):
            if not _exists(link, path, pages):
                yield path.relative_to(site.resolve()).as_posix(), link


def _exists(link: str, path: Path, pages: Mapping[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target in pages:
        return unquote(parts.fragment) in pages[target].fragments
    return target.is_file()


def main(arguments: list[str] | None = None) -> int:
    """Print the broken links of a built site; exit with 1 if there are any."""
    parser = argparse.ArgumentParser(prog="python -m tools.site.links", description=main.__doc__)
    parser.add_argument("site", type=Path, help="the directory with the HTML pages")
    site: Path = parser.parse_args(arguments).site
    if not (site / "index.html").is_file():
        print(f"There is no index.html in {site}: build the site first")
        return 1
    broken = list(broken_links(site))
    lines = [f"{page}: {link} does not exist" for page, link in broken]
    print(*lines, f"{len(broken)} broken links", sep="\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
