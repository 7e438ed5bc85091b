"""The methods that subclasses of 0.4.0's `TokenManager` override: called, or refused clearly.

An override that nothing calls any longer would silently request tokens in another way than its
author meant. Must not import the manager.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from yarl import URL

from aioalf._redaction import Unpicklable
from aioalf.client_auth import ClientSecret
from aioalf.errors import TokenConfigurationError
from aioalf.token import Token

HOOKS: Final = ("_get_token_data", "_request_token")
"""Coroutines that return the members of a token response; an override is called."""

_REMOVED: Final = {
    "_fetch": "pass http_options=, or override _request_token() and send the request there",
    "_update_token": "override _request_token(), which returns the members of a token response",
    "_has_token": "pass renewal=Renewal(...), which says when a token is renewed",
}


@dataclass(frozen=True, repr=False)
class ConstructorArguments(Unpicklable):
    """The first five arguments of a token manager; ``repr`` shows none of them."""

    token_endpoint: str | URL | None
    client_id: str | None
    client_secret: ClientSecret | None
    http_options: Mapping[str, Any]
    scope: str | Collection[str] | None


class LegacyAttributes:
    """The attributes of 0.4.0's `TokenManager` that its subclasses read."""

    _arguments: ConstructorArguments

    @property
    def _token_endpoint(self) -> str | URL | None:
        return self._arguments.token_endpoint

    @property
    def _client_id(self) -> str | None:
        return self._arguments.client_id

    @property
    def _client_secret(self) -> ClientSecret | None:
        return self._arguments.client_secret

    @property
    def _http_options(self) -> Mapping[str, Any]:
        return self._arguments.http_options

    @property
    def _scope(self) -> str | Collection[str] | None:
        return self._arguments.scope

    async def _fetch(self, *_arguments: object, **_options: object) -> NoReturn:
        raise TokenConfigurationError(
            "_fetch() of 0.4.0's TokenManager does not exist any longer: return the members of a "
            "token response, or call super()._request_token()"
        )


def refuse_removed_hooks(manager_class: type) -> None:
    """Raise TokenConfigurationError if a class defines a method that is never called."""
    for name, advice in _REMOVED.items():
        if name in vars(manager_class):
            raise TokenConfigurationError(
                f"{manager_class.__name__}.{name}() overrides a method of 0.4.0's TokenManager "
                f"that nothing calls now. Instead, {advice}"
            )


def has_own_hook(manager: object) -> bool:
    """Tell whether the class of a manager, or the manager itself, overrides one of `HOOKS`."""
    return any(
        getattr(getattr(manager, name), "__module__", None) != "aioalf.manager" for name in HOOKS
    )


def response_members(token: Token) -> Mapping[str, object]:
    """Return a token as the members of its token response (RFC 6749 §5.1)."""
    members = {
        **token.extra,
        "access_token": token.access_token,
        "token_type": token.token_type,
        "expires_in": token.expires_in,
        "refresh_token": token.refresh_token,
        "scope": None if token.scope is None else " ".join(sorted(token.scope)),
    }
    return {name: value for name, value in members.items() if value is not None}
