"""Reads a device authorization response (RFC 8628 §3.2). Pure.

Texts that a user will see must not contain characters that a terminal interprets.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from yarl import URL

from aioalf._auth_server.expiry import read_expires_in
from aioalf.errors import TokenResponseError
from aioalf.grants._prompt import Prompt

INTERVAL: Final = 5
"""Seconds between two token requests if the server does not say."""

_LEAST_INTERVAL: Final = 1


class Device(NamedTuple):
    """A device authorization response; its repr does not show the device code."""

    device_code: str
    interval: float
    prompt: Prompt

    def __repr__(self) -> str:
        return f"<Device interval={self.interval}>"


def read_device(members: Mapping[str, object]) -> Device:
    """Return the device authorization in the members of a response.

    Raises TokenResponseError that names the invalid member; it never shows the device code.
    """
    # Google still uses the name of a draft, verification_url.
    page = members.get("verification_uri", members.get("verification_url"))
    if not _is_page(page):
        raise _unusable("verification_uri, the URL of a page")
    complete = members.get("verification_uri_complete")
    prompt = Prompt(
        user_code=_text(members, "user_code"),
        verification_uri=str(page),
        verification_uri_complete=str(complete) if _is_page(complete) else None,
        expires_in=_seconds(members, "expires_in", None),
    )
    interval = max(_LEAST_INTERVAL, _seconds(members, "interval", INTERVAL))
    return Device(_text(members, "device_code"), interval, prompt)


def read_interval(members: Mapping[str, object]) -> int:
    """Return the ``interval`` of an error response, 0 if it has no usable one."""
    try:
        return read_expires_in(members.get("interval")) or 0
    except ValueError:
        return 0


def _text(members: Mapping[str, object], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise _unusable(name)
    return value


def _is_page(value: object) -> bool:
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return False
    try:
        url = URL(value)
        # In https://bank.example@evil.example/, the part before the @ looks like the host.
        return url.scheme in {"https", "http"} and bool(url.host) and "@" not in url.raw_authority
    except ValueError:  # `host` can raise as well
        return False


def _seconds(members: Mapping[str, object], name: str, default: int | None) -> int:
    try:
        seconds = read_expires_in(members.get(name))
    except ValueError:
        raise _unusable(f"{name}, a number of seconds") from None
    seconds = default if seconds is None else seconds
    if seconds is None:
        raise _unusable(name)
    return seconds


def _unusable(member: str) -> TokenResponseError:
    return TokenResponseError(
        f"The device authorization endpoint answered without a usable {member} (RFC 8628 §3.2)"
    )
