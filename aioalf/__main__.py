"""The commands of ``python -m aioalf``.

It reads arguments and returns exit codes; it does none of the work itself. Those of `COMMANDS` need
the packages of an extra, and read their arguments themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from aioalf import __version__

COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "login": "log in, and keep what was granted",
        "token": "write an access token that is valid",
        "request": "make a request that is logged in",
        "logout": "revoke what was granted, and forget it",
    }
)
"""The commands of ``aio-alf[cli]``, with what they do."""

USAGE: Final = 2
"""The exit code of a program that cannot do what it was called for, as it is installed."""
FAILED: Final = 1
"""The exit code of a program whose output nobody reads to the end."""
INTERRUPTED: Final = 130
"""The exit code of a program that Ctrl-C has ended, to a shell."""

_IN_EXTRA: Final = frozenset({"click", "platformdirs"})


def parser() -> argparse.ArgumentParser:
    """Return what reads the arguments."""
    commands = argparse.ArgumentParser(
        prog="python -m aioalf",
        description="aio-alf: OAuth 2 for aiohttp. It is used from Python, see README.rst, and "
        "with these commands from a shell, see docs/cli.rst.",
    )
    commands.add_argument("--version", action="version", version=f"aio-alf {__version__}")
    subcommands = commands.add_subparsers(dest="command", title="commands")
    demo = subcommands.add_parser(
        "demo",
        help="run a client against a server in this process, and show what went over the wire",
        description="Run a client against a server in this process, and show what went over the "
        "wire. The exit code is 0 if each step did what it says, else 1.",
    )
    demo.add_argument(
        "--browser", action="store_true", help="have a person sign in in this machine's browser"
    )
    for name, does in COMMANDS.items():
        subcommands.add_parser(name, help=f"{does} (aio-alf[cli])", add_help=False)
    return commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments ask for, and return the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if given and given[0] in COMMANDS:
            return _run_command(given)
        return _run_demo(parser(), given)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _leave_stdout()
        return FAILED


def _run_demo(commands: argparse.ArgumentParser, given: Sequence[str]) -> int:
    chosen = commands.parse_args(given)
    if chosen.command is None:
        commands.print_help()
        return 0
    from aioalf import _demo as demo  # noqa: PLC0415 - help and version need no server

    run = demo.run_in_browser if chosen.browser else demo.run
    return 0 if asyncio.run(run(demo.Screen(sys.stdout))) else 1


def _run_command(given: Sequence[str]) -> int:
    try:
        from aioalf import _cli as cli  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError as error:
        if error.name not in _IN_EXTRA:
            raise
        sys.stderr.write(
            f'Error: {given[0]} needs the package {error.name}: pip install "aio-alf[cli]"\n'
        )
        return USAGE
    return cli.run(given)


def _leave_stdout() -> None:
    # Who read it is gone: what is left in its buffer goes nowhere, and not into an error at exit.
    if sys.stdout is not None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
