"""The requests that reached a server: a log, request bodies and counters for assertions.

Must not know OAuth and opens no sockets.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import StreamReader
from multidict import CIMultiDictProxy

from aioalf.testing.endpoint_names import Endpoint

MAX_TEXT_BYTES = 64 * 1024

CounterName = Literal[
    "token_requests", "api_requests", "rejected_requests", "logins", "other_requests"
]


@dataclass(frozen=True)
class ReceivedBody:
    """The body of a request as the server received it."""

    length: int
    """The length in bytes."""
    sha256: str
    """The SHA-256 digest in hexadecimal."""
    text: str | None = field(repr=False)
    """The body as text, or None if it is not UTF-8 or longer than 64 KiB."""

    @classmethod
    async def read(cls, stream: StreamReader) -> ReceivedBody:
        """Read a stream to its end.

        Args:
            stream: The body of a request. At most its first 64 KiB are kept in memory.
        """
        digest, length, kept = hashlib.sha256(), 0, bytearray()
        async for chunk in stream.iter_any():
            digest.update(chunk)
            length += len(chunk)
            kept += chunk[: MAX_TEXT_BYTES + 1 - len(kept)]
        return cls(length, digest.hexdigest(), _text(bytes(kept)))


def _text(kept: bytes) -> str | None:
    if len(kept) > MAX_TEXT_BYTES:
        return None
    try:
        return kept.decode()
    except UnicodeDecodeError:
        return None


@dataclass(frozen=True)
class RecordedRequest:
    """A request that reached one of the servers, and the status of the response."""

    server: str
    """``"authorization"``, ``"api"`` or ``"other"``."""
    method: str
    """The HTTP method."""
    path: str
    """The path of the URL, still percent-encoded."""
    query: str
    """The query of the URL, still percent-encoded."""
    status: int | None
    """The HTTP status of the response, or None if no response was sent."""
    headers: CIMultiDictProxy[str] = field(repr=False)
    """The request headers."""
    form: Mapping[str, str] = field(repr=False)
    """The form parameters, empty if the body is not a form. A repeated one has its last value."""
    body: ReceivedBody = field(repr=False)
    """The request body."""
    error: str | None = None
    """The error code in the response, or in the URL of its redirect. None without an error."""


class Traffic:
    """Counters and log of the requests since the server was created or `reset_counters` called."""

    token_requests: int
    """Requests to the token endpoint, with any response."""
    api_requests: int
    """Requests to the API, with any response."""
    rejected_requests: int
    """Requests to which the API responded with 401."""
    logins: int
    """Sign-ins that a user approved."""
    other_requests: int
    """Requests to the other origin."""
    requests: Counter[Endpoint]
    """Requests to each endpoint, with any response."""
    granted: Counter[str]
    """Tokens issued, by grant type; ``"implicit"`` counts as one."""
    refused: Counter[str]
    """OAuth errors sent, by error code. Faults and the login page are not counted."""
    log: list[RecordedRequest]
    """Every request to any of the servers, in the order in which they ended."""
    leaked: list[RecordedRequest]
    """Requests to the other origin with an ``Authorization`` header, or with ``token_header``."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self.reset_counters()

    def reset_counters(self) -> None:
        """Set every counter to 0 and empty ``log`` and ``leaked``."""
        self.token_requests = self.api_requests = self.rejected_requests = 0
        self.logins = self.other_requests = 0
        self.requests, self.granted, self.refused = Counter(), Counter(), Counter()
        self.log = []
        self.leaked = []

    def count(self, counter: CounterName) -> None:
        """Increment a counter, and wake the callers of `reached`."""
        setattr(self, counter, getattr(self, counter) + 1)
        self._wake()

    def count_request(self, endpoint: Endpoint) -> None:
        """Count a request to an endpoint."""
        self.requests[endpoint] += 1
        self._wake()

    def count_granted(self, grant_type: str) -> None:
        """Count a token that was issued."""
        self.granted[grant_type] += 1
        self._wake()

    def count_refused(self, error: str) -> None:
        """Count an OAuth error that was sent."""
        self.refused[error] += 1
        self._wake()

    async def reached(
        self,
        *,
        token_requests: int = 0,
        api_requests: int = 0,
        rejected_requests: int = 0,
        logins: int = 0,
        requests: Mapping[Endpoint, int] | None = None,
        granted: Mapping[str, int] | None = None,
        refused: Mapping[str, int] | None = None,
    ) -> None:
        """Wait until each counter has reached at least the given value.

        There is no timeout: wrap the call in `asyncio.timeout` or `asyncio.wait_for`.

        Args:
            token_requests: The minimum of ``token_requests``.
            api_requests: The minimum of ``api_requests``.
            rejected_requests: The minimum of ``rejected_requests``.
            logins: The minimum of ``logins``.
            requests: The minimum for each endpoint named.
            granted: The minimum for each grant type named.
            refused: The minimum for each error code named.
        """
        minimums = (token_requests, api_requests, rejected_requests, logins)
        by_name = (Counter(requests or {}), Counter(granted or {}), Counter(refused or {}))
        while not self._has_reached(minimums, by_name):
            await self._changed.wait()

    def _has_reached(
        self,
        minimums: tuple[int, int, int, int],
        by_name: tuple[Counter[Endpoint], Counter[str], Counter[str]],
    ) -> bool:
        totals = (self.token_requests, self.api_requests, self.rejected_requests, self.logins)
        requests, granted, refused = by_name
        return (
            all(total >= least for total, least in zip(totals, minimums, strict=True))
            and requests <= self.requests
            and granted <= self.granted
            and refused <= self.refused
        )

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
