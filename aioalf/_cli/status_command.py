"""The command `status`: its options."""

from __future__ import annotations

import asyncio

import click

from aioalf._cli.client_factory import read_stored
from aioalf._cli.invocation import Invocation, home_option
from aioalf._cli.login_status import LoginStatus, statuses_as_json, statuses_as_text
from aioalf._cli.output import write_line
from aioalf._cli.profiles import Profiles


@click.command(short_help="List the stored logins.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@home_option
@click.pass_obj
def status(invocation: Invocation, /, home: str | None, *, as_json: bool) -> None:
    """List the stored logins, and how long their tokens are valid.

    No server is contacted, and no token is printed.
    """
    profiles = Profiles(home)
    statuses = asyncio.run(_statuses(profiles))
    if as_json:
        write_line(statuses_as_json(statuses))
    elif statuses:
        write_line(statuses_as_text(statuses))
    else:
        invocation.terminal.info(f"No login is stored in {profiles.home}.")


async def _statuses(profiles: Profiles) -> list[LoginStatus]:
    return [await _status(profiles, name) for name in sorted(profiles.names())]


async def _status(profiles: Profiles, name: str) -> LoginStatus:
    profile = profiles.find(name)
    stored = None if profile is None else await read_stored(profile, profiles, name)
    return LoginStatus(name=name, profile=profile, stored=stored)
