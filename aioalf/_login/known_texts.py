"""`KnownTexts`: which texts of a cache entry are older than the tokens in memory.

Must not know what the texts mean, nor caches.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

_MAX_IGNORED: Final = 16
"""The number of texts that are ignored. Reading one of them renews its place."""


class KnownTexts:
    """The text that a client read or wrote last, and the texts that it ignores.

    A text that the client has replaced, or tried to replace, is ignored from then on. It may still
    be read: the write may have failed, or the cache may answer late. None stands for an empty
    entry. It is ignored if it does not mean that the login ended.

    Only digests are kept, since a logout must forget the tokens in the texts.
    """

    def __init__(self) -> None:
        self._last: bytes | None = None
        self._ignored: tuple[bytes | None, ...] = ()

    def set_last(self, text: str | None) -> None:
        self._last = digest_of(text)

    def is_last(self, text: str | None) -> bool:
        return digest_of(text) == self._last

    def supersede(self) -> None:
        """Ignore the last text from now on: the tokens in memory are newer."""
        self._ignore(self._last)

    def ignore_empty(self) -> None:
        self._ignore(None)

    def heed_empty(self) -> None:
        self._heed(None)

    def is_ignored(self, text: str | None) -> bool:
        digest = digest_of(text)
        if digest not in self._ignored:
            return False
        self._ignore(digest)
        return True

    def _ignore(self, digest: bytes | None) -> None:
        self._heed(digest)
        self._ignored = (*self._ignored, digest)[-_MAX_IGNORED:]

    def _heed(self, digest: bytes | None) -> None:
        self._ignored = tuple(each for each in self._ignored if each != digest)


def digest_of(text: str | None) -> bytes | None:
    """Return what is kept of a text from a cache, which may be any text; None for None."""
    return None if text is None else sha256(text.encode("utf-8", "surrogatepass")).digest()
