"""A user whose browser follows the redirects of a sign-in, with the response in the query.

The server's ``auto_sign_in`` skips the sign-in page. A test may change the redirect URL.
"""

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import aiohttp

Change = Callable[[str], str]


class Visitor:
    """Pass an instance as `open_browser`. It records opened URLs, redirects, statuses and pages.

    Each function in `first` makes a changed redirect URL, which is opened before the right one;
    `then` changes the right one.
    """

    def __init__(self, *first: Change, then: Change = lambda url: url) -> None:
        self.opened: list[str] = []
        self.redirects: list[str] = []
        self.statuses: list[int] = []
        self.pages: list[str] = []
        self._first = first
        self._then = then
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, url: str) -> None:
        """Open the URL in the background and return at once, as starting a browser does."""
        self.opened.append(url)
        self._tasks.append(asyncio.create_task(self._visit(url)))

    async def done(self) -> None:
        """Wait until all pages have been loaded."""
        await asyncio.gather(*self._tasks)

    async def gone(self) -> None:
        """Close the browser: cancel the pages that are still loading."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _visit(self, url: str) -> None:
        async with aiohttp.ClientSession() as session:
            async with session.get(url, allow_redirects=False) as response:
                location = response.headers["Location"]
            for change in (*self._first, self._then):
                self.redirects.append(change(location))
                async with session.get(self.redirects[-1], allow_redirects=False) as page:
                    self.statuses.append(page.status)
                    self.pages.append(await page.text())


def query_of(url: str) -> dict[str, list[str]]:
    """Return the query parameters of a URL."""
    return parse_qs(urlsplit(url).query, strict_parsing=True)


async def is_listening(port: int) -> bool:
    """Tell whether a port on this machine accepts connections."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
