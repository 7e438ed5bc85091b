"""A person whose browser follows the redirect of a login to its end, with the answer in the query.

The server's ``auto_sign_in`` spares them the page; a test may change the answer on its way.
"""

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import aiohttp

Change = Callable[[str], str]


class Visitor:
    """Called with the URL as `open_browser`; keeps what was opened, and what the pages said.

    ``first`` makes other redirects of the right one, which are followed before it.
    """

    def __init__(self, *first: Change, then: Change = lambda url: url) -> None:
        self.opened: list[str] = []
        self.redirects: list[str] = []
        self.statuses: list[int] = []
        self._first = first
        self._then = then
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, url: str) -> None:
        """Open the URL, and come back at once as a browser's launcher does."""
        self.opened.append(url)
        self._tasks.append(asyncio.create_task(self._visit(url)))

    async def done(self) -> None:
        """Wait until every page has been left."""
        await asyncio.gather(*self._tasks)

    async def gone(self) -> None:
        """Close the browser."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _visit(self, url: str) -> None:
        async with aiohttp.ClientSession() as session:
            async with session.get(url, allow_redirects=False) as answer:
                location = answer.headers["Location"]
            for change in (*self._first, self._then):
                self.redirects.append(change(location))
                async with session.get(self.redirects[-1], allow_redirects=False) as page:
                    self.statuses.append(page.status)


def query_of(url: str) -> dict[str, list[str]]:
    """The parameters in a URL."""
    return parse_qs(urlsplit(url).query, strict_parsing=True)


async def is_listening(port: int) -> bool:
    """Whether anything accepts connections there."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
