"""Run oidc-provider as a child process."""

import json
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Self, cast

from aiohttp import ClientSession

from tests.interop import dependencies
from tests.interop.client_registrations import ClientRegistration
from tests.testing.plain_client import basic

START_SECONDS = 20.0
END_SECONDS = 5.0


@dataclass(frozen=True)
class Certificates:
    """PEM data: the certificate and key of the provider, and the authority of its clients."""

    certificate: str
    key: str
    authority: str


@dataclass(frozen=True)
class Setup:
    """The configuration of the provider.

    `path` is the path of its issuer. `metadata_at_standard_path` also serves the metadata at the
    path of RFC 8414. `resources` maps resource URIs to their scope. `assertion_issuers` maps
    issuers of assertions to their public key. With `certificates`, endpoints have aliases with
    mutual TLS. `require_par` rejects authorization requests that were not pushed.
    """

    clients: Sequence[ClientRegistration]
    path: str = ""
    metadata_at_standard_path: bool = True
    resources: Mapping[str, str] = field(default_factory=dict[str, str])
    assertion_issuers: Mapping[str, Mapping[str, object]] = field(
        default_factory=dict[str, Mapping[str, object]]
    )
    certificates: Certificates | None = None
    require_par: bool = False


@dataclass(frozen=True)
class Counts:
    """The token requests since the last reset, as counted by events of the provider."""

    granted: int
    refused: int
    failed: int


class ProviderError(Exception):
    """The provider did not start; the message has its output."""


class Provider:
    """Runs while the context manager is open; `issuer` is set then."""

    def __init__(self, setup: Setup, output: IO[str]) -> None:
        self._setup = setup
        self._output = output
        self.issuer = ""

    @property
    def token_endpoint(self) -> str:
        """The URL of the token endpoint."""
        return f"{self.issuer}/token"

    async def introspect(
        self, session: ClientSession, token: str, client: ClientRegistration
    ) -> dict[str, object]:
        """Return the introspection response for a token (RFC 7662)."""
        url, headers = f"{self.issuer}/token/introspection", _basic(client)
        async with session.post(url, data={"token": token}, headers=headers) as response:
            response.raise_for_status()
            return cast("dict[str, object]", await response.json())

    async def revoke(self, session: ClientSession, token: str, owner: ClientRegistration) -> None:
        """Revoke a token (RFC 7009)."""
        url, headers = f"{self.issuer}/token/revocation", _basic(owner)
        async with session.post(url, data={"token": token}, headers=headers) as response:
            response.raise_for_status()

    async def counts(self, session: ClientSession) -> Counts:
        """Return the number of granted, refused and failed token requests."""
        log = await self._log(session)
        return Counts(**{name: cast("int", log[name]) for name in ("granted", "refused", "failed")})

    async def requests(self, session: ClientSession) -> list[str]:
        """Return the grant type of each token request, with the error if it was refused."""
        return cast("list[str]", (await self._log(session))["requests"])

    async def reset_counts(self, session: ClientSession) -> None:
        """Reset the counts."""
        async with session.delete(self._counts_url) as response:
            response.raise_for_status()

    async def _log(self, session: ClientSession) -> dict[str, object]:
        async with session.get(self._counts_url) as response:
            return cast("dict[str, object]", await response.json())

    @property
    def _counts_url(self) -> str:
        return f"{self.issuer.removesuffix(self._setup.path)}/counts"

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [dependencies.node(), "provider.js"],
            cwd=dependencies.HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._output,
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
            self._output.seek(0)
            seconds = time.monotonic() - started
            raise ProviderError(f"not ready after {seconds:.0f} s: {self._output.read()}")
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
        "device_code_lifetime": {
            client.client_id: client.device_code_lifetime for client in clients
        },
        "scopes": sorted(scopes),
        "path": setup.path,
        "metadata_at_standard_path": setup.metadata_at_standard_path,
        "resources": setup.resources,
        "assertion_issuers": setup.assertion_issuers,
        "require_par": setup.require_par,
        "tls": tls,
    }


def _basic(client: ClientRegistration) -> dict[str, str]:
    return basic(client.client_id, client.client_secret or "")
