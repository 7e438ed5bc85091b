"""Reading a device authorization response: members in, what to show and to wait out.

Pure (RFC 8628 §3.2). What is to be shown to a person may hold nothing that a terminal obeys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from yarl import URL

from aioalf._syntax import read_lifetime
from aioalf.errors import TokenResponseError
from aioalf.grants._prompt import Prompt

INTERVAL: Final = 5
"""Seconds between two questions where the server does not say."""

_LEAST_INTERVAL: Final = 1


class Device(NamedTuple):
    """What the server answered; its repr does not show the device code."""

    device_code: str
    interval: float
    prompt: Prompt

    def __repr__(self) -> str:
        return f"<Device interval={self.interval}>"


def read_device(members: Mapping[str, object]) -> Device:
    """Return what a device authorization response says.

    Raises TokenResponseError naming the member that is wrong, never the device code.
    """
    # Drafts of the standard had another name for it, which Google kept.
    page = members.get("verification_uri", members.get("verification_url"))
    if not _is_page(page):
        raise _wrong("verification_uri, the URL of a page")
    complete = members.get("verification_uri_complete")
    prompt = Prompt(
        user_code=_text(members, "user_code"),
        verification_uri=str(page),
        verification_uri_complete=str(complete) if _is_page(complete) else None,
        expires_in=_seconds(members, "expires_in", None),
    )
    interval = max(_LEAST_INTERVAL, _seconds(members, "interval", INTERVAL))
    return Device(_text(members, "device_code"), interval, prompt)


def _text(members: Mapping[str, object], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise _wrong(name)
    return value


def _is_page(value: object) -> bool:
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return False
    try:
        url = URL(value)
        return url.scheme in {"https", "http"} and bool(url.host)
    except ValueError:  # which its host alone may raise
        return False


def _seconds(members: Mapping[str, object], name: str, default: int | None) -> int:
    try:
        seconds = read_lifetime(members.get(name))
    except ValueError:
        raise _wrong(f"{name}, a number of seconds") from None
    seconds = default if seconds is None else seconds
    if seconds is None:
        raise _wrong(name)
    return seconds


def _wrong(what: str) -> TokenResponseError:
    return TokenResponseError(
        f"The device authorization endpoint answered without a usable {what} (RFC 8628 §3.2)"
    )
