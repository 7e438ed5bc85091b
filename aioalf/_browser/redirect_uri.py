"""The redirect URI of a sign-in on this machine: loopback host, ports and path (RFC 8252 §7.3).

Checks what a program configures. Must not open sockets or import aiohttp.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import unquote

from aioalf._masking import MASK, printable
from aioalf.errors import TokenConfigurationError

MAX_PORT: Final = 65535
FREE_PORT_ATTEMPTS: Final = 16

_HOSTS: Final = (None, "localhost", "127.0.0.1", "::1")
_URI: Final = r"http://(localhost|127\.0\.0\.1|\[::1\])(?::([0-9]+))?(/.*)?"
# path-absolute of RFC 3986 §3.3, or nothing. A browser would take "//" for the start of a host.
_PATH: Final = r"(?a:(?:/(?!/)(?:[\w.~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?)"
# Credentials, a query and a fragment may be secret.
_HIDDEN_PARTS: Final = r"(?s:(?<=//)[^/]*(?=@)|(?<=[?#]).+)"


@dataclass(frozen=True)
class RedirectUri:
    """The host, the ports and the path of a redirect URI.

    Args:
        host: "localhost" for both 127.0.0.1 and ::1, or one of these addresses. None for 127.0.0.1,
            or ::1 on a machine without it.
        ports: First and last port to try, in order. None for any free port.
        path: The path, which may be empty.

    Raises:
        TokenConfigurationError: An argument cannot work.
    """

    host: str | None = None
    ports: tuple[int, int] | None = None
    path: str = ""

    def __post_init__(self) -> None:
        check_ports(self.ports)
        if self.host not in _HOSTS:
            raise TokenConfigurationError(
                f"The host of the redirect listener is {self.host!r}; it must be one of "
                f"{', '.join(filter(None, _HOSTS))}: other machines must not reach it"
            )
        if not _is_path(self.path):
            raise TokenConfigurationError(
                f"The path of the redirect URI is {self.path!r}; it must be empty, or start with "
                "one slash and be percent-encoded, without a query, a fragment or dot segments"
            )

    @classmethod
    def read(cls, redirect_uri: str | None, redirect_ports: tuple[int, int] | None) -> Self:
        """Check the URI and the ports of a program. Raises TokenConfigurationError."""
        if redirect_uri is None:
            return cls(ports=redirect_ports)
        parts = re.fullmatch(_URI, redirect_uri) if isinstance(redirect_uri, str) else None
        host, port, path = parts.groups("") if parts else ("", "", "")
        if parts is None or not _is_path(path) or (port and not _is_port(port)):
            raise TokenConfigurationError(
                f"redirect_uri is {_shown(redirect_uri)}; it must be http://localhost, "
                "http://127.0.0.1 or http://[::1], optionally with a port and a path, and without "
                "credentials, query and fragment, because this program receives the redirect "
                "itself. The grant DeviceCode needs no redirect URI"
            )
        if port and redirect_ports is not None:
            raise TokenConfigurationError(
                f"redirect_uri has the port {port}, and redirect_ports is {redirect_ports!r}: "
                "remove one of them"
            )
        ports = (int(port), int(port)) if port else redirect_ports
        return cls(host.strip("[]"), ports, path)

    @property
    def ports_to_try(self) -> Sequence[int]:
        """The ports to try, in order; 0 for any free port."""
        if self.ports is None:
            return [0] * FREE_PORT_ATTEMPTS
        first, last = self.ports
        return range(first, last + 1)


def check_ports(ports: object) -> None:
    """Raise TokenConfigurationError if this is neither a range of ports nor None."""
    match ports:
        case None:
            pass
        case int(first), int(last) if 1 <= first <= last <= MAX_PORT and first is not True:
            pass
        case _:
            raise TokenConfigurationError(
                f"The ports of the redirect listener are {ports!r}; they must be two whole "
                f"numbers from 1 to {MAX_PORT}, the lower one first, such as (32000, 32009)"
            )


def _is_port(digits: str) -> bool:
    # A leading zero would not be in the redirect URI that is sent.
    return digits[0] != "0" and len(digits) <= len(str(MAX_PORT)) and int(digits) <= MAX_PORT


def _is_path(path: str) -> bool:
    # Browsers remove dot segments, so a request would never match.
    segments = {unquote(segment) for segment in path.split("/")}
    return re.fullmatch(_PATH, path) is not None and segments.isdisjoint({".", ".."})


def _shown(uri: object) -> str:
    if not isinstance(uri, str):
        return f"of type {type(uri).__name__}"
    return printable(repr(re.sub(_HIDDEN_PARTS, MASK, uri)))
