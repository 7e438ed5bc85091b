"""Reads pages of the documentation without Sphinx, so that tests need not build the site.

docutils does not know the roles and directives of Sphinx. Here, ``:doc:`` becomes a link to the
file of the page, and another role becomes a literal. A directive becomes its content, so code
blocks in tabs and on cards are found like others.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final

from docutils.core import publish_doctree
from docutils.nodes import Node, container, document, literal, reference
from docutils.parsers.rst import Directive, directives, roles
from docutils.parsers.rst.states import Inliner

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"

_GENERATED: Final = ("autoclass", "autodata", "autofunction", "automodule", "click")
_WITH_CONTENT: Final = (
    *("card", "dropdown", "grid", "grid-item", "grid-item-card", "tab-item", "tab-set"),
    *("deprecated", "py:class", "py:data", "py:type", "seealso", "versionadded", "versionchanged"),
)


@cache
def parse(path: Path, **settings: object) -> document:
    """Parse a page with settings of docutils, such as ``halt_level``. Do not change the result."""
    return publish_doctree(
        path.read_text(encoding="utf-8"), source_path=str(path), settings_overrides=settings
    )


def title_of(path: Path) -> str:
    """Return the title of a page, which is its first line; "" if there is no such page."""
    return path.read_text(encoding="utf-8").partition("\n")[0] if path.is_file() else ""


def _link_to(named: str, source: str) -> reference:
    """Return the link that ``:doc:`` makes of ``/howto/caches`` or ``caches``."""
    title, _, name = named.removesuffix(">").rpartition(" <")
    start = DOCS if name.startswith("/") else Path(source).parent
    target = start / f"{name.removeprefix('/')}.rst"
    return reference("", title or title_of(target), refuri=str(target))


def _doc(
    _name: str,
    _rawtext: str,
    text: str,
    _line: int,
    inliner: Inliner,
    _options: Mapping[str, Any] | None = None,
    _content: Sequence[str] | None = None,
) -> tuple[list[reference], list[reference]]:
    return [_link_to(text, inliner.document["source"])], []


def _object(
    _name: str,
    rawtext: str,
    text: str,
    _line: int,
    _inliner: Inliner,
    _options: Mapping[str, Any] | None = None,
    _content: Sequence[str] | None = None,
) -> tuple[list[reference], list[reference]]:
    return [reference(rawtext, "", literal(rawtext, text.rpartition(".")[2]))], []


class _Content(Directive):
    """A directive that becomes its content, and accepts any option."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[dict[str, Callable[[str], Any]] | None] = defaultdict(
        lambda: directives.unchanged, caption=directives.unchanged
    )

    def run(self) -> list[Node]:
        content = container()
        self.state.nested_parse(self.content, self.content_offset, content)
        return content.children


class _Generated(_Content):
    """A directive whose result comes from the code."""

    def run(self) -> list[Node]:
        return []


class _TocTree(_Content):
    """The links of a table of contents. Pages that do not exist are left out, as Sphinx does."""

    def run(self) -> list[Node]:
        source = self.state.document["source"]
        links = [_link_to(name, source) for name in self._names(Path(source).parent)]
        return [container("", *(link for link in links if Path(link["refuri"]).is_file()))]

    def _names(self, directory: Path) -> Iterator[str]:
        for line in filter(str.strip, self.content):
            if "*" in line:
                for page in sorted(directory.glob(f"{line}.rst")):
                    yield page.relative_to(directory).with_suffix("").as_posix()
            else:
                yield line


for _role in ("attr", "class", "data", "exc", "func", "meth", "mod", "obj", "type"):
    roles.register_local_role(f"py:{_role}", _object)
roles.register_local_role("doc", _doc)
directives.register_directive("toctree", _TocTree)
for _directive in _WITH_CONTENT:
    directives.register_directive(_directive, _Content)
for _directive in _GENERATED:
    directives.register_directive(_directive, _Generated)
