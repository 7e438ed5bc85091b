"""A person with a browser, for tests without one: signs in at `aioalf.testing`'s login page.

The browser is an aiohttp session; the redirect's fragment is posted as the listener's page does,
its query is simply opened.
"""

import asyncio
import re
from urllib.parse import urlsplit

import aiohttp

_TICKET = re.compile(r'name="ticket"[^>]*value="([^"]+)"')
_OUTCOME = re.compile(r'data-outcome="([^"]+)"')


class Person:
    """Called with the URL as `open_browser`; keeps what was opened and what the pages answered."""

    def __init__(self, decision: str = "sign-in") -> None:
        self.decision = decision
        self.opened: list[str] = []
        self.redirects: list[str] = []
        self.outcomes: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, url: str) -> None:
        """Open the URL, and come back at once as a browser's launcher does."""
        self.opened.append(url)
        self._tasks.append(asyncio.create_task(self._sign_in(url)))

    async def done(self) -> None:
        """Wait until every page has been left."""
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
    """Open the redirect, and do what the page there does; return the outcome that it shows."""
    parts = urlsplit(redirect)
    if parts.query:
        async with aiohttp.ClientSession() as session, session.get(redirect) as page:
            outcome = _OUTCOME.search(await page.text())
            assert outcome is not None, "no page of the listener's"
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
