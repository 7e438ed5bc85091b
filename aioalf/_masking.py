"""Masks secrets in text and makes text from servers safe to print.

Pure functions on text. They know known secrets and the look of tokens, not where a text came from.
"""

from __future__ import annotations

import json
import re
import sys
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable
from typing import Final, NoReturn
from urllib.parse import quote, quote_plus, unquote

MASK: Final = "***"
EXCERPT_LENGTH: Final = 300
SHORT_SECRET: Final = 8
"""A secret of fewer characters is masked only as a whole word."""

_EXAMINED_LENGTH: Final = 2**14
_SENSITIVE_WORDS: Final = r"(access|refresh|id|device)[_-]?(token|code)|assertion|eyJ[\w-]{10}"
_JSON_STRING: Final = r'"(?:[^"\\]|\\.)*+"'
_HTML_NAMES: Final = {"amp": "&", "apos": "'", "gt": ">", "lt": "<", "quot": '"'}
"""Characters that programs escape. Importing the module html would take a millisecond."""

_HTML_ESCAPE: Final = r"&(?:(amp|apos|gt|lt|quot)|#[xX]([0-9A-Fa-f]{1,6})|#([0-9]{1,7}));"
_BACKSLASH_ESCAPE: Final = r"(?s)((?:\\\\)+)|((?:\\u[0-9a-fA-F]{4})+)|\\x([0-9a-fA-F]{2})|\\(.|\Z)"
_CONTROL_CHARACTERS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_BASE64URL: Final = str.maketrans("+/", "-_")
_ESCAPES: Final = frozenset("\\%&+")
_MAX_NESTED_ESCAPES: Final = 8
_LONG_TEXT: Final = 2**16
_MAX_NESTED_ESCAPES_OF_A_LONG_TEXT: Final = 3  # each level takes a tenth of a second for a megabyte
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
    start = text[:_EXAMINED_LENGTH]
    plain = _without_escapes(start)
    if plain is None or re.search(_SENSITIVE_WORDS, f"{start}\n{plain}", re.IGNORECASE):
        return f"(not shown: {len(text)} characters that may contain a token)"
    return printable(text)


class Unpicklable:
    """Base class of objects that hold a secret and therefore refuse to be pickled."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a secret, so it is not pickled")


class SecretMask(Unpicklable):
    """Masks secrets in many texts, as `mask_secrets` does in one. ``repr`` shows no secret."""

    __slots__ = ("_forms", "_plain_forms", "_shortest")

    def __init__(self, secrets: Iterable[str]) -> None:
        # A response may have thousands of texts, so all that depends on the secrets is done once.
        forms = {form for secret in secrets for form in _encoded_forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)
        plain_forms = {_without_escapes(form) or "" for form in forms}
        self._plain_forms = [form for form in plain_forms if form.strip()]
        self._shortest = min(map(len, [*forms, *self._plain_forms]), default=0)

    def __call__(self, text: str) -> str:
        """Return the text with each secret masked."""
        if len(text) < self._shortest:  # and no escape makes it longer
            return text
        masked = text
        for form in self._forms:
            if form in masked:
                masked = re.sub(_pattern_of(form), MASK, masked)
        if self._forms and self._has_escaped(masked):
            return f"(not shown: {len(text)} characters that contain a secret)"
        return masked

    def _has_escaped(self, text: str) -> bool:
        """Tell whether one of the forms appears in the text once all escapes are undone in both."""
        plain = _without_escapes(text)
        return plain is None or any(
            form in plain and re.search(_pattern_of(form), plain) for form in self._plain_forms
        )


def mask_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return the text with each secret masked: verbatim, as JSON, URL-encoded and in base64.

    Base64 may be URL-safe, and without padding (RFC 4648 §5). If a secret is escaped in another
    way, such as HTML entities or JSON in JSON, only the length of the text is returned. A secret
    shorter than `SHORT_SECRET` is masked only as a whole word: a client id ``a`` must not make the
    text unreadable.
    """
    return SecretMask(secrets)(text)


def mask_secrets_in_json(text: str, secrets: Collection[str]) -> str:
    """Return a valid JSON text with the secrets masked in each string, and everywhere else.

    The text stays JSON: only the strings with a secret change.
    """
    mask = SecretMask(secrets)

    def masked(literal: re.Match[str]) -> str:
        value = json.loads(literal[0]) if "\\" in literal[0] else literal[0][1:-1]
        shown = mask(value)
        return literal[0] if shown == value else json.dumps(shown)

    return mask(re.sub(_JSON_STRING, masked, text))


def _encoded_forms(secret: str) -> set[str]:
    if not secret:
        return set()
    plain = secret.encode("utf-8", "replace").decode()
    encoded = b64encode(secret.encode("utf-8", "surrogatepass")).decode("ascii")
    in_base64 = {encoded, encoded.translate(_BASE64URL)}
    in_base64 |= {form.rstrip("=") for form in in_base64}
    in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret, *in_json, quote(plain, safe=""), quote_plus(plain), *in_base64}


def _pattern_of(form: str) -> str:
    pattern = re.escape(form)
    return pattern if len(form) >= SHORT_SECRET else rf"(?<!\w){pattern}(?!\w)"


def _without_escapes(text: str) -> str | None:
    """Undo backslash and percent escapes and HTML entities; None if they are nested too deeply.

    A plus sign becomes a space, as in a form.
    """
    if _ESCAPES.isdisjoint(text):
        return text
    is_long = len(text) > _LONG_TEXT
    for _ in range(_MAX_NESTED_ESCAPES_OF_A_LONG_TEXT if is_long else _MAX_NESTED_ESCAPES):
        before = text
        text = re.sub(_BACKSLASH_ESCAPE, _unescaped, text)
        text = re.sub(_HTML_ESCAPE, _html_unescaped, unquote(text)).replace("+", " ")
        if text == before:
            return text
    return None


def _unescaped(escape: re.Match[str]) -> str:
    backslashes, utf16, code, character = escape.groups()
    if backslashes:
        return "\\" * (len(backslashes) // 2)
    if utf16:  # two escapes make one character above U+FFFF
        return bytes.fromhex(utf16.replace("\\u", "")).decode("utf-16-be", "replace")
    return chr(int(code, 16)) if code else _CONTROL_CHARACTERS.get(character, character)


def _html_unescaped(escape: re.Match[str]) -> str:
    name, code, decimal = escape.groups()
    if name:
        return _HTML_NAMES[name]
    number = int(code, 16) if code else int(decimal)
    return chr(number) if number <= sys.maxunicode else escape[0]
