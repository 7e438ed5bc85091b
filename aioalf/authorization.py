"""What was authorized once, and lives on by its refresh token (RFC 6749 §6, RFC 9700 §4.14).

A refresh token may count once only: the answer to it is kept before anybody sees the new token, and
a request that has left is not cut off. It knows grants, caches and records, and nothing of HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from aioalf.cache_key import cache_key
from aioalf.callables import outcome
from aioalf.errors import (
    LoginRequiredError,
    TokenConfigurationError,
    TokenError,
    TokenHTTPError,
)
from aioalf.token_record import Record, read_record, write_record

if TYPE_CHECKING:
    from yarl import URL

    from aioalf.caches import TokenCache
    from aioalf.grants import Grant, TokenSource
    from aioalf.token import Token

logger: logging.Logger = logging.getLogger(__name__)

_WITHOUT_SUBJECT: Final = frozenset(
    {
        "authorization_code",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:device_code",
    }
)

OnToken = Callable[["Token"], object]
"""Called with each new token, before its callers get it: a coroutine function, or a plain one."""


class Authorization:
    """Gets tokens with a grant at first, then with the refresh token that came with the last.

    With a cache, both are shared by all that have the same key, in this process and in others.
    """

    def __init__(
        self,
        grant: Grant,
        *,
        cache: TokenCache | None = None,
        key: str = "",
        on_token: OnToken | None = None,
    ) -> None:
        self._grant = grant
        self._cache = cache
        self._key = key
        self._on_token = on_token
        self._refresh_token: str | None = None
        self._is_spent = False
        self._sent: set[asyncio.Task[Token]] = set()

    async def token(self, endpoint: TokenSource, refused: str | None) -> Token:
        """Return a token other than one that was refused, kept already where it is to be kept.

        Raises LoginRequiredError when there is no way left without somebody's help, TokenError.
        """
        if self._cache is None:
            return await self._renew(endpoint)
        async with self._cache.lock(self._key):
            stored = await self._load(endpoint)
            if stored is not None and stored.is_valid() and stored.access_token != refused:
                return stored
            return await self._renew(endpoint)

    async def forget(self) -> None:
        """Forget the refresh token, here and in the cache."""
        self._refresh_token = None
        if self._cache is not None:
            async with self._cache.lock(self._key):
                await self._cache.delete(self._key)

    async def close(self) -> None:
        """Wait for what has been sent: its answer is kept."""
        if self._sent:
            await asyncio.wait(self._sent)

    async def _load(self, endpoint: TokenSource) -> Token | None:
        text = await self._cache.get(self._key) if self._cache is not None else None
        if text is None:
            return None
        record = read_record(text, now=datetime.now(UTC), monotonic=time.monotonic())
        if record is None or record.issuer != await _origin(endpoint):
            logger.warning("The token cache holds something that is none of ours; it is replaced")
            return None
        self._refresh_token, self._is_spent = record.refresh_token, False
        return record.token

    async def _renew(self, endpoint: TokenSource) -> Token:
        if self._refresh_token is not None:
            try:
                return await self._uncut(self._refresh(endpoint, self._refresh_token))
            except TokenHTTPError as error:
                if error.error != "invalid_grant":
                    raise  # it may count still
                await self._lose(error)
        if self._grant.can_begin:
            token = await self._grant.request_token(endpoint)  # a person may be asked: no task
            return await self._uncut(self._kept(token, token.refresh_token, endpoint))
        if self._is_spent:
            raise _login_required()
        try:
            return await self._uncut(self._begin(endpoint))
        except TokenHTTPError as error:
            if error.error == "invalid_grant":
                await self._lose(error)
            raise

    async def _lose(self, error: TokenHTTPError) -> None:
        self._refresh_token = None
        if self._cache is not None:
            await self._cache.delete(self._key)
        if not self._grant.can_begin:
            self._is_spent = True
            raise _login_required() from error

    async def _begin(self, endpoint: TokenSource) -> Token:
        token = await self._grant.request_token(endpoint)
        return await self._kept(token, token.refresh_token, endpoint)

    async def _refresh(self, endpoint: TokenSource, refresh_token: str) -> Token:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        token = await endpoint.request(form)
        # A server that does not rotate sends none, and the old one stays (RFC 6749 §6).
        return await self._kept(token, token.refresh_token or refresh_token, endpoint)

    async def _kept(self, token: Token, refresh_token: str | None, endpoint: TokenSource) -> Token:
        if self._grant.keeps_refresh_token:
            self._refresh_token = refresh_token
        if self._cache is not None:
            record = Record(token, self._refresh_token, await _origin(endpoint))
            try:
                # While there is a refresh token, the record is worth keeping for longer.
                ttl = None if self._refresh_token else token.expires_in
                await self._cache.set(self._key, write_record(record), ttl)
            except TokenError as error:
                logger.warning("The token is kept in memory only: %s", error)
        if self._on_token is not None:
            try:
                await outcome("on_token", self._on_token, token)
            except TokenError as error:
                logger.warning("%s; the token is used nevertheless", error)
        return token

    async def _uncut(self, request: Coroutine[object, object, Token]) -> Token:
        """Await a request in a task of its own: who stops waiting does not stop it."""
        task = asyncio.get_running_loop().create_task(request)
        self._sent.add(task)
        task.add_done_callback(self._sent.discard)
        return await asyncio.shield(task)


def key_of(grant: Grant, endpoint: TokenSource, token_endpoint: str | URL | None) -> str:
    """Return the key of what this client asks for (`cache_key`).

    Raises TokenConfigurationError for a grant whose token is for somebody who is not in the key.
    """
    if grant.name not in _WITHOUT_SUBJECT:
        raise TokenConfigurationError(
            f"cache cannot be used with {grant.name}: its tokens are for a subject of their own"
        )
    asked = endpoint.asked
    return cache_key(
        client_id=endpoint.client_id or "",
        grant=grant.name,
        issuer=endpoint.issuer,
        token_endpoint=None if token_endpoint is None else str(token_endpoint),
        scope=asked.scope,
        resource=asked.resource,
        audience=asked.audience,
        extra=asked.extra,
    )


async def _origin(endpoint: TokenSource) -> str:
    # The only one that the refresh token may be sent to (RFC 6749 §10.4).
    return endpoint.issuer or str(await endpoint.url_of("token_endpoint"))


def _login_required() -> LoginRequiredError:
    return LoginRequiredError(
        "The refresh token is worth nothing any more: log in again, or give another one"
    )
