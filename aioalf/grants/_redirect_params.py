"""The parameters of a redirect to keep with the token, such as Intuit's ``realmId``. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from aioalf._hidden_repr import MaskedDict
from aioalf.errors import TokenConfigurationError

_OF_THE_SERVER: Final = frozenset(
    {
        *("access_token", "expires_in", "id_token", "refresh_token", "token_type"),
        *("code", "error", "error_description", "error_uri", "iss", "state"),
    }
)
"""Parameters that belong to the token response or to the sign-in, and cannot be kept."""


def checked_redirect_params(names: Collection[str]) -> frozenset[str]:
    """Return the names of parameters to keep.

    Raises TokenConfigurationError if they are no collection of names, or if a browser must not set
    one of them.
    """
    is_list = isinstance(names, Collection) and not isinstance(names, str)
    if not is_list or not all(isinstance(name, str) and name for name in names):
        raise TokenConfigurationError(
            "redirect_params must be a list of names of parameters, such as ['realmId']"
        )
    if clash := _OF_THE_SERVER & set(names):
        raise TokenConfigurationError(
            f"redirect_params cannot contain {', '.join(sorted(clash))}: the redirect comes from a "
            "browser, and must not replace a value of the token endpoint"
        )
    return frozenset(names)


def with_redirect_params(
    members: Mapping[str, object],
    redirect: Mapping[str, str],
    names: frozenset[str],
    scope_separator: str,
) -> Mapping[str, object]:
    """Return the members of a token response, with parameters of the redirect that it lacks."""
    kept = {
        name: redirect[name]
        for name in sorted(names)
        if name in redirect and members.get(name) is None
    }
    if "scope" in kept:
        kept["scope"] = kept["scope"].replace(scope_separator, " ")
    return MaskedDict({**members, **kept})
