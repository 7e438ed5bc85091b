"""That each page of a flow has a program that runs, and says nothing that is not so.

The programs run as they are written, in a thread beside the authorization server that their names
lead to; where a person is needed, there is one.
"""

import ast
import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from docutils.core import publish_doctree
from docutils.nodes import image, section, title
from joserfc.jwk import ECKey

from aioalf import Client
from aioalf.grants import (
    AuthorizationCode,
    DeviceCode,
    Grant,
    JWTBearer,
    RefreshToken,
    TokenExchange,
)
from aioalf.testing import OAuthServer
from tests.project.docs.blocks import (
    BLOCKS,
    ISSUER,
    ROOT,
    Block,
    inhabit,
    run_script,
    seat_person,
)

PAGES = sorted((ROOT / "docs" / "flows").glob("*.rst"))
SCRIPTS = [block for block in BLOCKS if block.is_script]
KEY = ECKey.generate_key("P-256")
AT_EACH_START = {"authorization_code.rst-1": False, "device_code.rst-1": False}
"""Whether a program that is started again gets a token as at first; True where nothing is said."""


@dataclass(frozen=True)
class Done:
    """What a program has done at the server, and what it showed in the end."""

    granted: Mapping[str, int]
    logins: int
    shown: str


EXPECTED = {
    "client_credentials.rst-1": Done({"client_credentials": 1}, 0, "'client_id': 'reports'"),
    "authorization_code.rst-1": Done({AuthorizationCode.name: 1}, 1, "'user': 'Ada'"),
    "device_code.rst-1": Done({DeviceCode.name: 1}, 1, "'user': 'Ada'"),
    "device_code.rst-2": Done({DeviceCode.name: 1}, 1, "There are 10 minutes left.\n200"),
    "implicit.rst-1": Done({"implicit": 1}, 1, "200"),
    "jwt_bearer.rst-1": Done({JWTBearer.name: 1}, 0, "'user': 'Ada'"),
    "refresh_token.rst-1": Done({RefreshToken.name: 1}, 0, "'user': 'Ada'"),
    "token_exchange.rst-1": Done({TokenExchange.name: 1}, 0, "'user': 'Ada'"),
}


@pytest.fixture
async def world(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> OAuthServer:
    """A server that knows the programs of the pages, and a machine that has their files."""
    inhabit(monkeypatch, oauth_server)
    seat_person(monkeypatch)
    monkeypatch.setattr(Client, "token_manager_class", Client.token_manager_class)
    monkeypatch.chdir(tmp_path)
    for name, value in {"HOME": str(tmp_path), "CLIENT_SECRET": "secret"}.items():
        monkeypatch.setenv(name, value)
    for name in ("reports", "gateway"):
        oauth_server.add_client(name, "secret")
    for name in ("desktop", "tv", "service"):
        oauth_server.add_client(name)
    oauth_server.device_slow_down = False
    hurry_devices(monkeypatch, oauth_server)
    oauth_server.trust_assertions(
        "service", cast("Mapping[str, object]", KEY.as_dict(private=False))
    )
    (tmp_path / "service.pem").write_bytes(KEY.as_pem(private=True))
    oauth_server.add_subject_token("of-the-caller", "Ada")
    monkeypatch.setenv("CALLER_TOKEN", "of-the-caller")
    (tmp_path / "refresh-token").write_text(await a_refresh_token() + "\n")
    oauth_server.reset_counters()
    return oauth_server


def hurry_devices(monkeypatch: pytest.MonkeyPatch, server: OAuthServer) -> None:
    """Let seconds between two questions pass at once, when the person has answered."""

    async def sleep(_seconds: float) -> None:
        deadline = asyncio.get_running_loop().time() + 10
        while not server.logins:
            assert asyncio.get_running_loop().time() < deadline, "nobody has answered"
            await asyncio.sleep(0.001)

    hurried = SimpleNamespace(sleep=sleep, get_running_loop=asyncio.get_running_loop)
    monkeypatch.setattr("aioalf.grants.device_code.asyncio", hurried)


async def a_refresh_token() -> str:
    """One that an earlier login has left."""
    left: list[str | None] = []
    grant = AuthorizationCode()
    client = Client(
        issuer=ISSUER,
        client_id="desktop",
        grant=grant,
        on_token=lambda token: left.append(token.refresh_token),
    )
    async with client, client.get("https://api.example.com/things"):
        assert left[0] is not None
        return left[0]


@pytest.mark.parametrize("block", SCRIPTS, ids=str)
async def test_a_program_runs_as_it_is_written(block: Block, world: OAuthServer) -> None:
    """It gets its token by the grant of its page, and what it prints is the API's answer."""
    expected = EXPECTED[str(block)]
    shown = await asyncio.to_thread(run_script, block)
    # A prompt is shown in a thread: what it says last may come after the answer.
    assert all(line in shown for line in expected.shown.splitlines())
    assert (world.granted, world.logins) == (expected.granted, expected.logins)
    assert world.log[-1].server == "api"
    assert world.log[-1].status == 200


@pytest.mark.parametrize("block", SCRIPTS, ids=str)
async def test_a_program_can_be_started_again(block: Block, world: OAuthServer) -> None:
    """With what its first run has left; where that is a login, nobody is asked again."""
    for _ in range(2):
        await asyncio.to_thread(run_script, block)
    is_anew = AT_EACH_START.get(str(block), True)
    ((_, times),) = world.granted.items()
    assert times == 1 + is_anew
    assert world.api_requests == 2


def test_every_program_is_known_here() -> None:
    """A new one wants its line above, and none there is left of one that has gone."""
    assert {str(block) for block in SCRIPTS} == EXPECTED.keys()
    assert EXPECTED.keys() >= AT_EACH_START.keys()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_has_the_parts_of_every_page(path: Path) -> None:
    """When to use it, the program, the picture, what can go wrong, and what is kept where."""
    text = path.read_text(encoding="utf-8")
    tree = publish_doctree(text)
    headings = [next(part.findall(title)).astext() for part in tree.findall(section)]
    wanted = ["The script", "What happens", "What can go wrong", "What is kept where"]
    assert [heading for heading in headings if heading in wanted] == wanted
    introduction = text.partition("The script\n")[0]
    assert "**Use it**" in introduction
    assert "**Not**" in introduction
    assert [picture["uri"] for picture in tree.findall(image)] == [f"{path.stem}.svg"]


@pytest.mark.parametrize("grant", [AuthorizationCode, DeviceCode, TokenExchange, JWTBearer])
def test_a_page_tells_of_each_option(grant: type[Grant]) -> None:
    """The keywords of a grant that has a page, with its plain defaults."""
    name = grant.__module__.rpartition(".")[2]
    text = (ROOT / "docs" / "flows" / f"{name}.rst").read_text(encoding="utf-8")
    module = ast.parse((ROOT / "aioalf" / "grants" / f"{name}.py").read_text(encoding="utf-8"))
    (init,) = (
        node
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    )
    options = [each.arg for each in [*init.args.args[1:], *init.args.kwonlyargs]]
    given = set(re.findall(rf"{grant.__name__}\(([a-z]+)=", text))
    told = set(re.findall(r"``(\w+)``", text)) | given
    assert set(options) - told <= {"key"}
