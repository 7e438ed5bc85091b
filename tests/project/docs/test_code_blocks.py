"""That every block of code in the documents runs as it is written."""

import argparse
import importlib.util
import re
import shlex
from pathlib import Path

import pytest

import aioalf
from aioalf import Client, TokenError
from aioalf.__main__ import COMMANDS, parser
from aioalf.testing import OAuthServer
from tests.project.docs.blocks import BLOCKS, ROOT, Block, blocks_in, inhabit, run, seat_person
from tests.support.mocked_responses import MockedResponses

IN_A_LOOP = [block for block in blocks_in("python") if not block.is_script]


@pytest.mark.parametrize("block", IN_A_LOOP, ids=str)
async def test_a_python_block_runs(
    block: Block, oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is awaited at the top is awaited; what the block sends arrives."""
    inhabit(monkeypatch, oauth_server)
    seat_person(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("aioresponses.aioresponses", MockedResponses)
    monkeypatch.setattr(Client, "token_manager_class", Client.token_manager_class)
    await run(block)
    if re.search("^(async with|response = )", block.text, re.MULTILINE):
        assert oauth_server.token_requests + oauth_server.logins >= 1


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    """A language without a test here is a mistake, or wants one."""
    assert {block.language for block in BLOCKS} <= {"", "console", "http", "python", "text"}


def test_the_readme_has_its_first_code_before_line_25() -> None:
    """A reader sees at once what it is for."""
    lines = (ROOT / "README.rst").read_text(encoding="utf-8").splitlines()
    assert lines.index(".. code-block:: python") < 20


# Commands


def commands() -> list[str]:
    """Each command of the documents, as typed."""
    typed = [line for block in blocks_in("console") for line in block.text.splitlines()]
    assert all(line.startswith("$ ") for line in typed)
    plain = [line for block in blocks_in("") for line in block.text.splitlines()]
    return sorted({line.removeprefix("$ ") for line in [*typed, *plain]})


@pytest.mark.parametrize("command", commands())
def test_a_command_is_one_that_there_is(command: str) -> None:
    """Its target, package, module, arguments or extras exist."""
    match shlex.split(command):
        case ["make", target]:
            assert re.search(f"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        case ["pip", "install", what]:
            package, _, extra = what.removesuffix("]").partition("[")
            setup = (ROOT / "setup.py").read_text()
            assert f'name="{package}"' in setup
            assert not extra or f'"{extra}": [' in setup
        case [program, "-m", module, *arguments] if Path(program).name in {"python", "python3"}:
            assert importlib.util.find_spec(module)
            check_arguments(module, arguments)
        case _:
            pytest.fail(f"nothing is known of {command}")


def check_arguments(module: str, arguments: list[str]) -> None:
    """See that a module takes these arguments."""
    match module, arguments:
        case "aioalf", [command, *_] if command in COMMANDS:
            pass  # tests/cli runs them
        case "aioalf", _:
            assert isinstance(parser().parse_args(arguments), argparse.Namespace)
        case "pip", ["install", "--editable", what]:
            assert re.fullmatch(r"\.\[(\w+)\]", what)
            assert f'"{what[2:-1]}": [' in (ROOT / "setup.py").read_text()
        case ("venv", [".venv"]) | ("pytest", []):
            pass
        case _:
            pytest.fail(f"nothing is known of {module} {arguments}")


# Trees


def depth_of(error: type[TokenError]) -> int:
    """How many public errors are above this one."""
    above = [base for base in error.__mro__[1:] if issubclass(base, TokenError)]
    return sum(base.__name__ in aioalf.__all__ for base in above)


@pytest.mark.parametrize("block", blocks_in("text"), ids=str)
def test_the_tree_of_errors_is_that_of_the_package(block: Block) -> None:
    """Each class is where the picture has it, and none is missing."""
    drawn = {
        match[2]: len(match[1]) // 4
        for match in re.finditer(r"^([│├└─ ]*)(\w+) +\S", block.text, re.MULTILINE)
    }
    exported = [getattr(aioalf, name) for name in aioalf.__all__]
    errors = [value for value in exported if issubclass(value, TokenError)]
    assert drawn == {error.__name__: depth_of(error) for error in errors}
