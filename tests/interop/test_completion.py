"""The scripts of ``aioalf completion``, in real shells on a terminal where a user presses tab."""

import asyncio
import os
import re
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aioalf.testing import OAuthServer
from tests.cli.run_command import ROOT, install_command

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(aioalf completion bash)"'),
    "zsh": (
        ["zsh", "-f", "-i"],
        'autoload -Uz compinit; compinit -u; eval "$(aioalf completion zsh)"',
    ),
    "fish": (["fish", "--no-config", "-i"], "aioalf completion fish | source"),
}
"""How each shell starts without the user's files, and the documented line that loads the script."""

each_shell = pytest.mark.parametrize("shell", SHELLS)
_CONTROL = re.compile(r"\x1b\[[?\d;]*[A-Za-z]|\x1b[()].|\x1b\][^\x07]*\x07|[\x07\x08\r]")


class Terminal:
    """A terminal with a running shell. All text is without colors and movements of the cursor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._shown = ""
        self._has_more = asyncio.Event()

    def read(self) -> None:
        """Take what the shell has written."""
        self._shown += _CONTROL.sub("", os.read(self._descriptor, 2**16).decode(errors="replace"))
        self._has_more.set()

    async def type(self, text: str, *, until: str) -> str:
        """Type a text, wait until the shell shows `until`, and return everything it shows."""
        self._shown = ""
        os.write(self._descriptor, text.encode())
        async with asyncio.timeout(20):
            while until not in self._shown:
                self._has_more.clear()
                await self._has_more.wait()
        return self._shown


@asynccontextmanager
async def terminal_of(shell: str, home: Path) -> AsyncIterator[Terminal]:
    """Start a shell with ``aioalf`` on its path, and load the script."""
    command, line = SHELLS[shell]
    install_command(home)
    ours, its = os.openpty()
    termios.tcsetwinsize(ours, (40, 200))
    terminal = Terminal(ours)
    asyncio.get_running_loop().add_reader(ours, terminal.read)
    process = await asyncio.create_subprocess_exec(
        *("setsid", "--ctty", *command),  # fish needs a controlling terminal
        stdin=its,
        stdout=its,
        stderr=its,
        env={
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": f"{home}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm",
        },
    )
    try:
        await terminal.type(f"{line}; echo load''ed\n", until="loaded")
        yield terminal
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        process.kill()
        await process.wait()
        os.close(ours)
        os.close(its)


@each_shell
async def test_tab_completes_commands_options_and_files(shell: str, tmp_path: Path) -> None:
    """The rest of a word that has one completion is inserted."""
    (tmp_path / "answer.json").touch()
    async with terminal_of(shell, tmp_path) as terminal:
        await terminal.type("aioalf re\t", until="aioalf request ")
        await terminal.type("https://api.example.com/a?b --max\t", until="--max-time ")
        await terminal.type(f"9 -o {tmp_path}/ans\t", until="answer.json")


@each_shell
async def test_tab_completes_profiles(
    shell: str, tmp_path: Path, oauth_server: OAuthServer
) -> None:
    """The value of an option is a word of its own, or part of the option's word."""
    secret = tmp_path / "secret"
    secret.write_text(oauth_server.client_secret)
    options = f"--issuer {oauth_server.issuer} --client-id client-id --client-credentials"
    async with terminal_of(shell, tmp_path) as terminal:
        await terminal.type(
            f"aioalf login --profile work {options} --client-secret-file {secret}"
            " && echo logged''in\n",
            until="loggedin",
        )
        await terminal.type("aioalf token --profile w\t", until="--profile work ")
        await terminal.type("--profile=wo\t", until="--profile=work")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
async def test_second_tab_describes_the_commands(shell: str, tmp_path: Path) -> None:
    """Bash shows no descriptions."""
    async with terminal_of(shell, tmp_path) as terminal:
        await terminal.type("aioalf \t\t", until="Run an authorization server and an API")


async def test_description_with_a_comma_is_complete(tmp_path: Path) -> None:
    """Fish gets the whole sentence."""
    async with terminal_of("fish", tmp_path) as terminal:
        await terminal.type('complete -C "aioalf serve --por"\n', until="0 for any free one")
