"""What arrived: exchanges, their bodies and the counters that a test asks.

Knows no OAuth and opens no socket; of aiohttp it knows the stream that a body comes from.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import StreamReader
    from multidict import CIMultiDictProxy

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
        self.log = []
        self.leaked = []

    def count(self, what: Counted) -> None:
        """Add one to a counter, and wake those who wait for it."""
        setattr(self, what, getattr(self, what) + 1)
        self._changed.set()
        self._changed = asyncio.Event()

    async def reached(
        self,
        *,
        token_requests: int = 0,
        api_requests: int = 0,
        rejected_requests: int = 0,
        logins: int = 0,
    ) -> None:
        """Wait until each counter is at least what is asked; set a time limit of your own."""
        asked = (token_requests, api_requests, rejected_requests, logins)
        while any(seen < least for seen, least in zip(self._seen(), asked, strict=True)):
            await self._changed.wait()

    def _seen(self) -> tuple[int, int, int, int]:
        return self.token_requests, self.api_requests, self.rejected_requests, self.logins
