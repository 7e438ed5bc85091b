"""The whole programs of the guides, and how to run them as a reader does: as files.

A code block is such a program if it has a ``:name:`` that ends with ``.py``. The programs use the
addresses of ``aioalf serve``, which a test server replaces.
"""

import asyncio
import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aioalf.testing import OAuthServer
from tests.project.docs.blocks import BLOCKS, Block
from tests.support.pages import ROOT

PROGRAMS = {block.name: block for block in BLOCKS if block.is_program}
AUTHORIZATION_SERVER = "http://127.0.0.1:8400"
API = "http://127.0.0.1:8401"
_BROWSER = [sys.executable, str(ROOT / "tests" / "cli" / "fake_browser.py"), "sign-in"]
_USER_CODE = re.compile(r"and enter the code +(\S+)")


@dataclass(frozen=True)
class Ended:
    """The exit code and the output of a program."""

    code: int | None
    stdout: str
    stderr: str

    def with_addresses(self, addresses: Mapping[str, str]) -> "Ended":
        """Return the same with other addresses in the output."""
        stdout, stderr = self.stdout, self.stderr
        for old, new in addresses.items():
            stdout, stderr = stdout.replace(old, new), stderr.replace(old, new)
        return Ended(self.code, stdout, stderr)


def shown_after(program: Block) -> str:
    """Return the output that a page shows after a program."""
    return next(
        block.text
        for block in BLOCKS
        if block.document == program.document
        and block.number > program.number
        and block.language == "text"
    )


def matches(shown: str, printed: str) -> bool:
    """Tell whether a page shows this output; ``…`` marks text that differs each time."""
    pattern = ".+".join(map(re.escape, shown.split("…")))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def source_of(program: Block, replacements: Mapping[str, str]) -> str:
    """Return the text of a program with other addresses."""
    text = program.text
    for address, replacement in replacements.items():
        assert address in text
        text = text.replace(address, replacement)
    return text


def addresses_of(server: OAuthServer, program: Block) -> dict[str, str]:
    """Return the addresses of a program that the server replaces."""
    addresses = {AUTHORIZATION_SERVER: server.issuer, API: server.api_url}
    return {old: new for old, new in addresses.items() if old in program.text}


def module_of(
    name: str, server: OAuthServer, own: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the names that a program defines, without running its server.

    `own` replaces the addresses of the program itself.
    """
    names: dict[str, Any] = {"__name__": name.removesuffix(".py")}
    addresses = {**addresses_of(server, PROGRAMS[name]), **(own or {})}
    source = source_of(PROGRAMS[name], addresses)
    exec(compile(source, name, "exec"), names)  # noqa: S102 - the document is the project's own
    return names


async def run_file(
    source: str, directory: Path, server: OAuthServer, *arguments: str, **environment: str
) -> Ended:
    """Run a program in a directory, which is also its home, with a user who signs in."""
    path = directory / "program.py"
    path.write_text(source, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(path),
        *arguments,
        cwd=directory,
        env={
            "BROWSER": f"{shlex.join(_BROWSER)} %s",
            "HOME": str(directory),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            **environment,
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(30):
        stderr = ""
        async for line in process.stderr:
            stderr += line.decode()
            if code := _USER_CODE.search(line.decode()):
                server.approve(code[1])
        stdout = (await process.stdout.read()).decode()
        return Ended(await process.wait(), stdout, stderr)
