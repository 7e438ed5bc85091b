"""The steps of ``demo``: a service uses the client credentials grant.

Uses only the public API of `Client`, and checks the counters of the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from aioalf._demo.step import Check, Demo, Step
from aioalf.retry import Retry
from aioalf.testing import Fault

REQUESTS: Final = 100
EXPIRES_IN: Final = 1
"""Seconds; the smallest `expires_in` of a token response."""


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
        statuses = await demo.get_concurrently(REQUESTS, client)
    return [*demo.counter_checks(tokens=1, requests=REQUESTS), Check("status", statuses, "200")]


async def expiry(demo: Demo) -> Sequence[Check]:
    """An expired token is renewed before the request, so the API never responds 401."""
    expires_in, demo.server.expires_in = demo.server.expires_in, EXPIRES_IN
    try:
        async with demo.new_client() as client:
            await demo.get(client)
            await asyncio.sleep(EXPIRES_IN + 0.05)
            status = await demo.get(client)
    finally:
        demo.server.expires_in = expires_in
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
    """After retries, the caller gets the error response of the token endpoint."""
    demo.server.token_fault = Fault.status(503, "down for maintenance")
    try:
        async with demo.new_client() as client:
            status = await demo.get(client)
    finally:
        demo.server.token_fault = None
    return [
        *demo.counter_checks(tokens=Retry().attempts, requests=0),
        Check("status", status, 503),
    ]


STEPS: Final = (
    Step(
        "The first request",
        "There is no token yet, so the client fetches one first.",
        first_request,
    ),
    Step("The next request", "The token is still valid and is used again.", cached_token),
    Step(
        f"{REQUESTS} concurrent requests",
        "A new client has no token. All requests wait for the same token request.",
        concurrent_requests,
    ),
    Step(
        "The token expires",
        f"It is valid for {EXPIRES_IN} second. The client renews it before the next request.",
        expiry,
    ),
    Step(
        "The token is revoked",
        "The API responds 401. The client renews the token and repeats the request.",
        revocation,
    ),
    Step(
        f"The token is revoked before {REQUESTS} concurrent requests",
        "Each gets a 401. One token request serves all of them.",
        concurrent_after_revocation,
    ),
    Step(
        "The token endpoint is down",
        "It fails three times. The caller gets its response; the API gets no request.",
        token_endpoint_down,
    ),
)
