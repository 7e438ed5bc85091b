"""What a client asks for with every token, at first and on each renewal. Pure.

Scope (RFC 6749 §3.3), resources (RFC 8707 §2), audiences (RFC 8693 §2.1) and what a server wants
besides. It knows no grant and no endpoint.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from yarl import URL

from aioalf.errors import TokenConfigurationError
from aioalf.scope import join_scope, scope_set

Form = Mapping[str, str | tuple[str, ...]]
"""The parameters of a request; several values are sent one by one, empty ones not at all."""

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_OURS: Final = frozenset(
    {"audience", "client_assertion", "client_id", "client_secret", "grant_type"}
    | {"resource", "scope"}
)


class Asked:
    """``scope`` as it is sent, ``resource`` and ``audience`` each once, in order; ``extra`` as is.

    Raises TokenConfigurationError for a scope that is no text, a resource that is no absolute URI
    or has a fragment, and for a parameter that has a keyword of its own.
    """

    __slots__ = ("audience", "extra", "resource", "scope")

    def __init__(
        self,
        scope: str | Collection[str] | None = None,
        resource: str | Collection[str] | None = None,
        audience: str | Collection[str] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self.scope = join_scope(scope)
        self.resource = tuple(map(_checked_resource, _several("resource", resource)))
        self.audience = _several("audience", audience)
        self.extra = _NOTHING if extra is None else _checked_extra(extra)

    @property
    def scope_set(self) -> frozenset[str] | None:
        """The scope as the set that it is, None for none."""
        return scope_set(self.scope)

    def form(self) -> dict[str, str | tuple[str, ...]]:
        """Return the parameters to send."""
        return {
            **self.extra,
            "scope": self.scope,
            "resource": self.resource,
            "audience": self.audience,
        }


def _several(name: str, values: str | Collection[str] | None) -> tuple[str, ...]:
    given = (values,) if isinstance(values, str) else values or ()
    if not isinstance(given, Collection) or not all(
        isinstance(value, str) and value for value in given
    ):
        raise TokenConfigurationError(f"{name} must be text, or a collection of texts")
    return tuple(dict.fromkeys(sorted(given) if isinstance(given, set | frozenset) else given))


def _checked_resource(resource: str) -> str:
    try:
        is_absolute = bool(URL(resource).scheme)
    except ValueError:
        is_absolute = False
    if not is_absolute or "#" in resource:
        raise TokenConfigurationError(
            "resource must be an absolute URI without a fragment (RFC 8707 §2)"
        )
    return resource


def _checked_extra(extra: Mapping[str, str]) -> Mapping[str, str]:
    if clash := _OURS & set(extra):
        raise TokenConfigurationError(
            f"parameters: {', '.join(sorted(clash))} cannot be set there; it is set elsewhere"
        )
    return MappingProxyType(dict(extra))
