"""Where a token may be sent: the allowed origins, and plain http only with a warning.

An origin is scheme, host and port (RFC 6454 §5). Must not know tokens, sessions or requests.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from yarl import URL

from aioalf._urls import (
    SECURE_SCHEMES,
    is_remote,
    read_http_hosts,
    redact_url,
    warn_insecure,
)
from aioalf.errors import TokenConfigurationError, TokenError

Origin = tuple[str, str | None, int | None]
"""Scheme, host and port as yarl normalises them: in lower case, with the default port filled in."""

_HTTP_SCHEME: Final = {"ws": "http", "wss": "https"}


class OriginPolicy:
    """Decides whether the token may be sent to a URL.

    Args:
        allowed_origins: The origins that may get the token, URLs without a path. None allows all.
        require_https: Refuse plain http to other machines. By default it causes one warning for
            each host (RFC 6750 §5.3).
        allow_http_hosts: Hosts that the program trusts over plain http, which cause no warning.

    Raises:
        TokenConfigurationError: If `allowed_origins` is empty, or is not a list of origins.
    """

    __slots__ = ("_checked", "_http_hosts", "_require_https", "allowed")

    def __init__(
        self,
        allowed_origins: Iterable[str | URL] | None,
        *,
        require_https: bool = False,
        allow_http_hosts: Collection[str] | None = None,
    ) -> None:
        self.allowed = None if allowed_origins is None else read_origins(allowed_origins)
        self._require_https = require_https
        self._http_hosts = read_http_hosts(allow_http_hosts)
        self._checked: tuple[str, ...] = ()

    def allows(self, url: URL) -> bool:
        """Tell whether the token may be sent to the origin of an absolute URL."""
        return self.allowed is None or origin_of(url) in self.allowed

    def pin(self, url: URL) -> None:
        """Without allowed origins, allow only the origin of this URL from now on."""
        if self.allowed is None:
            self.allowed = frozenset((origin_of(url),))

    def check(self, url: URL) -> None:
        """Check an absolute URL that the caller wants to send the token to.

        Warns if it is plain http to another machine.

        Raises:
            TokenError: If the origin is not allowed, or if https is required.
        """
        if not self.allows(url):
            raise TokenError(
                f"{redact_url(url)} is not in allowed_origins, so the request was not sent"
            )
        self.check_transport(url)

    def check_transport(self, url: URL) -> None:
        """Warn about plain http to another machine, or raise TokenError if https is required."""
        authority = url.raw_authority
        if url.scheme in SECURE_SCHEMES or authority in self._checked:
            return
        if is_remote(url):
            if self._require_https:
                raise TokenError(
                    f"{redact_url(url)} is plain http, and require_https is set, "
                    "so no token was sent"
                )
            if not self._http_hosts.allows(url):
                warn_insecure("The resource", url)
        self._checked += (authority,)  # not before: the warning may be an error


def origin_of(url: URL) -> Origin:
    """Return the origin of an absolute URL; for a websocket, the origin of its handshake."""
    scheme = url.scheme
    return (_HTTP_SCHEME.get(scheme, scheme), url.raw_host, url.port)


def read_origins(origins: Iterable[str | URL]) -> frozenset[Origin]:
    """Return the origins of URLs. Raises TokenConfigurationError as `OriginPolicy` does."""
    if isinstance(origins, str | URL):
        raise TokenConfigurationError("allowed_origins must be a list: ['https://api.example.com']")
    found = frozenset(_read_origin(number, origin) for number, origin in enumerate(origins))
    if not found:
        raise TokenConfigurationError("allowed_origins is empty: no request would get a token")
    return found


def _read_origin(number: int, origin: object) -> Origin:
    name = f"allowed_origins[{number}]"
    refusal = TokenConfigurationError(f"{name} is not a URL such as https://api.example.com")
    try:
        url = URL(origin)  # type: ignore[arg-type]
        whole = url.origin()
    except (TypeError, ValueError):
        raise refusal from None
    if whole.scheme not in {"http", "https", "ws", "wss"}:
        raise refusal
    if url not in {whole, whole / ""}:
        raise TokenConfigurationError(
            f"{name} is more than an origin, and a token is allowed for a whole origin: pass "
            f"{str(whole)!r}"
        )
    return origin_of(whole)
