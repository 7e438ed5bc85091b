"""What a client asks for with every token, at first and on each renewal. Pure.

Scope (RFC 6749 §3.3), resources (RFC 8707 §2), audiences (RFC 8693 §2.1) and what a server wants
besides. It knows no grant and no endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from yarl import URL

from aioalf._syntax import is_sendable, join_scope, scope_set
from aioalf.errors import TokenConfigurationError

Form = Mapping[str, str | tuple[str, ...]]
"""The parameters of a request; several values are sent one by one, empty ones not at all."""

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_OURS: Final = frozenset(
    {"audience", "client_id", "client_secret", "grant_type", "resource", "scope"}
    | {"client_assertion", "client_assertion_type", "assertion"}
    | {"code", "code_challenge", "code_challenge_method", "code_verifier", "redirect_uri"}
    | {"request", "request_uri", "response_type", "state"}
    | {"device_code", "refresh_token"}
    | {"actor_token", "actor_token_type", "requested_token_type"}
    | {"subject_token", "subject_token_type"}
)

# Text, which re compiles when it is first needed and keeps: importing this compiles nothing.
_ABSOLUTE_URI: Final = (
    r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+"
)


class TokenRequestParams:
    """``scope`` as it is sent, ``resource`` and ``audience`` each once, in order; ``extra`` as is.

    Raises TokenConfigurationError for a scope that is no text, a resource that is no absolute URI
    or has a fragment, and for a parameter that has a keyword of its own.
    """

    def __init__(
        self,
        scope: str | Collection[str] | None = None,
        resource: str | Collection[str] | None = None,
        audience: str | Collection[str] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self.scope: str = _checked_scope(join_scope(scope))
        self.resource: tuple[str, ...] = tuple(
            map(_checked_resource, _several("resource", resource))
        )
        self.audience: tuple[str, ...] = _several("audience", audience)
        self.extra: Mapping[str, str] = _NOTHING if extra is None else _checked_extra(extra)

    @property
    def scope_set(self) -> frozenset[str] | None:
        """The scope as the set that it is, None for none."""
        return scope_set(self.scope)

    @property
    def identity(self) -> tuple[frozenset[str], ...]:
        """What makes two of them ask for the same: neither order nor repetition."""
        extra = frozenset(f"{name}={value}" for name, value in self.extra.items())
        scope = frozenset(self.scope.split())
        return (scope, frozenset(self.resource), frozenset(self.audience), extra)

    def but(
        self,
        scope: str | Collection[str] | None = None,
        resource: str | Collection[str] | None = None,
        audience: str | Collection[str] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> TokenRequestParams:
        """Return what asks for this where nothing else is given."""
        return TokenRequestParams(
            self.scope if scope is None else scope,
            self.resource if resource is None else resource,
            self.audience if audience is None else audience,
            self.extra if extra is None else extra,
        )

    def form(self) -> dict[str, str | tuple[str, ...]]:
        """Return the parameters to send."""
        return {
            **self.extra,
            "scope": self.scope,
            "resource": self.resource,
            "audience": self.audience,
        }


def _several(name: str, values: str | Collection[str] | None) -> tuple[str, ...]:
    if values is None:
        return ()
    given = (values,) if isinstance(values, str) else values
    if (
        not isinstance(given, Collection)
        or isinstance(given, Mapping)
        or not all(_is_text(value) and value for value in given)
    ):
        raise TokenConfigurationError(f"{name} must be text, or a collection of texts")
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
            "resource must be an absolute URI without a fragment, what is not ASCII "
            "percent-encoded (RFC 8707 §2)"
        )
    return resource


def _is_absolute(resource: str) -> bool:
    if not re.fullmatch(_ABSOLUTE_URI, resource):
        return False
    try:
        url = URL(resource)
        return bool(url.host) or url.scheme not in {"https", "http"}
    except ValueError:
        return False


def _checked_extra(extra: Mapping[str, str]) -> Mapping[str, str]:
    if not isinstance(extra, Mapping) or not all(
        _is_text(name) and name and _is_text(value) for name, value in extra.items()
    ):
        raise TokenConfigurationError("parameters must be a mapping of texts to texts")
    if clash := _OURS & set(extra):
        raise TokenConfigurationError(
            f"parameters: {', '.join(sorted(clash))} cannot be set there; it is set elsewhere"
        )
    return MappingProxyType(dict(extra))


NO_PARAMS: Final = TokenRequestParams()
"""What a client asks for that asks for nothing in particular."""
