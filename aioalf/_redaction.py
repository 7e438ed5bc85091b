"""What of a server's words may be shown to a person, and how.

Pure text in, pure text out: a body is cut, escaped, and withheld where it may hold a token;
known credentials are taken out. It knows nothing of where the text came from.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import Final, NoReturn
from urllib.parse import quote, quote_plus

MASK: Final = "***"
EXCERPT_LENGTH: Final = 300
_SHORT: Final = 8
_MARKS: Final = r"(access|refresh|id|device)[_-]?(token|code)|assertion|eyJ[\w-]{10}"
_OF_AN_ERROR: Final = frozenset(map(chr, range(0x20, 0x7F))) - {'"', "\\"}


def printable(text: str, length: int = EXCERPT_LENGTH) -> str:
    """Return the text on one line, what is not printable escaped, cut after `length` characters."""
    return _cut(text, length, str.isprintable)


def error_words(text: str, length: int = EXCERPT_LENGTH) -> str:
    """Return the text as `printable` does, escaped what no OAuth error may hold (RFC 6749 §5.2)."""
    return _cut(text, length, _OF_AN_ERROR.__contains__)


def _cut(text: str, length: int, is_shown: Callable[[str], bool]) -> str:
    head = "".join(c if is_shown(c) else _escaped(c) for c in text[:length])
    return head if len(text) <= length else f"{head}… ({len(text)} characters)"


def _escaped(character: str) -> str:
    return '\\"' if character == '"' else ascii(character)[1:-1]


def excerpt(text: str) -> str:
    """Return what may be shown of a response body: nothing, where it may hold a token."""
    if re.search(_MARKS, text, re.IGNORECASE):
        return f"(not shown: {len(text)} characters that may hold a token)"
    return printable(text)


def mask_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return the text with each secret masked: as it is, in JSON, URL-encoded and in base64.

    A short one is masked only where it stands alone, so that the id ``a`` leaves words whole.
    """
    for secret in sorted(
        {form for known in secrets for form in _forms(known)}, key=len, reverse=True
    ):
        pattern = re.escape(secret)
        if len(secret) < _SHORT:
            pattern = rf"(?<!\w){pattern}(?!\w)"
        text = re.sub(pattern, MASK, text)
    return text


def _forms(secret: str) -> set[str]:
    if not secret:
        return set()
    plain = secret.encode("utf-8", "replace").decode()
    encoded = b64encode(secret.encode("utf-8", "surrogatepass")).decode("ascii")
    in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret, *in_json, quote(plain, safe=""), quote_plus(plain), encoded}


class Unpicklable:
    """Base class of objects that hold a secret: they refuse to be pickled."""

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a secret and is not pickled")
