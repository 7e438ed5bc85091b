"""Every code block of the documents runs without changes."""

import argparse
import importlib.util
import re
import shlex
from pathlib import Path

import pytest

import aioalf.errors
from aioalf import Client, TokenError
from aioalf.__main__ import COMMANDS, parser
from aioalf.testing import OAuthServer
from tests.project.docs.blocks import BLOCKS, Block, blocks_in, fake_browser, fake_network, run
from tests.support.mocked_responses import MockedResponses
from tests.support.pages import ROOT

SNIPPETS = [block for block in BLOCKS if block.is_snippet]


@pytest.mark.parametrize("block", SNIPPETS, ids=str)
async def test_python_block_runs(
    block: Block, oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The block runs in an event loop, and its requests reach the server."""
    fake_network(monkeypatch, oauth_server)
    fake_browser(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("aioresponses.aioresponses", MockedResponses)
    monkeypatch.setattr(Client, "token_manager_class", Client.token_manager_class)
    await run(block)
    if re.search("^(async with|response = )", block.text, re.MULTILINE):
        assert oauth_server.token_requests + oauth_server.logins >= 1


def test_every_block_has_a_tested_language() -> None:
    """A new language needs a test in this file."""
    assert {block.language for block in BLOCKS} <= {"", "console", "http", "python", "text"}


def test_readme_is_short_and_begins_with_a_program() -> None:
    """A reader sees the first program on the first screen, and the whole page in two minutes."""
    lines = (ROOT / "README.rst").read_text(encoding="utf-8").splitlines()
    assert lines.index(".. code-block:: python") < 35
    assert len(lines) <= 150


# Commands


def commands() -> list[str]:
    """Return each command of the documents."""
    typed = [line for block in blocks_in("console") for line in block.text.splitlines()]
    assert all(line.startswith("$ ") for line in typed)
    plain = [line for block in blocks_in("") for line in block.text.splitlines()]
    return sorted({line.removeprefix("$ ") for line in [*typed, *plain]})


@pytest.mark.parametrize("command", commands())
def test_command_exists(command: str) -> None:
    """The target, package, module, arguments and extras of a command exist."""
    words = shlex.split(command)
    while "=" in words[0]:  # a variable for this command
        del words[0]
    match words:
        case ["git", "clone", url]:
            assert f'"{url}"' in (ROOT / "setup.py").read_text()
        case ["cd", "aio-alf"]:
            pass
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
        case ["python", name]:
            assert name in {block.name for block in BLOCKS}
        case ["uvicorn", application, *_]:
            module, _, name = application.partition(":")
            (block,) = (block for block in BLOCKS if block.name == f"{module}.py")
            assert re.search(f"^{name} = ", block.text, re.MULTILINE)
        case [program, *arguments] if Path(program).name == "aioalf":
            check_arguments("aioalf", arguments)
        case _:
            pytest.fail(f"unknown command: {command}")


def check_arguments(module: str, arguments: list[str]) -> None:
    """Check that a module accepts these arguments."""
    match module, arguments:
        case "aioalf", [command, *_] if command in {*COMMANDS, "serve"}:
            pass  # tests/cli runs them
        case "aioalf", _:
            assert isinstance(parser().parse_args(arguments), argparse.Namespace)
        case "pip", ["install", "--editable", what]:
            assert re.fullmatch(r"\.\[(\w+)\]", what)
            assert f'"{what[2:-1]}": [' in (ROOT / "setup.py").read_text()
        case "venv", [".venv"]:
            pass
        case "pytest", paths:
            for path, _, test in (argument.partition("::") for argument in paths):
                assert (ROOT / path).exists()
                assert not test or f"def {test}(" in (ROOT / path).read_text(encoding="utf-8")
        case _:
            pytest.fail(f"unknown command: python -m {module} {arguments}")


# The tree of errors


def depth_of(error: type[TokenError]) -> int:
    """Return the number of base classes of an error that are errors of the package."""
    return sum(issubclass(base, TokenError) for base in error.__mro__[1:])


def test_error_tree_matches_the_package() -> None:
    """Each error class has the place that the tree shows, and no class is missing."""
    (block,) = (
        block for block in blocks_in("text") if block.document == "docs/reference/errors.rst"
    )
    drawn = {
        match[2]: len(match[1]) // 4
        for match in re.finditer(r"^([│├└─ ]*)(\w+) +\S", block.text, re.MULTILINE)
    }
    found = [value for value in vars(aioalf.errors).values() if isinstance(value, type)]
    errors = [value for value in found if issubclass(value, TokenError)]
    assert drawn == {error.__name__: depth_of(error) for error in errors}
    assert drawn.keys() <= set(aioalf.__all__)
