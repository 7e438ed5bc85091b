"""URLs: what may be configured, and where a secret travels in the clear.

Pure but for the warning that it gives. It knows nothing of requests.
"""

from __future__ import annotations

import ipaddress
import sys
import warnings
from types import FrameType
from typing import Final

from yarl import URL

from aioalf.errors import InsecureTransportWarning, TokenConfigurationError

SECURE_SCHEMES: Final = frozenset({"https", "wss"})
"""All others are sent in the clear by aiohttp, and none at all is, too."""

SECURE_ONLY: Final = frozenset({"introspection_endpoint", "revocation_endpoint"})
"""Endpoints that nothing is sent to in the clear, warned or not (RFC 7009 §5, RFC 7662 §4)."""


def read_endpoint(name: str, value: str | URL) -> URL:
    """Return an endpoint's URL, its own query kept (RFC 6749 §3.1, §3.2).

    Raises TokenConfigurationError for what is not an absolute http(s) URL, has a fragment or
    carries credentials; the message does not repeat the URL.
    """
    try:
        url = URL(value)
        host = url.host
    except (TypeError, ValueError):
        raise TokenConfigurationError(f"{name} is not a URL") from None
    if url.scheme not in {"https", "http"} or not host:
        raise TokenConfigurationError(f"{name} must be an absolute https URL")
    if url.raw_fragment or str(value).endswith("#"):
        raise TokenConfigurationError(f"{name} must not have a fragment (RFC 6749 §3.1, §3.2)")
    if url.raw_user is not None or url.raw_password is not None:
        raise TokenConfigurationError(
            f"{name} must not carry credentials: pass client_id and client_secret"
        )
    return url


def missing_endpoint_error(name: str, issuer: str | None = None) -> TokenConfigurationError:
    """Return the error for an endpoint that nobody named."""
    words = name.replace("_", " ")
    if issuer is not None:
        return TokenConfigurationError(f"Missing {words}: the issuer's metadata names none")
    if name == "token_endpoint":
        return TokenConfigurationError(
            "Missing token endpoint: pass token_endpoint to Client or TokenManager"
        )
    return TokenConfigurationError(
        f"Missing {words}: pass issuer, or endpoints={{{name!r}: ...}}, to Client or TokenManager"
    )


def redact_url(url: URL) -> str:
    """Return a URL as it may be shown: without credentials, query and fragment."""
    return (
        str(url.with_user(None).with_query(None).with_fragment(None))
        if url.absolute
        else url.raw_path
    )


def is_insecure(url: URL) -> bool:
    """Tell whether what is sent there can be read on the way: plain HTTP to another machine."""
    return url.scheme not in SECURE_SCHEMES and is_remote(url)


def is_remote(url: URL) -> bool:
    """Tell whether a URL is another machine's."""
    return not _is_this_machine(url.host or "")


def warn_insecure(what: str, url: URL) -> None:
    """Warn once, at the line of the user's code, that a URL is insecure."""
    warnings.warn(
        f"{what} {redact_url(url)} is plain http: whoever is on the way can read what is sent there; "
        "use https (RFC 6749 §1.6, RFC 6750 §5.3)",
        InsecureTransportWarning,
        stacklevel=_depth_of_user_code(),
    )


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _depth_of_user_code() -> int:
    # Python 3.12 has skip_file_prefixes; on 3.11 there is no other way to the caller's line.
    depth, frame = 2, sys._getframe(2)  # noqa: SLF001
    while frame.f_back is not None and _is_ours(frame):
        depth, frame = depth + 1, frame.f_back
    return depth


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).startswith("aioalf.")
