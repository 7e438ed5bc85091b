"""The commands of the extra, each of which has a module of its own."""

from __future__ import annotations

from typing import Final

import click

from aioalf._cli.completion import completion
from aioalf._cli.login_command import login, logout
from aioalf._cli.request_command import request
from aioalf._cli.status_command import status
from aioalf._cli.token_command import token


@click.group()
def commands() -> None:
    """Log in, and send authorized requests."""


COMMANDS: Final = (login, request, token, status, logout, completion)

for command in COMMANDS:
    commands.add_command(command)
