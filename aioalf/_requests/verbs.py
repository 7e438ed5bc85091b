"""The methods of a client that are named after the methods of HTTP, and ``ws_connect``.

Must not know tokens or sessions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from aiohttp import ClientResponse, ClientWebSocketResponse
from aiohttp.typedefs import StrOrURL

from aioalf._requests.context import RequestContextManager
from aioalf._requests.dispatcher import RequestDispatcher

if TYPE_CHECKING:
    # aiohttp gives them no public names, and older versions do not define them at run time.
    from aiohttp.client import (
        _RequestOptions,  # pyright: ignore[reportPrivateUsage]
        _WSConnectOptions,  # pyright: ignore[reportPrivateUsage]
    )


class RequestVerbs:
    """Each method takes the same options as the method of an aiohttp session."""

    _dispatcher: RequestDispatcher

    def get(
        self, url: StrOrURL, **options: Unpack[_RequestOptions]
    ) -> RequestContextManager[ClientResponse]:
        """Send a GET request."""
        return RequestContextManager(self._dispatcher.send("GET", url, options))

    def options(
        self, url: StrOrURL, **options: Unpack[_RequestOptions]
    ) -> RequestContextManager[ClientResponse]:
        """Send an OPTIONS request."""
        return RequestContextManager(self._dispatcher.send("OPTIONS", url, options))

    def head(
        self, url: StrOrURL, **options: Unpack[_RequestOptions]
    ) -> RequestContextManager[ClientResponse]:
        """Send a HEAD request; redirects are not followed unless ``allow_redirects`` is True."""
        return RequestContextManager(
            self._dispatcher.send("HEAD", url, {"allow_redirects": False, **options})
        )

    def post(
        self, url: StrOrURL, **options: Unpack[_RequestOptions]
    ) -> RequestContextManager[ClientResponse]:
        """Send a POST request."""
        return RequestContextManager(self._dispatcher.send("POST", url, options))

    def put(
        self, url: StrOrURL, **options: Unpack[_RequestOptions]
    ) -> RequestContextManager[ClientResponse]:
        """Send a PUT request."""
        return RequestContextManager(self._dispatcher.send("PUT", url, options))

    def patch(
        self, url: StrOrURL, **options: Unpack[_RequestOptions]
    ) -> RequestContextManager[ClientResponse]:
        """Send a PATCH request."""
        return RequestContextManager(self._dispatcher.send("PATCH", url, options))

    def delete(
        self, url: StrOrURL, **options: Unpack[_RequestOptions]
    ) -> RequestContextManager[ClientResponse]:
        """Send a DELETE request."""
        return RequestContextManager(self._dispatcher.send("DELETE", url, options))

    def ws_connect(
        self, url: StrOrURL, **options: Unpack[_WSConnectOptions]
    ) -> RequestContextManager[ClientWebSocketResponse]:
        """Open a websocket, with the same options as aiohttp's ``ws_connect``.

        Raises:
            TokenError: If no token is available.
            aiohttp.ClientError: As aiohttp's ``ws_connect``.
        """
        return RequestContextManager(self._dispatcher.connect(url, options))
