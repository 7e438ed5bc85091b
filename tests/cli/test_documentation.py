"""That the commands of the documents run as they are written, and end with the codes listed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from docutils.core import publish_doctree
from docutils.nodes import literal_block

from aioalf.__main__ import COMMANDS
from aioalf._cli.commands import commands
from aioalf._cli.exit_codes import Exit
from aioalf.testing import OAuthServer
from tests.cli.calls import ROOT, Call
from tests.cli.conftest import Person
from tests.client_auth.proofs import EC, pem_of

DOCUMENT = ROOT / "docs" / "cli.rst"


def scripts_of(document: Path) -> list[str]:
    """The blocks of a document that call our commands, each as a script."""
    tree = publish_doctree(document.read_text(encoding="utf-8"))
    blocks = [node.astext() for node in tree.findall(literal_block)]
    ours = re.compile(rf"^\$ .*python -m aioalf ({'|'.join(COMMANDS)}) ", re.MULTILINE)
    return [
        re.sub(r"^\$ ", "", block, flags=re.MULTILINE).replace("pip install", ": pip install")
        for block in blocks
        if ours.search(block)
    ]


SCRIPTS = [*scripts_of(DOCUMENT), *scripts_of(ROOT / "README.rst")]


@pytest.mark.parametrize("script", SCRIPTS, ids=range(1, len(SCRIPTS) + 1))
def test_the_commands_of_a_block_run(
    server: OAuthServer,
    person: Person,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    script: str,
) -> None:
    """In a shell that stops at the first that fails; somebody is logged in."""
    call("login", "--issuer", server.issuer, "--client-id", "desktop", "--scope", "read write")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_text("s3cret-of-service")
    (tmp_path / "key.pem").write_bytes(pem_of(EC[256]))
    server.add_client("gateway", public_key=EC[256].as_dict(private=False))
    programs = [str(Path(sys.executable).parent), os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(programs))
    before = len(server.log)
    said = run(server, script)
    assert not re.search("Error|Warning|Traceback", said), said
    assert len(server.log) > before


def run(server: OAuthServer, script: str) -> str:
    """Run a script, its servers being ours; a person says yes to each device."""
    script = script.replace("https://id.example.com", server.issuer)
    script = script.replace("https://api.example.com", server.api_url)
    said = ""
    with subprocess.Popen(
        ["/bin/sh", "-e", "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as shell:
        assert shell.stderr is not None
        for line in shell.stderr:
            said += line
            code = re.fullmatch(r"and enter the code  (\S+)\n", line)
            if code is not None:
                server.approve(code[1])
    assert shell.returncode == 0, said
    return said


def test_the_exit_codes_are_those_of_the_document() -> None:
    """Each, and no other."""
    text = DOCUMENT.read_text(encoding="utf-8").partition("Exit codes\n")[2]
    assert {int(code) for code in re.findall(r"^(\d+) ", text, re.MULTILINE)} == set(Exit)


def test_the_commands_are_those_that_help_lists() -> None:
    """With what they do, in both helps."""
    assert {
        name: command.get_short_help_str(80) for name, command in commands.commands.items()
    } == {name: f"{does[0].upper()}{does[1:]}." for name, does in COMMANDS.items()}


def test_no_option_is_a_secret() -> None:
    """Every user of a machine can see the arguments of a program."""
    options = {
        option
        for command in commands.commands.values()
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    }
    assert {option for option in options if re.search("secret|token|password|key", option)} == {
        "--client-secret-file",
        "--key-id",
        "--private-key",
        "--token-endpoint",
    }


def test_each_option_of_login_is_in_the_document() -> None:
    """And of the other commands, too."""
    text = DOCUMENT.read_text(encoding="utf-8")
    missing = {
        parameter.opts[0]
        for command in commands.commands.values()
        for parameter in command.params
        if isinstance(parameter, click.Option) and not any(o in text for o in parameter.opts)
    }
    assert missing <= {"--device-authorization-endpoint"}
