"""The commands of ``python -m aioalf``.

It reads arguments and returns exit codes; it does none of the work itself.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Final

from aioalf import __version__

INTERRUPTED: Final = 130
"""The exit code of a program that Ctrl-C has ended, to a shell."""


def parser() -> argparse.ArgumentParser:
    """Return what reads the arguments."""
    commands = argparse.ArgumentParser(
        prog="python -m aioalf",
        description="aio-alf: OAuth 2 for aiohttp. It is used from Python; see README.rst.",
    )
    commands.add_argument("--version", action="version", version=f"aio-alf {__version__}")
    demo = commands.add_subparsers(dest="command", title="commands").add_parser(
        "demo",
        help="run a client against a server in this process, and show what went over the wire",
        description="Run a client against a server in this process, and show what went over the "
        "wire. The exit code is 0 if each step did what it says, else 1.",
    )
    demo.add_argument(
        "--browser", action="store_true", help="have a person sign in in this machine's browser"
    )
    return commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments ask for, and return the exit code."""
    commands = parser()
    chosen = commands.parse_args(arguments)
    if chosen.command is None:
        commands.print_help()
        return 0
    from aioalf import demo  # noqa: PLC0415 - help and version need no server

    run = demo.run_in_browser if chosen.browser else demo.run
    try:
        return 0 if asyncio.run(run(demo.Screen(sys.stdout))) else 1
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
