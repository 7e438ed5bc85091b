"""Each page of a grant has a program that runs, and lists the options of the grant.

The programs run without changes, in another thread than the authorization server. The test
plays the user where a sign-in is needed.
"""

import ast
import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
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
from tests.project.docs.blocks import BLOCKS, ISSUER, Block, fake_browser, fake_network, run_script
from tests.support.pages import ROOT, parse
from tests.testing.signing import RSA, claims, public, signed

PAGES = sorted(path.with_suffix(".rst") for path in (ROOT / "docs" / "grants").glob("*.seq"))
SCRIPTS = [block for block in BLOCKS if block.is_script]
KEY = ECKey.generate_key("P-256")
TOKEN_ON_RESTART = {
    "docs/grants/authorization_code.rst-1": False,
    "docs/grants/device_code.rst-1": False,
}
"""Whether a program uses the grant again when it is restarted; the default is True."""


@dataclass(frozen=True)
class Result:
    """The grants and sign-ins that a program used at the server, and its output."""

    granted: Mapping[str, int]
    logins: int
    output: str


EXPECTED = {
    "docs/grants/client_credentials.rst-1": Result(
        {"client_credentials": 1}, 0, "'client_id': 'reports'"
    ),
    "docs/grants/authorization_code.rst-1": Result({AuthorizationCode.name: 1}, 1, "'user': 'Ada'"),
    "docs/grants/device_code.rst-1": Result({DeviceCode.name: 1}, 1, "'user': 'Ada'"),
    "docs/grants/device_code.rst-2": Result(
        {DeviceCode.name: 1}, 1, "There are 10 minutes left.\n200"
    ),
    "docs/grants/implicit.rst-1": Result({"implicit": 1}, 1, "200"),
    "docs/grants/jwt_bearer.rst-1": Result({JWTBearer.name: 1}, 0, "'user': 'Ada'"),
    "docs/grants/jwt_bearer.rst-2": Result({JWTBearer.name: 1}, 0, "'user': 'Ada'"),
    "docs/grants/jwt_bearer.rst-3": Result({JWTBearer.name: 1}, 0, "'user': 'robot@example.com'"),
    "docs/grants/refresh_token.rst-1": Result({RefreshToken.name: 1}, 0, "'user': 'Ada'"),
    "docs/grants/token_exchange.rst-1": Result({TokenExchange.name: 1}, 0, "'user': 'Ada'"),
}


@pytest.fixture
async def world(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> OAuthServer:
    """Register the clients of the pages at the server, and create the files that they need."""
    fake_network(monkeypatch, oauth_server)
    fake_browser(monkeypatch)
    monkeypatch.setattr(Client, "token_manager_class", Client.token_manager_class)
    monkeypatch.chdir(tmp_path)
    for name, value in {"HOME": str(tmp_path), "CLIENT_SECRET": "secret"}.items():
        monkeypatch.setenv(name, value)
    oauth_server.add_client("reports", "secret")
    oauth_server.add_client(
        "gateway", "secret", auth_methods=["client_secret_basic", "client_secret_post"]
    )
    for name in ("desktop", "tv", "service"):
        oauth_server.add_client(name)
    oauth_server.device_slow_down = False
    poll_without_waiting(monkeypatch, oauth_server)
    oauth_server.trust_assertions(
        "service", cast("Mapping[str, object]", KEY.as_dict(private=False))
    )
    (tmp_path / "service.pem").write_bytes(KEY.as_pem(private=True))
    user_token = signed(claims("service", ISSUER, sub="Ada", jti=None), KEY)
    monkeypatch.setenv("USER_TOKEN", user_token)
    robot = "robot@example.com"
    account = {
        "client_email": robot,
        "private_key": RSA.as_pem(private=True).decode(),
        "private_key_id": "k1",
        "token_uri": f"{ISSUER}/token",
    }
    (tmp_path / "service-account.json").write_text(json.dumps(account))
    oauth_server.trust_assertions(robot, public(RSA))
    oauth_server.add_subject_token("of-the-caller", "Ada")
    monkeypatch.setenv("CALLER_TOKEN", "of-the-caller")
    (tmp_path / "refresh-token").write_text(await new_refresh_token() + "\n")
    oauth_server.reset_counters()
    return oauth_server


def poll_without_waiting(monkeypatch: pytest.MonkeyPatch, server: OAuthServer) -> None:
    """Replace the wait between two polls by waiting for the user's sign-in."""

    async def sleep(_seconds: float) -> None:
        deadline = asyncio.get_running_loop().time() + 10
        while not server.logins:
            assert asyncio.get_running_loop().time() < deadline, "the person has not signed in"
            await asyncio.sleep(0.001)

    fast_asyncio = SimpleNamespace(sleep=sleep, get_running_loop=asyncio.get_running_loop)
    monkeypatch.setattr("aioalf.grants.device_code.asyncio", fast_asyncio)


async def new_refresh_token() -> str:
    """Sign in and return the refresh token."""
    issued: list[str | None] = []
    grant = AuthorizationCode()
    client = Client(
        issuer=ISSUER,
        client_id="desktop",
        grant=grant,
        on_token=lambda token: issued.append(token.refresh_token),
    )
    async with client, client.get("https://api.example.com/things"):
        assert issued[0] is not None
        return issued[0]


@pytest.mark.parametrize("block", SCRIPTS, ids=str)
async def test_program_runs(block: Block, world: OAuthServer) -> None:
    """A program uses the grant of its page and prints the response of the API."""
    expected = EXPECTED[str(block)]
    output = await asyncio.to_thread(run_script, block)
    # The prompt is written in another thread, so its last line may follow the response.
    assert all(line in output for line in expected.output.splitlines())
    assert (world.granted, world.logins) == (expected.granted, expected.logins)
    assert world.log[-1].server == "api"
    assert world.log[-1].status == 200


@pytest.mark.parametrize("block", SCRIPTS, ids=str)
async def test_program_can_be_restarted(block: Block, world: OAuthServer) -> None:
    """A restarted program works, and needs no sign-in if the first run stored a login."""
    for _ in range(2):
        await asyncio.to_thread(run_script, block)
    is_granted_again = TOKEN_ON_RESTART.get(str(block), True)
    ((_, times),) = world.granted.items()
    assert times == 1 + is_granted_again
    assert world.api_requests == 2


def test_every_program_is_tested() -> None:
    """`EXPECTED` has an entry for each program and for no other."""
    assert {str(block) for block in SCRIPTS} == EXPECTED.keys()
    assert EXPECTED.keys() >= TOKEN_ON_RESTART.keys()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_page_has_the_required_parts(path: Path) -> None:
    """Each page says when to use the grant, and has the same sections and a picture."""
    text = path.read_text(encoding="utf-8")
    tree = parse(path)
    headings = [next(part.findall(title)).astext() for part in tree.findall(section)]
    required = ["Example", "How it works", "Troubleshooting", "Storage"]
    assert [heading for heading in headings if heading in required] == required
    introduction = text.partition("Example\n")[0]
    assert "**Use it**" in introduction
    assert "**Not**" in introduction
    assert [picture["uri"] for picture in tree.findall(image)] == [f"{path.stem}.svg"]


@pytest.mark.parametrize("grant", [AuthorizationCode, DeviceCode, TokenExchange, JWTBearer])
def test_page_lists_each_option(grant: type[Grant]) -> None:
    """The page of a grant mentions each of its keyword arguments."""
    name = grant.__module__.rpartition(".")[2]
    text = (ROOT / "docs" / "grants" / f"{name}.rst").read_text(encoding="utf-8")
    module = ast.parse((ROOT / "aioalf" / "grants" / f"{name}.py").read_text(encoding="utf-8"))
    (init,) = (
        node
        for owner in module.body
        if isinstance(owner, ast.ClassDef) and owner.name == grant.__name__
        for node in owner.body
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    )
    options = [each.arg for each in [*init.args.args[1:], *init.args.kwonlyargs]]
    in_examples = set(re.findall(rf"{grant.__name__}\(([a-z_]+)=", text))
    mentioned = set(re.findall(r"``(\w+)``", text)) | in_examples
    assert set(options) - mentioned <= {"key"}
