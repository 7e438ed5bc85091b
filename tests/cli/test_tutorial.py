"""The commands of docs/tutorials/command_line.rst run in their order, as a reader types them."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from docutils.nodes import literal_block

from aioalf.testing import OAuthServer
from tests.cli.run_command import ROOT, install_command
from tests.support.pages import parse

PAGE = ROOT / "docs" / "tutorials" / "command_line.rst"


def script() -> str:
    """Return the commands of the page as a shell script, without the server."""
    blocks = [node.astext() for node in parse(PAGE).findall(literal_block)]
    assert blocks[0] == "$ aioalf serve"
    assert all(line.startswith("$ ") for block in blocks for line in block.splitlines())
    return "\n".join(re.sub("^\\$ ", "", block, flags=re.MULTILINE) for block in blocks[1:])


def test_commands_of_the_tutorial_run(
    server: OAuthServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Users sign in in the browser and on another device, and a service with its secret."""
    command = install_command(tmp_path)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    text = script().replace("http://127.0.0.1:8400", server.issuer)
    with subprocess.Popen(
        ["/bin/sh", "-e", "-c", text.replace("http://127.0.0.1:8401", server.api_url)],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as shell:
        assert shell.stderr is not None
        assert shell.stdout is not None
        stderr = ""
        for line in shell.stderr:
            stderr += line
            if code := re.fullmatch(r"and enter the code  (\S+)\n", line):
                server.approve(code[1])
        stdout = shell.stdout.read()
    assert shell.returncode == 0, stderr
    assert not re.search("Error|Warning|Traceback", stderr), stderr
    assert (tmp_path / "things.json").exists()
    assert "True\n" in stdout
    assert server.logins == 2
    assert server.api_requests == 5
