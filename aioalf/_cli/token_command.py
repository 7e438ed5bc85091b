"""The command `token`: its options."""

from __future__ import annotations

import asyncio

import click

from aioalf._cli.client_factory import get_token
from aioalf._cli.invocation import Invocation, network_of, network_options, profile_options
from aioalf._cli.output import write_line
from aioalf._cli.profiles import Profiles
from aioalf._cli.token_output import token_as_json
from aioalf.token import Token


@click.command(short_help="Print a valid access token.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with expiry and scope.")
@click.option(
    "--scope",
    multiple=True,
    metavar="SCOPE",
    help="Print a token for this scope instead of the login's. Repeatable.",
)
@network_options
@profile_options
@click.pass_obj
def token(
    invocation: Invocation,
    /,
    name: str,
    home: str | None,
    *,
    as_json: bool,
    scope: tuple[str, ...],
    proxy: str | None,
    cacert: str | None,
) -> None:
    """Print a valid access token on one line. It is refreshed first if needed.

    If a user signed in, --scope can only ask for a part of the login's scope. With
    --client-credentials it can ask for any scope.
    """
    profiles = Profiles(home)
    profile = profiles.load(name)
    secret = invocation.stored_secret(profile, profiles)
    network = network_of(profile, proxy, cacert)
    scopes = tuple(word for text in scope for word in text.split())

    async def get() -> Token:
        async with invocation.terminal.progress("Waiting for a token"):
            return await get_token(profile, secret, profiles, name, scopes, network)

    found = asyncio.run(get())
    write_line(token_as_json(found) if as_json else found.access_token)
