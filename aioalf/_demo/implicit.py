"""The steps of ``demo --implicit``: a user signs in, with the implicit flow of 0.4.0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aioalf._callbacks import OpenBrowser
from aioalf._demo.sign_in import TIMEOUT
from aioalf._demo.step import Check, Demo, NewClient, Step
from aioalf.client import Client
from aioalf.implicit import TokenStorage, use_implicit_flow
from aioalf.testing import OAuthServer

REQUESTS: Final = 10


async def client_factory(server: OAuthServer, open_browser: OpenBrowser) -> NewClient:
    """Return a function that makes clients that sign in in the browser."""
    await use_implicit_flow(TokenStorage(), open_browser=open_browser, timeout=TIMEOUT)

    def new_client(**options: Any) -> Client:
        return Client(server.client_id, "", server.token_endpoint, **options)

    return new_client


async def sign_in(demo: Demo) -> Sequence[Check]:
    """Concurrent requests that all need a sign-in share one."""
    statuses = await demo.get_concurrently(REQUESTS)
    return [
        *demo.counter_checks(tokens=0, requests=REQUESTS),
        Check("sign-ins", demo.server.logins, 1),
        Check("status", statuses, "200"),
    ]


async def stored_token(demo: Demo) -> Sequence[Check]:
    """A client that is made later uses the token in the storage."""
    async with demo.new_client() as client:
        status = await demo.get(client)
    return [
        *demo.counter_checks(tokens=0, requests=1),
        Check("sign-ins", demo.server.logins, 0),
        Check("status", status, 200),
    ]


STEPS: Final = (
    Step(
        f"{REQUESTS} concurrent requests before anyone has signed in",
        "They share one sign-in. The browser brings the token itself to a port of this program, as "
        "with 0.4.0. New programs use the authorization code instead (--browser).",
        "await use_implicit_flow(TokenStorage())\n"
        f"await gather(*(client.get(url) for _ in range({REQUESTS})))",
        sign_in,
        timeout=TIMEOUT + 30,
        is_required=True,
    ),
    Step(
        "A client that is made later",
        "It uses the stored token. The user does not sign in again.",
        'await Client(client_id, "", token_endpoint).get(url)',
        stored_token,
    ),
)
