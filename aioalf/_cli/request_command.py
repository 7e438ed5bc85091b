"""The command `request`: its options, which are options of curl."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Sequence

import click

from aioalf._cli.client_factory import make_client
from aioalf._cli.http_request import ResponseOptions, check_transport, parse_request, send
from aioalf._cli.invocation import Invocation, network_of, network_options, profile_options
from aioalf._cli.profiles import Profiles
from aioalf._cli.wire import Wire
from aioalf.errors import InsecureTransportWarning


@click.command(short_help="Send an authorized HTTP request.")
@click.argument("target", nargs=-1, metavar="[METHOD] URL")
@click.option(
    "-X",
    "--request",
    "method",
    metavar="METHOD",
    help="The method, instead of the argument. The default is GET, or POST with a body.",
)
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
@click.option(
    "-o",
    "--output",
    default="-",
    type=click.Path(readable=False, allow_dash=True),
    metavar="FILE",
    help="Write the response to a file.",
)
@click.option("-f", "--fail", is_flag=True, help="Exit with 1 if the status is 400 or more.")
@click.option(
    "-m",
    "--max-time",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Give up after this time. The default is no limit.",
)
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Show all requests and responses on standard error, without bodies and secrets.",
)
@click.option("-s", "--silent", is_flag=True, help="Show no progress, warnings and errors.")
@click.option("-S", "--show-error", is_flag=True, help="With --silent, show warnings and errors.")
@click.option(
    "-L",
    "--location",
    is_flag=True,
    expose_value=False,
    help="Accepted because curl has it: redirects are always followed.",
)
@click.option(
    "--allow-plain-http",
    is_flag=True,
    help="Allow http to another machine. The token is then sent unencrypted.",
)
@network_options
@profile_options
@click.pass_obj
def request(
    invocation: Invocation,
    /,
    name: str,
    home: str | None,
    target: tuple[str, ...],
    method: str | None,
    headers: Sequence[str],
    data: Sequence[str],
    json: str | None,
    output: str,
    max_time: float | None,
    proxy: str | None,
    cacert: str | None,
    *,
    include: bool,
    fail: bool,
    verbose: bool,
    silent: bool,
    show_error: bool,
    allow_plain_http: bool,
) -> None:
    """Send an HTTP request with the access token, and print the response body.

    Redirects are followed, but the token is not sent to another host, port or scheme.
    """
    terminal = invocation.terminal
    terminal.shows_errors = show_error or not silent
    terminal.shows_progress = not (silent or verbose)
    if data and json is not None:
        raise click.UsageError("--data and --json cannot be used together")
    method, url = _method_and_url(target, method, has_body=bool(data) or json is not None)
    parsed = parse_request(method, url, headers, data, json)
    if not allow_plain_http:
        check_transport(parsed.url)
    profiles = Profiles(home)
    profile = profiles.load(name)
    client = make_client(
        profile,
        invocation.stored_secret(profile, profiles),
        profiles.tokens(name),
        network_of(profile, proxy, cacert),
        require_https=not allow_plain_http,
        wire=Wire(terminal.info) if verbose else None,
    )
    options = ResponseOptions(
        output=output, include_headers=include, fail=fail, max_time=max_time or None
    )

    async def run_request() -> None:
        async with client:
            await send(client, parsed, options, terminal.progress("Waiting for the response"))

    with warnings.catch_warnings():
        if allow_plain_http:
            warnings.simplefilter("ignore", InsecureTransportWarning)
        asyncio.run(run_request())


def _method_and_url(
    target: tuple[str, ...], option: str | None, *, has_body: bool
) -> tuple[str, str]:
    """Return the method and the URL of the arguments. Raises UsageError."""
    if not target:
        raise click.UsageError("Missing argument 'URL'.")
    *methods, url = target
    if option is not None:
        methods.append(option)
    if len(methods) > 1:
        raise click.UsageError(
            f"Expected one method and one URL, found {', '.join(map(repr, (*methods, url)))}"
        )
    return (methods or ["POST" if has_body else "GET"])[0], url
