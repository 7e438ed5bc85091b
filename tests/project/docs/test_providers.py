"""That the clients of docs/providers.rst can be made, and that each fact there has a source."""

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
async def test_the_clients_of_a_provider_can_be_made(
    provider: section, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an error or a warning, and without a word to anybody."""

    async def refuse(*_: object) -> NoReturn:
        raise AssertionError("nothing is to leave this machine")

    monkeypatch.setattr(TCPConnector, "_create_connection", refuse)
    (block,) = provider.findall(literal_block)
    names: dict[str, object] = {}
    exec(compile(block.astext(), "providers.rst", "exec"), names)  # noqa: S102 - the project's own
    clients = [value for value in names.values() if isinstance(value, Client)]
    assert clients
    for client in clients:
        await client.close()


@each_provider
def test_each_fact_has_its_source(provider: section) -> None:
    """A package, its version and a file in it, or a section of an RFC."""
    rows = list(provider.findall(row))
    assert rows
    for fact, source in (each.findall(entry) for each in rows):
        assert fact.astext()
        for said in " ".join(source.astext().split()).split("; "):
            assert SOURCE.fullmatch(said), said


@each_provider
def test_nothing_is_said_without_a_source(provider: section) -> None:
    """Besides the table and the program there are no words."""
    told = [part for part in provider.children if not isinstance(part, title)]
    assert not [part for part in told if isinstance(part, paragraph)]
    assert len(told) == 2
