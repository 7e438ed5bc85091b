"""Websockets: the handshake carries the token, and a rejected handshake is repeated once."""

import asyncio

import pytest
from aiohttp import (
    ClientConnectionError,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    WSServerHandshakeError,
)

from aioalf import TokenError, TokenHTTPError
from aioalf.testing import Fault, OAuthServer
from tests.support.front import Way, api_log, client_of, every_way


@pytest.mark.rule("R050")
@every_way
async def test_handshake_carries_the_token(oauth_server: OAuthServer, way: Way) -> None:
    """The token replaces an Authorization header of the caller, and messages are exchanged."""
    async with (
        way(oauth_server) as sender,
        sender.ws_connect(oauth_server.url("/ws"), headers={"authorization": "x"}) as websocket,
    ):
        await websocket.send_str("alf")
        assert await websocket.receive_str(timeout=5) == "alf"
    [handshake] = api_log(oauth_server)
    assert handshake.headers.getall("Authorization")[0].startswith("Bearer ")
    assert len(handshake.headers.getall("Authorization")) == 1


async def test_ws_connect_can_be_awaited(oauth_server: OAuthServer) -> None:
    """An awaited websocket can be used until the caller closes it."""
    async with client_of(oauth_server) as client:
        websocket = await client.ws_connect(oauth_server.url("/ws"))
        await websocket.send_bytes(b"alf")
        assert await websocket.receive_bytes(timeout=5) == b"alf"
        await websocket.close()
        assert websocket.closed


@pytest.mark.rule("R056")
@every_way
async def test_rejected_handshake_is_repeated_with_a_new_token(
    oauth_server: OAuthServer, way: Way
) -> None:
    """Each rejection causes one token request and one handshake more."""
    async with way(oauth_server) as sender:
        for _ in range(3):
            async with sender.ws_connect(oauth_server.url("/ws")) as websocket:
                await websocket.send_str("alf")
                assert await websocket.receive_str(timeout=5) == "alf"
            oauth_server.revoke_all()
    assert (oauth_server.token_requests, oauth_server.rejected_requests) == (3, 2)


@pytest.mark.rule("R056")
@every_way
async def test_handshake_rejected_twice_raises(oauth_server: OAuthServer, way: Way) -> None:
    """A handshake rejected twice raises aiohttp's WSServerHandshakeError."""
    oauth_server.api_fault = Fault.status(401)
    async with way(oauth_server) as sender:
        with pytest.raises(WSServerHandshakeError) as caught:
            await sender.ws_connect(oauth_server.url("/ws"))
    assert caught.value.status == 401
    assert (oauth_server.token_requests, oauth_server.api_requests) == (2, 2)


@pytest.mark.rule("R057", "R058")
@pytest.mark.parametrize("status", [401, 403])
@every_way
async def test_insufficient_scope_causes_no_renewal(
    oauth_server: OAuthServer, way: Way, status: int
) -> None:
    """A handshake rejected for insufficient scope raises at once."""
    challenge = {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
    oauth_server.api_fault = Fault.status(status, headers=challenge)
    async with way(oauth_server) as sender:
        with pytest.raises(WSServerHandshakeError) as caught:
            await sender.ws_connect(oauth_server.url("/ws"))
    assert caught.value.status == status
    assert (oauth_server.token_requests, oauth_server.api_requests) == (1, 1)


@pytest.mark.rule("R056")
async def test_rejected_handshake_is_repeated_with_raise_for_status(
    oauth_server: OAuthServer,
) -> None:
    """The other error type that aiohttp raises with `raise_for_status` is handled too."""
    async with (
        ClientSession(raise_for_status=True) as session,
        client_of(oauth_server, session) as client,
    ):
        async with client.ws_connect(oauth_server.url("/ws")):
            oauth_server.revoke_all()
        async with client.ws_connect(oauth_server.url("/ws")) as websocket:
            assert not websocket.closed
        oauth_server.api_fault = Fault.status(500)
        with pytest.raises(ClientResponseError, match="500"):
            await client.ws_connect(oauth_server.url("/ws"))


@pytest.mark.rule("R060")
@every_way
async def test_concurrent_rejected_handshakes_share_one_renewal(
    oauth_server: OAuthServer, way: Way
) -> None:
    """Ten handshakes with a rejected token cause one token request."""
    async with way(oauth_server) as sender:
        async with sender.get(oauth_server.url("/things")) as response:
            assert response.status == 200
        oauth_server.revoke_all()
        sockets = await asyncio.gather(
            *(sender.ws_connect(oauth_server.url("/ws")) for _ in range(10))
        )
        for websocket in sockets:
            await websocket.close()
    assert oauth_server.token_requests == 2


@pytest.mark.rule("R054")
@every_way
async def test_handshake_redirected_to_another_origin_carries_no_token(
    oauth_server: OAuthServer, way: Way
) -> None:
    """Another origin that a handshake is redirected to gets no token."""
    url = f"{oauth_server.url('/redirect')}?to={oauth_server.other_url}/ws"
    async with way(oauth_server) as sender:
        with pytest.raises(WSServerHandshakeError):
            await sender.ws_connect(url)
    assert oauth_server.other_requests == 1
    assert oauth_server.leaked == []


@pytest.mark.rule("R062")
async def test_no_handshake_is_sent_without_a_token(oauth_server: OAuthServer) -> None:
    """The token endpoint's error is raised, since its response cannot be a websocket."""
    oauth_server.token_fault = Fault.status(503)
    async with client_of(oauth_server) as client:
        with pytest.raises(TokenHTTPError, match="503"):
            await client.ws_connect(oauth_server.url("/ws"))
        oauth_server.token_fault = Fault.hang_up()
        with pytest.raises(TokenError):
            await client.ws_connect(oauth_server.url("/ws"))
    assert oauth_server.api_requests == 0


async def test_session_timeout_includes_the_renewal(oauth_server: OAuthServer) -> None:
    """The total timeout covers both handshakes and the token request between them."""
    async with (
        ClientSession(timeout=ClientTimeout(total=1.0)) as session,
        client_of(oauth_server, session) as client,
    ):
        async with client.ws_connect(oauth_server.url("/ws")):
            oauth_server.revoke_all()
            oauth_server.token_fault = Fault.slow(5)
        with pytest.raises(TimeoutError):
            await client.ws_connect(oauth_server.url("/ws"))


@every_way
async def test_connection_error_is_raised_unchanged(oauth_server: OAuthServer, way: Way) -> None:
    """If no server listens, aiohttp's ClientConnectionError is raised."""
    url = oauth_server.url("/ws")
    async with way(oauth_server) as sender:
        async with sender.ws_connect(url):
            pass
        await oauth_server.close()
        with pytest.raises(ClientConnectionError):
            await sender.ws_connect(url)
