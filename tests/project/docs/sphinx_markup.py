"""The directives and roles of Sphinx that the documents use, for docutils alone.

The tests need the text and the code of a document. Sphinx checks the links between pages.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from docutils.nodes import Node, reference
from docutils.parsers.rst import Directive, directives, roles
from docutils.parsers.rst.states import Inliner


class Toctree(Directive):
    """A list of pages, which adds nothing to the text of a document."""

    has_content = True
    option_spec = {"maxdepth": directives.unchanged}  # noqa: RUF012 - as in docutils

    def run(self) -> list[Node]:
        """Return no nodes."""
        return []


def link(
    _name: str,
    rawtext: str,
    text: str,
    _lineno: int,
    _inliner: Inliner,
    _options: Mapping[str, Any] | None = None,
    _content: Sequence[str] = (),
) -> tuple[Sequence[reference], Sequence[reference]]:
    """Return a link to a page, which shows the name of the page."""
    return [reference(rawtext, text)], []


def register() -> None:
    """Let docutils parse the documents."""
    directives.register_directive("toctree", Toctree)
    roles.register_local_role("doc", link)
