"""HTML documents of a program that replace two of the redirect listener's own pages.

0.4.0 served them without any header. They now get a Content-Security-Policy that lets their inline
scripts and styles run, and loads nothing from elsewhere. Must not import aiohttp.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Self

from aioalf._browser import pages
from aioalf.errors import TokenConfigurationError

logger: logging.Logger = logging.getLogger("aioalf.implicit")

_RELAY = 'location.replace("/?" + location.hash.slice(1))'

# The token must not stay in the address bar, where the relay of a custom page puts it.
_CLEAR_ADDRESS = '<script>history.replaceState(null, "", location.pathname)</script>'

_DOCTYPE = re.compile(r"\A(\s*<!doctype[^>]*>)?", re.IGNORECASE)
_READS_ADDRESS = re.compile(r"\blocation\b|\bdocument\.URL\b")
_LOADS_A_FILE = re.compile(
    r"<(?:script|link|img|iframe)\b[^>]*\s(?:src|href)\s*=\s*(?![\"']?data:)", re.IGNORECASE
)


@dataclass(frozen=True)
class CustomPages:
    """The program's pages: `sign_in` relays the fragment, `signed_in` follows a sign-in.

    None keeps the listener's own page.
    """

    sign_in: str | None = None
    signed_in: str | None = None

    @classmethod
    def read(cls, default_page: object, close_page: object) -> Self:
        """Check 0.4.0's DEFAULT_PAGE and CLOSE_PAGE. Raises TokenConfigurationError."""
        sign_in = _read("DEFAULT_PAGE", default_page)
        signed_in = _read("CLOSE_PAGE", close_page)
        if sign_in is not None:
            _check_relay(sign_in)
        if signed_in is not None:
            signed_in = _DOCTYPE.sub(rf"\1{_CLEAR_ADDRESS}", signed_in)
        return cls(sign_in, signed_in)

    def document(self, page: pages.Page) -> str | None:
        if page is pages.SIGNING_IN:
            return self.sign_in
        return self.signed_in if page is pages.SIGNED_IN else None


def _read(name: str, page: object) -> str | None:
    if page is None:
        return None
    try:
        text = page.decode() if isinstance(page, bytes) else page
    except UnicodeDecodeError:
        text = None
    if not isinstance(text, str):
        raise TokenConfigurationError(
            f"aioalf.implicit_manager.{name} must be an HTML document as a string"
        )
    if _LOADS_A_FILE.search(text):
        logger.warning(
            "aioalf.implicit_manager.%s loads a file: the browser blocks it, since the page's "
            "address contains the token. Put scripts, styles and images into the page itself",
            name,
        )
    return text


def _check_relay(page: str) -> None:
    if not _READS_ADDRESS.search(page):
        raise TokenConfigurationError(
            "aioalf.implicit_manager.DEFAULT_PAGE has no inline script that reads `location`: the "
            "token is in the fragment of the page's address, and only a script in the page can "
            f"pass it on, such as: {_RELAY}"
        )
    if "access_token" in page and not re.search(r"\bstate\b", page):
        logger.warning(
            "aioalf.implicit_manager.DEFAULT_PAGE seems to pass on access_token without state: "
            "such a response is refused. Pass on the whole fragment: %s",
            _RELAY,
        )
