"""What a derived client has of a login: tokens for what it asks for itself (RFC 8707 §2.2).

It knows the login that it shares, and how to have somebody log in; nothing of HTTP and of caches.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aioalf._login.login import Login
from aioalf.errors import LoginRequiredError
from aioalf.grants import AuthorizationServer
from aioalf.token import Token

LogInFunction = Callable[[], Awaitable[object]]


class DerivedLogin:
    """Gets tokens with the refresh token of another client's login, as `Login` does.

    Where nobody is logged in, ``log_in`` lets that client get a token for itself; where it has one
    of a login that is over, ``log_in_anew`` does.
    """

    def __init__(
        self,
        login: Login,
        name: str,
        *,
        is_of_scope: bool,
        log_in: LogInFunction,
        log_in_anew: LogInFunction,
    ) -> None:
        self._login = login
        self._name = name
        self._is_of_scope = is_of_scope
        self._ways = (log_in, log_in_anew)

    async def token(self, endpoint: AuthorizationServer, unwanted: str | None) -> Token:
        """Return a token other than an unwanted one. Raises as `Authorization.derived_token`."""
        for log_in in (*self._ways, None):
            token = await self._login.derived_token(
                endpoint, unwanted, self._name, is_of_scope=self._is_of_scope
            )
            if token is not None:
                return token
            if log_in is not None:
                await log_in()
        raise LoginRequiredError(
            "The refresh token of a new login was refused: nothing can be derived from it"
        )
