"""The command line ``aioalf``: picks the command and returns its exit code.

The commands in `COMMANDS` parse their own arguments and need the extra ``aio-alf[cli]``. The
commands in `OWN_COMMANDS` need no extra.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from aioalf import __version__
from aioalf._serve.options import OPTIONS as SERVE_OPTIONS

COMMANDS: Final = {
    "login": "log in and store the tokens",
    "request": "send an authorized HTTP request",
    "token": "print a valid access token",
    "status": "list the stored logins",
    "logout": "revoke the tokens and delete the login",
    "completion": "print a script for tab completion",
}
"""The commands of ``aio-alf[cli]`` and their help."""

SIGN_INS: Final = {
    "browser": "show a sign-in in your browser instead (authorization code with PKCE)",
    "device": "show a sign-in with a code that you enter in a browser",
    "implicit": "show a sign-in with the implicit flow of 0.4.0",
}
"""The options of ``demo`` and their help."""


class OwnCommand(NamedTuple):
    """A command that needs no extra: its help, and its options as arguments of argparse.

    `is_choice` says that only one of the options can be used.
    """

    summary: str
    description: str
    options: Mapping[str, Mapping[str, Any]]
    is_choice: bool = False


OWN_COMMANDS: Final = {
    "demo": OwnCommand(
        "run a client against a local test server",
        "Run a client against a test server in this process, and print the requests that the "
        "server received. The exit code is 0 if each step passes, else 1.",
        {
            f"--{name}": {
                "action": "store_const",
                "const": name,
                "dest": "sign_in",
                "help": summary,
            }
            for name, summary in SIGN_INS.items()
        },
        is_choice=True,
    ),
    "serve": OwnCommand(
        "run an authorization server and an API for tests",
        "Run an OAuth 2 authorization server and an API on this machine until Ctrl-C, and print "
        "each request that they receive. They are for tests: they accept any user, and only "
        "programs on this machine can reach them.",
        SERVE_OPTIONS,
    ),
}

_COMPLETE_VARIABLE: Final = "_AIOALF_COMPLETE"
"""Set by the script of ``aioalf completion`` to ask for the completions of a command line."""
_SECRET_VARIABLES: Final = "AIOALF_CLIENT_SECRET"
_FAILED: Final = 1
_USAGE: Final = 2
_INTERRUPTED: Final = 130
"""The exit code of a shell command that Ctrl-C ended."""
_EXTRA_PACKAGES: Final = frozenset({"click", "platformdirs"})


def parser() -> argparse.ArgumentParser:
    """Return the parser of ``--help``, ``--version`` and the commands that need no extra."""
    commands = argparse.ArgumentParser(
        prog="aioalf",
        usage="aioalf [-h] [--version] COMMAND ...",
        description="aio-alf: OAuth 2 for aiohttp.",
        epilog=_command_list(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands.add_argument("--version", action="version", version=f"aio-alf {__version__}")
    # Hidden, because argparse cannot group them: the epilog lists them.
    subcommands = commands.add_subparsers(
        dest="command", metavar="COMMAND", help=argparse.SUPPRESS, prog="aioalf"
    )
    for name, command in OWN_COMMANDS.items():
        own = subcommands.add_parser(name, description=command.description)
        group = own.add_mutually_exclusive_group() if command.is_choice else own
        for option, settings in command.options.items():
            group.add_argument(option, **settings)
    for name in COMMANDS:
        subcommands.add_parser(name, add_help=False)
    return commands


def _command_list() -> str:
    own = {name: command.summary for name, command in OWN_COMMANDS.items()}
    groups = {
        'sign in and send requests (pip install "aio-alf[cli]"):': COMMANDS,
        "try it on this machine:": own,
    }
    lines: list[str] = []
    for title, commands in groups.items():
        lines += [title, *(f"  {name:<12}{summary}" for name, summary in commands.items()), ""]
    return "\n".join([*lines, "`aioalf COMMAND --help` describes a command and its options."])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code. `arguments` defaults to ``sys.argv[1:]``."""
    arguments = sys.argv[1:] if arguments is None else arguments
    secrets = _take_client_secrets()
    try:
        if _COMPLETE_VARIABLE in os.environ:
            return _run_command(["completion"], secrets)
        if arguments and arguments[0] in COMMANDS:
            return _run_command(arguments, secrets)
        return _run_own_command(arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _discard_stdout()
        return _FAILED


def _take_client_secrets() -> dict[str, str]:
    # Removed from the environment, which a browser and every other process inherits.
    names = [name for name in os.environ if name.startswith(_SECRET_VARIABLES)]
    return {name: os.environ.pop(name) for name in names}


def _run_own_command(arguments: Sequence[str]) -> int:
    commands = parser()
    options = commands.parse_args(arguments)
    if options.command is None:
        commands.print_help()
        return 0
    if options.command == "serve":
        from aioalf._serve.run import run as serve

        return serve(options)
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
    if _COMPLETE_VARIABLE in os.environ:
        others = {name: (own.summary, own.options) for name, own in OWN_COMMANDS.items()}
        return _cli.complete(others)
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
