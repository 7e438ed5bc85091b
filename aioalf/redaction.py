"""What of a server's words may be shown to a person, and how.

Pure text in, pure text out: a body is cut, escaped, and withheld where it may hold a token;
known credentials are taken out. It knows nothing of where the text came from.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

MASK: Final = "***"
EXCERPT_LENGTH: Final = 300
_SHORT: Final = 8
_HOLDS_TOKEN: Final = re.compile(r"(access|refresh|id|device)[_-]?(token|code)|assertion", re.IGNORECASE)


def printable(text: str, length: int = EXCERPT_LENGTH) -> str:
    """Return the text on one line, what is not printable escaped, cut after `length` characters."""
    head = text[:length]
    if not head.isprintable():
        head = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in head)
    return head if len(text) <= length else f"{head}… ({len(text)} characters)"


def excerpt(text: str) -> str:
    """Return what may be shown of a response body: nothing, where it may hold a token."""
    if _HOLDS_TOKEN.search(text):
        return f"(not shown: {len(text)} characters that may hold a token)"
    return printable(text)


def without(text: str, secrets: Iterable[str]) -> str:
    """Return the text with each secret masked: as it is, URL-encoded and in base64.

    A short one is masked only where it stands alone, so that the id ``a`` leaves words whole.
    """
    for secret in sorted({form for known in secrets for form in _forms(known)}, key=len, reverse=True):
        pattern = re.escape(secret)
        if len(secret) < _SHORT:
            pattern = rf"(?<!\w){pattern}(?!\w)"
        text = re.sub(pattern, MASK, text)
    return text


def _forms(secret: str) -> set[str]:
    encoded = b64encode(secret.encode("utf-8", "surrogatepass")).decode("ascii")
    plain = secret.encode("utf-8", "replace").decode()
    return {secret, quote(plain, safe=""), quote_plus(plain), encoded} if secret else set()
