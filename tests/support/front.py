"""Ways to send requests, fake managers, and the log of the API, for tests of the client."""

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
"""Sends authorized requests with the methods of aiohttp."""


class Way(Protocol):
    """Opens a `Sender` with a limit of connections."""

    def __call__(
        self, server: OAuthServer, *, limit: int = 100
    ) -> AbstractAsyncContextManager[Sender]:
        """Open it; close it at exit."""
        ...


def client_of(
    server: OAuthServer,
    session: ClientSession | None = None,
    *,
    renewal: Renewal | None = None,
    retry: Retry | None = None,
) -> Client:
    """Create a client of the server."""
    return Client(
        server.client_id,
        server.client_secret,
        server.token_endpoint,
        session=session,
        renewal=renewal,
        retry=retry,
    )


def manager_of(server: OAuthServer, *, retry: Retry | None = None) -> TokenManager:
    """Create a manager of the server."""
    return TokenManager(server.token_endpoint, server.client_id, server.client_secret, retry=retry)


@asynccontextmanager
async def by_client(server: OAuthServer, *, limit: int = 100) -> AsyncGenerator[Sender, None]:
    """A client with its own session, which ignores `limit`."""
    async with client_of(server) as client:
        yield client


@asynccontextmanager
async def by_given_session(
    server: OAuthServer, *, limit: int = 100
) -> AsyncGenerator[Sender, None]:
    """A client with the session of the caller."""
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
    """Return the requests to the API, in the order of their responses."""
    return [exchange for exchange in server.log if exchange.server == "api"]


class UserManager:
    """A manager of a user, written for 0.4.0; each reset changes the token."""

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
        """Return the current token."""
        return f"token-{self.resets}"

    async def reset_token(self) -> None:
        """Change the token."""
        self.resets += 1


class Resolver(AbstractResolver):
    """Resolves every host to 127.0.0.1, and records the names."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return 127.0.0.1."""
        self.asked.append(host)
        found = ResolveResult(
            hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0
        )
        return [found]

    async def close(self) -> None:
        """Do nothing."""


class UserClient(Client):
    """A client with a manager of the user."""

    token_manager_class = UserManager


class FixedManager:
    """A manager that returns a fixed value as token, even an invalid one."""

    def __init__(self, token: object = "token") -> None:
        self.token = token
        self.resets = 0

    async def get_token(self) -> str:
        """Return the value."""
        return self.token  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    def reset_token(self) -> None:
        """Count the reset; a plain function."""
        self.resets += 1
