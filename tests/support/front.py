"""What the tests of the client's side share: ways to send, stand-in managers, and what arrived."""

import socket
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import pytest
from aiohttp import ClientSession, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from aioalf import Client, OAuth2Middleware, Renewal, Retry, TokenManager
from aioalf.testing import OAuthServer, RecordedRequest

Sender = Client | ClientSession
"""What has aiohttp's verbs, and authorizes what it sends."""


class Way(Protocol):
    """Opens what sends, on so many connections."""

    def __call__(
        self, server: OAuthServer, *, limit: int = 100
    ) -> AbstractAsyncContextManager[Sender]:
        """Close it at the end."""
        ...


def client_of(
    server: OAuthServer,
    session: ClientSession | None = None,
    *,
    renewal: Renewal | None = None,
    retry: Retry | None = None,
) -> Client:
    """A client that gets its tokens from the server."""
    return Client(
        server.client_id,
        server.client_secret,
        server.token_endpoint,
        session=session,
        renewal=renewal,
        retry=retry,
    )


def manager_of(server: OAuthServer, *, retry: Retry | None = None) -> TokenManager:
    """A manager that gets its tokens from the server."""
    return TokenManager(server.token_endpoint, server.client_id, server.client_secret, retry=retry)


@asynccontextmanager
async def by_client(server: OAuthServer, *, limit: int = 100) -> AsyncGenerator[Sender, None]:
    """A client with a session of its own, which has as many connections as aiohttp likes."""
    async with client_of(server) as client:
        yield client


@asynccontextmanager
async def by_given_session(
    server: OAuthServer, *, limit: int = 100
) -> AsyncGenerator[Sender, None]:
    """A client with a session that it was given."""
    session = ClientSession(connector=TCPConnector(limit=limit))
    async with session, client_of(server, session) as client:
        yield client


@asynccontextmanager
async def by_middleware(server: OAuthServer, *, limit: int = 100) -> AsyncGenerator[Sender, None]:
    """A session with the middleware."""
    manager = manager_of(server)
    connector = TCPConnector(limit=limit)
    async with ClientSession(
        connector=connector, middlewares=[OAuth2Middleware(manager)]
    ) as session:
        yield session
    await manager.close()


every_way = pytest.mark.parametrize("way", [by_client, by_given_session, by_middleware])


def api_log(server: OAuthServer) -> list[RecordedRequest]:
    """What reached the API, in the order in which it was answered."""
    return [exchange for exchange in server.log if exchange.server == "api"]


class UserManager:
    """A user's manager, made for 0.4.0: five keywords and two methods; each token is a new one."""

    def __init__(
        self,
        token_endpoint: str,
        client_id: str,
        client_secret: str,
        http_options: dict[str, object],
        scope: str | None,
    ) -> None:
        self.arguments = (token_endpoint, client_id, client_secret, http_options, scope)
        self.resets = 0

    async def get_token(self) -> str:
        """The token of this turn."""
        return f"token-{self.resets}"

    async def reset_token(self) -> None:
        """Go on to the next."""
        self.resets += 1


class Resolver(AbstractResolver):
    """Finds every host on this machine, and remembers which it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """127.0.0.1."""
        self.asked.append(host)
        found = ResolveResult(
            hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0
        )
        return [found]

    async def close(self) -> None:
        """Nothing is held."""


class UserClient(Client):
    """A client whose manager is a user's."""

    token_manager_class = UserManager


class FixedManager:
    """Gives one value for a token, whatever it is."""

    def __init__(self, token: object = "token") -> None:
        self.token = token
        self.resets = 0

    async def get_token(self) -> str:
        """The value, also where it is no text."""
        return self.token  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    def reset_token(self) -> None:
        """Count, as a plain function."""
        self.resets += 1
