"""The header with the tokens of one manager: Authorization (RFC 6750 §2.1), or the API's own.

Must not know how tokens are fetched or how requests are sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import ClientRequest, ClientSession
from aiohttp.hdrs import AUTHORIZATION, USER_AGENT
from aiohttp.http import SERVER_SOFTWARE
from multidict import CIMultiDict

from aioalf._hidden_repr import MaskedStr
from aioalf._masking import Unpicklable
from aioalf._requests.manager_adapter import TokenProvider, api_rules_of, renewable
from aioalf._syntax import is_visible_ascii
from aioalf.errors import TokenError
from aioalf.token import Token

_NO_TOKEN = object()  # not None, which a faulty manager may return


class AuthorizationHeader(Unpicklable):
    """Makes header values from tokens, and tells the manager which tokens APIs accept or reject.

    The values are strings whose ``repr`` shows no token, since errors and tracebacks show it.

    Args:
        provider: A `TokenManager`, or any object with ``get_token()`` and ``reset_token()``.
    """

    __slots__ = (
        *("_token", "_value"),
        *("is_authorization", "is_closed", "is_plain", "manager", "rules"),
    )

    def __init__(self, provider: TokenProvider) -> None:
        self.manager = renewable(provider)
        self.rules = api_rules_of(provider)
        self.is_authorization: bool = self.rules.header == AUTHORIZATION
        """Whether the header is Authorization, which aiohttp removes for another origin."""
        self.is_plain: bool = self.is_authorization and not self.rules.headers
        """Whether this header is all that has to be added to a request."""
        self.is_closed: bool = False
        """Whether the client is closed; a rejected token is not renewed then."""
        self._token: object = _NO_TOKEN
        self._value = MaskedStr()

    def check_open(self) -> None:
        """Raise RuntimeError if the client is closed."""
        if self.is_closed:
            raise RuntimeError("Session is closed")  # aiohttp's words

    def cached(self) -> str | None:
        """Return the header value if a valid token is cached and the client is open."""
        if self.is_closed:
            return None
        token = self.manager.cached_token()
        if token is self._token:
            return self._value
        return None if token is None else self.value_of(token)

    async def get(self, session: ClientSession) -> str:
        """Return the header value, fetching a token if necessary. Raises TokenError."""
        self.manager.use_session(session)
        return self.value_of(await self.manager.get_token())

    async def token(self, session: ClientSession) -> Token:
        """Return the whole token, fetching one if necessary. Raises TokenError."""
        self.manager.use_session(session)
        return await self.manager.token()

    async def renew(self, rejected: str, session: ClientSession) -> str:
        """Return the value to send instead of a rejected one. Raises TokenError."""
        self.manager.use_session(session)
        return self.value_of(await self.manager.renew_token(self._token_in(rejected)))

    def can_renew(self, rejected: str) -> bool:
        """Tell whether `renew` would return another value than the rejected one."""
        return not self.is_closed and self.manager.can_renew(self._token_in(rejected))

    def mark_rejected(self, rejected: str) -> None:
        """Let the next request use another token than the one in a rejected value."""
        self.manager.mark_rejected(self._token_in(rejected))

    def note_result(self, status: int) -> None:
        """Note the response status of a request that was repeated with a new token."""
        if status != 401 and not 300 <= status < 400:
            self.manager.mark_accepted()

    async def logout(self) -> None:
        """Log out the manager, and forget the token here."""
        self._token, self._value = _NO_TOKEN, MaskedStr()
        await self.manager.logout()

    def set_on(self, request: ClientRequest, value: str) -> None:
        """Put a value on a hop, with the further headers of the API that it does not have yet."""
        headers = request.headers
        headers[self.rules.header] = value
        for name, text in self.rules.headers.items():
            if headers.get(name) in {None, _automatic_value(request, name)}:
                headers[name] = text

    def value_of(self, token: str) -> str:
        """Return the header value with a token. Raises TokenError if it cannot be sent."""
        # A token is checked only when it is new, since many requests use it.
        if token is not self._token:
            if not is_visible_ascii(token):
                del token  # tracebacks may show local variables
                raise TokenError(
                    f"The token manager returned a token that is not valid in the header "
                    f"{self.rules.header}: only visible ASCII characters can be sent there"
                )
            self._token, self._value = token, MaskedStr(self.rules.prefix + token)
        return self._value

    def _token_in(self, value: str) -> str:
        return MaskedStr(value.removeprefix(self.rules.prefix))


def with_header(options: Mapping[str, Any], authorization: str) -> dict[str, Any]:
    """Return a copy of the options with the Authorization header added to a copy of the headers."""
    if not options:
        return {"headers": {AUTHORIZATION: authorization}}
    given = options.get("headers")
    if not given:
        return {**options, "headers": {AUTHORIZATION: authorization}}
    headers = CIMultiDict(given)
    headers[AUTHORIZATION] = authorization
    return {**options, "headers": headers}


def _automatic_value(request: ClientRequest, name: str) -> str | None:
    """Return the value that aiohttp gives a header if the caller did not set it."""
    automatic = CIMultiDict({**request.DEFAULT_HEADERS, USER_AGENT: SERVER_SOFTWARE})
    return automatic.get(name)
