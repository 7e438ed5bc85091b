"""`KnownTexts`: which texts of a cache entry are older than the tokens in memory.

Must not know what the texts mean, nor caches.
"""

from __future__ import annotations

from typing import Final

_MAX_IGNORED: Final = 16
"""The number of texts that are ignored. Reading one of them renews its place."""


class KnownTexts:
    """The text that a client read or wrote last, and the texts that it ignores.

    A text that the client has replaced, or tried to replace, is ignored from then on. It may still
    be read: the write may have failed, or the cache may answer late. None stands for an empty
    entry. It is ignored if it does not mean that the login ended.
    """

    def __init__(self) -> None:
        self.last: str | None = None
        self._ignored: tuple[str | None, ...] = ()

    def supersede(self) -> None:
        """Ignore the last text from now on: the tokens in memory are newer."""
        self.ignore(self.last)

    def ignore(self, text: str | None) -> None:
        self.heed(text)
        self._ignored = (*self._ignored, text)[-_MAX_IGNORED:]

    def heed(self, text: str | None) -> None:
        """Do not ignore this text."""
        self._ignored = tuple(each for each in self._ignored if each != text)

    def is_ignored(self, text: str | None) -> bool:
        if text not in self._ignored:
            return False
        self.ignore(text)
        return True
