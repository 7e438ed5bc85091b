"""The OAuth error in a response (RFC 6749 §5.2), also in the forms that other servers use. Pure.

Reads the error code and its description, and masks what a program may show of the response.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, cast

from aioalf._masking import MASK, SecretMask, error_words, mask_secrets

_CODES: Final = ("error", "code", "type", "errorType", "status", "key", "errorcode", "ErrorCode")
"""Members that hold an error code, in the order in which they are tried."""

_DESCRIPTIONS: Final = (
    *("error_description", "reason", "message", "error_message", "description", "faultstring"),
    *("detail", "Error"),
)
"""Members that hold an explanation. Zoom has ``reason``, many servers have ``message``."""

_NESTED: Final = ("error", "errors", "status", "fault", "detail")
"""Members that hold an error as an object, or a list of them."""

_CODE: Final = r"(?:[^\WA-Za-z]|[.-])*+[A-Za-z][\w.-]*+"
"""An error code is a word, not a URL, a sentence or an HTTP status."""

_SENSITIVE: Final = r"(?i)token|secret|password|assertion|device_code|authorization|credential"
_MAX_DEPTH: Final = 8


class OAuthErrorFields(NamedTuple):
    """The members of an OAuth error, each None if it is absent or not text (RFC 6749 §5.2)."""

    error: str | None = None
    error_description: str | None = None
    error_uri: str | None = None

    def __str__(self) -> str:
        words = [error_words(word) for word in (self.error, self.error_description) if word]
        return ": ".join(words)


def read_oauth_error(
    members: Mapping[str, object], secrets: frozenset[str] = frozenset(), *, is_success: bool = True
) -> OAuthErrorFields:
    """Return the error members of a response, with the secrets masked.

    Without a text in ``error``, code and explanation are taken from other members. In a response
    with the status 2xx, these must be inside ``error`` or ``errors``.
    """
    error = _text(members, "error")
    if error is None:
        inner = list(_nested(members, _NESTED[:2] if is_success else _NESTED))
        error = _code(inner if is_success else [*inner, members])
    else:
        inner = []
    description = _first([members, *inner], ("error_description",)) or _first(
        [*inner, members], _DESCRIPTIONS
    )
    words = (error, description, _text(members, "error_uri"))
    return OAuthErrorFields(*(word and mask_secrets(word, secrets) for word in words))


def masked_members(members: Mapping[str, object], secrets: frozenset[str]) -> dict[str, object]:
    """Return the members of an error response without secrets.

    The secrets of the request are masked in each text, and the values of members such as
    ``refresh_token`` entirely.
    """
    mask = SecretMask(secrets)
    return {mask(name): _masked(name, value, mask, 0) for name, value in members.items()}


def _masked(name: str, value: object, mask: SecretMask, depth: int) -> object:
    is_sensitive = isinstance(value, str | Mapping | list) and re.search(_SENSITIVE, name)
    if is_sensitive or depth > _MAX_DEPTH:
        return MASK
    if isinstance(value, Mapping):
        return {
            mask(inner): _masked(inner, each, mask, depth + 1)
            for inner, each in cast("Mapping[str, object]", value).items()
        }
    if isinstance(value, list):
        return [_masked(name, each, mask, depth + 1) for each in cast("list[object]", value)]
    return mask(value) if isinstance(value, str) else value


def _nested(members: Mapping[str, object], names: Sequence[str]) -> Iterator[Mapping[str, object]]:
    """Yield the objects in these members, and those inside; of a list, the first item."""
    for name in names:
        value = members.get(name)
        if isinstance(value, list):
            value = next(iter(cast("list[object]", value)), None)
        if isinstance(value, Mapping):
            inner = cast("Mapping[str, object]", value)
            yield inner
            yield from (
                cast("Mapping[str, object]", each)
                for each in map(inner.get, _NESTED)
                if isinstance(each, Mapping)
            )


def _code(objects: Iterable[Mapping[str, object]]) -> str | None:
    words = (_text(each, name) for each in objects for name in _CODES)
    return next((word for word in words if word and re.fullmatch(_CODE, word)), None)


def _first(objects: Iterable[Mapping[str, object]], names: Sequence[str]) -> str | None:
    words = (_text(each, name) for each in objects for name in names)
    return next(filter(None, words), None)


def _text(members: Mapping[str, object], name: str) -> str | None:
    value = members.get(name)
    return value if isinstance(value, str) and value else None
