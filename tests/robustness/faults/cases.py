"""The faults that are measured: how each starts and ends, and the worst outcome for callers.

To add a fault, add one entry to `CASES` and run `make faults`. It updates
docs/explanation/faults.rst.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

from aioalf.testing import ConnectionFault, Fault
from tests.robustness.faults.environment import Environment, Timing

OK: Final = "200"
Inject = Callable[[Environment], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One fault. ``inject`` starts it on entry and ends it on exit."""

    name: str
    inject: Inject
    worst_outcome: str = "TokenConnectionError"
    """The status or error that callers without a valid token may get."""
    fails: bool = True
    """Whether the first token request fails."""
    is_tls: bool = False
    connections: int = 100
    """The size of the client's connection pool."""

    def __str__(self) -> str:
        return self.name


def _network_fault(make: Callable[[Timing], ConnectionFault]) -> Inject:
    @contextlib.asynccontextmanager
    async def inject(environment: Environment) -> AsyncIterator[None]:
        environment.proxy.fault = make(environment.timing)
        await environment.disconnect()
        yield
        environment.proxy.fault = None

    return inject


def _response_fault(make: Callable[[Timing], Fault]) -> Inject:
    @contextlib.asynccontextmanager
    async def inject(environment: Environment) -> AsyncIterator[None]:
        environment.server.token_fault = make(environment.timing)
        yield
        environment.server.token_fault = None

    return inject


@contextlib.asynccontextmanager
async def _refused_connections(environment: Environment) -> AsyncIterator[None]:
    environment.proxy.refuse()
    yield
    environment.proxy.listen()


@contextlib.asynccontextmanager
async def _failing_handshake(environment: Environment) -> AsyncIterator[None]:
    environment.tls.is_failing = True
    await environment.disconnect()
    yield
    environment.tls.is_failing = False


@contextlib.asynccontextmanager
async def _untrusted_certificate(environment: Environment) -> AsyncIterator[None]:
    environment.tls.is_untrusted = True
    await environment.disconnect()
    yield
    environment.tls.is_untrusted = False


@contextlib.asynccontextmanager
async def _failing_name_resolution(environment: Environment) -> AsyncIterator[None]:
    environment.resolver.is_failing = True
    await environment.disconnect()
    yield
    environment.resolver.is_failing = False


@contextlib.asynccontextmanager
async def _exhausted_pool(environment: Environment) -> AsyncIterator[None]:
    async with environment.client.ws_connect(environment.server.url("/ws")):
        await environment.disconnect()  # a kept-alive connection would need no place in the pool
        yield


CASES: Final = [
    Case(
        name="slow first byte",
        worst_outcome=OK,
        fails=False,
        inject=_network_fault(lambda timing: ConnectionFault.slow_first_byte(timing.slow)),
    ),
    Case(
        name="trickle past the timeout",
        inject=_network_fault(lambda timing: ConnectionFault.trickle(timing.trickle)),
    ),
    Case(
        name="reset before the response",
        inject=_network_fault(lambda _: ConnectionFault.reset()),
    ),
    Case(
        name="reset during the response",
        inject=_network_fault(lambda _: ConnectionFault.reset(after=100)),
    ),
    Case(
        name="black hole",
        inject=_network_fault(lambda _: ConnectionFault.black_hole()),
    ),
    Case(name="connection refused", inject=_refused_connections),
    Case(name="TLS handshake fails", inject=_failing_handshake, is_tls=True),
    Case(name="certificate not trusted", inject=_untrusted_certificate, is_tls=True),
    Case(name="name not resolved", inject=_failing_name_resolution),
    Case(
        name="connection pool exhausted",
        inject=_exhausted_pool,
        fails=False,  # the request may still wait when the pool has a free connection again
        connections=1,
    ),
    Case(
        name="503",
        inject=_response_fault(lambda _: Fault.status(503)),
        worst_outcome="503",
    ),
    Case(
        name="429 with Retry-After",
        inject=_response_fault(lambda timing: Fault.too_many_requests(timing.retry_after)),
        worst_outcome="429",
    ),
    Case(
        name="HTML page with status 200",
        inject=_response_fault(lambda _: Fault.html()),
        worst_outcome="TokenResponseError",
    ),
]
