"""Ports, clients and requests that the tests of the implicit flow share."""

import asyncio
import socket
from urllib.parse import parse_qs, urlsplit

from aioalf.client import Client
from aioalf.implicit import OAuthImplicitTokenManager
from aioalf.testing import OAuthServer


def free_ports() -> tuple[int, int]:
    """Return a range whose first port is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    return (port, min(port + 9, 65535))


PORTS = free_ports()


def client_of(
    server: OAuthServer, client_id: str = "client-id", scope: str | None = None
) -> Client:
    """Make a client as the project page does."""
    return Client(
        token_endpoint=server.token_endpoint, client_id=client_id, client_secret="", scope=scope
    )


def manager_of(server: OAuthServer) -> OAuthImplicitTokenManager:
    """Make a token manager of the implicit flow."""
    return OAuthImplicitTokenManager(server.token_endpoint, "client-id", "")


async def status_of(client: Client, server: OAuthServer) -> int:
    """Send a request to the API and return its status."""
    async with client.get(server.url("/things")) as response:
        return response.status


def query_of(url: str) -> dict[str, list[str]]:
    """Return the query parameters of a URL."""
    return parse_qs(urlsplit(url).query, strict_parsing=True)


async def is_listening(port: int) -> bool:
    """Whether a program accepts connections on this port."""
    try:
        _, writer = await asyncio.open_connection("localhost", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
