"""`HTTPRequest`: a request as a value, since 0.4.0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from aiohttp.typedefs import StrOrURL

if TYPE_CHECKING:
    from aiohttp.client import (
        _RequestOptions,  # pyright: ignore[reportPrivateUsage] - it has no public name
    )


class HTTPRequest:
    """A request that `Client.request` and `Client.fetch` send.

    Args:
        url: URL of the request.
        method: HTTP method.
        options: Keyword arguments of aiohttp's ``request``: ``data``, ``json``, ``headers`` …
    """

    def __init__(
        self, url: StrOrURL, method: str = "GET", **options: Unpack[_RequestOptions]
    ) -> None:
        self.url: StrOrURL = url
        self.method: str = method
        self.options: dict[str, object] = dict(options)

    def __repr__(self) -> str:
        return f"<HTTPRequest {self.method}>"
