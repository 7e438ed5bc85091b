"""`DerivedLogin`: fetches tokens of a derived client with the refresh token of a shared login.

Must not know HTTP, caches, or the clients themselves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._login.cache_key import cache_key_for
from aioalf._login.login import Login
from aioalf.errors import LoginRequiredError
from aioalf.grants import AuthorizationServer, Grant
from aioalf.renewal import RenewalSkippedError
from aioalf.token import Token

LogInFunction = Callable[[], Awaitable[object]]


def shared_login(
    login: Login,
    grant: Grant,
    endpoint: TokenEndpoint,
    *,
    has_own_scope: bool,
    log_in: LogInFunction,
    log_in_anew: LogInFunction,
) -> Login | DerivedLogin:
    """Return the login of a derived client, which shares the refresh token or only the options.

    The refresh token is shared if the grant has one. The keywords are as in `DerivedLogin`.
    """
    key = cache_key_for(grant, endpoint, endpoint.identity, login.owner) if login.is_cached else ""
    if not grant.keeps_refresh_token:
        return login.separate(key)
    return DerivedLogin(
        login, key, has_own_scope=has_own_scope, log_in=log_in, log_in_anew=log_in_anew
    )


class DerivedLogin:
    """Fetches the tokens of a derived client, like `Login` (RFC 8707 §2.2).

    `name` identifies the derived client in the login's cache entry. `has_own_scope` is True if its
    scope is not the scope of the login. If the login has no token yet, `log_in` lets the original
    client fetch one; if its refresh token was refused, `log_in_anew` fetches a new one.
    """

    def __init__(
        self,
        login: Login,
        name: str,
        *,
        has_own_scope: bool,
        log_in: LogInFunction,
        log_in_anew: LogInFunction,
    ) -> None:
        self._login = login
        self._name = name
        self._has_own_scope = has_own_scope
        self._log_in = log_in
        self._log_in_anew = log_in_anew

    @property
    def needs_person(self) -> bool:
        return self._login.needs_person

    def forget_failure(self) -> None:
        self._login.forget_failure()

    async def token(
        self, server: AuthorizationServer, unwanted: str | None, *, is_ahead: bool = False
    ) -> Token:
        """Return a valid token other than the access token `unwanted`. Raises like `Login`."""
        for log_in in (self._log_in, self._log_in_anew, None):
            token = await self._login.derived_token(
                server,
                unwanted,
                self._name,
                has_own_scope=self._has_own_scope,
                is_ahead=is_ahead,
            )
            if token is not None:
                return token
            if is_ahead:
                raise RenewalSkippedError(until_expiry=True)
            if log_in is not None:
                await log_in()
        raise LoginRequiredError(
            "No token for the derived client: its login ended while the token was requested"
        )
