"""The clients of docs/providers.rst can be created, and each fact there has a source."""

import re
from typing import NoReturn

import pytest
from aiohttp import TCPConnector
from docutils.core import publish_doctree
from docutils.nodes import entry, literal_block, paragraph, row, section, title

from aioalf import Client
from tests.project.docs.blocks import ROOT

PAGE = publish_doctree((ROOT / "docs" / "providers.rst").read_text(encoding="utf-8"))
PROVIDERS = list(PAGE.findall(section))
SOURCE = re.compile(
    r"(@?[\w./-]+ \d[\w.]*, [\w./@ -]+\.(py|ts|js|md)( and [\w./-]+)?|RFC \d+ §[\d.]+)"
)

each_provider = pytest.mark.parametrize(
    "provider", PROVIDERS, ids=lambda part: next(part.findall(title)).astext()
)


@each_provider
async def test_clients_of_a_provider_can_be_created(
    provider: section, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clients are created without errors, warnings or connections."""

    async def refuse(*_: object) -> NoReturn:
        raise AssertionError("no connection is expected")

    monkeypatch.setattr(TCPConnector, "_create_connection", refuse)
    (block,) = provider.findall(literal_block)
    names: dict[str, object] = {}
    exec(compile(block.astext(), "providers.rst", "exec"), names)  # noqa: S102 - the project's own
    clients = [value for value in names.values() if isinstance(value, Client)]
    assert clients
    for client in clients:
        await client.close()


@each_provider
def test_each_fact_has_a_source(provider: section) -> None:
    """A source is a package with its version and a file, or a section of an RFC."""
    rows = list(provider.findall(row))
    assert rows
    for fact, sources in (each.findall(entry) for each in rows):
        assert fact.astext()
        for source in " ".join(sources.astext().split()).split("; "):
            assert SOURCE.fullmatch(source), source


@each_provider
def test_section_has_no_text_without_a_source(provider: section) -> None:
    """A section contains a program and a table, and no paragraphs."""
    parts = [part for part in provider.children if not isinstance(part, title)]
    assert not [part for part in parts if isinstance(part, paragraph)]
    assert len(parts) == 2
