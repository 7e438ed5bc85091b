"""Checks the arguments of a provider's function: host names, tenants, URLs. Pure."""

from __future__ import annotations

import re
from typing import NoReturn

from yarl import URL

from aioalf._masking import printable
from aioalf.errors import TokenConfigurationError

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})+"


def host_name(name: str, value: str, example: str) -> str:
    """Return a host name in lower case. Raises TokenConfigurationError with the example.

    A URL or a port is refused, because the name becomes a part of URLs to which a secret is sent.
    """
    if not isinstance(value, str) or not re.fullmatch(_HOST, value):
        refuse(name, value, example)
    return value.lower()


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """Return the value. Raises TokenConfigurationError if it is not one of those allowed."""
    if value not in allowed:
        shown = printable(repr(value), 60)
        raise TokenConfigurationError(f"{name} must be one of {', '.join(allowed)}, not {shown}")
    return value


def path_segment(name: str, value: str, example: str) -> str:
    """Return one segment of a path. Raises TokenConfigurationError with the example."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9._~-]+", value):
        refuse(name, value, example)
    if value in {".", ".."}:
        refuse(name, value, example)
    return value


def header_value(name: str, value: str, example: str) -> str:
    """Return a text that a header can hold. Raises TokenConfigurationError with the example."""
    if not isinstance(value, str) or not re.fullmatch(r"[!-~](?:[ -~]*[!-~])?", value):
        refuse(name, value, example)
    return value


def base_url(name: str, value: str, example: str) -> str:
    """Return an https URL without a slash at its end; plain http for the server is checked later.

    Raises TokenConfigurationError with the example for a query, a fragment, a user or a space.
    """
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        refuse(name, value, example)
    try:
        url = URL(value)
    except ValueError:
        refuse(name, value, example)
    if url.scheme not in {"https", "http"} or not url.host or "@" in url.raw_authority:
        refuse(name, value, example)
    if url.query_string or url.fragment or "?" in value or "#" in value:
        refuse(name, value, example)
    return value.rstrip("/")


def refuse(name: str, value: object, example: str) -> NoReturn:
    """Raise TokenConfigurationError that shows the value and an example of the right form."""
    shown = printable(repr(value), 60) if isinstance(value, str) else type(value).__name__
    raise TokenConfigurationError(f"{name} must be like {example!r}, not {shown}")
