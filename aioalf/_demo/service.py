"""The steps of ``demo``: a service uses the client credentials grant.

Uses only the public API of `Client`, and checks the counters of the server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from typing import Final, TypeVar

from aioalf._demo.step import Check, Demo, Step
from aioalf.client import Client
from aioalf.errors import TokenHTTPError
from aioalf.retry import Retry
from aioalf.testing import Fault
from aioalf.token import Token

T = TypeVar("T")

CALLERS: Final = 1000
REQUESTS: Final = 100
EXPIRES_IN: Final = 1
"""Seconds; the smallest `expires_in` of a token response."""

RENEWED_EXPIRES_IN: Final = 3
"""Seconds. A token is renewed in the last third of its life, so after 2.0 to 2.33 seconds."""
RENEWAL_BEGINS: Final = 2.4
RENEWAL_TAKES: Final = 0.3
"""Seconds that the token endpoint needs for the renewal. The token is still valid then."""
SHORT_WAIT: Final = 0.05
"""Seconds. Callers get a new token after `on_token` has returned."""


async def first_request(demo: Demo) -> Sequence[Check]:
    """A client without a token fetches one, then sends the request."""
    status = await demo.get()
    return [*demo.counter_checks(tokens=1, requests=1), Check("status", status, 200)]


async def cached_token(demo: Demo) -> Sequence[Check]:
    """A client with a valid token sends only the request."""
    await demo.ensure_token()
    status = await demo.get()
    return [*demo.counter_checks(tokens=0, requests=1), Check("status", status, 200)]


async def concurrent_requests(demo: Demo) -> Sequence[Check]:
    """Concurrent callers that need the first token share one token request."""
    async with demo.new_client() as client:
        statuses = await demo.get_concurrently(CALLERS, client)
    return [*demo.counter_checks(tokens=1, requests=CALLERS), Check("status", statuses, "200")]


async def renewal_ahead(demo: Demo) -> Sequence[Check]:
    """A request in the last third of a token's life starts a renewal, and does not wait for it."""
    server, arrived = demo.server, asyncio.Event()

    async def on_token(_: Token) -> None:
        arrived.set()

    with demo.server_options(expires_in=RENEWED_EXPIRES_IN, token_fault=None):
        async with demo.new_client(on_token=on_token) as client:
            first = await demo.get_token_number(client)
            demo.event(f"The first request is answered, with token {first}.")
            arrived.clear()
            await asyncio.sleep(RENEWAL_BEGINS)
            server.token_fault = Fault.slow(RENEWAL_TAKES)
            seconds, current = await _timed(demo.get_token_number(client))
            demo.event(
                f"The next one is answered after {seconds * 1000:.0f} ms, with token {current}."
            )
            is_renewing = not arrived.is_set()
            await server.reached(token_requests=2)
            demo.event("Meanwhile the token endpoint works on the renewal.")
            await arrived.wait()
            demo.event("The new token arrives.")
            await asyncio.sleep(SHORT_WAIT)
            renewed = await demo.get_token_number(client)
            demo.event(f"A request is answered, with token {renewed}.")
    return [
        *demo.counter_checks(tokens=2, requests=3),
        Check("answered during the renewal", is_renewing, expected=True),
        Check("tokens used", f"{current}, {renewed}", f"{first}, {first + 1}"),
    ]


async def expiry(demo: Demo) -> Sequence[Check]:
    """An expired token is renewed before the request, so the API never responds 401."""
    with demo.server_options(expires_in=EXPIRES_IN):
        async with demo.new_client() as client:
            await demo.get(client)
            await asyncio.sleep(EXPIRES_IN + 0.05)
            status = await demo.get(client)
    return [*demo.counter_checks(tokens=2, requests=2), Check("status", status, 200)]


async def revocation(demo: Demo) -> Sequence[Check]:
    """A token that the API rejects is renewed, and the request is sent again."""
    await demo.ensure_token()
    demo.server.revoke_all()
    status = await demo.get()
    return [*demo.counter_checks(tokens=1, requests=2, rejected=1), Check("status", status, 200)]


async def concurrent_after_revocation(demo: Demo) -> Sequence[Check]:
    """Many 401 responses to one token lead to one token request."""
    await demo.ensure_token()
    demo.server.revoke_all()
    statuses = await demo.get_concurrently(REQUESTS)
    return [
        *demo.counter_checks(tokens=1, requests=2 * REQUESTS, rejected=REQUESTS),
        Check("status", statuses, "200"),
    ]


async def token_endpoint_down(demo: Demo) -> Sequence[Check]:
    """Concurrent callers share the attempts and their error; later callers get it at once."""
    fault = Fault.status(503, "down for maintenance")
    with demo.server_options(token_fault=fault):
        async with demo.new_client(raise_token_errors=True) as client:

            async def outcome() -> str:
                return await _outcome(demo, client)

            seconds, errors = await _timed(demo.concurrently(REQUESTS, outcome))
            demo.event(f"After {Retry().attempts} attempts, {REQUESTS} callers get {errors}.")
            seconds, later = await _timed(outcome())
            demo.event(f"A later caller gets {later} after {seconds * 1000:.1f} ms.")
    return [
        *demo.counter_checks(tokens=Retry().attempts, requests=0),
        Check("callers", errors, "TokenHTTPError 503"),
        Check("later caller", later, "TokenHTTPError 503"),
    ]


async def _outcome(demo: Demo, client: Client) -> str:
    """Return the status of a request, or the error that the caller gets."""
    try:
        return str(await demo.get(client))
    except TokenHTTPError as error:
        return f"{type(error).__name__} {error.response_status}"


async def _timed(call: Awaitable[T]) -> tuple[float, T]:
    """Return how many seconds a call took, and its result."""
    started = time.monotonic()
    result = await call
    return time.monotonic() - started, result


STEPS: Final = (
    Step(
        "The first request",
        "There is no token yet, so the client fetches one first.",
        "client = Client(client_id, secret, token_endpoint)\nawait client.get(url)",
        first_request,
    ),
    Step(
        "The next request",
        "The token is still valid and is used again.",
        "await client.get(url)",
        cached_token,
    ),
    Step(
        f"{CALLERS} concurrent callers",
        "A new client has no token. All callers wait for the same token request.",
        f"await gather(*(client.get(url) for _ in range({CALLERS})))",
        concurrent_requests,
    ),
    Step(
        "The token is renewed before it expires",
        f"It is valid for {RENEWED_EXPIRES_IN} seconds. A request in the last third of this time "
        f"starts the renewal in the background. The token endpoint needs {RENEWAL_TAKES} seconds "
        "for it, but the request does not wait.",
        f"await sleep({RENEWAL_BEGINS})\nawait client.get(url)",
        renewal_ahead,
    ),
    Step(
        "The token expires between two requests",
        f"It is valid for {EXPIRES_IN} second. The client renews it before the next request.",
        f"await sleep({EXPIRES_IN})\nawait client.get(url)",
        expiry,
    ),
    Step(
        "The token is revoked",
        "The API responds 401. The client renews the token and repeats the request.",
        "await client.get(url)",
        revocation,
    ),
    Step(
        f"The token is revoked before {REQUESTS} concurrent requests",
        "Each gets a 401. One token request serves all of them.",
        f"await gather(*(client.get(url) for _ in range({REQUESTS})))",
        concurrent_after_revocation,
    ),
    Step(
        "The token endpoint is down",
        f"{REQUESTS} callers share one series of attempts and its error. A later caller gets the "
        "error at once. The API gets no request.",
        "client = Client(..., raise_token_errors=True)\n"
        "await client.get(url)  # raises TokenHTTPError",
        token_endpoint_down,
    ),
)
