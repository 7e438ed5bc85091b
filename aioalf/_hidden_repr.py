"""Strings, sets and mappings that hold secrets, and whose ``repr`` shows none of them.

Error reports and debuggers show the ``repr`` of the local variables of each frame. Otherwise these
classes behave like their base classes. Must not know where a secret comes from.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from multidict import MultiDict

from aioalf._masking import MASK


class MaskedStr(str):
    """A header value or a secret. ``repr`` shows at most the scheme, as in ``'Bearer ***'``."""

    __slots__ = ()

    def __repr__(self) -> str:
        scheme, space, _ = self.partition(" ")
        return repr(f"{scheme} {MASK}" if space else MASK)

    def __reduce_ex__(self, protocol: object) -> tuple[type[str], tuple[str]]:
        """Let recorders such as vcrpy copy and store it as a plain string."""
        return str, (str(self),)


class MaskedSet(frozenset[str]):
    """The secrets of a request."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} secrets>"


class MaskedDict(dict[str, Any]):
    """Parameters, headers or options of a request. ``repr`` shows only their names."""

    __slots__ = ()

    def __repr__(self) -> str:
        return _names(self)


class MaskedMultiDict(MultiDict[str]):
    """The parameters of a request as name-value pairs. ``repr`` shows only the names."""

    def __repr__(self) -> str:
        return _names(self)


def _names(mapping: Iterable[str]) -> str:
    return f"<{', '.join(dict.fromkeys(mapping))}>"
