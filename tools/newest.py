"""Runs a Python command only if the installed aiohttp differs from the pinned one.

`python -m tools.newest -m pytest ...` is for the environment that installs the newest aiohttp. If
that is the version in constraints-aiohttp.txt, the other environments have already tested it.
"""

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

CONSTRAINTS = Path(__file__).resolve().parent.parent / "constraints-aiohttp.txt"


def pinned_version() -> str:
    """Return the version of aiohttp in constraints-aiohttp.txt."""
    (line,) = re.findall(r"(?m)^aiohttp==(\S+)$", CONSTRAINTS.read_text(encoding="utf-8"))
    return str(line)


def main(command: list[str], installed: str) -> int:
    """Run the command and return its exit code; 0 if the pinned version is installed."""
    pinned = pinned_version()
    if installed == pinned:
        print(f"aiohttp {installed} is pinned: the other environments test it")
        return 0
    print(f"aiohttp {installed} differs from the pinned {pinned}", flush=True)
    return subprocess.run([sys.executable, *command], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], version("aiohttp")))
