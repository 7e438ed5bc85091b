"""The calls of a client: what each sends, and what became of it.

It knows what a caller and an API see, and judges nothing.
"""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from yarl import URL

from tests.robustness.interleavings.oracle import Flight, Moment

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
    """Return the options that send a body of a kind."""
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
    """One call of a client, and what became of it."""

    number: int
    kind: str
    options: dict[str, Any]
    asked: Moment
    is_repeatable: bool
    closings: int
    began: float
    limit: float | None = None
    tokens: list[str] = field(default_factory=list[str])
    statuses: list[int] = field(default_factory=list[int])
    seen_off: int = 0
    """How many of its requests began to look for a connection."""
    can_be_helped: bool = False
    """Whether another token was to be had when it was last refused."""
    refused: Flight | None = None
    """What had brought the token that was in place then."""

    @property
    def given(self) -> dict[str, Any]:
        """The options, but for what can be read once."""
        is_kept = self.kind not in _READ_ONCE
        return {name: value for name, value in self.options.items() if is_kept or name != "data"}

    @property
    def headers(self) -> Mapping[str, str]:
        """The caller's own."""
        headers: Mapping[str, str] = self.options.get("headers", {})
        return headers

    @property
    def url(self) -> str:
        """Where it goes."""
        return f"https://{API}/calls/{self.number}"

    @property
    def method(self) -> str:
        """GET, or what has a body."""
        return "POST" if self.kind in BODIES else "GET"

    @property
    def body(self) -> bytes:
        """What the API is to get."""
        return BODIES.get(self.kind, b"")


async def body_in(options: Mapping[str, Any]) -> bytes:
    """Read what a replaced aiohttp is handed."""
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
