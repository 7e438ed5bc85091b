"""Runs a command on the newest aiohttp, where that is not what all other environments run.

`python -m tools.newest COMMAND …` compares the version that is installed with the one that
constraints-aiohttp.txt holds; when they are one, everything has been run on it.
"""

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

CONSTRAINTS = Path(__file__).resolve().parent.parent / "constraints-aiohttp.txt"


def held() -> str:
    """The version that the other environments run."""
    (line,) = re.findall(r"(?m)^aiohttp==(\S+)$", CONSTRAINTS.read_text(encoding="utf-8"))
    return str(line)


def main(command: list[str], newest: str) -> int:
    """Run the command, and return its exit code; 0 where there is nothing new."""
    if newest == held():
        sys.stdout.write(f"aiohttp {newest} is the newest, and what every environment runs\n")
        return 0
    sys.stdout.write(f"aiohttp {newest} is newer than {held()}\n")
    sys.stdout.flush()
    return subprocess.run([sys.executable, *command], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], version("aiohttp")))
