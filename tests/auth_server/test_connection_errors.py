"""Failures of a token request without a complete response."""

import asyncio
import math
import socket

import pytest
from aiohttp import (
    ClientConnectorError,
    ClientPayloadError,
    ClientResponseError,
    ClientTimeout,
    ServerDisconnectedError,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aioalf.errors import TokenConnectionError, TokenError
from aioalf.testing import Fault, OAuthServer
from aioalf.token import Token
from tests.auth_server.token_requests import TOKEN, endpoint_at, error_of, request_token
from tests.support.raw_server import RawServer


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault.hang_up(), ServerDisconnectedError),
        (Fault.hang_up(after=0), ClientPayloadError),
        (Fault.hang_up(after=20), ClientPayloadError),
        (Fault.slow(math.inf), TimeoutError),
    ],
    ids=str,
)
async def test_incomplete_response_is_a_connection_error(
    oauth_server: OAuthServer, fault: Fault, cause: type[Exception]
) -> None:
    """The error names the endpoint, and its cause is aiohttp's error."""
    oauth_server.token_fault = fault
    options = {"timeout": ClientTimeout(total=0.2 if cause is TimeoutError else 10)}
    error = await error_of(endpoint_at(oauth_server.token_endpoint, options))
    assert isinstance(error, TokenConnectionError)
    assert isinstance(error.__cause__, cause)
    assert str(error).startswith(
        f"No response from the token endpoint {oauth_server.token_endpoint}"
    )
    assert type(error.__cause__).__name__ in str(error)


async def test_refused_connection_is_a_token_error() -> None:
    """No server listens on the port."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port: int = closed.getsockname()[1]
        error = await error_of(endpoint_at(f"http://127.0.0.1:{port}/token"))
    assert isinstance(error.__cause__, ClientConnectorError)


async def test_reset_connection_is_a_connection_error() -> None:
    """The server aborts the connection instead of responding."""

    def abort(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with await asyncio.start_server(abort, "127.0.0.1", 0) as server:
        port: int = server.sockets[0].getsockname()[1]
        error = await error_of(endpoint_at(f"http://127.0.0.1:{port}/token"))
    assert isinstance(error, TokenConnectionError)
    assert error.__cause__ is not None


@pytest.mark.rule("R031", "R007")
async def test_response_that_is_not_http_is_a_connection_error() -> None:
    """The cause does not hold the request, which has the secret in a header."""
    async with RawServer(b"SSH-2.0-OpenSSH_9.2\r\n") as server:
        error = await error_of(endpoint_at(f"{server.url}/token?key=hidden"))
    assert isinstance(error, TokenConnectionError)
    assert error.__cause__ is not None
    assert not isinstance(error.__cause__, ClientResponseError)
    assert "ClientResponseError: " in str(error)
    assert "hidden" not in str(error) + repr(error.__cause__)


async def test_invalid_host_name_is_a_token_error() -> None:
    """A host name with an empty label fails in the resolver."""
    assert isinstance(await error_of(endpoint_at("https://a..localhost/token")), TokenError)


HEADER_LINES = st.lists(
    st.tuples(
        st.sampled_from(
            [b"Content-Type", b"Content-Encoding", b"Content-Length", b"X", b"Set-Cookie"]
        )
        | st.binary(max_size=20),
        st.sampled_from([b"gzip", b"deflate", b"br", b"identity", b"chunked", b"5", b"-1"])
        | st.binary(max_size=40),
    ).map(b": ".join),
    max_size=4,
).map(b"\r\n".join)


@pytest.mark.rule("R031")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HEADER_LINES, st.binary() | st.just(TOKEN))
def test_any_headers_and_body_are_a_token_or_a_token_error(head: bytes, body: bytes) -> None:
    """Random headers and bodies never raise another exception, and never hang."""

    async def talk() -> Token:
        raw = b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body
        async with RawServer(raw) as server:
            return await request_token(endpoint_at(server.url))

    try:
        token = asyncio.run(talk())
    except TokenError:
        return
    assert token.access_token
