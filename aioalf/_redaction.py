"""Masks secrets in text and makes text from servers safe to print.

Pure functions on text. They know known secrets and the look of tokens, not where a text came from.
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
_SHORT_SECRET: Final = 8
_SENSITIVE_WORDS: Final = r"(access|refresh|id|device)[_-]?(token|code)|assertion|eyJ[\w-]{10}"
_OAUTH_ERROR_CHARACTERS: Final = frozenset(map(chr, range(0x20, 0x7F))) - {'"', "\\"}


def printable(text: str, length: int = EXCERPT_LENGTH) -> str:
    """Return the text on one line, unprintable characters escaped, truncated to `length`."""
    return _escape(text, length, str.isprintable)


def error_words(text: str, length: int = EXCERPT_LENGTH) -> str:
    """Return the text like `printable`, with all characters escaped that RFC 6749 §5.2 forbids."""
    return _escape(text, length, _OAUTH_ERROR_CHARACTERS.__contains__)


def _escape(text: str, length: int, is_allowed: Callable[[str], bool]) -> str:
    head = "".join(c if is_allowed(c) else _escaped(c) for c in text[:length])
    return head if len(text) <= length else f"{head}… ({len(text)} characters)"


def _escaped(character: str) -> str:
    return '\\"' if character == '"' else ascii(character)[1:-1]


def excerpt(text: str) -> str:
    """Return the start of a response body, or only its length if it may contain a token."""
    if re.search(_SENSITIVE_WORDS, text, re.IGNORECASE):
        return f"(not shown: {len(text)} characters that may contain a token)"
    return printable(text)


def mask_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return the text with each secret masked: verbatim, as JSON, URL-encoded and in base64.

    A secret of fewer than 8 characters is masked only as a whole word: a client id ``a`` must not
    make the text unreadable.
    """
    forms = {form for secret in secrets for form in _encoded_forms(secret)}
    for form in sorted(forms, key=len, reverse=True):
        pattern = re.escape(form)
        if len(form) < _SHORT_SECRET:
            pattern = rf"(?<!\w){pattern}(?!\w)"
        text = re.sub(pattern, MASK, text)
    return text


def _encoded_forms(secret: str) -> set[str]:
    if not secret:
        return set()
    plain = secret.encode("utf-8", "replace").decode()
    encoded = b64encode(secret.encode("utf-8", "surrogatepass")).decode("ascii")
    in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret, *in_json, quote(plain, safe=""), quote_plus(plain), encoded}


class Unpicklable:
    """Base class of objects that hold a secret and therefore refuse to be pickled."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a secret, so it is not pickled")
