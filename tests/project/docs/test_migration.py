"""docs/howto/migrate: the code of each row for 0.4.0 runs, or fails as the row says."""

import webbrowser
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT

import pytest
from docutils.nodes import row, table

from aioalf import Client, TokenManager, implicit_manager
from aioalf.grants.implicit import ImplicitLogin
from aioalf.implicit_manager import OAuthImplictTokenManager
from aioalf.testing import OAuthServer
from tests.project.docs.blocks import OTHER_LIBRARIES, Block, blocks_in, fake_network, run
from tests.project.docs.code_for_0_4_0 import CHANGED, PREAMBLE, UNCHANGED, Row
from tests.support.pages import ROOT, parse

PAGE = ROOT / "docs" / "howto" / "migrate" / "from_0_4_0.rst"


def first_cells() -> list[list[str]]:
    """Return the first cell of each row of the tables, without their heads."""
    tree = parse(PAGE)
    return [
        [each.children[0].astext() for each in part.findall(row)][1:]
        for part in tree.findall(table)
    ]


@pytest.fixture
def _world(oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connect the names of the page to the server, and undo the settings of the process."""
    fake_network(monkeypatch, oauth_server)
    monkeypatch.setattr(webbrowser, "open", bool)
    monkeypatch.setattr(Client, "token_manager_class", TokenManager)
    monkeypatch.setattr(OAuthImplictTokenManager, "storage", None)
    monkeypatch.setattr(OAuthImplictTokenManager, "login", ImplicitLogin((32000, 32009)))
    for page in ("CLOSE_PAGE", "DEFAULT_PAGE"):
        monkeypatch.setattr(implicit_manager, page, getattr(implicit_manager, page))


async def execute(code: str) -> None:
    """Run the code of a row."""
    await run(Block(PAGE.name, 1, "python", PREAMBLE + code))


@pytest.mark.usefixtures("_world")
@pytest.mark.parametrize("code", UNCHANGED.values(), ids=UNCHANGED)
async def test_code_for_0_4_0_needs_no_change(code: str) -> None:
    """The code of the row runs."""
    await execute(code)


@pytest.mark.usefixtures("_world")
@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
async def test_code_for_0_4_0_has_to_be_changed(changed: Row) -> None:
    """The code of the row fails, and the new code runs."""
    with pytest.raises(changed.error) as caught:
        await execute(changed.old)
    assert caught.type is changed.error
    await execute(changed.new)


def test_every_row_is_run() -> None:
    """The tables have exactly the rows that these tests run."""
    assert first_cells() == [list(UNCHANGED), list(CHANGED)]


def test_code_of_other_libraries_compiles() -> None:
    """The examples before a change are valid Python, and each library has examples."""
    blocks = [block for block in blocks_in("python") if block.is_of_another_library]
    for block in blocks:
        compile(block.text, str(block), "exec", flags=PyCF_ALLOW_TOP_LEVEL_AWAIT)
    text = "\n".join(block.text for block in blocks)
    assert all(f"from {library}" in text for library in OTHER_LIBRARIES)
