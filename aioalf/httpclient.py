"""A request as a value."""

from __future__ import annotations

from typing import Unpack

from aiohttp.client import (
    _RequestOptions,  # pyright: ignore[reportPrivateUsage] - it has no public name
)
from aiohttp.typedefs import StrOrURL


class HTTPRequest:
    """What `Client.request` and `Client.fetch` send: a URL, a method (GET by default) and options.

    The options are the keywords of aiohttp's ``request``: ``data``, ``json``, ``headers`` …
    """

    def __init__(
        self, url: StrOrURL, method: str = "GET", **options: Unpack[_RequestOptions]
    ) -> None:
        self.url: StrOrURL = url
        self.method: str = method
        self.options: dict[str, object] = dict(options)

    def __repr__(self) -> str:
        return f"<HTTPRequest {self.method}>"
