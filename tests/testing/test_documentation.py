"""The code blocks of docs/howto/testing.rst run, and its tables are complete."""

import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import fields
from pathlib import Path
from textwrap import indent
from typing import cast, get_args

import pytest
from docutils.nodes import literal_block

from aioalf.testing import (
    CacheContract,
    CacheFault,
    CacheMethod,
    ConnectionFault,
    Endpoint,
    Fault,
    OAuthServer,
)
from aioalf.testing.behaviour import Behaviour
from tests.support.pages import ROOT, parse

DOCUMENT = ROOT / "docs" / "howto" / "testing.rst"
BLOCKS = list(parse(DOCUMENT).findall(literal_block))
FILES = {block["names"][0]: block.astext() for block in BLOCKS if block["names"]}
SLOW = 1.0
"""Seconds that a test of the first section may take."""
SNIPPETS = [
    block.astext() for block in BLOCKS if not block["names"] and "python" in block["classes"]
]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda text: text.strip().splitlines()[0])
async def test_code_block_runs(oauth_server: OAuthServer, snippet: str) -> None:
    """Every block without a file name is the body of an `async def` with `oauth_server`."""
    body = "async def run(oauth_server):\n" + indent(snippet, "    ")
    names: dict[str, object] = {}
    exec(compile(body, str(DOCUMENT), "exec"), names)  # noqa: S102 - our own document
    run = cast("Callable[[OAuthServer], Awaitable[None]]", names["run"])
    await run(oauth_server)


def test_named_files_are_a_test_suite_that_passes(tmp_path: Path) -> None:
    """The blocks with a file name, saved in a directory, pass in pytest-asyncio's strict mode.

    The first tests that users copy are fast.
    """
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    quiet = ["-o", "asyncio_default_fixture_loop_scope=function", "-p", "no:cacheprovider", "-q"]
    # No other plugins are needed.
    plugins = ["-p", "pytest_asyncio.plugin", "-p", "aioalf.testing.pytest_plugin"]
    report = ["--durations=0", "--durations-min=0"]
    command = [sys.executable, "-W", "error", "-m", "pytest", *quiet, *plugins, *report, "."]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTEST_ADDOPTS": "",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tests = sum(text.count("async def test_") for text in FILES.values())
    inherited = sum(name.startswith("test_") for name in dir(CacheContract))
    assert f"{tests + inherited - 2} passed, 2 skipped" in done.stdout  # two hooks are missing
    durations = {
        name: float(seconds)
        for seconds, name in re.findall(
            r"^([\d.]+)s call +test_\w*things.py::(\w+)", done.stdout, re.MULTILINE
        )
    }
    assert len(durations) == 4
    assert max(durations.values()) < SLOW, durations


@pytest.mark.parametrize("kind", [Fault, ConnectionFault, CacheFault])
def test_every_fault_is_documented(kind: type[Fault | ConnectionFault | CacheFault]) -> None:
    """The tables list every class method that creates a fault."""
    document = DOCUMENT.read_text(encoding="utf-8")
    methods = [name for name, value in vars(kind).items() if isinstance(value, classmethod)]
    assert methods
    assert not [name for name in methods if f"``{kind.__name__}.{name}(" not in document]


def test_every_option_endpoint_field_and_cache_method_is_documented() -> None:
    """Options are in a table or shown as a keyword; the other names are listed."""
    document = DOCUMENT.read_text(encoding="utf-8")
    options = [field.name for field in fields(OAuthServer)]
    assert options
    assert not [
        name
        for name in options
        if f"``server.{name}" not in document and f"OAuthServer({name}=" not in document
    ]
    names = (*get_args(Endpoint), *get_args(CacheMethod))
    names += tuple(field.name for field in fields(Behaviour))
    assert not [name for name in names if f"``{name}``" not in document]
