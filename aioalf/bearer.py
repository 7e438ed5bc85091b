"""The Authorization field of a request, from any token manager; and what a 401 is worth.

A manager needs no more than ``get_token()`` and ``reset_token()``, which is all that 0.4.0's Client
used; renewal keyed to the refused token is added to it here. It knows nothing of sending.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Protocol

from aioalf.challenge import is_renewal_useful, parse_challenges
from aioalf.errors import TokenError
from aioalf.manager import TokenManager
from aioalf.single_flight import FlightCancelledError, SingleFlight
from aioalf.token import is_b64token
from aioalf.urls import is_insecure, shown, warn_insecure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeGuard

    from aiohttp import ClientSession
    from multidict import CIMultiDict, CIMultiDictProxy
    from yarl import URL

UNAUTHORIZED = 401


class TokenProvider(Protocol):
    """What a token manager must be able to do: give an access token, and forget it."""

    async def get_token(self) -> str: ...  # noqa: D102 - the class says it
    def reset_token(self) -> Awaitable[None] | None: ...  # noqa: D102 - a coroutine or not


class Bearer:
    """Writes ``Bearer`` fields with the tokens of one manager (RFC 6750 §2.1)."""

    __slots__ = ("_authorization", "_flight", "_keyed", "_manager", "_own", "_token")

    def __init__(self, manager: TokenProvider) -> None:
        self._manager = manager
        self._own = manager if _is_ours(manager) else None
        self._keyed = _has_keyed_renewal(manager)
        self._flight = SingleFlight[tuple[str, str]]()
        self._token: object = self  # nothing that a manager gives is that
        self._authorization = ""

    def ready(self) -> str | None:
        """Return the field when it can be had without waiting, else None."""
        if self._own is None or (token := self._own.peek()) is None:
            return None
        return self._authorization if token is self._token else self._field(token)

    async def authorization(self) -> str:
        """Return the field, when its token has been got. Raises TokenError."""
        return self._field(await self._manager.get_token())

    async def renewed(self, rejected: str) -> str:
        """Return the field to send in place of one that was refused. Raises TokenError."""
        token = rejected.removeprefix("Bearer ")
        if self._keyed:
            return self._field(await self._manager.renew_token(token))  # type: ignore[attr-defined]
        return self._field(await self._renew_by_reset(token))

    def may_renew(self, rejected: str) -> bool:
        """Tell whether there is, or may be had, another token than the one in a refused field."""
        manager = self._manager
        if self._keyed and isinstance(manager, TokenManager):
            return manager.may_renew(rejected.removeprefix("Bearer "))
        return True

    def accept(self) -> None:
        """Take note that a request was accepted after a renewal."""
        if isinstance(self._manager, TokenManager):
            self._manager.accept()

    def use_network(self, network: Callable[[], ClientSession | None]) -> None:
        """Let token requests go through this session's connector, where the manager can be told."""
        if isinstance(self._manager, TokenManager):
            self._manager.use_network(network)

    async def close(self) -> None:
        """End what is under way, the manager's too where it can be told."""
        await self._flight.close()
        close = getattr(self._manager, "close", None)
        if close is not None:
            await _settle(close())

    def _field(self, token: str) -> str:
        # One token serves many requests: it is checked and put into words when it is first seen.
        if token is not self._token:
            if not is_b64token(token):
                raise TokenError(
                    "The token manager gave no token that a Bearer header may carry (RFC 6750 §2.1)"
                )
            self._authorization = f"Bearer {token}"
            self._token = token
        return self._authorization

    async def _renew_by_reset(self, rejected: str) -> str:
        async def renew() -> tuple[str, str]:
            token = await self._manager.get_token()
            if token == rejected:
                await _settle(self._manager.reset_token())
                token = await self._manager.get_token()
            return rejected, token

        try:
            renewed, token = await self._flight.run(renew)
            if token == rejected != renewed:  # that flight was about another token
                _, token = await self._flight.run(renew)
        except FlightCancelledError:
            raise TokenError("The renewal was ended: the client was closed meanwhile") from None
        return token


def is_renewable(headers: CIMultiDictProxy[str] | CIMultiDict[str]) -> bool:
    """Tell whether a new token of the same kind may help after a 401 with these fields."""
    return is_renewal_useful(parse_challenges(headers.getall("WWW-Authenticate", ())))


class InsecureOrigins:
    """Warns once of each origin that gets a token in the clear, or refuses it (RFC 6750 §5.3)."""

    __slots__ = ("_refuse", "_seen")

    def __init__(self, *, refuse: bool) -> None:
        self._refuse = refuse
        self._seen: frozenset[str] = frozenset()  # shared while empty: clients may be many

    def check(self, url: URL) -> None:
        """Warn, or raise TokenError, when the URL is plain http to another machine."""
        authority = url.raw_authority
        if authority in self._seen or not is_insecure(url):
            return
        if self._refuse:
            raise TokenError(
                f"{shown(url)} is plain http, and require_https is set: no token is sent there"
            )
        self._seen |= {authority}
        warn_insecure("The resource", url)


async def _settle(result: object) -> None:
    if inspect.isawaitable(result):
        await result


def _overrides(manager: object, *names: str) -> bool:
    return any(
        getattr(type(manager), name, None) is not getattr(TokenManager, name) for name in names
    )


def _is_ours(manager: object) -> TypeGuard[TokenManager]:
    return isinstance(manager, TokenManager) and not _overrides(manager, "get_token")


def _has_keyed_renewal(manager: object) -> bool:
    # A subclass with a get_token of its own and the inherited renewal would have two sources.
    if not hasattr(type(manager), "renew_token"):
        return False
    return _overrides(manager, "renew_token") or not _overrides(manager, "get_token", "reset_token")
