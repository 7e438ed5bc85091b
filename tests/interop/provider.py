"""oidc-provider as a child process, one for each test.

Knows how to start it, ask it what it did, and end it; of aioalf it knows nothing.
"""

import json
import select
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self, cast

from aiohttp import ClientSession

from tests.interop import parts
from tests.testing.plain_client import basic

START_SECONDS = 20.0
END_SECONDS = 5.0


@dataclass(frozen=True)
class Registered:
    """A client that the provider knows; tokens live for `lifetime` seconds."""

    client_id: str
    client_secret: str
    scope: str | None = None
    lifetime: int = 600


@dataclass(frozen=True)
class Seen:
    """What the token endpoint did since it started, as the provider's events told it."""

    granted: int
    refused: int
    failed: int


class ProviderError(Exception):
    """The provider did not start; the message holds what it printed."""


class Provider:
    """Runs from `with` to its end; the URLs are known in between."""

    def __init__(self, clients: list[Registered], printed: IO[str]) -> None:
        self._clients = clients
        self._printed = printed
        self.issuer = ""

    @property
    def token_endpoint(self) -> str:
        """Where tokens are asked for."""
        return f"{self.issuer}/token"

    async def introspect(
        self, session: ClientSession, token: str, asking: Registered
    ) -> dict[str, object]:
        """What the provider says of a token (RFC 7662)."""
        url, headers = f"{self.issuer}/token/introspection", _basic(asking)
        async with session.post(url, data={"token": token}, headers=headers) as response:
            response.raise_for_status()
            return cast("dict[str, object]", await response.json())

    async def revoke(self, session: ClientSession, token: str, owner: Registered) -> None:
        """Have the provider refuse a token from now on (RFC 7009)."""
        url, headers = f"{self.issuer}/token/revocation", _basic(owner)
        async with session.post(url, data={"token": token}, headers=headers) as response:
            response.raise_for_status()

    async def seen(self, session: ClientSession) -> Seen:
        """Ask how often the token endpoint said yes and no."""
        async with session.get(f"{self.issuer}/seen") as response:
            return Seen(**cast("dict[str, int]", await response.json()))

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [parts.node(), "provider.js"],
            cwd=parts.HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            text=True,
        )
        try:
            self._configure()
            self.issuer = self._ready()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _configure(self) -> None:
        scopes = {word for client in self._clients for word in (client.scope or "").split()}
        settings: Mapping[str, object] = {
            "clients": [_metadata(client) for client in self._clients],
            "lifetimes": {client.client_id: client.lifetime for client in self._clients},
            "scopes": sorted(scopes),
        }
        stdin = cast("IO[str]", self._process.stdin)
        stdin.write(json.dumps(settings) + "\n")
        stdin.flush()

    def _ready(self) -> str:
        stdout = cast("IO[str]", self._process.stdout)
        started = time.monotonic()
        readable, _, _ = select.select([stdout], [], [], START_SECONDS)
        line = stdout.readline() if readable else ""
        if not line:
            self._printed.seek(0)
            seconds = time.monotonic() - started
            raise ProviderError(f"not ready after {seconds:.0f} s: {self._printed.read()}")
        return cast("dict[str, str]", json.loads(line))["issuer"]

    def _end(self) -> None:
        self._process.kill()
        self._process.wait(END_SECONDS)
        for stream in (self._process.stdin, self._process.stdout):
            cast("IO[str]", stream).close()


def _metadata(client: Registered) -> dict[str, str]:
    named = {"client_id": client.client_id, "client_secret": client.client_secret}
    return named if client.scope is None else {**named, "scope": client.scope}


def _basic(client: Registered) -> dict[str, str]:
    return basic(client.client_id, client.client_secret)
