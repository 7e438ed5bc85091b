"""The ports of the server: chosen ones, free ones, and ports that are in use."""

import errno
import socket

import pytest
from aiohttp import ClientSession

from aioalf.testing import OAuthServer
from tests.support.ports import free_port
from tests.testing.plain_client import new_token


async def test_chosen_ports_are_used_again_after_close(session: ClientSession) -> None:
    """The issuer and the API have the ports of the options each time the server starts."""
    server = OAuthServer(port=free_port(), api_port=free_port())
    for _ in range(2):
        async with server:
            assert server.issuer == f"http://127.0.0.1:{server.port}"
            assert server.api_url == f"http://127.0.0.1:{server.api_port}"
            await new_token(session, server)


@pytest.mark.parametrize("option", ["port", "api_port"])
async def test_port_in_use_is_an_error_that_names_the_port(option: str) -> None:
    """The error says what to do, and the server can be started later on another port."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = OAuthServer()
        setattr(server, option, port)
        with pytest.raises(OSError, match=rf"Port {port} of 127\.0\.0\.1 is in use: stop") as error:
            await server.start()
    assert error.value.errno == errno.EADDRINUSE
    setattr(server, option, None)
    async with server:
        assert str(port) not in server.issuer + server.api_url
