"""Origins: scheme, host and port, compared as RFC 6454 §5 does. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from yarl import URL

from aioalf.errors import TokenConfigurationError

Origin = tuple[str, str | None, int | None]
"""A scheme, a host and a port, as yarl normalizes them: lower case, the default port in place."""

_SAME: Final = {"ws": "http", "wss": "https"}


def origin_of(url: URL) -> Origin:
    """Return the origin of an absolute URL; a websocket's is that of its handshake."""
    scheme = url.scheme
    return (_SAME.get(scheme, scheme), url.raw_host, url.port)


def read_origins(origins: Iterable[str | URL]) -> frozenset[Origin]:
    """Return origins as configured; a path is ignored.

    Raises TokenConfigurationError for none at all, and for what is not an http(s) URL with a host.
    """
    if isinstance(origins, str | URL):
        raise TokenConfigurationError("origins must be a list: ['https://api.example.com']")
    found = frozenset(origin_of(_read(origin)) for origin in origins)
    if not found:
        raise TokenConfigurationError("origins is empty: no request would get a token")
    return found


def _read(origin: str | URL) -> URL:
    try:
        url = URL(origin)
        return url.origin() if url.scheme in {"http", "https", "ws", "wss"} else _refuse()
    except (TypeError, ValueError):
        return _refuse()


def _refuse() -> URL:
    raise TokenConfigurationError("each of origins must be a URL such as https://api.example.com")
