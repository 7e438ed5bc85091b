"""The command `completion`, and the answers that its script asks for.

The script sets `VARIABLE` and runs the program for each press of the tab key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
    shell_complete,
)

from aioalf._cli.invocation import Invocation
from aioalf._cli.output import write_line

PROGRAM: Final = "aioalf"
VARIABLE: Final = "_AIOALF_COMPLETE"

ArgparseOptions = Mapping[str, Mapping[str, Any]]
"""Options by their names, as arguments of argparse."""


@add_completion_class
class _Bash(BashComplete):
    """Completes the value in ``--option=value``, which bash splits into three words."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        return super().get_completions(args[:-1] if args[-1:] == ["="] else args, incomplete)


@add_completion_class
class _Zsh(ZshComplete):
    """Completes the value in ``--option=value``, which is one word."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        return _with_option(incomplete, super().get_completions(args, incomplete))


@add_completion_class
class _Fish(FishComplete):
    """As in zsh. The script does not cut descriptions at their first comma."""

    source_template = FishComplete.source_template.replace('split ","', 'split --max 1 ","')

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        return _with_option(incomplete, super().get_completions(args, incomplete))


def _with_option(incomplete: str, values: list[CompletionItem[str]]) -> list[CompletionItem[str]]:
    """Put ``--option=`` before each value if the word that is completed begins with it."""
    option, equals, _ = incomplete.partition("=")
    if equals and option.startswith("--"):
        for each in values:
            each.value = f"{option}={each.value}"
    return values


SHELLS: Final = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}


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
    commands: click.Group, others: Mapping[str, tuple[str, ArgparseOptions]], invocation: Invocation
) -> int:
    """Print the completions that the environment asks for, and return the exit code.

    `others` are the commands of the program that are not in `commands`: the help and the options of
    each.
    """
    stubs = {name: _stub(name, *other) for name, other in others.items()}
    program = click.Group(
        commands={**commands.commands, **stubs}, params=[click.Option(["--version"], is_flag=True)]
    )
    return shell_complete(program, {"obj": invocation}, PROGRAM, VARIABLE, os.environ[VARIABLE])


def _stub(name: str, summary: str, options: ArgparseOptions) -> click.Command:
    return click.Command(
        name,
        short_help=f"{summary[0].upper()}{summary[1:]}.",
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
