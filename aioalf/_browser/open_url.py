"""Shows a URL to the user: in the default browser, or through a function of the program.

Must not know what the URL is for.
"""

from __future__ import annotations

import logging
import webbrowser
from collections.abc import Callable

from aioalf._callbacks import OpenBrowser, call
from aioalf.errors import TokenError

logger: logging.Logger = logging.getLogger(__name__)


def log_url(url: str) -> None:
    """Log the URL, for a user who reads the log."""
    logger.warning("No browser could be opened on this machine. To sign in, open this URL: %s", url)


async def open_url(
    url: str, open_browser: OpenBrowser | None = None, otherwise: Callable[[str], None] = log_url
) -> None:
    """Show the URL with `open_browser`, or in the default browser if that is None.

    Calls `otherwise` with the URL if it could not be shown. Raises TokenError with the reason as
    its cause.
    """
    try:
        # Some browsers, such as text browsers, block until they are closed: `call` uses a thread.
        is_shown = await call(open_browser or webbrowser.open, url)
        if is_shown is False:
            otherwise(url)
    except Exception as error:
        raise TokenError(f"The browser could not be opened: {type(error).__name__}") from error
