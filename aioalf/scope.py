"""Scope as callers write it and as it is sent (RFC 6749 §3.3). Pure."""

from __future__ import annotations

from collections.abc import Collection

from aioalf.errors import TokenConfigurationError


def join_scope(scope: str | Collection[str] | None) -> str:
    """Return a scope as it is sent: each value once, in order, one space between; "" for none.

    Raises TokenConfigurationError for anything that is not text.
    """
    values = scope.split() if isinstance(scope, str) else (scope or ())
    if isinstance(values, set | frozenset):
        values = sorted(values)
    if not isinstance(values, Collection) or not all(isinstance(value, str) for value in values):
        raise TokenConfigurationError("scope must be a string or a collection of strings")
    return " ".join(dict.fromkeys(word for value in values for word in value.split()))


def scope_set(joined: str) -> frozenset[str] | None:
    """Return a joined scope as the set that it is, None for none."""
    return frozenset(joined.split()) or None
