"""The steps of ``demo --browser``: a user signs in, with the implicit flow of 0.4.0."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable, Sequence
from typing import Final

from aioalf._callbacks import OpenBrowser
from aioalf._demo.screen import Screen
from aioalf._demo.step import Check, Demo, Step
from aioalf.client import Client
from aioalf.implicit import TokenStorage, use_implicit_flow
from aioalf.testing import OAuthServer

REQUESTS: Final = 10
SIGN_IN_TIMEOUT: Final = 180.0
"""Seconds that the user has to sign in."""


def browser_opener(screen: Screen) -> OpenBrowser:
    """Return a function that opens the browser and prints what to do there."""

    def open_browser(url: str) -> None:
        screen.line()
        screen.title("     Sign in in the browser with any name. If none opens, open this URL:")
        screen.line(f"     {url}")
        screen.line(
            f"     You have {SIGN_IN_TIMEOUT / 60:g} minutes. Press Ctrl-C to end the demo."
        )
        screen.line()
        webbrowser.open(url)

    return open_browser


async def client_factory(server: OAuthServer, open_browser: OpenBrowser) -> Callable[[], Client]:
    """Return a function that makes clients that sign in in the browser."""
    await use_implicit_flow(TokenStorage(), open_browser=open_browser, timeout=SIGN_IN_TIMEOUT)

    def new_client() -> Client:
        return Client(server.client_id, "", server.token_endpoint)

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
    demo.server.reset_counters()
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
        "They share one sign-in. The browser brings the token to a local port.",
        sign_in,
        timeout=SIGN_IN_TIMEOUT + 5,
    ),
    Step(
        "A client that is made later",
        "It uses the stored token. The user does not sign in again.",
        stored_token,
    ),
)
