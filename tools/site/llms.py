"""The text of llms.txt: a list of all pages of the site, with one line for each.

Programs that read documentation for language models look for this file in the root of a site
(llmstxt.org). Must not import Sphinx, for the reason that `tools.site.api` names.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from docutils.nodes import document, paragraph

FIRST_PAGE: Final = "index"


@dataclass(frozen=True)
class Page:
    """A page: its name in the site, its title and its summary."""

    name: str
    title: str
    summary: str

    @property
    def part(self) -> str:
        """The part of the site that it belongs to."""
        return self.name.partition("/")[0]


def index_of(pages: Iterable[Page], project: str, base_url: str) -> str:
    """Return the text of llms.txt. Pages in one directory have one heading."""
    first, *others = sorted(pages, key=lambda page: (page.name != FIRST_PAGE, page.name))
    lines = [f"# {project}", "", f"> {first.summary}"]
    titles = {page.name.removesuffix("/index"): page.title for page in others}
    for part, members in groupby(others, key=lambda page: page.part):
        lines += ["", f"## {titles.get(part, part)}", ""]
        lines += [
            f"- [{page.title}]({base_url}{page.name}.html): {page.summary}" for page in members
        ]
    return "\n".join(lines) + "\n"


def summary_of(page: document) -> str:
    """Return the first sentence of a page."""
    text = next((node.astext() for node in page.findall(paragraph)), "")
    return re.split(r"(?<=\.) ", " ".join(text.split()))[0].rstrip(":")
