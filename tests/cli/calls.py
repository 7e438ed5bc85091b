"""Calling the commands: in this process, or as programs."""

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
class Outcome:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    said: str


Call = Callable[..., Outcome]
"""Calls a command with its arguments."""


def program(*arguments: str, sent: bytes = b"") -> Outcome:
    """Call a command as a program, with something on standard input."""
    ended = subprocess.run(
        [*PROGRAM, *arguments], input=sent, capture_output=True, timeout=30, check=False
    )
    return Outcome(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def age(home: Path, seconds: float) -> None:
    """Make the tokens that are kept below a home older than they are."""
    for file in home.rglob("tokens/*.json"):
        kept = json.loads(file.read_text())
        record = json.loads(kept["value"])
        expires_on = datetime.fromisoformat(record["expires_on"]) - timedelta(seconds=seconds)
        record["expires_on"] = expires_on.isoformat()
        file.write_text(json.dumps({**kept, "value": json.dumps(record)}))


def start(*arguments: str) -> "subprocess.Popen[bytes]":
    """Start a command as a program, what it writes to be read."""
    return subprocess.Popen(
        [*PROGRAM, *arguments],
        bufsize=0,  # what has been read of lines is missing to `communicate`
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
