"""The steps of ``demo --browser`` and ``demo --device``: a user signs in once.

The two differ only in the grant, and in how the user learns the page to open.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aioalf._browser.open_url import open_url
from aioalf._callbacks import OpenBrowser
from aioalf._demo.screen import Screen
from aioalf._demo.step import Check, Demo, NewClient, Step
from aioalf.caches import MemoryCache
from aioalf.client import Client
from aioalf.grants import AuthorizationCode, DeviceCode, Prompt
from aioalf.testing import OAuthServer

REQUESTS: Final = 10
TIMEOUT: Final = 180.0
"""Seconds that the user has to sign in."""
CLIENT_ID: Final = "desktop"
"""A public client: a program on a computer of the user cannot keep a secret."""
POLL_INTERVAL: Final = 1
"""Seconds between two polls of the device. Public servers ask for 5."""
_LIMIT: Final = f"You have {TIMEOUT / 60:g} minutes. Ctrl-C ends the demo."


def browser_opener(screen: Screen) -> OpenBrowser:
    """Return a function that opens the browser and prints what to do there.

    It prints in the thread of the event loop: another one may still print when Python exits.
    """

    async def open_browser(url: str) -> None:
        screen.line()
        screen.title("   Sign in in the browser with any name. If none opens, open this URL:")
        screen.line(url)
        screen.note(_LIMIT)
        screen.line()
        await open_url(url)

    return open_browser


def browser_clients(server: OAuthServer, screen: Screen) -> NewClient:
    """Return a function that makes clients whose user signs in in the browser."""
    grant = AuthorizationCode(open_browser=browser_opener(screen), timeout=TIMEOUT)
    return _public_clients(server, grant)


def device_clients(server: OAuthServer, screen: Screen) -> NewClient:
    """Return a function that makes clients whose user enters a code on another device."""
    server.device_interval = POLL_INTERVAL

    async def show(prompt: Prompt) -> None:
        screen.line()
        screen.title(f"   The code is {prompt.user_code}. Open this page, and enter the code:")
        screen.line(prompt.verification_uri)
        screen.note(_LIMIT)
        screen.qr_code(prompt.verification_uri_complete or prompt.verification_uri)
        screen.line()

    return _public_clients(server, DeviceCode(prompt=show, timeout=TIMEOUT))


def _public_clients(server: OAuthServer, grant: AuthorizationCode | DeviceCode) -> NewClient:
    server.add_client(CLIENT_ID)
    cache = MemoryCache()

    def new_client(**options: Any) -> Client:
        return Client(
            issuer=server.issuer, client_id=CLIENT_ID, grant=grant, cache=cache, **options
        )

    return new_client


async def sign_in(demo: Demo) -> Sequence[Check]:
    """Concurrent requests that all need a sign-in share one."""
    statuses = await demo.get_concurrently(REQUESTS)
    return [
        Check("sign-ins", demo.server.logins, 1),
        Check("API requests", demo.server.api_requests, REQUESTS),
        Check("status", statuses, "200"),
    ]


async def refresh(demo: Demo) -> Sequence[Check]:
    """An expired access token is refreshed without the user."""
    demo.server.expire_all()
    status = await demo.get()
    return [
        *demo.counter_checks(tokens=1, requests=2, rejected=1),
        Check("sign-ins", demo.server.logins, 0),
        Check("status", status, 200),
    ]


async def cached_sign_in(demo: Demo) -> Sequence[Check]:
    """A client that is made later, with the same cache, uses the sign-in of the first one."""
    async with demo.new_client() as client:
        status = await demo.get(client)
    return [
        *demo.counter_checks(tokens=0, requests=1),
        Check("sign-ins", demo.server.logins, 0),
        Check("status", status, 200),
    ]


async def sign_out(demo: Demo) -> Sequence[Check]:
    """The tokens are revoked at the server."""
    await demo.client.logout()
    revocations = demo.server.requests["revocation"]
    return [Check("tokens were revoked", revocations > 0, expected=True)]


def _steps(grant: str, description: str) -> tuple[Step, ...]:
    return (
        Step(
            f"{REQUESTS} concurrent requests before anyone has signed in",
            description,
            f'client = Client(issuer=issuer, client_id="{CLIENT_ID}",\n'
            f"    grant={grant}, cache=cache)\n"
            f"await gather(*(client.get(url) for _ in range({REQUESTS})))",
            sign_in,
            timeout=TIMEOUT + 30,
            is_required=True,
        ),
        Step(
            "The access token expires",
            "The client gets a new one with the refresh token. The user does not notice it.",
            "await client.get(url)",
            refresh,
        ),
        Step(
            "A client that is made later",
            "It finds the tokens in the cache. The user does not sign in again.",
            "await Client(..., cache=cache).get(url)",
            cached_sign_in,
        ),
        Step(
            "The user signs out",
            "The client revokes the tokens at the authorization server, and deletes them from the "
            "cache.",
            "await client.logout()",
            sign_out,
        ),
    )


BROWSER_STEPS: Final = _steps(
    "AuthorizationCode()",
    "They share one sign-in (authorization code with PKCE). The browser opens the sign-in page. "
    "After you have signed in, it brings a single-use code to a port of this program. The client "
    "exchanges the code for tokens. With the code it sends a secret value (PKCE), which proves "
    "that it started this sign-in.",
)
DEVICE_STEPS: Final = _steps(
    "DeviceCode()",
    "They share one sign-in (device code). The client shows a code. You enter the code on a page "
    "in any browser, also on another device if the server can be reached from there. Meanwhile "
    "the client asks the server every second whether you have signed in.",
)
