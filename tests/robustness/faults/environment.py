"""A client with its servers, a proxy and a clock, all prepared for faults.

It must not know which faults happen when.
"""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import pytest
import trustme
from aiohttp import ClientSession, ClientTimeout, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from aioalf import Client, ClientSecretBasic, Renewal, Retry
from aioalf.client_auth import Credentials, MutableForm
from aioalf.testing import FaultProxy, OAuthServer
from tests.support.clocks import replace_in_package
from tests.support.tls import client_context, server_context

_LOOP_ITERATIONS: Final = 10  # until the client has noticed a reset connection


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The durations of a measurement, in seconds."""

    calm: float = 0.5
    """Time before the fault, and after recovery."""
    fault: float = 5.0
    """Minimum duration of the fault."""
    timeout: float = 2.0
    """Timeout of one token request."""
    interval: float = 0.02
    """Time between two API requests of the background traffic."""
    slow: float = 1.0
    """Delay of a slow first byte."""
    trickle: float = 0.1
    """Time between two bytes of a trickle."""
    retry_after: int = 2
    """The ``Retry-After`` of a 429."""
    retry: Retry = field(default_factory=Retry)
    renewal: Renewal = field(default_factory=Renewal)


class ShiftedClock:
    """The client's clock: it runs as `time.monotonic`, ahead of it by ``ahead`` seconds.

    Retries and backoff run in real time here, so a clock that stands still would not do.
    """

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        """Return the time that the client reads."""
        return time.monotonic() + self.ahead


class CountingBasic(ClientSecretBasic):
    """HTTP Basic that counts token requests, even if they never reach the server."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0
        self._more = asyncio.Event()

    async def authenticate(
        self, credentials: Credentials, form: MutableForm, audience: str
    ) -> Mapping[str, str]:
        """Count the request and authenticate it."""
        self.requests += 1
        self._more.set()
        return await super().authenticate(credentials, form, audience)

    async def reached(self, count: int) -> None:
        """Wait until ``count`` token requests were made."""
        while self.requests < count:
            self._more.clear()
            await self._more.wait()


class Resolver(AbstractResolver):
    """Resolves every name to loopback, or fails."""

    def __init__(self) -> None:
        self.is_failing = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the loopback address; raise OSError while ``is_failing`` is set."""
        if self.is_failing:
            raise OSError(f"cannot resolve {host}")
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
        """Do nothing."""


class FaultyTLS:
    """The TLS of the token endpoint, with handshakes that can fail."""

    def __init__(self) -> None:
        authority = trustme.CA()
        self.client_context = client_context(authority)
        self.server_context = server_context(authority)
        self.server_context.sni_callback = self._choose
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
class Environment:
    """A client whose token endpoint is behind a proxy and has a host name.

    The client reaches the API directly.
    """

    timing: Timing
    server: OAuthServer
    proxy: FaultProxy
    client: Client
    clock: ShiftedClock
    resolver: Resolver
    tls: FaultyTLS
    token_requests: CountingBasic

    async def disconnect(self) -> None:
        """Reset the connections to the token endpoint, and let the client notice it."""
        self.proxy.disconnect()
        for _ in range(_LOOP_ITERATIONS):
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def prepared_environment(
    timing: Timing, *, is_tls: bool, connections: int
) -> AsyncIterator[Environment]:
    """Set up an environment whose client has a pool with that many connections."""
    clock, resolver, tls, counting = ShiftedClock(), Resolver(), FaultyTLS(), CountingBasic()
    connector = TCPConnector(
        limit=connections, resolver=resolver, use_dns_cache=False, ssl=tls.client_context
    )
    with pytest.MonkeyPatch.context() as patch:
        replace_in_package(patch, "time", clock)
        async with (
            OAuthServer() as server,
            FaultProxy(
                server.token_endpoint, ssl_context=tls.server_context if is_tls else None
            ) as proxy,
            ClientSession(connector=connector) as session,
            Client(
                server.client_id,
                server.client_secret,
                URL(proxy.url).with_host("localhost"),
                {"timeout": ClientTimeout(total=timing.timeout)},
                session=session,
                auth_session=session,
                client_auth=counting,
                retry=timing.retry,
                renewal=timing.renewal,
            ) as client,
        ):
            yield Environment(timing, server, proxy, client, clock, resolver, tls, counting)
