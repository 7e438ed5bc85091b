"""Attributes and methods of 0.4.0's `TokenManager` that its subclasses use or override.

Overrides of removed methods are refused: if they were ignored, tokens would be requested in another
way than their author meant, without any error. Must not import the manager.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NoReturn

from yarl import URL

from aioalf._auth_server.token_response import ResponsePolicy, Warnings, read_token
from aioalf._hidden_repr import MaskedDict
from aioalf._masking import Unpicklable
from aioalf._options import TokenManagerOptions
from aioalf.client_auth import ClientSecret
from aioalf.errors import TokenConfigurationError
from aioalf.token import Token, expiry_clock

REMOVED_FROM_MANAGER: Final = {
    "_fetch": "pass http_options=, or override _request_token() and send the request there",
    "_update_token": "override _request_token(), which returns the members of a token response",
    "_has_token": "pass renewal=Renewal(...), which says when a token is renewed",
}
"""Methods of 0.4.0's `TokenManager` that nothing calls, and what to do instead."""

REMOVED_FROM_CLIENT: Final = {
    "_authorized_fetch": "pass middlewares=[...], or override request()",
}
"""Methods of 0.4.0's `Client` that nothing calls, and what to do instead."""


@dataclass(slots=True, repr=False, eq=False)
class ConstructorArguments(Unpicklable):
    """The arguments of a token manager; ``repr`` shows none of them."""

    token_endpoint: str | URL | None
    client_id: str | None
    client_secret: ClientSecret | None
    http_options: Mapping[str, Any]
    scope: str | Collection[str] | None
    options: TokenManagerOptions


class _Argument:
    """An attribute of 0.4.0 for an argument of the manager; setting it reconfigures that."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._field = name.removeprefix("_")

    def __get__(self, manager: LegacyAttributes, owner: type) -> Any:  # noqa: ANN401 - several types
        return getattr(manager._arguments, self._field)

    def __set__(self, manager: LegacyAttributes, value: object) -> None:
        setattr(manager._arguments, self._field, value)
        manager._configure()


class LegacyAttributes:
    """The attributes and methods of 0.4.0's `TokenManager` that its subclasses use."""

    _arguments: ConstructorArguments

    _token_endpoint = _Argument()
    _client_id = _Argument()
    _client_secret = _Argument()
    _http_options = _Argument()
    _scope = _Argument()

    @abstractmethod
    def _configure(self) -> None:
        """Create the objects that depend on the arguments."""

    async def _fetch(self, *_arguments: object, **_options: object) -> NoReturn:
        raise TokenConfigurationError(
            "_fetch() of 0.4.0's TokenManager no longer exists: return the members of a "
            "token response, or call super()._request_token()"
        )


def refuse_removed_hooks(subclass: type, base: type, removed: Mapping[str, str]) -> None:
    """Raise TokenConfigurationError if a class overrides a method that is never called.

    `base` is `TokenManager` or `Client`; the class itself and its mixins are checked.
    """
    classes = subclass.__mro__
    for overriding in classes[: classes.index(base)]:
        for name in removed.keys() & vars(overriding).keys():
            raise TokenConfigurationError(
                f"{overriding.__name__}.{name}() overrides a method of 0.4.0's {base.__name__} "
                f"that nothing calls now. Instead, {removed[name]}"
            )


class ResponseMembers(dict[str, object]):
    """A token as the members of its token response (RFC 6749 §5.1).

    ``expires_in`` is the rest of its lifetime, since the token may come from a cache. ``repr``
    shows no member.
    """

    def __init__(self, token: Token) -> None:
        lifetime = None
        if token.expires_in is not None:
            lifetime = max(0, math.ceil(token.deadline - expiry_clock()))
        members = {
            **token.extra,
            "access_token": token.access_token,
            "token_type": token.token_type,
            "expires_in": lifetime,
            "refresh_token": token.refresh_token,
            "scope": None if token.scope is None else " ".join(sorted(token.scope)),
        }
        super().__init__({name: value for name, value in members.items() if value is not None})
        self._token = token
        self._unchanged = dict(self)

    @property
    def token(self) -> Token | None:
        """The token itself, None if a member was changed."""
        return self._token if self == self._unchanged else None

    def __repr__(self) -> str:
        return "<ResponseMembers>"


class TokenHooks(ABC):
    """The methods of 0.4.0's `TokenManager` that its subclasses override to fetch a token."""

    _policy: ResponsePolicy

    @cached_property
    def _warnings(self) -> Warnings:
        return Warnings()

    @abstractmethod
    async def _new_token(self, *, is_ahead: bool = False) -> Token:
        """Return a new token without the hooks."""

    async def _fetch_token(self, *, is_ahead: bool) -> Token:
        if not self._has_own_hook():
            return await self._new_token(is_ahead=is_ahead)
        sent_at = time.monotonic()
        data = await self._get_token_data()
        if isinstance(data, Token):
            return data
        passed_on = data.token if isinstance(data, ResponseMembers) else None
        members = MaskedDict(data) if isinstance(data, Mapping) else None
        del data  # error reports show local variables
        return passed_on or read_token(
            members, self._policy, sent_at=sent_at, warnings=self._warnings
        )

    def _has_own_hook(self) -> bool:
        return any(
            getattr(getattr(self, name), "__func__", None) is not original
            for name, original in HOOKS.items()
        )

    async def _get_token_data(self) -> Token | Mapping[str, Any]:
        """Return the members of a token response. A hook for subclasses, since 0.4.0."""
        return await self._request_token()

    async def _request_token(self) -> Mapping[str, Any]:
        """Return the members of a token response. A hook for subclasses, since 0.4.0."""
        return ResponseMembers(await self._new_token())


HOOKS: Final = {name: vars(TokenHooks)[name] for name in ("_get_token_data", "_request_token")}
"""The methods that a subclass may override; kept here, since mocks may replace them."""
