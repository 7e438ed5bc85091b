"""The Authorization field of a request, from any token manager; and what a 401 is worth.

It knows nothing of getting tokens and of sending.
"""

from __future__ import annotations

from typing import Final

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from aioalf._auth_server.http import Network
from aioalf._requests.challenge import is_renewal_useful, parse_challenges
from aioalf._requests.manager_adapter import RenewableManager, TokenProvider, renewable
from aioalf._syntax import is_b64token
from aioalf._urls import SECURE_SCHEMES, is_remote, redact_url, warn_insecure
from aioalf.errors import TokenError
from aioalf.manager import TokenManager

UNAUTHORIZED = 401


class AuthorizationHeader:
    """Writes ``AuthorizationHeader`` fields with the tokens of one manager (RFC 6750 §2.1)."""

    def __init__(self, manager: TokenProvider) -> None:
        self._manager = _keyed(manager)
        self._token: object = self  # nothing that a manager gives is that
        self._authorization = ""
        self.is_closed: bool = False

    def ready(self) -> str | None:
        """Return the field when it can be had without waiting, else None."""
        token = self._manager.cached_token()
        if token is None:
            return None
        return self._authorization if token is self._token else self._field(token)

    async def authorization(self) -> str:
        """Return the field, when its token has been got. Raises TokenError."""
        return self._field(await self._manager.get_token())

    async def renewed(self, rejected: str) -> str:
        """Return the field to send in place of one that was refused. Raises TokenError."""
        return self._field(await self._manager.renew_token(_token_in(rejected)))

    def can_renew(self, rejected: str) -> bool:
        """Tell whether there is, or may be had, another token than the one in a refused field."""
        return not self.is_closed and self._manager.can_renew(_token_in(rejected))

    def mark_rejected(self, rejected: str) -> None:
        """Have the next request use another token than the one in a refused field."""
        self._manager.mark_rejected(_token_in(rejected))

    def judge(self, status: int) -> None:
        """Take note of the answer to a repeated request: was its new token accepted?"""
        if status != UNAUTHORIZED and not 300 <= status < 400:
            self._manager.mark_accepted()

    def use_network(self, network: Network) -> None:
        """Let token requests go through this session's connector, where the manager can be told."""
        self._manager.use_network(network)

    async def logout(self) -> None:
        """Have the manager revoke and forget, and forget the field."""
        self._token, self._authorization = self, ""
        await self._manager.logout()

    async def close(self) -> None:
        """End what is under way, and renew nothing from now on."""
        self.is_closed = True
        await self._manager.close()

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


def _keyed(manager: TokenProvider) -> RenewableManager:
    if type(manager) is TokenManager:
        return manager

    return renewable(manager)


def _token_in(field: str) -> str:
    return field.removeprefix("Bearer ")


def is_renewable(headers: CIMultiDictProxy[str] | CIMultiDict[str]) -> bool:
    """Tell whether a new token of the same kind may help after a 401 with these fields."""

    return is_renewal_useful(parse_challenges(headers.getall("WWW-Authenticate", ())))


_NONE: Final[frozenset[str]] = frozenset()  # an empty set takes 216 bytes, and clients may be many


class InsecureOrigins:
    """Warns once of each origin that gets a token in the clear, or refuses it (RFC 6750 §5.3)."""

    def __init__(self, *, refuse: bool) -> None:
        self._refuse = refuse
        self._known = _NONE

    def check(self, url: URL) -> None:
        """Warn, or raise TokenError, when the URL is plain http to another machine."""
        if url.scheme in SECURE_SCHEMES:
            return
        authority = url.raw_authority
        if authority in self._known:
            return
        if is_remote(url):
            if self._refuse:
                raise TokenError(
                    f"{redact_url(url)} is plain http, and require_https is set: no token is sent there"
                )
            warn_insecure("The resource", url)
        self._known |= {authority}
