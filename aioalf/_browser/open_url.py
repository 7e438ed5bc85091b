"""Showing a URL to a person: the browser of this machine, or whatever the caller has instead.

It knows browsers and threads; it knows nothing of what the URL is for.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import webbrowser
from collections.abc import Awaitable, Callable

from aioalf._callbacks import is_coroutine_function

OpenBrowser = Callable[[str], object] | Callable[[str], Awaitable[object]]
"""Called with the URL: a coroutine function, or a plain one, which runs in a thread. False means:
not shown.
"""

logger: logging.Logger = logging.getLogger(__name__)


def log_url(url: str) -> None:
    """Log the URL, for a person who reads the log."""
    logger.warning("No browser could be opened on this machine. To sign in, open this URL: %s", url)


async def open_url(
    url: str, open_browser: OpenBrowser | None = None, otherwise: Callable[[str], None] = log_url
) -> None:
    """Show the URL, in the default browser unless there is another way; `otherwise` is called with
    it when nobody could show it.

    Raises what `open_browser` and `otherwise` raise.
    """
    # A text browser keeps its caller waiting until it is left.
    shown = await _call(open_browser or webbrowser.open, url)
    if shown is False:
        otherwise(url)


async def _call(open_browser: OpenBrowser, url: str) -> object:
    if is_coroutine_function(open_browser):
        return await open_browser(url)
    result = await asyncio.to_thread(open_browser, url)
    return await result if inspect.isawaitable(result) else result
