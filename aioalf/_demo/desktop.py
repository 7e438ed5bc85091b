"""The steps of a program at a desk: a person signs in in the browser, which brings the token.

The implicit flow, as 0.4.0 had it. It opens a browser; it reads no page.
"""

from __future__ import annotations

import webbrowser
from collections.abc import Callable, Sequence
from typing import Final

from aioalf._browser.open_url import OpenBrowser
from aioalf._demo.screen import Screen
from aioalf._demo.step import Check, Stage, Step
from aioalf.client import Client
from aioalf.implicit import TokenStorage, use_implicit_flow
from aioalf.testing import OAuthServer

FEW: Final = 10
PATIENCE: Final = 180.0
"""Seconds that a person has to sign in."""


def browser_of(screen: Screen) -> OpenBrowser:
    """Return what opens the machine's browser, and says what there is to do in it."""

    def open_browser(url: str) -> None:
        screen.line()
        screen.title("     Sign in in the browser: any name will do. If none opens, open this URL:")
        screen.line(f"     {url}")
        screen.line(f"     There are {PATIENCE / 60:g} minutes; Ctrl-C ends the demo.")
        screen.line()
        webbrowser.open(url)

    return open_browser


async def new_clients(server: OAuthServer, open_browser: OpenBrowser) -> Callable[[], Client]:
    """Return what makes clients that get their token from a login in the browser."""
    await use_implicit_flow(TokenStorage(), open_browser=open_browser, timeout=PATIENCE)

    def new_client() -> Client:
        return Client(server.client_id, "", server.token_endpoint)

    return new_client


async def sign_in(stage: Stage) -> Sequence[Check]:
    """Requests that all need a login share one."""
    statuses = await stage.get_at_once(FEW)
    return [
        *stage.counted(tokens=0, requests=FEW),
        Check("logins", stage.server.logins, 1),
        Check("each caller got", statuses, "200"),
    ]


async def stored_token(stage: Stage) -> Sequence[Check]:
    """A client made later uses the token in the storage."""
    stage.server.reset_counters()
    async with stage.new_client() as client:
        status = await stage.get(client)
    return [
        *stage.counted(tokens=0, requests=1),
        Check("logins", stage.server.logins, 0),
        Check("the caller got", status, 200),
    ]


STEPS: Final = (
    Step(
        f"{FEW} requests at once, and nobody has signed in",
        "They wait for one login. The answer comes to a port of this machine, then it is closed.",
        sign_in,
        seconds=PATIENCE + 5,
    ),
    Step(
        "A client that is made later",
        "The token is in the storage: nobody is asked again.",
        stored_token,
    ),
)
