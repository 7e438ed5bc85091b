"""The calls of a `ClientScenario`: their requests, and their results so far. No checks."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from yarl import URL

from tests.robustness.interleavings.oracle import Moment, TokenRequest

API = "api.example.com"
_PARTS = (b"one, ", b"two")
BODIES: Mapping[str, bytes] = {
    "bytes": b"three",
    "json": b'{"four": 5}',
    "form": b"six=7",
    "file": b"eight",
    "stream": b"".join(_PARTS),
}
_READ_ONCE = frozenset({"file", "stream"})


async def _stream() -> AsyncIterator[bytes]:
    for part in _PARTS:
        yield part
        await asyncio.sleep(0.25)


def data_of(kind: str) -> dict[str, Any]:
    """Return the request options for a kind of body."""
    match kind:
        case "json":
            return {"json": {"four": 5}}
        case "form":
            return {"data": {"six": "7"}}
        case "file":
            return {"data": io.BytesIO(BODIES[kind])}
        case "stream":
            return {"data": _stream()}
        case _:
            return {"data": BODIES[kind]}


@dataclass(eq=False)
class Call:
    """One call of a client, and its result so far."""

    number: int
    kind: str
    options: dict[str, Any]
    started: Moment
    is_repeatable: bool
    closings: int
    began: float
    limit: float | None = None
    tokens: list[str] = field(default_factory=list[str])
    statuses: list[int] = field(default_factory=list[int])
    departures: int = 0
    """The number of attempts that have started to look for a connection."""
    could_renew: bool = False
    """Whether a new token was available at the last 401."""
    rejected_request: TokenRequest | None = None
    """The token request of the token that the client had at the last 401."""

    @property
    def given(self) -> dict[str, Any]:
        """The options without a body that can be read only once."""
        is_kept = self.kind not in _READ_ONCE
        return {name: value for name, value in self.options.items() if is_kept or name != "data"}

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the caller."""
        headers: Mapping[str, str] = self.options.get("headers", {})
        return headers

    @property
    def url(self) -> str:
        """The URL."""
        return f"https://{API}/calls/{self.number}"

    @property
    def method(self) -> str:
        """POST with a body, otherwise GET."""
        return "POST" if self.kind in BODIES else "GET"

    @property
    def body(self) -> bytes:
        """The body that the API must receive."""
        return BODIES.get(self.kind, b"")


async def body_in(options: Mapping[str, Any]) -> bytes:
    """Return the body of request options, for the replaced `ClientSession._request`."""
    data = options.get("data")
    match data:
        case None:
            return json.dumps(options["json"]).encode() if "json" in options else b""
        case dict():
            return str(URL.build(query=cast("dict[str, str]", data)))[1:].encode()
        case io.BytesIO():
            return data.read()
        case bytes():
            return data
        case _:
            return b"".join([part async for part in data])
