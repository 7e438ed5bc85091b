"""The interface of token managers that requests use, and an adapter for simpler managers.

0.4.0's `Client` only called ``get_token()`` and ``reset_token()``. The adapter adds the rest to
such managers. Must not know headers or requests.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable
from typing import Protocol

from aiohttp import ClientSession

from aioalf._api_rules import DEFAULT_RULES, ApiRules
from aioalf._callbacks import await_if_needed
from aioalf._masking import Unpicklable
from aioalf._single_flight import SingleFlight
from aioalf.errors import TokenConfigurationError
from aioalf.manager import TokenManager
from aioalf.renewal import DEFAULT_RENEWAL
from aioalf.token import Token


class TokenProvider(Protocol):
    """The minimum of a token manager: it provides an access token, and forgets it."""

    async def get_token(self) -> str:
        """Return an access token."""
        ...

    def reset_token(self) -> Awaitable[None] | None:
        """Forget the token; may be a coroutine function."""
        ...


class RenewableManager(Protocol):
    """A manager that can renew a rejected token. `TokenManager` documents each method."""

    def cached_token(self) -> str | None: ...
    async def get_token(self) -> str: ...
    async def token(self) -> Token: ...
    async def renew_token(self, rejected: str) -> str: ...
    def can_renew(self, rejected: str) -> bool: ...
    def mark_rejected(self, token: str) -> None: ...
    def mark_accepted(self) -> None: ...
    def use_session(self, session: ClientSession) -> None: ...
    async def logout(self) -> None: ...
    async def close(self) -> None: ...


def renewable(manager: TokenProvider) -> RenewableManager:
    """Return a `TokenManager` unchanged, and any other manager wrapped in an adapter.

    A subclass that overrides ``get_token``, ``renew_token`` or ``reset_token`` but not
    ``cached_token`` is wrapped too: its tokens would otherwise come from two places. Raises
    TokenConfigurationError as `check_provider`.
    """
    check_provider(manager)
    if isinstance(manager, TokenManager) and (
        overrides(manager, "cached_token")
        or not overrides(manager, "get_token", "renew_token", "reset_token")
    ):
        return manager
    return LegacyManagerAdapter(manager)


def api_rules_of(manager: object) -> ApiRules:
    """Return the rules of the API that a manager's tokens are for; many managers have none."""
    rules = getattr(manager, "api_rules", None)
    return rules if isinstance(rules, ApiRules) else DEFAULT_RULES


def check_provider(manager: object) -> None:
    """Raise TokenConfigurationError if an object is not a token manager, such as a `Client`."""
    if isinstance(manager, type):
        raise TokenConfigurationError(
            f"{manager.__name__} is a class: pass a token manager, which is an instance"
        )
    if not callable(getattr(manager, "get_token", None)):
        raise TokenConfigurationError(
            f"{type(manager).__name__} has no get_token(), so it is not a token manager: pass a "
            "TokenManager, or an object with get_token() and reset_token()"
        )


class LegacyManagerAdapter(Unpicklable):
    """Renews with ``reset_token()``, once for all requests that were rejected with one token."""

    def __init__(self, manager: TokenProvider) -> None:
        self._manager = manager
        self._flight: SingleFlight[tuple[str, str]] = SingleFlight()
        self._rejected: str | None = None
        self._renewed: str | None = None
        self._unproven_until = -math.inf

    def cached_token(self) -> None:
        """Return None: the manager has to be asked each time."""

    async def get_token(self) -> str:
        """Return the manager's token, or a renewed one if that token was rejected."""
        token = await self._manager.get_token()
        rejected = self._rejected
        if rejected is None or token != rejected:
            return token
        del token  # error reports show local variables
        return await self.renew_token(rejected)

    async def token(self) -> Token:
        """Return the manager's token; only a subclass of `TokenManager` knows its lifetime."""
        if isinstance(self._manager, TokenManager) and overrides(self._manager, "token"):
            return await self._manager.token()
        return Token(await self.get_token(), None)

    async def renew_token(self, rejected: str) -> str:
        """Return a token to use instead of a rejected one."""
        self._rejected = None
        if overrides(self._manager, "renew_token"):
            return await self._manager.renew_token(rejected)  # type: ignore[attr-defined, no-any-return]
        renewed_from, token = await self._flight.run(lambda: self._renew(rejected))
        if token == rejected != renewed_from:  # the renewal in flight was for another token
            del token
            _, token = await self._flight.run(lambda: self._renew(rejected))
        return token

    def can_renew(self, rejected: str) -> bool:
        """Tell whether the rejected token may be renewed.

        False if it came from a renewal less than ``failure_backoff`` ago, and no request succeeded
        with it.
        """
        return rejected != self._renewed or time.monotonic() >= self._unproven_until

    def mark_rejected(self, token: str) -> None:
        """Renew the token before it is used again."""
        if self.can_renew(token):
            self._rejected = token

    def mark_accepted(self) -> None:
        """Note that a renewed token was accepted."""
        self._unproven_until = -math.inf

    def use_session(self, session: ClientSession) -> None:
        """Pass the session on, if the manager is a subclass of `TokenManager`."""
        if isinstance(self._manager, TokenManager):
            self._manager.use_session(session)

    async def logout(self) -> None:
        """Call the manager's own ``logout()`` if it has one; otherwise reset the token."""
        self._flight.end()
        self._rejected = None
        logout = getattr(self._manager, "logout", None)
        try:
            if logout is not None:
                await await_if_needed(logout())
        finally:
            if not overrides(self._manager, "logout"):
                await await_if_needed(self._manager.reset_token())

    async def close(self) -> None:
        """Cancel a renewal in flight, and close the manager if it has a ``close()``."""
        await self._flight.close()
        close = getattr(self._manager, "close", None)
        if close is not None:
            await await_if_needed(close())

    async def _renew(self, rejected: str) -> tuple[str, str]:
        token = await self._manager.get_token()
        if token == rejected:
            del token
            await await_if_needed(self._manager.reset_token())
            token = await self._manager.get_token()
            self._renewed = token
            self._unproven_until = time.monotonic() + DEFAULT_RENEWAL.failure_backoff
        return rejected, token


def overrides(manager: object, *names: str) -> bool:
    """Tell whether the class of a manager defines one of these methods itself."""
    return any(
        getattr(type(manager), name, None) not in {None, getattr(TokenManager, name)}
        for name in names
    )
