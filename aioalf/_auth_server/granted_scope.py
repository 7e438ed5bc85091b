"""The scope of a token response: the granted scopes and the missing ones. Pure.

Servers write it in several ways, rename some scopes and leave others out (RFC 6749 §3.3).
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple, cast

_NEVER_MISSING: Final = frozenset({"openid", "profile", "email", "offline_access", ".default"})
"""Scopes for identity claims, a refresh token or everything. Many servers do not name them."""

_ALL_OF_AN_API: Final = "/.default"

_NO_SCOPE: Final[frozenset[str]] = frozenset()
"""Shared by the tokens, which would otherwise each have an empty set."""


class ScopeRules(NamedTuple):
    """The way in which a server writes scopes.

    `implied` maps a granted scope to the requested scopes that it includes. ``{"x.*": ["y.*"]}``
    maps each suffix: ``x.read`` includes ``y.read``. `unechoed` are further scopes that are never
    in a response.
    """

    implied: Mapping[str, Collection[str]] = {}
    unechoed: Collection[str] = frozenset()


class GrantedScope(NamedTuple):
    """The granted scope, None if it is unknown, and the wanted scopes that are not in it."""

    scope: frozenset[str] | None
    missing: frozenset[str] = frozenset()


def read_scope(
    value: object,
    requested: frozenset[str] | None,
    rules: ScopeRules,
    wanted: frozenset[str] | None = None,
) -> GrantedScope | None:
    """Return the scope in a response, or None if the value is not text.

    Without a value, the requested scope was granted (RFC 6749 §5.1). Words are separated by spaces
    or commas, also in the items of a list. `wanted` is the scope of the client if the request asks
    for less.
    """
    wanted = wanted or requested or frozenset()
    if value is None or value in ("", []):
        return GrantedScope(requested, _missing(wanted, requested or frozenset(), rules))
    words = _words(value)
    if words is None:
        return None
    granted = _split_at_commas(words, wanted)
    missing = _missing(wanted, granted, rules)
    return GrantedScope(granted | ((requested or frozenset()) - missing), missing)


def _missing(wanted: frozenset[str], granted: frozenset[str], rules: ScopeRules) -> frozenset[str]:
    known = granted | _implied_by(granted, rules.implied)
    return (
        frozenset(
            word
            for word in wanted - known
            if word not in _NEVER_MISSING
            and word not in rules.unechoed
            and not word.endswith(_ALL_OF_AN_API)
        )
        or _NO_SCOPE
    )


def _words(value: object) -> list[str] | None:
    if isinstance(value, str):
        return value.split()
    if not isinstance(value, list):
        return None
    items = [item for item in cast("list[object]", value) if isinstance(item, str)]
    return " ".join(items).split() or None


def _split_at_commas(words: Iterable[str], requested: Collection[str]) -> frozenset[str]:
    # RFC 6749 allows a comma within a scope.
    return frozenset(
        part
        for word in words
        for part in ([word] if word in requested else word.split(","))
        if part
    )


def _implied_by(granted: Collection[str], implied: Mapping[str, Collection[str]]) -> frozenset[str]:
    found: set[str] = set()
    for pattern, others in implied.items():
        if pattern in granted:
            found.update(others)
        elif pattern.endswith("*"):
            start = pattern[:-1]
            ends = [word.removeprefix(start) for word in granted if word.startswith(start)]
            found.update(other.removesuffix("*") + end for other in others for end in ends)
    return frozenset(found)
