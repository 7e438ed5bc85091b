"""The command line ``aioalf``: picks the command and returns its exit code.

The commands in `COMMANDS` parse their own arguments and need the extra ``aio-alf[cli]``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from aioalf import __version__

COMMANDS: Final = {
    "login": "log in and store the tokens",
    "token": "print a valid access token",
    "request": "send an authorized HTTP request",
    "logout": "revoke the tokens and delete the login",
}
"""The commands of ``aio-alf[cli]`` and their help."""

SIGN_INS: Final = {
    "browser": "show a sign-in in your browser instead (authorization code with PKCE)",
    "device": "show a sign-in with a code that you enter in a browser",
    "implicit": "show a sign-in with the implicit flow of 0.4.0",
}
"""The options of ``demo`` and their help."""

_SECRET_VARIABLES: Final = "AIOALF_CLIENT_SECRET"
_FAILED: Final = 1
_USAGE: Final = 2
_INTERRUPTED: Final = 130
"""The exit code of a shell command that Ctrl-C ended."""
_EXTRA_PACKAGES: Final = frozenset({"click", "platformdirs"})


def parser() -> argparse.ArgumentParser:
    """Return the parser of ``--help``, ``--version`` and ``demo``."""
    commands = argparse.ArgumentParser(
        prog="aioalf",
        description="aio-alf: OAuth 2 for aiohttp. README.rst describes the Python API, and "
        "docs/reference/cli.rst these commands.",
    )
    commands.add_argument("--version", action="version", version=f"aio-alf {__version__}")
    subcommands = commands.add_subparsers(dest="command", title="commands")
    demo = subcommands.add_parser(
        "demo",
        help="run a client against a local test server",
        description="Run a client against a test server in this process, and print the requests "
        "that the server received. The exit code is 0 if each step passes, else 1.",
    )
    sign_in = demo.add_mutually_exclusive_group()
    for name, summary in SIGN_INS.items():
        sign_in.add_argument(
            f"--{name}", dest="sign_in", action="store_const", const=name, help=summary
        )
    for name, summary in COMMANDS.items():
        subcommands.add_parser(name, help=f"{summary} (aio-alf[cli])", add_help=False)
    return commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code. `arguments` defaults to ``sys.argv[1:]``."""
    arguments = sys.argv[1:] if arguments is None else arguments
    secrets = _take_client_secrets()
    try:
        if arguments and arguments[0] in COMMANDS:
            return _run_command(arguments, secrets)
        return _run_demo(arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _discard_stdout()
        return _FAILED


def _take_client_secrets() -> dict[str, str]:
    # Removed from the environment, which a browser and every other process inherits.
    names = [name for name in os.environ if name.startswith(_SECRET_VARIABLES)]
    return {name: os.environ.pop(name) for name in names}


def _run_demo(arguments: Sequence[str]) -> int:
    commands = parser()
    options = commands.parse_args(arguments)
    if options.command is None:
        commands.print_help()
        return 0
    from aioalf import _demo

    run = {
        None: _demo.run,
        "browser": _demo.run_in_browser,
        "device": _demo.run_on_device,
        "implicit": _demo.run_with_implicit_flow,
    }[options.sign_in]
    return 0 if asyncio.run(run(_demo.Screen(sys.stdout))) else 1


def _run_command(arguments: Sequence[str], secrets: Mapping[str, str]) -> int:
    try:
        from aioalf import _cli
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA_PACKAGES:
            raise
        sys.stderr.write(
            f'Error: {arguments[0]} needs the package {error.name}: pip install "aio-alf[cli]"\n'
        )
        return _USAGE
    return _cli.run(arguments, secrets)


def _discard_stdout() -> None:
    # The reader is gone, so the interpreter must not fail when it flushes the buffer at exit.
    if sys.stdout is not None:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, sys.stdout.fileno())
        os.close(devnull)


def _forget_current_directory() -> None:
    # `python -m` searches the current directory first: a click.py there would replace click.
    with suppress(FileNotFoundError):  # the directory was deleted
        if not sys.flags.safe_path and sys.path[0] == str(Path.cwd()):
            del sys.path[0]


if __name__ == "__main__":
    _forget_current_directory()
    sys.exit(main())
