"""The programs of docs/providers/ run, and its pages describe each provider once, with sources."""

import ast
import asyncio
import inspect
import json
import re
import socket
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from docutils.nodes import (
    Element,
    definition_list_item,
    document,
    entry,
    field,
    field_body,
    field_name,
    list_item,
    literal_block,
    row,
    section,
    table,
    term,
    title,
)
from yarl import URL

from aioalf import Client, TokenManager, providers
from aioalf.grants import AuthorizationCode
from aioalf.providers import Provider
from aioalf.testing import OAuthServer
from tests.grants.visitor import Visitor
from tests.project.docs.blocks import (
    Block,
    blocks_of,
    fake_browser,
    fake_network,
    run,
    run_script,
)
from tests.support.pages import ROOT, parse
from tests.testing.signing import RSA, public

DIRECTORY = ROOT / "docs" / "providers"
PATHS = sorted(DIRECTORY.glob("*.rst"))
PAGES = {path.stem: parse(path) for path in PATHS}
INDEX = PAGES.pop("index")
BLOCKS = [block for path in PATHS for block in blocks_of(path)]
DOCUMENTED_PORT = ":8910/"
API_HOSTS = ("graph.microsoft.com", "www.googleapis.com")
ACCOUNT = {
    "client_email": "robot@project.example",
    "private_key": RSA.as_pem(private=True).decode(),
    "private_key_id": "key-1",
}
SECTIONS = ["Register", "Program", "Refresh token", "Details", "Does not work", "Sources"]
FIELDS = ["Sign-in", "Refresh token", "Special", "Sources"]


def title_of(part: Element) -> str:
    """Return the title of a section."""
    return next(part.findall(title)).astext()


def sections_of(page: document) -> dict[str, Element]:
    """Return the sections of a page by their titles, without the page itself."""
    return {title_of(part): part for part in page.findall(section)}


def rows_of(name: str) -> list[list[str]]:
    """Return the texts of the table in a section of the index, without its head."""
    (found,) = sections_of(INDEX)[name].findall(table)
    rows = [[cell.astext() for cell in each.findall(entry)] for each in found.findall(row)]
    return rows[1:]


def other_providers() -> dict[str, dict[str, str]]:
    """Return the fields of each provider that has no page, by its function with its arguments."""
    items = list(sections_of(INDEX)["Other providers"].findall(definition_list_item))
    terms = [next(item.findall(term)).astext() for item in items]
    assert len(set(terms)) == len(terms)
    return {
        name: {
            next(each.findall(field_name)).astext(): next(each.findall(field_body)).astext()
            for each in item.findall(field)
        }
        for name, item in zip(terms, items, strict=True)
    }


def called_provider(block: Block) -> tuple[str, Provider] | None:
    """Return the name of the provider function that a program calls first, and its result."""
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("providers."):
            name = ast.unparse(node.func).removeprefix("providers.")
            result: object = eval(ast.unparse(node), {"providers": providers})  # noqa: S307 - our own
            assert isinstance(result, Provider)
            return name, result
    return None


def with_free_port(block: Block) -> Block:
    """Return the program with a free port in place of the one in the document."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return replace(block, text=block.text.replace(DOCUMENTED_PORT, f":{port}/"))


async def new_refresh_token(server: OAuthServer) -> str:
    """Sign in as a web application does, and return the refresh token."""
    visitor = Visitor()
    manager = TokenManager(
        None,
        server.client_id,
        server.client_secret,
        provider=server.provider,
        grant=AuthorizationCode(open_browser=visitor, redirect_uri="http://127.0.0.1"),
    )
    server.auto_sign_in = "Ada"
    async with manager:
        token = await manager.token()
        await visitor.done()
    server.auto_sign_in = None
    return token.refresh_token or ""


@pytest.mark.parametrize("block", BLOCKS, ids=str)
async def test_program_runs_against_a_server_that_behaves_like_the_provider(
    block: Block, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each client of the program gets a token that the API accepts, or is only created."""
    called = None if "OAuthServer(" in block.text else called_provider(block)
    options: dict[str, Any] = {"behaves_like": called[1]} if called else {"allow_body_secret": True}
    async with OAuthServer(**options) as server:
        fake_network(monkeypatch, server, api_hosts=API_HOSTS)
        fake_browser(monkeypatch)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path))
        server.add_client("desktop")
        server.add_client("service", "secret")
        if called is not None:

            def the_same_at_this_server(*_: object) -> object:
                return server.provider

            monkeypatch.setattr(providers, called[0], the_same_at_this_server)
            if "slack-refresh-token" in block.text:
                (tmp_path / "slack-refresh-token").write_text(await new_refresh_token(server))
        server.trust_assertions(ACCOUNT["client_email"], public(RSA))
        (tmp_path / "service-account.json").write_text(json.dumps(ACCOUNT))
        server.reset_counters()
        program = with_free_port(block)
        if block.is_script:
            await asyncio.to_thread(run_script, program)
        else:
            await run(program)
        assert {each.status for each in server.log if each.server == "api"} <= {200}
        sent = block.text.count(".get(") - block.text.count("browser.get(")
        if "OAuthServer(" not in block.text:
            assert server.api_requests == sent
            assert server.token_requests == block.text.count("async with Client(")


async def test_audience_is_sent_with_the_sign_in() -> None:
    """The page says so for Auth0: the authorization request names the API."""
    visitor = Visitor()
    async with OAuthServer(
        behaves_like=providers.auth0("example.eu.auth0.com"), auto_sign_in="Ada"
    ) as server:
        client = Client(
            provider=server.provider,
            client_id=server.client_id,
            client_secret=server.client_secret,
            audience="https://api.example.com",
            grant=AuthorizationCode(open_browser=visitor),
        )
        async with client:
            await client.token()
            await visitor.done()
    assert URL(visitor.opened[0]).query["audience"] == "https://api.example.com"


@pytest.mark.parametrize("name", PAGES)
def test_page_of_a_provider_has_the_same_sections(name: str) -> None:
    """Readers find what to register, a program, and what does not work at the same place."""
    sections = sections_of(PAGES[name])
    assert list(sections) == SECTIONS
    programs = list(sections["Program"].findall(literal_block))
    assert programs
    assert all("asyncio.run(main())" in each.astext() for each in programs)


@pytest.mark.parametrize("name", PAGES)
def test_program_of_a_page_uses_its_provider(name: str) -> None:
    """Each page shows the provider that it is named after, and no other."""
    blocks = [block for block in BLOCKS if block.document == f"docs/providers/{name}.rst"]
    called = {found[0] for found in map(called_provider, blocks) if found is not None}
    assert name in called
    assert all(each.startswith(name) for each in called)


def test_every_provider_is_described_once() -> None:
    """Each module of `aioalf.providers` has a page or an entry in the index."""
    modules = {path.stem for path in (ROOT / "aioalf" / "providers").glob("[a-z]*.py")}
    listed = [each.partition("(")[0] for each in other_providers()]
    assert listed == sorted(listed)
    assert sorted([*listed, *PAGES]) == sorted(modules)


def test_every_function_is_named() -> None:
    """Each public function of `aioalf.providers` is on a page."""
    text = "".join(path.read_text(encoding="utf-8") for path in PATHS)
    functions = [name for name in providers.__all__ if name != "Provider"]
    assert not [name for name in functions if not re.search(rf"``(providers\.)?{name}\(", text)]


def test_entry_shows_the_required_arguments() -> None:
    """The name of an entry can be copied, with values for the arguments."""
    for each in other_providers():
        name, _, arguments = each.rstrip(")").partition("(")
        signature = inspect.signature(getattr(providers, name))
        required = [
            parameter.name
            for parameter in signature.parameters.values()
            if parameter.default is parameter.empty
        ]
        assert arguments == ", ".join(required)


def sources_of(page: document) -> set[str]:
    """Return the names of the sources of a page, which stand before the facts they are for."""
    items = sections_of(page)["Sources"].findall(list_item)
    return {name for item in items for name in item.astext().partition(":")[0].split(", ")}


def test_index_describes_each_source() -> None:
    """Each source has a date, or is marked as undated, and a provider uses it."""
    named = {
        source
        for found in other_providers().values()
        for source in found["Sources"].replace("\n", " ").split("; ")
    }.union(*map(sources_of, PAGES.values()))
    described = {cells[0]: cells[1:] for cells in rows_of("Sources")}
    assert named == described.keys()
    for repository, date in described.values():
        assert repository
        assert re.fullmatch(r"undated|\d{4}(-\d\d){0,2}( to \d{4}-\d\d)?", date)


def test_entries_are_complete() -> None:
    """Each entry has its sign-in, its refresh token, its differences and its sources."""
    for found in other_providers().values():
        assert list(found) == FIELDS
        assert all(found.values())


def test_fields_in_the_table_exist() -> None:
    """The table of fields names fields of `Provider`."""
    names = re.findall(r"\w+", " ".join(cells[0] for cells in rows_of("Your own provider")))
    assert names
    assert set(names) <= {each.name for each in fields(Provider)}
