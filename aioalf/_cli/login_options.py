"""Turn the options of `login` into a profile and a grant. Must not contact a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from aioalf._cli.profiles import (
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    DEVICE_CODE,
    PRIVATE_KEY_JWT,
    Profile,
)
from aioalf._cli.terminal import Terminal
from aioalf.grants import AuthorizationCode, ClientCredentials, DeviceCode, Grant

_ENDPOINTS: Final = (
    "token_endpoint",
    "authorization_endpoint",
    "device_authorization_endpoint",
    "revocation_endpoint",
)
_ENDPOINT_OF_GRANT: Final = {
    AUTHORIZATION_CODE: "authorization_endpoint",
    DEVICE_CODE: "device_authorization_endpoint",
}


def parse_ports(
    _context: click.Context, _option: click.Parameter, text: str | None
) -> tuple[int, int] | None:
    """Return the first and the last port of ``FIRST-LAST``. Raises BadParameter."""
    if text is None:
        return None
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal()):
        raise click.BadParameter("expected two ports separated by a dash, such as 8400-8410")
    return int(first), int(last)


def profile_from_options(
    stored: Profile | None, options: Mapping[str, Any], first_client_id: str | None = None
) -> Profile:
    """Return the profile that the options of `login` describe.

    Without a client id, the options change the stored profile, but not its server. If there is
    none, `first_client_id` is the client id. Raises UsageError if an option is missing.
    """
    endpoints = {name: options[name] for name in _ENDPOINTS if options[name]}
    changes = {name: value for name, value in options.items() if value and name not in _ENDPOINTS}
    if changes.get("scope"):
        changes["scope"] = tuple(word for text in changes["scope"] for word in text.split())
    for name in ("client_secret_file", "private_key_file", "cacert"):
        if name in changes:  # symbolic links are kept, because their target may be replaced
            changes[name] = str(Path(changes[name]).absolute())
    if stored is None and first_client_id is not None:
        changes.setdefault("client_id", first_client_id)
    if "client_id" in changes:
        profile = Profile(**changes, endpoints=endpoints)
    elif stored is None:
        raise click.UsageError("Missing option '--client-id': there is no login to repeat.")
    else:
        profile = replace(stored, **changes, endpoints={**stored.endpoints, **endpoints})
        if _server_of(profile) != _server_of(stored):  # a secret belongs to one server
            raise click.UsageError(
                "'--issuer' or '--token-endpoint' names another server than the last login: pass "
                "'--client-id' as well."
            )
    if profile.client_auth != PRIVATE_KEY_JWT and "private_key_file" not in changes:
        profile = replace(profile, private_key_file=None, key_id=None, algorithm=None)
    _check_complete(profile)
    return profile


def _server_of(profile: Profile) -> tuple[str | None, str | None]:
    return profile.issuer, profile.endpoints.get("token_endpoint")


def _check_complete(profile: Profile) -> None:
    uses_key = profile.client_auth == PRIVATE_KEY_JWT
    if uses_key != (profile.private_key_file is not None):
        raise click.UsageError(
            f"'--client-auth {PRIVATE_KEY_JWT}' and '--private-key-file' require each other."
        )
    for name in ("token_endpoint", _ENDPOINT_OF_GRANT.get(profile.grant, "token_endpoint")):
        if profile.issuer is None and name not in profile.endpoints:
            raise click.UsageError(f"Missing option '--issuer' or '--{name.replace('_', '-')}'.")


def make_grant(profile: Profile, terminal: Terminal, *, open_browser: bool) -> Grant:
    """Return the grant for a new sign-in. Raises TokenConfigurationError for invalid ports."""
    if profile.grant == CLIENT_CREDENTIALS:
        return ClientCredentials()
    if profile.grant == DEVICE_CODE:
        return DeviceCode(prompt=terminal.show_prompt)
    show_url = terminal.open_url if open_browser else terminal.show_url
    return AuthorizationCode(redirect_ports=profile.redirect_ports, open_browser=show_url)
