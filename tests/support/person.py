"""A user with a browser, for tests: signs in at the login page of `aioalf.testing`.

The browser is an aiohttp session. It opens a redirect with a query, and posts a fragment as the
page of the loopback listener does.
"""

import asyncio
import re
from urllib.parse import urlsplit

import aiohttp

_TICKET = re.compile(r'name="ticket"[^>]*value="([^"]+)"')
_OUTCOME = re.compile(r'data-outcome="([^"]+)"')


class Person:
    """A user to pass as `open_browser`; records the URLs, redirects and outcomes."""

    def __init__(self, decision: str = "sign-in") -> None:
        self.decision = decision
        self.opened: list[str] = []
        self.redirects: list[str] = []
        self.outcomes: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, url: str) -> None:
        """Open the URL and return at once, as starting a browser does."""
        self.opened.append(url)
        self._tasks.append(asyncio.create_task(self._sign_in(url)))

    async def done(self) -> None:
        """Wait until all sign-ins have ended."""
        await asyncio.gather(*self._tasks)

    async def _sign_in(self, url: str) -> None:
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as page:
                ticket = _TICKET.search(await page.text())
            assert ticket is not None, "no login page"
            form = {"ticket": ticket[1], "username": "Ada", "decision": self.decision}
            async with session.post(url, data=form, allow_redirects=False) as answer:
                self.redirects.append(answer.headers["Location"])
        self.outcomes.append(await come_back(self.redirects[-1]))


async def come_back(redirect: str) -> str:
    """Follow the redirect as a browser does; return the outcome that the page shows."""
    parts = urlsplit(redirect)
    if parts.query:
        async with aiohttp.ClientSession() as session, session.get(redirect) as page:
            outcome = _OUTCOME.search(await page.text())
            assert outcome is not None, "not a page of the listener"
            return outcome[1]
    origin = f"{parts.scheme}://{parts.netloc}"
    headers = {"Origin": origin, "Content-Type": "application/x-www-form-urlencoded"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{origin}{parts.path or '/'}", data=parts.fragment, headers=headers
        ) as answer,
    ):
        shown: str = (await answer.json())["outcome"]
        return shown
