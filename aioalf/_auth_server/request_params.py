"""The parameters of a token request that the user of a client sets. Pure.

Scope (RFC 6749 §3.3), resources (RFC 8707 §2), audiences (RFC 8693 §2.1) and extra parameters. Must
not know a grant or an endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Final

from yarl import URL

from aioalf._hidden_repr import MaskedDict
from aioalf._masking import Unpicklable
from aioalf._syntax import is_sendable, join_scope, scope_set, type_of
from aioalf.errors import TokenConfigurationError

Form = Mapping[str, str | tuple[str, ...]]
"""The parameters of a request. A tuple holds several values; empty values are not sent."""

AmendResponse = Callable[[Mapping[str, object]], Mapping[str, object]]
"""Takes the members of a 2xx response, and returns the members to read the token from.

It may raise a TokenError; then the response is not used, and nothing of it is stored.
"""

RESERVED_PARAMS: Final = frozenset(
    {
        "audience",
        "client_assertion",
        "client_assertion_type",
        "client_id",
        "client_secret",
        "grant_type",
        "refresh_token",
        "resource",
        "scope",
    }
)
"""Parameters of every token request that ``extra_params`` must not set. A grant adds its own."""

_ABSOLUTE_URI: Final = (
    r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+"
)


_NO_EXTRA: Final[Mapping[str, str]] = MappingProxyType({})


class TokenRequestParams(Unpicklable):
    """Scope, resources, audiences and extra parameters, checked and in the form to send.

    Args:
        scope: A string of scopes separated by spaces, or a collection of scopes.
        resource: One absolute URI without a fragment, or several.
        audience: One audience, or several.
        extra: Further parameters of every token request.
        reserved: Names that `extra` must not contain besides `RESERVED_PARAMS`: the grant's
            ``reserved_params``.

    Raises:
        TokenConfigurationError: A value has the wrong type, a resource is not an absolute URI
            without a fragment, or `extra` contains a reserved name.
    """

    __slots__ = ("_reserved", "audience", "extra", "resource", "scope")

    def __init__(
        self,
        scope: str | Collection[str] | None = None,
        resource: str | Collection[str] | None = None,
        audience: str | Collection[str] | None = None,
        extra: Mapping[str, str] | None = None,
        reserved: frozenset[str] = frozenset(),
    ) -> None:
        self.scope: str = _checked_scope(join_scope(scope))
        self.resource: tuple[str, ...] = tuple(
            map(_checked_resource, _several("resource", resource))
        )
        self.audience: tuple[str, ...] = _several("audience", audience)
        self.extra: Mapping[str, str] = (
            _NO_EXTRA if extra is None else checked_extra(extra, RESERVED_PARAMS | reserved)
        )
        self._reserved = reserved

    @property
    def scope_set(self) -> frozenset[str] | None:
        """The requested scopes, None if no scope is requested."""
        return scope_set(self.scope)

    @property
    def identity(self) -> tuple[frozenset[object], ...]:
        """A value that is equal for equal requests; order and repetition do not matter."""
        scope = frozenset(self.scope.split())
        extra = frozenset(self.extra.items())
        return (scope, frozenset(self.resource), frozenset(self.audience), extra)

    def replace(
        self,
        scope: str | Collection[str] | None = None,
        resource: str | Collection[str] | None = None,
        audience: str | Collection[str] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> TokenRequestParams:
        """Return a copy with the given values replaced; None keeps a value."""
        return TokenRequestParams(
            self.scope if scope is None else scope,
            self.resource if resource is None else resource,
            self.audience if audience is None else audience,
            self.extra if extra is None else extra,
            self._reserved,
        )

    def form(self) -> dict[str, str | tuple[str, ...]]:
        """Return the parameters to send."""
        return MaskedDict(
            {
                **self.extra,
                "scope": self.scope,
                "resource": self.resource,
                "audience": self.audience,
            }
        )


def _several(name: str, values: str | Collection[str] | None) -> tuple[str, ...]:
    if values is None:
        return ()
    given = (values,) if isinstance(values, str) else values
    if (
        not isinstance(given, Collection)
        or isinstance(given, Mapping)
        or not all(_is_text(value) and value for value in given)
    ):
        raise TokenConfigurationError(
            f"{name} must be a non-empty string or a collection of non-empty strings, "
            f"not {type_of(values)}"
        )
    return tuple(dict.fromkeys(sorted(given) if isinstance(given, set | frozenset) else given))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and (not value or is_sendable(value))


def _checked_scope(scope: str) -> str:
    if not _is_text(scope):
        raise TokenConfigurationError("scope must be text that UTF-8 can encode")
    return scope


def _checked_resource(resource: str) -> str:
    if not _is_absolute(resource):
        raise TokenConfigurationError(
            "resource must be an absolute URI without a fragment (RFC 8707 §2): "
            f"{_resource_problem(resource)}"
        )
    return resource


def _resource_problem(resource: str) -> str:
    if "#" in resource:
        return "it has a fragment"
    if ":" not in resource:
        return "it has no scheme, such as https:"
    return "it has no host, or a character that must be percent-encoded"


def _is_absolute(resource: str) -> bool:
    if not re.fullmatch(_ABSOLUTE_URI, resource):
        return False
    try:
        url = URL(resource)
        return bool(url.host) or url.scheme not in {"https", "http"}
    except ValueError:
        return False


def checked_extra(extra: Mapping[str, str], reserved: frozenset[str]) -> Mapping[str, str]:
    """Return a copy of extra parameters, whose repr shows no value.

    Raises TokenConfigurationError if one has a reserved name, or is not text.
    """
    if not isinstance(extra, Mapping) or not all(
        _is_text(name) and name and _is_text(value) for name, value in extra.items()
    ):
        raise TokenConfigurationError(
            f"extra_params must be a mapping of strings to strings, not {type_of(extra)}"
        )
    if clash := reserved & set(extra):
        raise TokenConfigurationError(
            f"extra_params cannot set {', '.join(sorted(clash))}: the client or its grant sets it. "
            "Remove it, or use the option of that name"
        )
    return MaskedDict(extra)
