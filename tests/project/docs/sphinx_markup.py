"""The directives and roles of Sphinx that the documents use, for docutils alone.

The tests need the structure of a document and its code blocks, not the links between pages, which
Sphinx checks. Importing this module does nothing: call `register`.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from docutils.nodes import Element, Node, container, paragraph, reference
from docutils.parsers.rst import Directive, directives, roles
from docutils.parsers.rst.states import Inliner


class toctree(Element):  # noqa: N801 - nodes have the names of their directives
    """A list of pages, in the attribute ``entries``."""


class TocTree(Directive):
    """``.. toctree::`` with the names of pages, one on each line."""

    has_content = True
    option_spec = {"maxdepth": int, "caption": str, "hidden": directives.flag}  # noqa: RUF012 - as in docutils

    def run(self) -> list[Node]:
        """Return a node with the names."""
        return [toctree(entries=[line.strip() for line in self.content if line.strip()])]


class Container(Directive):
    """A directive around other text: its title, if it has one, and its content."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec = {"sync": str}  # noqa: RUF012 - as in docutils

    def run(self) -> list[Node]:
        """Return the title and the content."""
        node = container()
        node += [paragraph(text=title) for title in self.arguments]
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


def show_target(
    _name: str,
    _raw: str,
    text: str,
    _line: int,
    _inliner: Inliner,
    _options: Mapping[str, Any] = MappingProxyType({}),
    _content: Sequence[str] = (),
) -> tuple[Sequence[reference], Sequence[reference]]:
    """Return a link with the text of a link to a page, or with its target if it has no text."""
    return [reference(text=text.partition(" <")[0])], []


def register() -> None:
    """Let docutils parse the documents."""
    directives.register_directive("toctree", TocTree)
    for name in ("tab-set", "tab-item", "versionadded", "versionchanged"):
        directives.register_directive(name, Container)
    roles.register_local_role("doc", show_target)
