"""The programs of docs/providers.rst run, and its table is complete and names its sources."""

import ast
import inspect
import json
import re
import socket
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from docutils.nodes import Element, entry, literal_block, row, section, strong, table, title
from yarl import URL

from aioalf import Client, TokenManager, providers
from aioalf.grants import AuthorizationCode
from aioalf.providers import Provider
from aioalf.testing import OAuthServer
from tests.grants.visitor import Visitor
from tests.project.docs.blocks import Block, blocks_of, fake_browser, fake_network, run
from tests.support.pages import ROOT, parse
from tests.testing.signing import RSA, public

PATH = ROOT / "docs" / "providers.rst"
PAGE = parse(PATH)
BLOCKS = list(blocks_of(PATH))
DOCUMENTED_PORT = ":8910/"
API_HOSTS = ("graph.microsoft.com", "www.googleapis.com")
ACCOUNT = {
    "client_email": "robot@project.example",
    "private_key": RSA.as_pem(private=True).decode(),
    "private_key_id": "key-1",
}
GENERAL_SECTIONS = {"Precedence", "Your own provider", "In tests", "All providers", "Sources"}


def title_of(part: Element) -> str:
    """Return the title of a section."""
    return next(part.findall(title)).astext()


SECTIONS = {title_of(part): part for part in PAGE.findall(section)}


def rows_of(name: str) -> list[list[str]]:
    """Return the texts of the table in a section, without its head."""
    (found,) = SECTIONS[name].findall(table)
    rows = [[cell.astext() for cell in each.findall(entry)] for each in found.findall(row)]
    return rows[1:]


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
        await run(with_free_port(block))
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


@pytest.mark.parametrize(
    "name", [name for name in SECTIONS if name not in GENERAL_SECTIONS], ids=str
)
def test_section_of_a_provider_has_the_same_parts(name: str) -> None:
    """It says what to register, shows a program, and says what does not work."""
    marked = [each.astext() for each in SECTIONS[name].findall(strong)]
    assert marked == ["Register", "Does not work"]
    assert list(SECTIONS[name].findall(literal_block))


def test_page_names_every_function() -> None:
    """Each public function of `aioalf.providers` is on the page."""
    page = PATH.read_text(encoding="utf-8")
    functions = [name for name in providers.__all__ if name != "Provider"]
    assert not [name for name in functions if f"``{name}(" not in page]


def test_table_lists_every_provider_once() -> None:
    """Each module of `aioalf.providers` has one row, and the row shows the required arguments."""
    modules = {path.stem for path in (ROOT / "aioalf" / "providers").glob("[a-z]*.py")}
    shown = [cells[0] for cells in rows_of("All providers")]
    assert [each.partition("(")[0] for each in shown] == sorted(modules)
    for each in shown:
        name, _, arguments = each.rstrip(")").partition("(")
        signature = inspect.signature(getattr(providers, name))
        required = [
            parameter.name
            for parameter in signature.parameters.values()
            if parameter.default is parameter.empty
        ]
        assert arguments == ", ".join(required)


def test_each_row_has_sources_that_the_page_describes() -> None:
    """Each source has a date, or is marked as undated, and is used in the table."""
    named = {
        source
        for cells in rows_of("All providers")
        for source in cells[-1].replace("\n", " ").split("; ")
    }
    described = {cells[0]: cells[1:] for cells in rows_of("Sources")}
    assert named == described.keys()
    for repository, date in described.values():
        assert repository
        assert re.fullmatch(r"undated|\d{4}(-\d\d){0,2}( to \d{4}-\d\d)?", date)


def test_cells_of_the_table_are_not_empty() -> None:
    """Each provider has its sign-in, its refresh token and what is special."""
    assert all(all(cells) and len(cells) == 5 for cells in rows_of("All providers"))


def test_fields_in_the_table_exist() -> None:
    """The table of fields names fields of `Provider`."""
    names = re.findall(r"\w+", " ".join(cells[0] for cells in rows_of("Your own provider")))
    assert names
    assert set(names) <= {each.name for each in fields(Provider)}
