"""The client secret of a profile: from its file, from the environment, or from a prompt.

A secret is never used for another client, or for a profile that it does not belong to. Must not
know servers.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple, NoReturn

import click

from aioalf._cli.profiles import CLIENT_CREDENTIALS, PRIVATE_KEY_JWT, Profile
from aioalf.client_auth import ClientSecret, SecretFile
from aioalf.errors import TokenConfigurationError

SECRET_VARIABLE: Final = "AIOALF_CLIENT_SECRET"
CLIENT_ID_VARIABLE: Final = "AIOALF_CLIENT_ID"


class SecretLookup(NamedTuple):
    """The secret of a profile in the environment.

    ``variable`` is the variable that has the secret, or may have it. ``ignored`` says why another
    secret of the environment is not used, or is empty.
    """

    variable: str
    secret: str | None
    ignored: str

    def __repr__(self) -> str:
        return f"<SecretLookup {self.variable}>"


class SecretVariables:
    """The client secrets of the environment.

    ``AIOALF_CLIENT_SECRET_<PROFILE>`` belongs to a profile. ``AIOALF_CLIENT_SECRET`` belongs to the
    client in ``AIOALF_CLIENT_ID``.

    Args:
        secrets: The values of all variables whose names start with ``AIOALF_CLIENT_SECRET``.
        client_id: The value of ``AIOALF_CLIENT_ID``.
    """

    def __init__(self, secrets: Mapping[str, str], client_id: str | None) -> None:
        self._secrets = {name: secret for name, secret in secrets.items() if secret}
        self.client_id = client_id or None

    def look_up(self, name: str, client_id: str, profiles: Iterable[str]) -> SecretLookup:
        """Return the secret of the profile `name`; `profiles` are the names of all profiles."""
        own = variable_of(name)
        others = sorted(other for other in {*profiles} - {name} if variable_of(other) == own)
        ignored = ""
        if own in self._secrets:
            if not others:
                return SecretLookup(own, self._secrets[own], "")
            ignored = f"{own} is ignored, because it is also the variable of profile {others[0]}"
        elif SECRET_VARIABLE in self._secrets:
            if self.client_id == client_id:
                return SecretLookup(SECRET_VARIABLE, self._secrets[SECRET_VARIABLE], "")
            owner = f"is {self.client_id}" if self.client_id else "is not set"
            ignored = (
                f"{SECRET_VARIABLE} is ignored, because the client of this profile is {client_id} "
                f"and {CLIENT_ID_VARIABLE} {owner}"
            )
        return SecretLookup(own, None, ignored)


def variable_of(name: str) -> str:
    """Return the variable with the secret of a profile."""
    return f"{SECRET_VARIABLE}_{re.sub('[^A-Z0-9]', '_', name.upper())}"


def add_secret(
    profile: Profile, found: SecretLookup, warn: Callable[[str], object]
) -> tuple[Profile, ClientSecret | None]:
    """Return the profile of a new login with `has_secret` set, and the client secret.

    The secret of the environment is used only if the client needs a secret, and `warn` is called if
    it is not used. If a needed secret is missing, the user is prompted. Raises
    TokenConfigurationError if there is no terminal to prompt on.
    """
    if profile.client_auth in {"none", PRIVATE_KEY_JWT}:
        return replace(profile, has_secret=False, client_secret_file=None), None
    if profile.client_secret_file is not None:
        return replace(profile, has_secret=True), SecretFile(profile.client_secret_file)
    if found.ignored:
        warn(found.ignored)
    is_needed = (
        profile.grant == CLIENT_CREDENTIALS or profile.client_auth is not None or profile.has_secret
    )
    if is_needed:
        return replace(profile, has_secret=True), found.secret or _prompt_for_secret(found)
    if found.secret is not None:
        warn(
            f"{found.variable} is ignored, because this login needs no client secret: pass "
            "--client-auth if the client has one"
        )
    return profile, None


def stored_secret(profile: Profile, found: SecretLookup) -> ClientSecret | None:
    """Return the client secret of a stored profile; None for no secret.

    If the secret is missing, the result is a function that raises TokenConfigurationError, since a
    stored token may be enough.
    """
    if not profile.has_secret:
        return None
    if profile.client_secret_file is not None:
        return SecretFile(profile.client_secret_file)

    async def raise_missing_secret() -> NoReturn:
        raise TokenConfigurationError(
            f"A client secret is needed, and it is not stored: {_advice(found)}, or log in with "
            f"--client-secret-file{'. ' if found.ignored else ''}{found.ignored}"
        )

    return found.secret or raise_missing_secret


def secret_notice(profile: Profile, found: SecretLookup) -> str:
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
            f"The client secret is not stored: later commands read it from {found.variable} when "
            "they need it."
        )
    return ""


def _prompt_for_secret(found: SecretLookup) -> str:
    if sys.stdin is None or not sys.stdin.isatty():
        raise TokenConfigurationError(
            f"A client secret is needed: {_advice(found)}, or pass --client-secret-file"
        )
    secret: str = click.prompt("Client secret", hide_input=True, err=True)
    return secret


def _advice(found: SecretLookup) -> str:
    return f"set {found.variable}, or both {SECRET_VARIABLE} and {CLIENT_ID_VARIABLE}"
