"""Turn the options of `login` into a profile, a client secret and a grant.

Asks the user for nothing but the client secret. Must not contact a server.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from aioalf._cli.client_factory import SECRET_VARIABLE
from aioalf._cli.profiles import (
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    DEVICE_CODE,
    PRIVATE_KEY_JWT,
    Profile,
)
from aioalf._cli.terminal import Terminal
from aioalf.client_auth import ClientSecret, SecretFile
from aioalf.errors import TokenConfigurationError
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


def profile_from_options(stored: Profile | None, options: Mapping[str, Any]) -> Profile:
    """Return the profile that the options of `login` describe.

    Without a client id, the options change the stored profile. Raises UsageError if an option is
    missing.
    """
    endpoints = {name: options[name] for name in _ENDPOINTS if options[name]}
    changes = {name: value for name, value in options.items() if value and name not in _ENDPOINTS}
    if changes.get("scope"):
        changes["scope"] = tuple(word for text in changes["scope"] for word in text.split())
    for name in ("client_secret_file", "private_key_file"):
        if name in changes:  # symbolic links are kept, because their target may be replaced
            changes[name] = str(Path(changes[name]).absolute())
    if "client_id" in changes:
        profile = Profile(**changes, endpoints=endpoints)
    elif stored is None:
        raise click.UsageError("Missing option '--client-id': there is no login to repeat.")
    else:
        profile = replace(stored, **changes, endpoints={**stored.endpoints, **endpoints})
    if profile.client_auth != PRIVATE_KEY_JWT and "private_key_file" not in changes:
        profile = replace(profile, private_key_file=None, key_id=None, algorithm=None)
    _check_complete(profile)
    return profile


def _check_complete(profile: Profile) -> None:
    uses_key = profile.client_auth == PRIVATE_KEY_JWT
    if uses_key != (profile.private_key_file is not None):
        raise click.UsageError(
            f"'--client-auth {PRIVATE_KEY_JWT}' and '--private-key-file' require each other."
        )
    for name in ("token_endpoint", _ENDPOINT_OF_GRANT.get(profile.grant, "token_endpoint")):
        if profile.issuer is None and name not in profile.endpoints:
            raise click.UsageError(f"Missing option '--issuer' or '--{name.replace('_', '-')}'.")


def add_secret(
    profile: Profile, environment_secret: str | None
) -> tuple[Profile, ClientSecret | None]:
    """Return the profile with `has_secret` set, and the client secret for this login.

    The secret comes from the file, else from the environment, else from a prompt if the client
    needs one. Raises TokenConfigurationError if there is no terminal to prompt on.
    """
    if profile.client_auth in {"none", PRIVATE_KEY_JWT}:
        return replace(profile, has_secret=False, client_secret_file=None), None
    if profile.client_secret_file is not None:
        return replace(profile, has_secret=True), SecretFile(profile.client_secret_file)
    is_needed = (
        profile.grant == CLIENT_CREDENTIALS or profile.client_auth is not None or profile.has_secret
    )
    secret = environment_secret or (_prompt_for_secret() if is_needed else None)
    return replace(profile, has_secret=secret is not None), secret


def secret_notice(profile: Profile) -> str:
    """Return a sentence on where later commands read the secret or key; "" without either."""
    if profile.private_key_file is not None:
        return (
            f"The private key is not stored: each command reads it from {profile.private_key_file}."
        )
    if profile.client_secret_file is not None:
        return (
            "The client secret is not stored: each command reads it from "
            f"{profile.client_secret_file}."
        )
    if profile.has_secret:
        return (
            f"The client secret is not stored: later commands read it from {SECRET_VARIABLE} "
            "when they need it."
        )
    return ""


def make_grant(profile: Profile, terminal: Terminal, *, open_browser: bool) -> Grant:
    """Return the grant for a new sign-in. Raises TokenConfigurationError for invalid ports."""
    if profile.grant == CLIENT_CREDENTIALS:
        return ClientCredentials()
    if profile.grant == DEVICE_CODE:
        return DeviceCode(prompt=terminal.show_prompt)
    show_url = terminal.open_url if open_browser else terminal.show_url
    return AuthorizationCode(redirect_ports=profile.redirect_ports, open_browser=show_url)


def _prompt_for_secret() -> str:
    if sys.stdin is None or not sys.stdin.isatty():
        raise TokenConfigurationError(
            f"A client secret is needed: set {SECRET_VARIABLE}, or pass --client-secret-file"
        )
    secret: str = click.prompt("Client secret", hide_input=True, err=True)
    return secret
