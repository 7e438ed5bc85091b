"""Tests of `completion`: its script in bash, and the completions for each command line."""

import os
import subprocess
from pathlib import Path

import pytest

from aioalf.__main__ import COMMANDS, OWN_COMMANDS, main
from aioalf._cli.commands import commands
from aioalf.testing import OAuthServer
from tests.cli.run_command import ROOT, Run, install_command


@pytest.fixture
def completions(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> "Completions":
    """Completes a command line as bash does."""
    return Completions(monkeypatch, capsysbinary)


class Completions:
    """Completes command lines in this process."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsysbinary

    def of(self, line: str) -> list[str]:
        """Return the words that can replace the last one."""
        number = len(line.split(" ")) - 1
        return [row.partition(",")[2] for row in self.answer("bash", line, str(number))]

    def answer(self, shell: str, line: str, word: str) -> list[str]:
        """Return the lines that the script of a shell gets for a command line and a word of it."""
        self._monkeypatch.setenv("_AIOALF_COMPLETE", f"{shell}_complete")
        self._monkeypatch.setenv("COMP_WORDS", line)
        self._monkeypatch.setenv("COMP_CWORD", word)
        self._capsys.readouterr()
        assert main([]) == 0
        self._monkeypatch.delenv("_AIOALF_COMPLETE")
        return self._capsys.readouterr().out.decode().splitlines()


def test_every_command_is_completed(completions: Completions) -> None:
    """The commands with and without the extra."""
    assert set(completions.of("aioalf ")) == {*COMMANDS, *OWN_COMMANDS}
    assert completions.of("aioalf --") == ["--version", "--help"]


@pytest.mark.parametrize("name", [*COMMANDS, *OWN_COMMANDS])
def test_every_option_is_completed(completions: Completions, name: str) -> None:
    """The options of a command, and ``--help``."""
    found = {word for word in completions.of(f"aioalf {name} -") if word.startswith("--")}
    if name in OWN_COMMANDS:
        assert found == {*OWN_COMMANDS[name].options, "--help"}
    else:
        options = [each for option in commands.commands[name].params for each in option.opts]
        assert found == {each for each in options if each.startswith("--")} | {"--help"}


def test_option_with_a_value_is_repeatable(completions: Completions) -> None:
    """A flag takes no value, so the word after it is completed as an option."""
    assert "--fault" in completions.of("aioalf serve --fault token=503 --")
    assert "--help" in completions.of("aioalf demo --browser --")


def test_profiles_are_completed(logged_in: OAuthServer, run: Run, completions: Completions) -> None:
    """The names of the stored logins that begin with the typed text."""
    for name in ("work", "world"):
        run("login", "--issuer", logged_in.issuer, "--client-id", "desktop", "--profile", name)
    assert completions.of("aioalf token --profile wo") == ["work", "world"]
    assert completions.of("aioalf status --home /nowhere --") != []
    # `--profile=wo` is three words in bash, and one word in the other shells.
    assert completions.of("aioalf token --profile = wo") == ["work", "world"]
    assert completions.answer("zsh", "aioalf token --profile wo", "3")[1::3] == ["work", "world"]
    line = "aioalf token --profile=wor"
    assert completions.answer("zsh", line, "2")[1::3] == ["--profile=work", "--profile=world"]
    assert completions.answer("fish", line, "--profile=wor") == [
        "plain,--profile=work",
        "plain,--profile=world",
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_asks_the_program(run: Run, shell: str) -> None:
    """The script names the program and the variable."""
    result = run("completion", shell)
    assert (result.code, result.stderr) == (0, "")
    assert f"_AIOALF_COMPLETE={shell}_complete" in result.stdout
    assert "aioalf" in result.stdout


def test_unknown_shell_is_exit_code_2(run: Run) -> None:
    """The error lists the shells."""
    result = run("completion", "tcsh")
    assert (result.code, result.stdout) == (2, "")
    assert "'bash', 'zsh', 'fish'" in result.stderr


def test_script_works_in_bash(tmp_path: Path) -> None:
    """The documented line defines the completion, which offers commands and options."""
    text = (ROOT / "docs" / "reference" / "cli.rst").read_text(encoding="utf-8")
    line = 'eval "$(aioalf completion bash)"'
    assert f"``{line}``" in text
    script = f"""{line}
complete -p aioalf
for words in "aioalf re" "aioalf request --max"; do
    COMP_WORDS=($words) COMPREPLY=()
    COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
    _aioalf_completion aioalf
    echo "${{COMPREPLY[@]}}"
done
"""
    command = install_command(tmp_path)
    environment = {
        **os.environ,
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    result = subprocess.run(
        ["bash", "--norc", "-ec", script],  # noqa: S607 - the bash of the machine
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    defined, *completed = result.stdout.splitlines()
    assert defined == "complete -o nosort -F _aioalf_completion aioalf"
    assert completed == ["request", "--max-time"]
