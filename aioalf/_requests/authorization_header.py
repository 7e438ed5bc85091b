"""The Authorization header with the tokens of one manager (RFC 6750 §2.1).

Must not know how tokens are fetched or how requests are sent.
"""

from __future__ import annotations

from aiohttp import ClientSession

from aioalf._masked_values import MaskedStr
from aioalf._redaction import Unpicklable
from aioalf._requests.manager_adapter import TokenProvider, renewable
from aioalf._syntax import is_visible_ascii
from aioalf.errors import TokenError

_SCHEME = "Bearer "
_NO_TOKEN = object()  # not None, which a faulty manager may return


class AuthorizationHeader(Unpicklable):
    """Makes header values from tokens, and passes on how APIs respond to them.

    The values are strings whose ``repr`` shows no token, since errors and tracebacks show it.

    Args:
        provider: A `TokenManager`, or any object with ``get_token()`` and ``reset_token()``.
    """

    __slots__ = ("_token", "_value", "is_closed", "manager")

    def __init__(self, provider: TokenProvider) -> None:
        self.manager = renewable(provider)
        self.is_closed: bool = False
        """Whether the client is closed; a rejected token is not renewed then."""
        self._token: object = _NO_TOKEN
        self._value = MaskedStr()

    def cached(self) -> str | None:
        """Return the header value if a valid token is cached, without waiting."""
        token = self.manager.cached_token()
        if token is self._token:
            return self._value
        return None if token is None else self._value_of(token)

    async def get(self, session: ClientSession) -> str:
        """Return the header value, fetching a token if necessary. Raises TokenError."""
        self.manager.use_session(session)
        return self._value_of(await self.manager.get_token())

    async def renew(self, rejected: str, session: ClientSession) -> str:
        """Return the value to send instead of a rejected one. Raises TokenError."""
        self.manager.use_session(session)
        return self._value_of(await self.manager.renew_token(_token_in(rejected)))

    def can_renew(self, rejected: str) -> bool:
        """Tell whether `renew` would return another value than the rejected one."""
        return not self.is_closed and self.manager.can_renew(_token_in(rejected))

    def mark_rejected(self, rejected: str) -> None:
        """Let the next request use another token than the one in a rejected value."""
        self.manager.mark_rejected(_token_in(rejected))

    def note_result(self, status: int) -> None:
        """Note the response status of a request that was repeated with a new token."""
        if status != 401 and not 300 <= status < 400:
            self.manager.mark_accepted()

    async def logout(self) -> None:
        """Log out the manager, and forget the token here."""
        self._token, self._value = _NO_TOKEN, MaskedStr()
        await self.manager.logout()

    def _value_of(self, token: str) -> str:
        # A token is checked once, when it is new: it serves many requests.
        if token is not self._token:
            if not is_visible_ascii(token):
                del token  # tracebacks may show local variables
                raise TokenError(
                    "The token manager returned a token that is not valid in a Bearer header "
                    "(RFC 6750 §2.1)"
                )
            self._token, self._value = token, MaskedStr(_SCHEME + token)
        return self._value


def _token_in(value: str) -> str:
    return MaskedStr(value.removeprefix(_SCHEME))
