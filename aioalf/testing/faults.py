"""What can go wrong between a client and a server, on demand.

A fault knows how an answer leaves a socket; it knows no OAuth and keeps no state: how often it
strikes is part of its value.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

_TOKEN_JSON = b'{"access_token": "never-issued", "token_type": "Bearer", "expires_in": 3600}'
_HTML = "<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>"


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes = field(repr=False)
    headers: CIMultiDictProxy[str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way for a server to fail; made by the methods of its class, and stays until taken away.

    `times` limits it: ``Fault.status(503).times(2)`` strikes two requests and is gone.
    """

    kind: str
    _answer: _Answer | None = field(default=None, repr=False)
    _delay: float = 0.0
    _hang_up_after: int | None = None
    _strikes: int | None = None

    @classmethod
    def slow(cls, seconds: float) -> Fault:
        """Answer rightly, but so many seconds later; ``math.inf`` never answers."""
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
        """Answer with these bytes; ``headers`` may be a multidict and win over ``content_type``."""
        sent = CIMultiDict({"Content-Type": content_type})
        sent.update(headers or {})
        return cls(kind=f"body {status}", _answer=_Answer(status, body, CIMultiDictProxy(sent)))

    @classmethod
    def status(
        cls, status: int, body: str = "", *, headers: Mapping[str, str] | None = None
    ) -> Fault:
        """Answer with this status and plain text."""
        text_type = "text/plain; charset=utf-8"
        return cls.body(body.encode(), content_type=text_type, status=status, headers=headers)

    @classmethod
    def too_many_requests(cls, retry_after: int | str = 1) -> Fault:
        """Answer 429 with ``Retry-After``: seconds, or an HTTP date (RFC 9110 §10.2.3)."""
        return cls.status(429, "Too many requests", headers={"Retry-After": str(retry_after)})

    @classmethod
    def oauth_error(cls, error: str, description: str = "", *, status: int = 400) -> Fault:
        """Answer with a refusal in OAuth's words (RFC 6749 §5.2)."""
        refusal = {"error": error, "error_description": description}
        said = {name: value for name, value in refusal.items() if value}
        return cls.body(json.dumps(said).encode(), status=status)

    @classmethod
    def html(cls, html: str = _HTML, *, status: int = 200) -> Fault:
        """Answer with a page for people, as proxies and captive portals do."""
        html_type = "text/html; charset=utf-8"
        return cls.body(html.encode(), content_type=html_type, status=status)

    @classmethod
    def truncated(cls) -> Fault:
        """Answer 200 with JSON that stops in the middle, in a response that is complete."""
        return cls.body(_TOKEN_JSON[: len(_TOKEN_JSON) // 2])

    @classmethod
    def wrong_json(cls, value: object = ("not", "a", "token")) -> Fault:
        """Answer 200 with this value as JSON: well-formed, and not what was asked for."""
        return cls.body(json.dumps(value).encode())

    @classmethod
    def redirect(cls, location: str, *, status: int = 307) -> Fault:
        """Answer with a redirect."""
        return cls.status(status, headers={"Location": location})

    @classmethod
    def hang_up(cls, *, after: int | None = None) -> Fault:
        """Close the connection unanswered, or once so many bytes of the body have been sent."""
        if after is None:
            return cls(kind="hang up", _hang_up_after=-1)
        return cls(kind="hang up", _hang_up_after=after)

    def times(self, count: int) -> Fault:
        """The same fault for so many requests only, at least 1; else ValueError."""
        if count < 1:
            raise ValueError(f"a fault strikes at least once, not {count} times")
        return replace(self, _strikes=count)

    def spent(self) -> Fault | None:
        """What is left of the fault once it has struck; None when that was the last time."""
        if self._strikes is None:
            return self
        return self.times(self._strikes - 1) if self._strikes > 1 else None

    async def strike(self, request: web.Request) -> web.StreamResponse | None:
        """Do to this request what the fault does; None when it is to be answered rightly."""
        if self._hang_up_after is not None:
            return await _hang_up(request, self._hang_up_after)
        await asyncio.sleep(self._delay)
        if self._answer is None:
            return None
        answer = self._answer
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


async def _hang_up(request: web.Request, after: int) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    if after >= 0:
        response.content_length = max(after, len(_TOKEN_JSON)) + 1
        await response.prepare(request)
        await response.write(_TOKEN_JSON.ljust(after)[:after])
    request.protocol.force_close()
    return response
