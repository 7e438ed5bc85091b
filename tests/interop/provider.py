"""oidc-provider as a child process: how to start it, ask it what it did, and end it."""

import json
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Self, cast

from aiohttp import ClientSession

from tests.interop import parts
from tests.interop.registered import Registered
from tests.testing.plain_client import basic

START_SECONDS = 20.0
END_SECONDS = 5.0


@dataclass(frozen=True)
class Certificates:
    """What the provider shows, with its key, and whose clients it trusts; all as PEM."""

    certificate: str
    key: str
    authority: str


@dataclass(frozen=True)
class Setup:
    """Who the provider serves, and how.

    `path` is that of its issuer, whose metadata is also in the standard's place unless
    `standard_place` is False. `resources` have a scope each; `speakers` are issuers of assertions
    with the public key of each. With `certificates` there is mutual TLS, at aliases of the
    endpoints. `push_required` refuses authorization requests that were not pushed.
    """

    clients: Sequence[Registered]
    path: str = ""
    standard_place: bool = True
    resources: Mapping[str, str] = field(default_factory=dict[str, str])
    speakers: Mapping[str, Mapping[str, object]] = field(
        default_factory=dict[str, Mapping[str, object]]
    )
    certificates: Certificates | None = None
    push_required: bool = False


@dataclass(frozen=True)
class Seen:
    """What the token endpoint did since it was to forget, as the provider's events told it."""

    granted: int
    refused: int
    failed: int


class ProviderError(Exception):
    """The provider did not start; the message holds what it printed."""


class Provider:
    """Runs from `with` to its end; the URLs are known in between."""

    def __init__(self, setup: Setup, printed: IO[str]) -> None:
        self._setup = setup
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
        told = await self._told(session)
        return Seen(**{name: cast("int", told[name]) for name in ("granted", "refused", "failed")})

    async def requests(self, session: ClientSession) -> list[str]:
        """Ask which grants were asked for, one by one, and with what error if with one."""
        return cast("list[str]", (await self._told(session))["requests"])

    async def forget(self, session: ClientSession) -> None:
        """Count anew."""
        async with session.delete(self._seen_at) as response:
            response.raise_for_status()

    async def _told(self, session: ClientSession) -> dict[str, object]:
        async with session.get(self._seen_at) as response:
            return cast("dict[str, object]", await response.json())

    @property
    def _seen_at(self) -> str:
        return f"{self.issuer.removesuffix(self._setup.path)}/seen"

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
        stdin = cast("IO[str]", self._process.stdin)
        stdin.write(json.dumps(_settings(self._setup)) + "\n")
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


def _settings(setup: Setup) -> Mapping[str, object]:
    clients, certificates = setup.clients, setup.certificates
    scopes = {word for client in clients for word in (client.scope or "").split()}
    tls = certificates and {
        "cert": certificates.certificate,
        "key": certificates.key,
        "ca": certificates.authority,
    }
    return {
        "clients": [client.metadata for client in clients],
        "lifetimes": {client.client_id: client.lifetime for client in clients},
        "patience": {client.client_id: client.patience for client in clients},
        "scopes": sorted(scopes),
        "path": setup.path,
        "standard_place": setup.standard_place,
        "resources": setup.resources,
        "speakers": setup.speakers,
        "push_required": setup.push_required,
        "tls": tls,
    }


def _basic(client: Registered) -> dict[str, str]:
    return basic(client.client_id, client.client_secret or "")
