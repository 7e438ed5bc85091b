"""Lets docutils parse the roles and directives of Sphinx that the documents use.

The tests look at the text and the code of the documents. `sphinx-build` checks the links.
"""

from docutils.nodes import Node, inline
from docutils.parsers.rst import Directive, roles
from docutils.parsers.rst.directives import register_directive, unchanged


class Toctree(Directive):
    """A list of pages, which adds nothing to the text of a document."""

    has_content = True
    option_spec = {"maxdepth": unchanged}  # noqa: RUF012 - as in docutils

    def run(self) -> list[Node]:
        """Return no nodes."""
        return []


roles.register_generic_role("doc", inline)
register_directive("toctree", Toctree)
