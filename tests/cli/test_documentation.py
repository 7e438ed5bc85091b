"""The commands in the documentation run as written, and the documentation is complete."""

import os
import re
import subprocess
from pathlib import Path

import click
import pytest
from docutils.nodes import literal_block

from aioalf.__main__ import COMMANDS
from aioalf._cli.commands import commands
from aioalf._cli.exit_codes import ExitCode
from aioalf.testing import OAuthServer
from tests.cli.conftest import Person
from tests.cli.run_command import ROOT, Run, install_command
from tests.client_auth.proofs import EC, pem_of
from tests.support.pages import parse

DOCUMENT = ROOT / "docs" / "reference" / "cli.rst"


def scripts_of(document: Path) -> list[str]:
    """Return the code blocks of a document that run our commands, each as a shell script."""
    tree = parse(document)
    blocks = [node.astext() for node in tree.findall(literal_block)]
    ours = re.compile(rf"^\$ .*\baioalf ({'|'.join(COMMANDS)}) ", re.MULTILINE)
    return [
        re.sub(r"^\$ ", "", block, flags=re.MULTILINE).replace("pip install", ": pip install")
        for block in blocks
        if ours.search(block)
    ]


SCRIPTS = scripts_of(DOCUMENT)


@pytest.mark.parametrize("script", SCRIPTS, ids=range(1, len(SCRIPTS) + 1))
def test_documented_commands_run(
    server: OAuthServer,
    person: Person,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    script: str,
) -> None:
    """Each code block runs without an error, after a login if it has none."""
    if "aioalf login" not in script:
        run("login", "--issuer", server.issuer, "--client-id", "desktop", "--scope", "read write")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_text("s3cret-of-service")
    (tmp_path / "key.pem").write_bytes(pem_of(EC[256]))
    server.add_client("gateway", public_key=EC[256].as_dict(private=False))
    command = install_command(tmp_path)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    before = len(server.log)
    stderr = run_script(server, script)
    assert not re.search("Error|Warning|Traceback", stderr), stderr
    assert len(server.log) > before


def run_script(server: OAuthServer, script: str) -> str:
    """Run a script against the test server; each device code is approved."""
    script = script.replace("https://id.example.com", server.issuer)
    script = script.replace("https://api.example.com", server.api_url)
    stderr = ""
    with subprocess.Popen(
        ["/bin/sh", "-e", "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as shell:
        assert shell.stderr is not None
        for line in shell.stderr:
            stderr += line
            code = re.fullmatch(r"and enter the code  (\S+)\n", line)
            if code is not None:
                server.approve(code[1])
    assert shell.returncode == 0, stderr
    return stderr


def test_documented_exit_codes_are_complete() -> None:
    """The table lists exactly the exit codes that exist."""
    text = DOCUMENT.read_text(encoding="utf-8").partition("Exit codes\n")[2]
    assert {int(code) for code in re.findall(r"^(\d+) ", text, re.MULTILINE)} == set(ExitCode)


def test_both_helps_list_the_same_commands() -> None:
    """``--help`` and each command describe the command with the same words."""
    assert {
        name: command.get_short_help_str(80) for name, command in commands.commands.items()
    } == {name: f"{summary[0].upper()}{summary[1:]}." for name, summary in COMMANDS.items()}


def test_no_option_takes_a_secret() -> None:
    """No option takes a secret, because all users of a machine can see command lines."""
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
        "--private-key-file",
        "--token-endpoint",
    }


def test_every_option_is_documented() -> None:
    """docs/reference/cli.rst names every option of every command."""
    text = DOCUMENT.read_text(encoding="utf-8")
    missing = {
        parameter.opts[0]
        for command in commands.commands.values()
        for parameter in command.params
        if isinstance(parameter, click.Option) and not any(o in text for o in parameter.opts)
    }
    assert missing <= {"--device-authorization-endpoint"}
