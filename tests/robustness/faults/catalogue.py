"""Every fault that is measured: how it begins and ends, and what it may do to callers.

A new fault is one entry here; its line in docs/faults.rst is made by `make faults`.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

from aioalf.testing import ConnectionFault, Fault
from tests.robustness.faults.scene import Pace, Scene

OK: Final = "200"
Trouble = Callable[[Scene], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One fault; who needs a new token sees what `sees` says, at worst, or waits for a 200.

    Where it `fails`, the first token request does.
    """

    name: str
    trouble: Trouble
    sees: str = "TokenConnectionError"
    fails: bool = True
    is_tls: bool = False
    connections: int = 100

    def __str__(self) -> str:
        return self.name


def _on_the_way(make: Callable[[Pace], ConnectionFault]) -> Trouble:
    @contextlib.asynccontextmanager
    async def trouble(scene: Scene) -> AsyncIterator[None]:
        scene.proxy.fault = make(scene.pace)
        await scene.cut()
        yield
        scene.proxy.fault = None

    return trouble


def _at_the_endpoint(make: Callable[[Pace], Fault]) -> Trouble:
    @contextlib.asynccontextmanager
    async def trouble(scene: Scene) -> AsyncIterator[None]:
        scene.server.token_fault = make(scene.pace)
        yield
        scene.server.token_fault = None

    return trouble


@contextlib.asynccontextmanager
async def _closed_port(scene: Scene) -> AsyncIterator[None]:
    scene.proxy.refuse()
    yield
    scene.proxy.listen()


@contextlib.asynccontextmanager
async def _failing_handshake(scene: Scene) -> AsyncIterator[None]:
    scene.tls.is_failing = True
    await scene.cut()
    yield
    scene.tls.is_failing = False


@contextlib.asynccontextmanager
async def _untrusted_certificate(scene: Scene) -> AsyncIterator[None]:
    scene.tls.is_untrusted = True
    await scene.cut()
    yield
    scene.tls.is_untrusted = False


@contextlib.asynccontextmanager
async def _unknown_name(scene: Scene) -> AsyncIterator[None]:
    scene.resolver.is_failing = True
    await scene.cut()
    yield
    scene.resolver.is_failing = False


@contextlib.asynccontextmanager
async def _exhausted_pool(scene: Scene) -> AsyncIterator[None]:
    async with scene.client.ws_connect(scene.server.url("/ws")):
        await scene.cut()  # a kept connection to the token endpoint would do without room
        yield


CASES: Final = [
    Case(
        name="slow first byte",
        sees=OK,
        fails=False,
        trouble=_on_the_way(lambda pace: ConnectionFault.slow_first_byte(pace.slow)),
    ),
    Case(
        name="trickle past the time limit",
        trouble=_on_the_way(lambda pace: ConnectionFault.trickle(pace.trickle)),
    ),
    Case(
        name="reset before the answer",
        trouble=_on_the_way(lambda _: ConnectionFault.reset()),
    ),
    Case(
        name="reset in the middle of the answer",
        trouble=_on_the_way(lambda _: ConnectionFault.reset(after=100)),
    ),
    Case(
        name="black hole",
        trouble=_on_the_way(lambda _: ConnectionFault.black_hole()),
    ),
    Case(name="connection refused", trouble=_closed_port),
    Case(name="TLS handshake fails", trouble=_failing_handshake, is_tls=True),
    Case(name="certificate not trusted", trouble=_untrusted_certificate, is_tls=True),
    Case(name="name not resolved", trouble=_unknown_name),
    Case(
        name="connection pool exhausted",
        trouble=_exhausted_pool,
        fails=False,  # it may still wait when the pool has room again
        connections=1,
    ),
    Case(
        name="503",
        trouble=_at_the_endpoint(lambda _: Fault.status(503)),
        sees="503",
    ),
    Case(
        name="429 with Retry-After",
        trouble=_at_the_endpoint(lambda pace: Fault.too_many_requests(pace.retry_after)),
        sees="429",
    ),
    Case(
        name="a page for people, 200",
        trouble=_at_the_endpoint(lambda _: Fault.html()),
        sees="TokenResponseError",
    ),
]
