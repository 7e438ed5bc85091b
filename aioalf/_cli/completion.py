"""The command `completion`, and the answers that its script asks for.

The script sets `VARIABLE` and runs the program for each press of the tab key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete, shell_complete

from aioalf._cli.invocation import Invocation
from aioalf._cli.output import write_line

PROGRAM: Final = "aioalf"
VARIABLE: Final = "_AIOALF_COMPLETE"
SHELLS: Final = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}

ArgparseOptions = Mapping[str, Mapping[str, Any]]
"""Options by their names, as arguments of argparse."""


@click.command(short_help="Print a script for tab completion.")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print a script that completes commands, options and profiles in a shell.

    Add it to the start of your shell, in bash with eval "$(aioalf completion bash)" in ~/.bashrc.
    """
    script = SHELLS[shell](click.Group(), {}, PROGRAM, VARIABLE)
    # `source()` would also run bash to print a warning about its version.
    write_line(script.source_template % script.source_vars())


def complete(
    commands: click.Group, others: Mapping[str, ArgparseOptions], invocation: Invocation
) -> int:
    """Print the completions that the environment asks for, and return the exit code.

    `others` are the commands of the program that are not in `commands`, with their options.
    """
    stubs = {name: _stub(name, options) for name, options in others.items()}
    program = click.Group(
        commands={**commands.commands, **stubs}, params=[click.Option(["--version"], is_flag=True)]
    )
    return shell_complete(program, {"obj": invocation}, PROGRAM, VARIABLE, os.environ[VARIABLE])


def _stub(name: str, options: ArgparseOptions) -> click.Command:
    return click.Command(
        name,
        params=[
            click.Option(
                [option],
                is_flag=settings.get("action") in {"store_const", "store_true"},
                multiple=settings.get("action") == "append",
                help=settings["help"],
            )
            for option, settings in options.items()
        ],
    )
