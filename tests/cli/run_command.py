"""Run the commands, in this process or as subprocesses."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = [sys.executable, "-W", "error", "-m", "aioalf"]


@dataclass(frozen=True)
class CommandResult:
    """The exit code and the output of a command."""

    code: int
    stdout: str
    stderr: str


Run = Callable[..., CommandResult]
"""Runs a command with its arguments in this process."""


def run_program(*arguments: str, stdin: bytes = b"") -> CommandResult:
    """Run a command in a subprocess, with `stdin` as its standard input."""
    result = subprocess.run(
        [*PROGRAM, *arguments], input=stdin, capture_output=True, timeout=30, check=False
    )
    return CommandResult(result.returncode, result.stdout.decode(), result.stderr.decode())


def install_command(directory: Path) -> Path:
    """Write the command ``aioalf`` into a directory, as pip does, and return its path."""
    command = directory / "aioalf"
    command.write_text(
        f"#!{sys.executable}\nimport sys\nfrom aioalf.__main__ import main\nsys.exit(main())\n"
    )
    command.chmod(0o755)
    return command


def age_tokens(home: Path, seconds: float) -> None:
    """Move the expiry of all stored tokens by some seconds, as if they were older."""
    for file in home.rglob("tokens/*.json"):
        entry = json.loads(file.read_text())
        record = json.loads(entry["value"])
        if "expires_on" not in record:  # a note of a failure
            continue
        expires_on = datetime.fromisoformat(record["expires_on"]) - timedelta(seconds=seconds)
        record["expires_on"] = expires_on.isoformat()
        file.write_text(json.dumps({**entry, "value": json.dumps(record)}))


def start_program(*arguments: str) -> "subprocess.Popen[bytes]":
    """Start a command in a subprocess with its output in pipes."""
    return subprocess.Popen(
        [*PROGRAM, *arguments],
        bufsize=0,  # a buffer would hide output from `communicate`
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
