"""The commands `login`, `token`, `request` and `logout`: their options and their messages.

The other modules of this package do the work.
"""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from aioalf._cli.client_factory import get_token, log_in, make_client
from aioalf._cli.client_secrets import (
    CLIENT_ID_VARIABLE,
    SECRET_VARIABLE,
    SecretLookup,
    SecretVariables,
    add_secret,
    secret_notice,
    stored_secret,
)
from aioalf._cli.http_request import ResponseOptions, check_transport, parse_request, send
from aioalf._cli.login_options import make_grant, parse_ports, profile_from_options
from aioalf._cli.output import write_line
from aioalf._cli.profiles import (
    AUTHORIZATION_CODE,
    CLIENT_AUTH_METHODS,
    CLIENT_CREDENTIALS,
    DEFAULT_PROFILE,
    DEVICE_CODE,
    NoProfileError,
    Profile,
    Profiles,
)
from aioalf._cli.terminal import Terminal
from aioalf._cli.token_output import token_as_json
from aioalf.errors import InsecureTransportWarning, RevocationError

Command = TypeVar("Command", bound=Callable[..., object])


@dataclass
class Invocation:
    """One run of a command: the secrets of its environment, and the profile that it uses."""

    secrets: SecretVariables
    profile: str = DEFAULT_PROFILE

    def look_up_secret(self, profile: Profile, profiles: Profiles) -> SecretLookup:
        """Return the secret of the profile in the environment."""
        return self.secrets.look_up(self.profile, profile.client_id, profiles.names())


@click.group()
def commands() -> None:
    """Log in, and send authorized requests."""


def _remember_profile(context: click.Context, _: click.Parameter, name: str) -> str:
    context.obj.profile = name
    return name


def _profile_options(command: Command) -> Command:
    """Add the options ``--profile`` and ``--home``."""
    profile = click.option(
        "--profile",
        "name",
        default=DEFAULT_PROFILE,
        envvar="AIOALF_PROFILE",
        show_default=True,
        show_envvar=True,
        metavar="NAME",
        callback=_remember_profile,
        help="The name of the login.",
    )
    home = click.option(
        "--home",
        envvar="AIOALF_HOME",
        show_envvar=True,
        type=click.Path(file_okay=False),
        metavar="PATH",
        help="The directory that stores all logins.",
    )
    return profile(home(command))


@commands.command(short_help="Log in and store the tokens.")
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
@_profile_options
@click.pass_obj
def login(
    invocation: Invocation,
    /,
    name: str,
    home: str | None,
    *,
    no_browser: bool,
    **options: Any,  # noqa: ANN401 - checked by click
) -> None:
    """Log in, and store the tokens for the other commands.

    You sign in in the browser, or with --device on another device. With --client-credentials no
    user signs in. If the new login fails, the previous login is kept.
    """
    profiles, terminal = Profiles(home), Terminal(sys.stderr)
    profile = profile_from_options(profiles.find(name), options, invocation.secrets.client_id)
    found = invocation.look_up_secret(profile, profiles)
    profile, secret = add_secret(profile, found, terminal.warning)
    grant = make_grant(profile, terminal, open_browser=not no_browser)
    profiles.prepare(name)
    asyncio.run(log_in(profile, secret, grant, profiles, name))
    terminal.success(f"Logged in as profile {name}.")
    terminal.info(
        f"Settings and tokens are stored in {profiles.path(name)}, which only you can read."
    )
    terminal.info(secret_notice(profile, found))


@commands.command(short_help="Print a valid access token.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with expiry and scope.")
@click.option(
    "--scope",
    multiple=True,
    metavar="SCOPE",
    help="Print a token for this scope instead of the login's. Repeatable.",
)
@_profile_options
@click.pass_obj
def token(
    invocation: Invocation,
    /,
    name: str,
    home: str | None,
    *,
    as_json: bool,
    scope: tuple[str, ...],
) -> None:
    """Print a valid access token on one line. It is refreshed first if needed.

    If a user signed in, --scope can only ask for a part of the login's scope. With
    --client-credentials it can ask for any scope.
    """
    profiles = Profiles(home)
    profile = profiles.load(name)
    secret = stored_secret(profile, invocation.look_up_secret(profile, profiles))
    scopes = tuple(word for text in scope for word in text.split())
    found = asyncio.run(get_token(profile, secret, profiles, name, scopes))
    write_line(token_as_json(found) if as_json else found.access_token)


@commands.command(short_help="Send an authorized HTTP request.")
@click.argument("method")
@click.argument("url")
@click.option(
    "-H",
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="Add a header. Repeatable.",
)
@click.option(
    "-d",
    "--data",
    multiple=True,
    metavar="DATA",
    help="Send a form as the body: text, @FILE, or @- for standard input. A Content-Type header "
    "changes the type. Repeated values are joined with &.",
)
@click.option(
    "--json", metavar="DATA", help="Send JSON as the body (text, @FILE or @-), and accept JSON."
)
@click.option("-i", "--include", is_flag=True, help="Print the response status and headers too.")
@click.option("-o", "--output", default="-", metavar="FILE", help="Write the response to a file.")
@click.option("-f", "--fail", is_flag=True, help="Exit with 1 if the status is 400 or more.")
@click.option(
    "--allow-plain-http",
    is_flag=True,
    help="Allow http to another machine. The token is then sent unencrypted.",
)
@_profile_options
@click.pass_obj
def request(
    invocation: Invocation,
    /,
    name: str,
    home: str | None,
    method: str,
    url: str,
    headers: Sequence[str],
    data: Sequence[str],
    json: str | None,
    output: str,
    *,
    include: bool,
    fail: bool,
    allow_plain_http: bool,
) -> None:
    """Send an HTTP request with the access token, and print the response body.

    Redirects are followed, but the token is not sent to another host, port or scheme.
    """
    if data and json is not None:
        raise click.UsageError("--data and --json cannot be used together")
    parsed = parse_request(method, url, headers, data, json)
    if not allow_plain_http:
        check_transport(parsed.url)
    profiles = Profiles(home)
    profile = profiles.load(name)
    secret = stored_secret(profile, invocation.look_up_secret(profile, profiles))
    client = make_client(profile, secret, profiles.tokens(name), require_https=not allow_plain_http)
    options = ResponseOptions(output=output, include_headers=include, fail=fail)

    progress = Terminal(sys.stderr).progress("Waiting for the response")

    async def run_request() -> None:
        async with client:
            await send(client, parsed, options, progress)

    with warnings.catch_warnings():
        if allow_plain_http:
            warnings.simplefilter("ignore", InsecureTransportWarning)
        asyncio.run(run_request())


@commands.command(short_help="Revoke the tokens and delete the login.")
@_profile_options
@click.pass_obj
def logout(invocation: Invocation, /, name: str, home: str | None) -> None:
    """Revoke the tokens if the server supports it, and delete the login."""
    profiles, terminal = Profiles(home), Terminal(sys.stderr)
    try:
        profile = profiles.load(name)
    except NoProfileError as error:
        had_tokens = profiles.has_tokens(name)
        profiles.delete(name)
        if had_tokens:
            raise RevocationError(f"{error}: the tokens were deleted but not revoked") from error
        terminal.info(f"Profile {name} is not logged in.")
        return

    secret = stored_secret(profile, invocation.look_up_secret(profile, profiles))

    async def revoke() -> None:
        async with make_client(profile, secret, profiles.tokens(name)) as client:
            await client.logout()

    try:
        asyncio.run(revoke())
    finally:
        profiles.delete(name)
    terminal.success(f"Logged out of profile {name}.")
