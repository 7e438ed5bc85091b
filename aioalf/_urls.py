"""Checks configured URLs, shows URLs without secrets, and finds insecure ones.

Knows URLs only. Must not send requests; the only side effect is `warn_insecure`.
"""

from __future__ import annotations

import ipaddress
import re
import sys
import warnings
from collections.abc import Collection
from typing import Final

from yarl import URL

from aioalf._masking import printable
from aioalf.errors import InsecureTransportWarning, TokenConfigurationError

SECURE_SCHEMES: Final = frozenset({"https", "wss"})
"""The schemes that aiohttp encrypts. A URL without a scheme is sent in the clear, too."""

SECURE_ONLY: Final = frozenset({"introspection_endpoint", "revocation_endpoint"})
"""Endpoints that must be https, a warning is not enough (RFC 7009 §5, RFC 7662 §4)."""


_HTTP_HOST: Final = r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?"

_HTTP_HOSTS_EXAMPLE: Final = "such as allow_http_hosts=['keycloak:8080']"

_ARGUMENT_ORDER: Final = (
    ". Client takes client_id, client_secret, token_endpoint in this order, and TokenManager takes "
    "token_endpoint first: pass them as keywords"
)


def read_endpoint(name: str, value: str | URL) -> URL:
    """Return the URL of a configured endpoint, with its query (RFC 6749 §3.1, §3.2).

    Raises TokenConfigurationError as `parse_endpoint`, with the name of the endpoint.
    """
    try:
        return parse_endpoint(value)
    except ValueError as problem:
        is_misplaced = name == "token_endpoint" and "://" not in str(value)
        hint = _ARGUMENT_ORDER if is_misplaced else ""
        raise TokenConfigurationError(f"{name} {problem}{hint}") from None


def parse_endpoint(value: str | URL) -> URL:
    """Return the URL of an endpoint.

    Raises ValueError if it is not an absolute http(s) URL, has a fragment or contains credentials.
    The message contains the URL only if it is one: any other text may be a secret.
    """
    try:
        url = URL(value)
        host = url.host
    except TypeError:
        raise ValueError(f"must be an absolute https URL, not {type(value).__name__}") from None
    except ValueError:
        raise ValueError("is not a URL") from None
    if not host or not url.scheme:
        raise ValueError("must be an absolute https URL, such as https://auth.example.com/token")
    if url.scheme not in {"https", "http"}:
        raise ValueError(f"must be an absolute https URL, not {redact_url(url)}")
    if url.raw_fragment or str(value).endswith("#"):
        raise ValueError("must not have a fragment (RFC 6749 §3.1, §3.2)")
    if url.raw_user is not None or url.raw_password is not None:
        raise ValueError("must not carry credentials: pass client_id and client_secret")
    return url


def missing_endpoint_error(name: str, *, has_metadata: bool = False) -> TokenConfigurationError:
    """Return the error for an endpoint that is neither configured nor in the issuer's metadata."""
    words = name.replace("_", " ")
    if has_metadata:
        return TokenConfigurationError(
            f"Missing {words}: the issuer's metadata does not contain one; if there is one, pass "
            f"endpoints={{{name!r}: ...}}"
        )
    if name == "token_endpoint":
        return TokenConfigurationError(
            "Missing token endpoint: pass token_endpoint, or issuer to find it in the server's "
            "metadata, to Client or TokenManager"
        )
    return TokenConfigurationError(
        f"Missing {words}: pass issuer, or endpoints={{{name!r}: ...}}, to Client or TokenManager"
    )


def redact_url(url: URL) -> str:
    """Return a URL without credentials, query and fragment, which may hold secrets."""
    if not url.absolute:
        return url.raw_path
    return str(url.with_user(None).with_query(None).with_fragment(None))


def is_insecure(url: URL) -> bool:
    """Return whether requests to this URL leave this machine unencrypted."""
    return url.scheme not in SECURE_SCHEMES and is_remote(url)


def is_remote(url: URL) -> bool:
    """Return whether the host of a URL is another machine, not ``localhost`` or loopback.

    Names below ``localhost`` count as other machines, because some resolvers ask the network.
    """
    host = url.host or ""
    if host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


class PlainHTTPHosts:
    """The hosts that a program trusts over plain http, such as ``keycloak:8080`` in a cluster.

    Args:
        hosts: Host names or IP addresses, each with a port, or without one for any port.

    Raises:
        TokenConfigurationError: `hosts` is not a collection of hosts.
    """

    def __init__(self, hosts: Collection[str]) -> None:
        if isinstance(hosts, str) or not isinstance(hosts, Collection):
            raise TokenConfigurationError(
                f"allow_http_hosts must be a list of hosts, {_HTTP_HOSTS_EXAMPLE}"
            )
        self._hosts = frozenset(_read_http_host(host) for host in hosts)

    def allows(self, url: URL) -> bool:
        """Return whether a URL is plain http and its host is in this set."""
        host = (url.host or "").lower()
        return url.scheme == "http" and not self._hosts.isdisjoint({(host, None), (host, url.port)})

    def is_insecure(self, url: URL) -> bool:
        """Return whether `is_insecure` applies to a URL and its host is not in this set."""
        return is_insecure(url) and not self.allows(url)


NO_HTTP_HOSTS: Final = PlainHTTPHosts(())


def read_http_hosts(hosts: Collection[str] | None) -> PlainHTTPHosts:
    """Return the hosts of an option, None for no hosts. Raises TokenConfigurationError."""
    return NO_HTTP_HOSTS if hosts is None else PlainHTTPHosts(hosts)


def http_hosts_advice(url: URL) -> str:
    """Return the end of an error message about plain http that names the option for a cluster."""
    if url.scheme != "http":
        return ""
    return (
        "; for a server inside a cluster, whose network you trust, pass "
        f"allow_http_hosts={[url.raw_authority]!r}"
    )


def _read_http_host(host: object) -> tuple[str, int | None]:
    parts = re.fullmatch(_HTTP_HOST, host) if isinstance(host, str) else None
    port = int(parts[2]) if parts and parts[2] else None
    if parts is None or (port is not None and not 0 < port < 65536):
        shown = printable(repr(host), 80) if isinstance(host, str) else type(host).__name__
        raise TokenConfigurationError(
            f"allow_http_hosts contains {shown}: name each host, optionally with a port, without "
            f"scheme, path and wildcard, {_HTTP_HOSTS_EXAMPLE}"
        )
    return parts[1].strip("[]").lower(), port


def warn_insecure(what: str, url: URL) -> None:
    """Issue an InsecureTransportWarning that points at the line of the user's code."""
    warnings.warn(
        f"{what} {redact_url(url)} is plain http: others on the network can read everything "
        "that is sent there; use https (RFC 6749 §1.6, RFC 6750 §5.3)",
        InsecureTransportWarning,
        stacklevel=_stacklevel_of_user_code(),
    )


def _stacklevel_of_user_code() -> int:
    # warnings.warn() has skip_file_prefixes for this from Python 3.12 on.
    level, frame = 2, sys._getframe(2)  # noqa: SLF001 - there is no public way on Python 3.11
    while frame.f_back is not None and _is_own_module(frame.f_globals.get("__name__")):
        level, frame = level + 1, frame.f_back
    return level


def _is_own_module(name: object) -> bool:
    return str(name).startswith("aioalf.")
