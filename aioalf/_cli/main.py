"""Run a command, report errors and warnings on standard error, and return the exit code."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import click

from aioalf._cli.client_secrets import CLIENT_ID_VARIABLE, SecretVariables
from aioalf._cli.commands import commands
from aioalf._cli.completion import PROGRAM, ArgparseOptions
from aioalf._cli.completion import complete as answer_completion
from aioalf._cli.exit_codes import EXPECTED_ERRORS, ExitCode, failure_of
from aioalf._cli.invocation import Invocation
from aioalf._cli.terminal import Terminal
from aioalf.errors import InsecureTransportWarning


def run(arguments: Sequence[str], secrets: Mapping[str, str]) -> int:
    """Run a command, print any error, and return the exit code.

    `secrets` are the variables with client secrets, which are no longer in the environment. Raises
    BrokenPipeError if the reader of standard output has stopped reading.
    """
    if sys.stderr is None:  # closed, as with `2>&-`
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - stays open until exit
    terminal = Terminal(sys.stderr)
    invocation = _invocation(secrets, terminal)
    # With the proxies of the environment, aiohttp would also use the passwords of this file.
    os.environ["NETRC"] = os.devnull
    try:
        with _warnings_on(terminal):
            return _invoke(arguments, invocation)
    except click.UsageError as error:
        error.show()
        return ExitCode.USAGE
    except click.Abort:  # Ctrl-C at a prompt, which leaves the cursor in its line
        click.echo(err=True)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:  # an OSError that `main` handles
        raise
    except EXPECTED_ERRORS as error:
        failure = failure_of(error, invocation.profile)
        terminal.error(failure.message)
        return failure.code
    return ExitCode.INTERRUPTED


def complete(others: Mapping[str, tuple[str, ArgparseOptions]]) -> int:
    """Print the completions that the environment asks for, as `completion.complete`."""
    return answer_completion(commands, others, _invocation({}, Terminal(sys.stderr)))


def _invocation(secrets: Mapping[str, str], terminal: Terminal) -> Invocation:
    variables = SecretVariables(secrets, os.environ.get(CLIENT_ID_VARIABLE))
    return Invocation(variables, terminal)


def _invoke(arguments: Sequence[str], invocation: Invocation) -> int:
    try:
        with commands.make_context(PROGRAM, [*arguments], obj=invocation) as context:
            commands.invoke(context)
    except click.exceptions.Exit as error:  # raised by --help
        return error.exit_code
    return ExitCode.OK


@contextmanager
def _warnings_on(terminal: Terminal) -> Iterator[None]:
    """Print the library's log warnings as messages; raise InsecureTransportWarning as an error."""
    logger, handler = logging.getLogger("aioalf"), _TerminalHandler(terminal)
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", InsecureTransportWarning)
            yield
    finally:
        logger.removeHandler(handler)


class _TerminalHandler(logging.Handler):
    def __init__(self, terminal: Terminal) -> None:
        super().__init__(logging.WARNING)
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        self._terminal.warning(record.getMessage())
