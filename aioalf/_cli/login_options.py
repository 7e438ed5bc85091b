"""What a login is, of its options, of what is remembered, and of the secret that is given.

It knows profiles and grants; it knows no server, and asks nobody but for the secret.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from aioalf._cli.client_factory import SECRET
from aioalf._cli.profiles import CODE, DEVICE, KEY, SERVICE, Profile
from aioalf._cli.terminal import Terminal
from aioalf.client_auth import ClientSecret
from aioalf.errors import TokenConfigurationError
from aioalf.grants import AuthorizationCode, ClientCredentials, DeviceCode, Grant

_ENDPOINTS: Final = (
    "token_endpoint",
    "authorization_endpoint",
    "device_authorization_endpoint",
    "revocation_endpoint",
)
_PAGE_OF: Final = {CODE: "authorization_endpoint", DEVICE: "device_authorization_endpoint"}
_PUBLIC: Final = "none"


def read_ports(
    _context: click.Context, _option: click.Parameter, text: str | None
) -> tuple[int, int] | None:
    """Return the first port and the last of ``A-B``. Raises BadParameter."""
    if text is None:
        return None
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal()):
        raise click.BadParameter("two ports with a dash between them are needed, as 8400-8410")
    return int(first), int(last)


def profile_of(remembered: Profile | None, given: Mapping[str, Any]) -> Profile:
    """Return the profile that the options of a login describe.

    Without a client id it is the one that is remembered, changed by what is given. Raises
    UsageError for what is missing.
    """
    endpoints = {name: given[name] for name in _ENDPOINTS if given[name]}
    changes = {name: value for name, value in given.items() if value and name not in _ENDPOINTS}
    if changes.get("scope"):
        changes["scope"] = tuple(word for text in changes["scope"] for word in text.split())
    for name in ("secret_file", "private_key"):
        if name in changes:  # a link stays one: what it leads to may be replaced
            changes[name] = str(Path(changes[name]).absolute())
    if "client_id" in changes:
        profile = Profile(**changes, endpoints=endpoints)
    elif remembered is None:
        raise click.UsageError("Missing option '--client-id', and no login to repeat.")
    else:
        profile = replace(remembered, **changes, endpoints={**remembered.endpoints, **endpoints})
    if profile.client_auth != KEY and "private_key" not in changes:
        profile = replace(profile, private_key=None, key_id=None, algorithm=None)
    if (profile.client_auth == KEY) != (profile.private_key is not None):
        raise click.UsageError(f"'--client-auth {KEY}' and '--private-key' go together.")
    for name in ("token_endpoint", _PAGE_OF.get(profile.grant, "token_endpoint")):
        if profile.issuer is None and name not in profile.endpoints:
            raise click.UsageError(f"Missing option '--issuer', or '--{name.replace('_', '-')}'.")
    return profile


def with_secret(
    profile: Profile, of_environment: str | None
) -> tuple[Profile, ClientSecret | None]:
    """Return the profile, which says now whether there is a secret, and the secret for this login.

    It comes from the file, else from the environment, else from the person at the terminal where
    one is needed. Raises UsageError where there is none to ask.
    """
    if profile.client_auth in {_PUBLIC, KEY}:
        return replace(profile, has_secret=False, secret_file=None), None
    if profile.secret_file is not None:
        from aioalf.client_auth import SecretFile  # noqa: PLC0415 - few need it

        return replace(profile, has_secret=True), SecretFile(profile.secret_file)
    is_needed = profile.grant == SERVICE or profile.client_auth is not None or profile.has_secret
    secret = of_environment or (_prompted() if is_needed else None)
    return replace(profile, has_secret=secret is not None), secret


def fate_of_secret(profile: Profile) -> str:
    """Return what is to be said of the client's secret or key, "" where there is none."""
    if profile.private_key is not None:
        return f"The client's key is not kept; it is read from {profile.private_key} each time."
    if profile.secret_file is not None:
        return f"The client's secret is not kept; it is read from {profile.secret_file} each time."
    if profile.has_secret:
        return f"The client's secret is not kept; it is taken from {SECRET} when it is needed."
    return ""


def grant_of(profile: Profile, terminal: Terminal, *, in_browser: bool) -> Grant:
    """Return the grant that logs in. Raises TokenConfigurationError for ports that cannot be."""
    if profile.grant == SERVICE:
        return ClientCredentials()
    if profile.grant == DEVICE:
        return DeviceCode(prompt=terminal.show_prompt)

    show = terminal.show_page if in_browser else terminal.show_page_only
    return AuthorizationCode(redirect_ports=profile.ports, open_browser=show)


def _prompted() -> str:
    if sys.stdin is None or not sys.stdin.isatty():
        raise TokenConfigurationError(
            f"The client's secret is needed: set {SECRET}, or pass --client-secret-file"
        )
    secret: str = click.prompt("Client secret", hide_input=True, err=True)
    return secret
