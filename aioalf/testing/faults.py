"""Faulty HTTP responses of a server, and the table that holds one fault for each endpoint.

Must not know OAuth: a fault is a value that says how to spoil the response to any request.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from aioalf.testing.endpoint_names import Endpoint, check_endpoint

_TOKEN_JSON = b'{"access_token": "never-issued", "token_type": "Bearer", "expires_in": 3600}'
_HTML = "<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>"


@dataclass(frozen=True)
class _Response:
    status: int
    body: bytes = field(repr=False)
    headers: CIMultiDictProxy[str] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A faulty HTTP response.

    Create a fault with one of the class methods, and set it with
    ``server.faults["token"] = Fault.status(503)``. It applies to every request to that endpoint
    until it is removed. `times` limits it: ``Fault.status(503).times(2)`` applies to two requests
    and is then removed.
    """

    kind: str
    """A short description, for example ``"body 503"``."""
    _response: _Response | None = field(default=None, repr=False)
    _delay: float = 0.0
    _hang_up_after: int | None = None  # bytes of the body; -1 sends no response at all
    _uses_left: int | None = None

    @classmethod
    def slow(cls, seconds: float) -> Fault:
        """Send the normal response late.

        Args:
            seconds: The delay. With ``math.inf`` the server never responds.
        """
        return cls(kind="slow", _delay=seconds)

    @classmethod
    def body(
        cls,
        body: bytes,
        *,
        content_type: str = "application/json",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Fault:
        """Respond with these bytes.

        Args:
            body: The response body.
            content_type: The value of the ``Content-Type`` header.
            status: The HTTP status.
            headers: More headers. They override ``content_type``; a multidict can repeat a header.
        """
        all_headers = CIMultiDict({"Content-Type": content_type})
        all_headers.update(headers or {})
        response = _Response(status, body, CIMultiDictProxy(all_headers))
        return cls(kind=f"body {status}", _response=response)

    @classmethod
    def status(
        cls, status: int, body: str = "", *, headers: Mapping[str, str] | None = None
    ) -> Fault:
        """Respond with this HTTP status.

        Args:
            status: The HTTP status.
            body: The response body, sent as plain text in UTF-8.
            headers: More headers.
        """
        text_type = "text/plain; charset=utf-8"
        return cls.body(body.encode(), content_type=text_type, status=status, headers=headers)

    @classmethod
    def too_many_requests(cls, retry_after: int | str = 1) -> Fault:
        """Respond with 429 and a ``Retry-After`` header (RFC 9110 §10.2.3).

        Args:
            retry_after: Seconds, or an HTTP date.
        """
        return cls.status(429, "Too many requests", headers={"Retry-After": str(retry_after)})

    @classmethod
    def oauth_error(cls, error: str, description: str = "", *, status: int = 400) -> Fault:
        """Respond with an OAuth error (RFC 6749 §5.2).

        Args:
            error: The error code, for example ``"invalid_grant"``.
            description: The ``error_description``; it is left out if empty.
            status: The HTTP status.
        """
        members = {"error": error, "error_description": description}
        sent = {name: value for name, value in members.items() if value}
        return cls.body(json.dumps(sent).encode(), status=status)

    @classmethod
    def html(cls, html: str = _HTML, *, status: int = 200) -> Fault:
        """Respond with an HTML page, as proxies and captive portals do.

        Args:
            html: The page.
            status: The HTTP status.
        """
        html_type = "text/html; charset=utf-8"
        return cls.body(html.encode(), content_type=html_type, status=status)

    @classmethod
    def truncated(cls) -> Fault:
        """Respond with 200 and JSON that stops in the middle. The HTTP message is complete."""
        return cls.body(_TOKEN_JSON[: len(_TOKEN_JSON) // 2])

    @classmethod
    def wrong_json(cls, value: object = ("not", "a", "token")) -> Fault:
        """Respond with 200 and valid JSON that is not the expected response.

        Args:
            value: Any value that `json.dumps` accepts.
        """
        return cls.body(json.dumps(value).encode())

    @classmethod
    def redirect(cls, location: str, *, status: int = 307) -> Fault:
        """Respond with a redirect.

        Args:
            location: The value of the ``Location`` header.
            status: The HTTP status.
        """
        return cls.status(status, headers={"Location": location})

    @classmethod
    def hang_up(cls, *, after: int | None = None) -> Fault:
        """Close the connection before the response is complete.

        Args:
            after: How many bytes of the body to send first. None closes the connection without
                any response.
        """
        return cls(kind="hang up", _hang_up_after=-1 if after is None else after)

    def times(self, count: int) -> Fault:
        """Return the same fault, limited to a number of requests.

        Args:
            count: How many requests the fault applies to, at least 1.

        Raises:
            ValueError: If ``count`` is less than 1.
        """
        if count < 1:
            raise ValueError(f"times() takes a count of at least 1, not {count}")
        return replace(self, _uses_left=count)

    def after_use(self) -> Fault | None:
        """Return the fault that is left after one more use, or None if it is used up."""
        if self._uses_left is None:
            return self
        return self.times(self._uses_left - 1) if self._uses_left > 1 else None

    async def apply(self, request: web.Request) -> web.StreamResponse | None:
        """Apply the fault to a request.

        Returns:
            The faulty response, or None if the server is to send its normal response now.
        """
        if self._hang_up_after is not None:
            return await _hang_up(request, self._hang_up_after)
        await asyncio.sleep(self._delay)
        if self._response is None:
            return None
        response = self._response
        return web.Response(status=response.status, body=response.body, headers=response.headers)


async def _hang_up(request: web.Request, after: int) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    if after >= 0:
        response.content_length = max(after, len(_TOKEN_JSON)) + 1
        await response.prepare(request)
        await response.write(_TOKEN_JSON.ljust(after)[:after])
    request.protocol.force_close()
    return response


class _NamedFaults(Protocol):
    """The two faults that are also attributes of the server."""

    token_fault: Fault | None
    api_fault: Fault | None


class FaultTable:
    """The fault of each endpoint, or None.

    ``faults["revocation"] = Fault.status(503)`` sets a fault, assigning None removes it.
    ``faults["token"]`` and ``faults["api"]`` are the same as ``server.token_fault`` and
    ``server.api_fault``. An unknown endpoint name raises KeyError.
    """

    def __init__(self, named: _NamedFaults) -> None:
        self._named = named
        self._others: dict[Endpoint, Fault | None] = {}

    def __getitem__(self, endpoint: Endpoint) -> Fault | None:
        match check_endpoint(endpoint):
            case "token":
                return self._named.token_fault
            case "api":
                return self._named.api_fault
            case other:
                return self._others.get(other)

    def __setitem__(self, endpoint: Endpoint, fault: Fault | None) -> None:
        match check_endpoint(endpoint):
            case "token":
                self._named.token_fault = fault
            case "api":
                self._named.api_fault = fault
            case other:
                self._others[other] = fault

    async def apply(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse | None:
        """Use the endpoint's fault once, if it has one, and return the faulty response.

        Returns:
            None if the server is to send its normal response now.
        """
        fault = self[endpoint]
        if fault is None:
            return None
        self[endpoint] = fault.after_use()
        return await fault.apply(request)
