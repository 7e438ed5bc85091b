"""The commands, and what each of their options means.

They read options and say what came of it; the other modules of this package do the work.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import click

from aioalf._cli.client_factory import SECRET, client_of, log_in, token_of
from aioalf._cli.exit_codes import EXPECTED, Exit, ending_of
from aioalf._cli.http_request import Display, check_transport, read_request, send
from aioalf._cli.login_options import (
    fate_of_secret,
    grant_of,
    profile_of,
    read_ports,
    with_secret,
)
from aioalf._cli.output import write_line
from aioalf._cli.profiles import CODE, DEFAULT, DEVICE, METHODS, SERVICE, NoProfileError, Profiles
from aioalf._cli.terminal import Terminal
from aioalf._cli.token_output import as_json_text
from aioalf.errors import InsecureTransportWarning, RevocationError

Command = TypeVar("Command", bound=Callable[..., object])

PROGRAM: Final = "python -m aioalf"


@click.group()
def commands() -> None:
    """Log in, and make requests that are logged in."""


def _remember(context: click.Context, _: click.Parameter, name: str) -> str:
    context.obj["profile"] = name
    return name


def _of_a_profile(command: Command) -> Command:
    """Give a command the options that say whose login it is about."""
    name = click.option(
        "--profile",
        "name",
        default=DEFAULT,
        envvar="AIOALF_PROFILE",
        show_default=True,
        metavar="NAME",
        callback=_remember,
        help="Which login. [env: AIOALF_PROFILE]",
    )
    home = click.option(
        "--home",
        envvar="AIOALF_HOME",
        type=click.Path(file_okay=False),
        metavar="PATH",
        help="The directory of all logins. [env: AIOALF_HOME]",
    )
    return name(home(command))


@commands.command(short_help="Log in, and keep what was granted.")
@click.option("--issuer", metavar="URL", help="The issuer, whose metadata names the endpoints.")
@click.option("--client-id", metavar="ID", help="Who asks. Without it, the last login is repeated.")
@click.option("--browser", "grant", flag_value=CODE, help="Sign in in the browser: the default.")
@click.option(
    "--device", "grant", flag_value=DEVICE, help="Sign in on another device, by a code (RFC 8628)."
)
@click.option(
    "--client-credentials", "grant", flag_value=SERVICE, help="No person: a service for itself."
)
@click.option("--scope", multiple=True, metavar="S", help="What to ask for; several are possible.")
@click.option(
    "--resource", multiple=True, metavar="URI", help="What the token is for; several are possible."
)
@click.option("--audience", metavar="A", help="The same in words of the server's.")
@click.option(
    "--port-range",
    "ports",
    metavar="A-B",
    callback=read_ports,
    help="The ports that the browser may come back to.",
)
@click.option("--no-browser", is_flag=True, help="Show the page's URL, and open no browser.")
@click.option(
    "--client-auth",
    type=click.Choice(METHODS),
    help="How the client proves who it is. By default as the server says.",
)
@click.option(
    "--client-secret-file",
    "secret_file",
    type=click.Path(exists=True, dir_okay=False),
    metavar="PATH",
    help=f"The file with the client's secret; its path is remembered. [else env: {SECRET}]",
)
@click.option(
    "--private-key",
    type=click.Path(exists=True, dir_okay=False),
    metavar="PATH",
    help="The file with the key of --client-auth private_key_jwt, as PEM or JWK; its path is "
    "remembered.",
)
@click.option("--key-id", metavar="ID", help="What the server calls that key.")
@click.option("--algorithm", metavar="A", help="What it signs with: ES256 by default.")
@click.option("--token-endpoint", metavar="URL", help="For a server without metadata.")
@click.option("--authorization-endpoint", metavar="URL", help="The same.")
@click.option("--device-authorization-endpoint", metavar="URL", help="The same.")
@click.option("--revocation-endpoint", metavar="URL", help="The same; it is for logout.")
@_of_a_profile
def login(name: str, home: str | None, *, no_browser: bool, **given: Any) -> None:  # noqa: ANN401 - click's
    """Log in, and keep what was granted for token and request.

    A person signs in in the browser, or with --device on another device; with --client-credentials
    nobody does. A login that is kept already stays until the new one is there.
    """
    profiles, terminal = Profiles(home), Terminal(sys.stderr)
    profile = profile_of(profiles.find(name), given)
    profile, secret = with_secret(profile, os.environ.get(SECRET))
    grant = grant_of(profile, terminal, in_browser=not no_browser)
    profiles.prepare(name)
    asyncio.run(log_in(profile, secret, grant, profiles, name))
    terminal.good(f"Logged in as profile {name}.")
    terminal.say(
        f"Settings and tokens are kept in {profiles.path(name)}, which is this user's alone."
    )
    terminal.say(fate_of_secret(profile))


@commands.command(short_help="Write an access token that is valid.")
@click.option("--json", "as_json", is_flag=True, help="Write what is known of it, too.")
@click.option("--scope", multiple=True, metavar="S", help="Another scope than the login's.")
@_of_a_profile
def token(name: str, home: str | None, *, as_json: bool, scope: tuple[str, ...]) -> None:
    """Write an access token that is valid, alone on a line; it is renewed where it has to be.

    Another scope is one that the login has already; of a service, any.
    """
    profiles = Profiles(home)
    words = tuple(word for text in scope for word in text.split())
    found = asyncio.run(token_of(profiles.load(name), profiles, name, words))
    write_line(as_json_text(found) if as_json else found.access_token)


@commands.command(short_help="Make a request that is logged in.")
@click.argument("method")
@click.argument("url")
@click.option("-H", "--header", "fields", multiple=True, metavar="'NAME: VALUE'", help="Send it.")
@click.option(
    "-d",
    "--data",
    multiple=True,
    metavar="DATA",
    help="Send it as the body: text, @FILE, or @- for standard input; a form unless a header says "
    "otherwise. Several are joined with &.",
)
@click.option("--json", metavar="DATA", help="The same, of JSON; and say that JSON is wanted.")
@click.option("-i", "--include", is_flag=True, help="Write the answer's status and headers, too.")
@click.option("-o", "--output", default="-", metavar="FILE", help="Write the answer to a file.")
@click.option("-f", "--fail", is_flag=True, help="End with 1 at a status of 400 or more.")
@click.option(
    "--allow-plain-http", is_flag=True, help="Send the token readable for all on the way, too."
)
@_of_a_profile
def request(
    name: str,
    home: str | None,
    method: str,
    url: str,
    fields: Sequence[str],
    data: Sequence[str],
    json: str | None,
    output: str,
    *,
    include: bool,
    fail: bool,
    allow_plain_http: bool,
) -> None:
    """Send a request with the login's token, and write the body of the answer as it comes.

    A redirect is followed; to another host, port or scheme it is without the token.
    """
    if data and json is not None:
        raise click.UsageError("--data and --json cannot go together")
    wanted = read_request(method, url, fields, data, json)
    if not allow_plain_http:
        check_transport(wanted.url)
    profiles = Profiles(home)
    client = client_of(
        profiles.load(name), profiles.tokens(name), require_https=not allow_plain_http
    )

    async def work() -> None:
        async with client:
            await send(client, wanted, Display(output=output, with_head=include, fails=fail))

    with warnings.catch_warnings():
        if allow_plain_http:
            warnings.simplefilter("ignore", InsecureTransportWarning)
        asyncio.run(work())


@commands.command(short_help="Revoke what was granted, and forget it.")
@_of_a_profile
def logout(name: str, home: str | None) -> None:
    """Revoke what was granted, where the server can, and forget it with all settings."""
    profiles, terminal = Profiles(home), Terminal(sys.stderr)
    try:
        profile = profiles.load(name)
    except NoProfileError as error:
        are_lost = profiles.has_tokens(name)
        profiles.forget(name)
        if are_lost:
            raise RevocationError(f"{error}: the tokens are forgotten, but not revoked") from error
        terminal.say(f"Nobody is logged in as profile {name}.")
        return

    async def work() -> None:
        async with client_of(profile, profiles.tokens(name)) as client:
            await client.logout()

    try:
        asyncio.run(work())
    finally:
        profiles.forget(name)
    terminal.good(f"Logged out of profile {name}.")


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments ask for, say what went wrong, and return the exit code.

    Raises BrokenPipeError where nobody reads any further.
    """
    if sys.stderr is None:  # it was closed, as by `2>&-`
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - it stays open
    terminal, said = Terminal(sys.stderr), {"profile": DEFAULT}
    try:
        with _warnings_told(terminal):
            return _invoke(arguments, said)
    except click.UsageError as error:
        error.show()
        return Exit.USAGE
    except click.Abort:  # of a prompt, whose line has no end
        click.echo(err=True)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:  # the program's end, as every command's
        raise
    except EXPECTED as error:
        ending = ending_of(error, said["profile"])
        terminal.error(ending.sentence)
        return ending.code
    return Exit.INTERRUPTED


def _invoke(arguments: Sequence[str], said: dict[str, str]) -> int:
    try:
        with commands.make_context(PROGRAM, [*arguments], obj=said) as context:
            commands.invoke(context)
    except click.exceptions.Exit as end:  # of --help
        return end.exit_code
    return Exit.OK


@contextmanager
def _warnings_told(terminal: Terminal) -> Iterator[None]:
    """Have the package's warnings written as sentences, and secrets kept off plain http."""
    logger, handler = logging.getLogger("aioalf"), _Warnings(terminal)
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", InsecureTransportWarning)
            yield
    finally:
        logger.removeHandler(handler)


class _Warnings(logging.Handler):
    def __init__(self, terminal: Terminal) -> None:
        super().__init__(logging.WARNING)
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        self._terminal.warning(record.getMessage())
