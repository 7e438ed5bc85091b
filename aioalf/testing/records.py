"""What arrived: exchanges, their bodies and the counters that a test asks.

Knows no OAuth and opens no socket; of aiohttp it knows the stream that a body comes from.
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

from aioalf.testing.settings import Endpoint

KEPT_BODY_BYTES = 64 * 1024

Counted = Literal["token_requests", "api_requests", "rejected_requests", "logins", "other_requests"]


@dataclass(frozen=True, slots=True)
class ReceivedBody:
    """A request's body as it arrived: its length, its digest, and its text when it is one.

    ``text`` is None when the body is not UTF-8 or is longer than 64 KiB; ``sha256`` is hexadecimal.
    """

    length: int
    sha256: str
    text: str | None = field(repr=False)

    @classmethod
    async def read(cls, stream: StreamReader) -> ReceivedBody:
        """Read the stream to its end, keeping no more than the first 64 KiB of it."""
        digest, length, kept = hashlib.sha256(), 0, bytearray()
        async for chunk in stream.iter_any():
            digest.update(chunk)
            length += len(chunk)
            kept += chunk[: KEPT_BODY_BYTES + 1 - len(kept)]
        return cls(length, digest.hexdigest(), _text(bytes(kept)))


def _text(kept: bytes) -> str | None:
    if len(kept) > KEPT_BODY_BYTES:
        return None
    try:
        return kept.decode()
    except UnicodeDecodeError:
        return None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and how it was answered.

    ``server`` is ``"authorization"``, ``"api"`` or ``"other"``; ``path`` and ``query`` are as they
    arrived, still percent-encoded; ``form`` holds the last value of each field when the body was a
    form; ``status`` is None when no answer was sent (hung up, cancelled).
    """

    server: str
    method: str
    path: str
    query: str
    status: int | None
    headers: CIMultiDictProxy[str] = field(repr=False)
    form: Mapping[str, str] = field(repr=False)
    body: ReceivedBody = field(repr=False)


class Traffic:
    """What a server has seen since it was made, or since `reset_counters`."""

    token_requests: int
    """Requests that reached the token endpoint, whatever was answered."""
    api_requests: int
    """Requests that reached the API, whatever was answered."""
    rejected_requests: int
    """Requests that the API answered with 401."""
    logins: int
    """Sign-ins that ended with a token."""
    other_requests: int
    """Requests that reached the other origin."""
    requests: Counter[Endpoint]
    """Requests that reached each endpoint, whatever was answered."""
    granted: Counter[str]
    """Tokens that were given, by grant type; ``"implicit"`` is one here."""
    refused: Counter[str]
    """Refusals in OAuth's words, by error code; those that a fault speaks are none."""
    log: list[Exchange]
    """Every exchange with any of the origins, in the order in which they ended."""
    leaked: list[Exchange]
    """Those at the other origin that carried an ``Authorization`` header."""

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

    def count(self, what: Counted) -> None:
        """Add one to a counter, and wake those who wait for it."""
        setattr(self, what, getattr(self, what) + 1)
        self._wake()

    def count_request(self, endpoint: Endpoint) -> None:
        """Add one to the requests of an endpoint."""
        self.requests[endpoint] += 1
        self._wake()

    def count_granted(self, grant_type: str) -> None:
        """Add one to the tokens given for a grant."""
        self.granted[grant_type] += 1
        self._wake()

    def count_refused(self, error: str) -> None:
        """Add one to the refusals of a kind."""
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
        """Wait until each counter is at least what is asked; set a time limit of your own."""
        asked = (token_requests, api_requests, rejected_requests, logins)
        counted = (Counter(requests or {}), Counter(granted or {}), Counter(refused or {}))
        while any(seen < least for seen, least in zip(self._seen(), asked, strict=True)) or not (
            counted[0] <= self.requests
            and counted[1] <= self.granted
            and counted[2] <= self.refused
        ):
            await self._changed.wait()

    def _seen(self) -> tuple[int, int, int, int]:
        return self.token_requests, self.api_requests, self.rejected_requests, self.logins

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
