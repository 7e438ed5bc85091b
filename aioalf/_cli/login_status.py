"""The state of a stored login, as text and as JSON. No I/O; shows no token."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aioalf._cli.profiles import (
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    DEFAULT_PROFILE,
    DEVICE_CODE,
    Profile,
)
from aioalf._cli.token_output import seconds_left
from aioalf._login.cache_entry_format import StoredLogin
from aioalf._masking import printable

_GRANTS: Final = {
    AUTHORIZATION_CODE: "sign-in in a browser",
    DEVICE_CODE: "sign-in with a device code",
    CLIENT_CREDENTIALS: "client credentials, no user",
}
_UNITS: Final = ((86400, "days"), (3600, "h"), (60, "min"))
"""A span is shown in the first unit of which it has at least two."""


class State(StrEnum):
    """The state of a login, as ``status --json`` names it."""

    VALID = "valid"
    EXPIRED = "expired"
    """The next command renews the token without the user."""
    LOGIN_REQUIRED = "login_required"


@dataclass(frozen=True, kw_only=True)
class LoginStatus:
    """The status of a profile. ``profile`` is None if its file cannot be read."""

    name: str
    profile: Profile | None
    stored: StoredLogin | None

    @property
    def state(self) -> State:
        """Whether the next command can use the login."""
        if self.stored is not None and self.stored.token.is_valid():
            return State.VALID
        is_renewable = self.profile is not None and (
            self.profile.grant == CLIENT_CREDENTIALS
            or (self.stored is not None and self.stored.refresh_token is not None)
        )
        return State.EXPIRED if is_renewable else State.LOGIN_REQUIRED

    @property
    def scope(self) -> str | None:
        """The scope of the token, else the one that was requested; None if it is not known."""
        if self.stored is not None and self.stored.token.scope is not None:
            return " ".join(sorted(self.stored.token.scope))
        return None if self.profile is None else " ".join(self.profile.scope) or None


def statuses_as_text(statuses: Iterable[LoginStatus]) -> str:
    """Return the statuses for a user, an empty line between two of them."""
    return "\n\n".join(map(_as_text, statuses))


def _as_text(status: LoginStatus) -> str:
    rows: dict[str, str | None] = {}
    if status.profile is not None:
        rows["Server"] = _server(status.profile)
        rows["Client"] = f"{status.profile.client_id} ({_GRANTS[status.profile.grant]})"
        rows["Scope"] = status.scope
    rows["Token"] = _token_text(status)
    shown = [f"  {name:<8}{printable(row)}" for name, row in rows.items() if row]
    return "\n".join([status.name, *shown])


def _server(profile: Profile) -> str | None:
    return profile.issuer or profile.endpoints.get("token_endpoint")


def _token_text(status: LoginStatus) -> str:
    option = "" if status.name == DEFAULT_PROFILE else f" --profile {status.name}"
    if status.profile is None:
        return f"the profile cannot be read: log in with `aioalf login{option} --issuer URL ...`"
    if status.state == State.VALID:
        return _validity(status.stored)
    if status.state == State.EXPIRED:
        return "expired, can be renewed"
    return f"not valid: sign in again with `aioalf login{option}`"


def _validity(stored: StoredLogin | None) -> str:
    if stored is None or stored.token.expires_in is None:
        return "valid until the API rejects it"
    seconds = seconds_left(stored.token)
    size, unit = next((each for each in _UNITS if seconds >= 2 * each[0]), (1, "s"))
    return f"valid for {seconds // size:.0f} {unit}"


def statuses_as_json(statuses: Iterable[LoginStatus]) -> str:
    """Return the statuses as a JSON list. Unknown values are null."""
    return json.dumps(list(map(_members, statuses)), indent=2)


def _members(status: LoginStatus) -> dict[str, object]:
    profile = status.profile
    token = None if status.stored is None else status.stored.token
    expires_on = None if token is None else token.expires_on
    return {
        "profile": status.name,
        "state": status.state,
        "issuer": None if profile is None else profile.issuer,
        "token_endpoint": None if profile is None else profile.endpoints.get("token_endpoint"),
        "client_id": None if profile is None else profile.client_id,
        "grant": None if profile is None else profile.grant,
        "scope": status.scope,
        "expires_in": None if token is None or expires_on is None else int(seconds_left(token)),
        "expires_on": None if expires_on is None else expires_on.isoformat(timespec="seconds"),
    }
