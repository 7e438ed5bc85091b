"""A client, its servers and all that can go wrong between them.

It puts the parts together and moves the client's clock; what goes wrong when is told to it.
"""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from unittest import mock

import trustme
from aiohttp import ClientSession, ClientTimeout, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from aioalf import Client, ClientSecretBasic, Renewal, Retry
from aioalf.client_auth import Credentials, MutableForm
from aioalf.testing import FaultProxy, OAuthServer
from tests.support.tls import client_context, server_context

_TURNS_TO_SEE: Final = 10  # of the event loop


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long everything takes, in seconds."""

    calm: float = 0.5
    """Before the fault, and after what it did is over."""
    lasts: float = 5.0
    """The fault."""
    timeout: float = 2.0
    """Of one token request."""
    interval: float = 0.02
    """Between two requests of the traffic."""
    slow: float = 1.0
    """How late a first byte is."""
    trickle: float = 0.1
    """Between two bytes of a trickle."""
    retry_after: int = 2
    """What a 429 asks for."""
    retry: Retry = field(default_factory=Retry)
    renewal: Renewal = field(default_factory=Renewal)


class Clock:
    """The client's: as the world's, or ahead of it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        """What `time.monotonic` says to the client."""
        return time.monotonic() + self.ahead


class CountingBasic(ClientSecretBasic):
    """HTTP Basic that counts the token requests it is asked for, also those that never arrive."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0
        self._more = asyncio.Event()

    async def authenticate(
        self, credentials: Credentials, form: MutableForm, audience: str
    ) -> Mapping[str, str]:
        """Count, and do what the default does."""
        self.requests += 1
        self._more.set()
        return await super().authenticate(credentials, form, audience)

    async def reached(self, count: int) -> None:
        """Wait until so many token requests were made."""
        while self.requests < count:
            self._more.clear()
            await self._more.wait()


class Resolver(AbstractResolver):
    """Knows that every name is this machine, or knows no name."""

    def __init__(self) -> None:
        self.is_failing = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the loopback address, whatever the family; OSError while it fails."""
        if self.is_failing:
            raise OSError(f"the name {host} is not known")
        address = ResolveResult(
            hostname=host,
            host="127.0.0.1",
            port=port,
            family=socket.AF_INET,
            proto=0,
            flags=socket.AI_NUMERICHOST,
        )
        return [address]

    async def close(self) -> None:
        """There is nothing to close."""


class Tls:
    """What the token endpoint shows in a TLS handshake."""

    def __init__(self) -> None:
        authority = trustme.CA()
        self.trusting = client_context(authority)
        self.context = server_context(authority)
        self.context.sni_callback = self._choose
        self._untrusted = server_context(trustme.CA())
        self.is_failing = False
        self.is_untrusted = False

    def _choose(
        self,
        connection: ssl.SSLSocket | ssl.SSLObject,
        name: str,
        context: ssl.SSLContext,
    ) -> int | None:
        if self.is_failing:
            return ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
        if self.is_untrusted:
            connection.context = self._untrusted
        return None


@dataclass(frozen=True)
class Scene:
    """A client whose token endpoint is behind a proxy, and named; the API is reached directly."""

    pace: Pace
    server: OAuthServer
    proxy: FaultProxy
    client: Client
    clock: Clock
    resolver: Resolver
    tls: Tls
    token_requests: CountingBasic

    async def cut(self) -> None:
        """Reset the connections to the token endpoint, and let the client see that."""
        self.proxy.disconnect()
        for _ in range(_TURNS_TO_SEE):
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def scene(pace: Pace, *, is_tls: bool, connections: int) -> AsyncIterator[Scene]:
    """Set up a scene whose client has a pool of so many connections."""
    clock, resolver, tls, counting = Clock(), Resolver(), Tls(), CountingBasic()
    connector = TCPConnector(
        limit=connections, resolver=resolver, use_dns_cache=False, ssl=tls.trusting
    )
    with contextlib.ExitStack() as patches:
        for module in ("token", "_auth_server.token_endpoint", "retry", "manager"):
            patches.enter_context(mock.patch(f"aioalf.{module}.time", clock))
        async with (
            OAuthServer() as server,
            FaultProxy(server.token_endpoint, ssl_context=tls.context if is_tls else None) as proxy,
            ClientSession(connector=connector) as session,
            Client(
                server.client_id,
                server.client_secret,
                URL(proxy.url).with_host("localhost"),
                {"timeout": ClientTimeout(total=pace.timeout)},
                session=session,
                client_auth=counting,
                retry=pace.retry,
                renewal=pace.renewal,
            ) as client,
        ):
            yield Scene(pace, server, proxy, client, clock, resolver, tls, counting)
