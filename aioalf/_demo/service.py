"""The steps of a service that gets its tokens with client credentials, from the first to the last.

It acts with `Client` as a user would, and believes the server's counters alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from aioalf._demo.step import Check, Stage, Step
from aioalf.retry import Retry
from aioalf.testing import Fault

MANY: Final = 100
LIFETIME: Final = 1
"""Seconds; the shortest that a token response can say."""


async def first_request(stage: Stage) -> Sequence[Check]:
    """A client without a token gets one, then sends the request."""
    status = await stage.get()
    return [*stage.counted(tokens=1, requests=1), Check("the caller got", status, 200)]


async def cached_token(stage: Stage) -> Sequence[Check]:
    """A client with a token sends the request at once."""
    await stage.warm_up()
    status = await stage.get()
    return [*stage.counted(tokens=0, requests=1), Check("the caller got", status, 200)]


async def many_at_once(stage: Stage) -> Sequence[Check]:
    """Callers that all need the first token share one token request."""
    async with stage.new_client() as client:
        statuses = await stage.get_at_once(MANY, client)
    return [*stage.counted(tokens=1, requests=MANY), Check("each caller got", statuses, "200")]


async def expiry(stage: Stage) -> Sequence[Check]:
    """A token whose time is over is renewed before the request, which is never refused."""
    lifetime, stage.server.expires_in = stage.server.expires_in, LIFETIME
    try:
        async with stage.new_client() as client:
            await stage.get(client)
            await asyncio.sleep(LIFETIME + 0.05)
            status = await stage.get(client)
    finally:
        stage.server.expires_in = lifetime
    return [*stage.counted(tokens=2, requests=2), Check("the caller got", status, 200)]


async def revocation(stage: Stage) -> Sequence[Check]:
    """A token that the API refuses is renewed, and the request sent once more."""
    await stage.warm_up()
    stage.server.revoke_all()
    status = await stage.get()
    return [*stage.counted(tokens=1, requests=2, refused=1), Check("the caller got", status, 200)]


async def many_after_revocation(stage: Stage) -> Sequence[Check]:
    """Many refusals of one token make one token request."""
    await stage.warm_up()
    stage.server.revoke_all()
    statuses = await stage.get_at_once(MANY)
    return [
        *stage.counted(tokens=1, requests=2 * MANY, refused=MANY),
        Check("each caller got", statuses, "200"),
    ]


async def token_endpoint_down(stage: Stage) -> Sequence[Check]:
    """After retries the caller gets the token endpoint's error; nothing goes without a token."""
    stage.server.token_fault = Fault.status(503, "down for maintenance")
    try:
        async with stage.new_client() as client:
            status = await stage.get(client)
    finally:
        stage.server.token_fault = None
    return [
        *stage.counted(tokens=Retry().attempts, requests=0),
        Check("the caller got", status, 503),
    ]


STEPS: Final = (
    Step("The first request", "There is no token yet: the client gets one first.", first_request),
    Step("The next request", "The token is still good, and used again.", cached_token),
    Step(
        f"{MANY} requests at once",
        "A new client, and all need its first token: they wait for the same one.",
        many_at_once,
    ),
    Step(
        "The token expires",
        f"It lives for {LIFETIME} second. The client knows, and renews it before the next request.",
        expiry,
    ),
    Step(
        "The token is revoked",
        "The client cannot know. The API says 401: a new token, and the request once more.",
        revocation,
    ),
    Step(
        f"The token is revoked, and {MANY} requests are under way",
        "Each is refused once. One token request serves them all.",
        many_after_revocation,
    ),
    Step(
        "The token endpoint is down",
        "Asked three times, it fails. The caller gets its answer, and the API is not called.",
        token_endpoint_down,
    ),
)
