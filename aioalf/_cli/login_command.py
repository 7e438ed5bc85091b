"""The commands `login` and `logout`: their options and their messages."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from aioalf._cli.client_factory import log_in, make_client
from aioalf._cli.client_secrets import (
    CLIENT_ID_VARIABLE,
    SECRET_VARIABLE,
    add_secret,
    secret_notice,
)
from aioalf._cli.invocation import Invocation, network_of, network_options, profile_options
from aioalf._cli.login_options import make_grant, parse_ports, profile_from_options
from aioalf._cli.profiles import (
    AUTHORIZATION_CODE,
    CLIENT_AUTH_METHODS,
    CLIENT_CREDENTIALS,
    DEVICE_CODE,
    NoProfileError,
    Profiles,
)
from aioalf.errors import RevocationError


@click.command(short_help="Log in and store the tokens.")
@click.option("--issuer", metavar="URL", help="The issuer URL of the authorization server.")
@click.option(
    "--client-id",
    metavar="ID",
    help="The client ID. Without it, the last login is repeated with its settings. Without a last "
    f"login, it is read from {CLIENT_ID_VARIABLE}.",
)
@click.option(
    "--browser",
    "grant",
    flag_value=AUTHORIZATION_CODE,
    help="Sign in in the browser. This is the default.",
)
@click.option(
    "--device",
    "grant",
    flag_value=DEVICE_CODE,
    help="Sign in on another device by entering a code (RFC 8628).",
)
@click.option(
    "--client-credentials",
    "grant",
    flag_value=CLIENT_CREDENTIALS,
    help="Log in as the client itself, without a user.",
)
@click.option("--scope", multiple=True, metavar="SCOPE", help="Scope to request. Repeatable.")
@click.option(
    "--resource",
    multiple=True,
    metavar="URI",
    help="The API that the token is for (RFC 8707). Repeatable.",
)
@click.option(
    "--audience",
    metavar="TEXT",
    help="The audience, for servers that use it instead of --resource.",
)
@click.option(
    "--redirect-ports",
    metavar="FIRST-LAST",
    callback=parse_ports,
    help="The ports of 127.0.0.1 allowed in the redirect URI.",
)
@click.option("--no-browser", is_flag=True, help="Print the sign-in URL, do not open a browser.")
@click.option(
    "--client-auth",
    type=click.Choice(CLIENT_AUTH_METHODS),
    metavar="METHOD",
    help="How the client authenticates. The default depends on the server. "
    f"One of {', '.join(CLIENT_AUTH_METHODS)}.",
)
@click.option(
    "--client-secret-file",
    type=click.Path(exists=True, dir_okay=False),
    metavar="PATH",
    help="The file with the client secret. Only its path is stored. Without it, the secret is "
    f"read from {SECRET_VARIABLE}_<PROFILE>, or from {SECRET_VARIABLE} if {CLIENT_ID_VARIABLE} is "
    "the client ID.",
)
@click.option(
    "--private-key-file",
    type=click.Path(exists=True, dir_okay=False),
    metavar="PATH",
    help="The PEM or JWK file with the private key for --client-auth private_key_jwt. Only its "
    "path is stored.",
)
@click.option("--key-id", metavar="ID", help="The ID of the private key at the server.")
@click.option("--algorithm", metavar="ALG", help="The algorithm to sign with.  [default: ES256]")
@click.option("--token-endpoint", metavar="URL", help="For servers without metadata.")
@click.option("--authorization-endpoint", metavar="URL", help="For servers without metadata.")
@click.option(
    "--device-authorization-endpoint", metavar="URL", help="For servers without metadata."
)
@click.option(
    "--revocation-endpoint",
    metavar="URL",
    help="For servers without metadata. `logout` uses it.",
)
@network_options
@profile_options
@click.pass_obj
def login(
    invocation: Invocation,
    /,
    name: str,
    home: str | None,
    *,
    no_browser: bool,
    proxy: str | None,
    **options: Any,  # noqa: ANN401 - checked by click
) -> None:
    """Log in, and store the tokens for the other commands.

    You sign in in the browser, or with --device on another device. With --client-credentials no
    user signs in. If the new login fails, the previous login is kept.
    """
    profiles, terminal = Profiles(home), invocation.terminal
    profile = profile_from_options(profiles.find(name), options, invocation.secrets.client_id)
    found = invocation.look_up_secret(profile, profiles)
    profile, secret = add_secret(profile, found, terminal.warning)
    grant = make_grant(profile, terminal, open_browser=not no_browser)
    profiles.prepare(name)
    asyncio.run(log_in(profile, secret, grant, profiles, name, network_of(profile, proxy, None)))
    terminal.success(f"Logged in as profile {name}.")
    terminal.info(
        f"Settings and tokens are stored in {profiles.path(name)}, which only you can read."
    )
    terminal.info(secret_notice(profile, found))


@click.command(short_help="Revoke the tokens and delete the login.")
@network_options
@profile_options
@click.pass_obj
def logout(
    invocation: Invocation,
    /,
    name: str,
    home: str | None,
    proxy: str | None,
    cacert: str | None,
) -> None:
    """Revoke the tokens if the server supports it, and delete the login."""
    profiles, terminal = Profiles(home), invocation.terminal
    try:
        profile = profiles.load(name)
    except NoProfileError as error:
        had_tokens = profiles.has_tokens(name)
        profiles.delete(name)
        if had_tokens:
            raise RevocationError(f"{error}: the tokens were deleted but not revoked") from error
        terminal.info(f"Profile {name} is not logged in.")
        return

    secret = invocation.stored_secret(profile, profiles)
    client = make_client(profile, secret, profiles.tokens(name), network_of(profile, proxy, cacert))

    async def revoke() -> None:
        async with client, terminal.progress("Waiting for the server"):
            await client.logout()

    try:
        asyncio.run(revoke())
    finally:
        profiles.delete(name)
    terminal.success(f"Logged out of profile {name}.")
