"""Websockets: the token is in the handshake, and a handshake that is refused is renewed once."""

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
async def test_a_websocket_is_opened_with_the_token(oauth_server: OAuthServer, way: Way) -> None:
    """What is sent comes back."""
    async with (
        way(oauth_server) as sender,
        sender.ws_connect(oauth_server.url("/ws"), headers={"authorization": "x"}) as websocket,
    ):
        await websocket.send_str("alf")
        assert await websocket.receive_str(timeout=5) == "alf"
    [handshake] = api_log(oauth_server)
    assert handshake.headers.getall("Authorization")[0].startswith("Bearer ")
    assert len(handshake.headers.getall("Authorization")) == 1


async def test_a_websocket_can_be_awaited(oauth_server: OAuthServer) -> None:
    """And is the caller's to close then."""
    async with client_of(oauth_server) as client:
        websocket = await client.ws_connect(oauth_server.url("/ws"))
        await websocket.send_bytes(b"alf")
        assert await websocket.receive_bytes(timeout=5) == b"alf"
        await websocket.close()
        assert websocket.closed


@pytest.mark.rule("R056")
@every_way
async def test_a_refused_handshake_is_renewed(oauth_server: OAuthServer, way: Way) -> None:
    """One more token request and one more handshake, each time."""
    async with way(oauth_server) as sender:
        for _ in range(3):
            async with sender.ws_connect(oauth_server.url("/ws")) as websocket:
                await websocket.send_str("alf")
                assert await websocket.receive_str(timeout=5) == "alf"
            oauth_server.revoke_all()
    assert (oauth_server.token_requests, oauth_server.rejected_requests) == (3, 2)


@pytest.mark.rule("R056")
@every_way
async def test_a_handshake_that_is_refused_twice_is_an_error(
    oauth_server: OAuthServer, way: Way
) -> None:
    """The one that aiohttp raises."""
    oauth_server.api_fault = Fault.status(401)
    async with way(oauth_server) as sender:
        with pytest.raises(WSServerHandshakeError) as caught:
            await sender.ws_connect(oauth_server.url("/ws"))
    assert caught.value.status == 401
    assert (oauth_server.token_requests, oauth_server.api_requests) == (2, 2)


@pytest.mark.rule("R057", "R058")
@pytest.mark.parametrize("status", [401, 403])
@every_way
async def test_a_lack_of_scope_is_not_renewed(
    oauth_server: OAuthServer, way: Way, status: int
) -> None:
    """The handshake's error says so at once."""
    challenge = {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
    oauth_server.api_fault = Fault.status(status, headers=challenge)
    async with way(oauth_server) as sender:
        with pytest.raises(WSServerHandshakeError) as caught:
            await sender.ws_connect(oauth_server.url("/ws"))
    assert caught.value.status == status
    assert (oauth_server.token_requests, oauth_server.api_requests) == (1, 1)


@pytest.mark.rule("R056")
async def test_a_session_that_raises_for_status_is_renewed_too(oauth_server: OAuthServer) -> None:
    """Its error is another one than a handshake's."""
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
async def test_many_refused_handshakes_make_one_renewal(
    oauth_server: OAuthServer, way: Way
) -> None:
    """Requests and handshakes share it."""
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
async def test_a_handshake_that_is_redirected_elsewhere_leaves_the_token(
    oauth_server: OAuthServer, way: Way
) -> None:
    """The other origin answers no handshake, and sees no token."""
    url = f"{oauth_server.url('/redirect')}?to={oauth_server.other_url}/ws"
    async with way(oauth_server) as sender:
        with pytest.raises(WSServerHandshakeError):
            await sender.ws_connect(url)
    assert oauth_server.other_requests == 1
    assert oauth_server.leaked == []


@pytest.mark.rule("R062")
async def test_no_handshake_is_made_without_a_token(oauth_server: OAuthServer) -> None:
    """A websocket cannot be the token endpoint's response: it is raised."""
    oauth_server.token_fault = Fault.status(503)
    async with client_of(oauth_server) as client:
        with pytest.raises(TokenHTTPError, match="503"):
            await client.ws_connect(oauth_server.url("/ws"))
        oauth_server.token_fault = Fault.hang_up()
        with pytest.raises(TokenError):
            await client.ws_connect(oauth_server.url("/ws"))
    assert oauth_server.api_requests == 0


async def test_the_sessions_total_timeout_bounds_a_renewal(oauth_server: OAuthServer) -> None:
    """A handshake takes no longer in all, also where it is refused in between."""
    async with (
        ClientSession(timeout=ClientTimeout(total=0.3)) as session,
        client_of(oauth_server, session) as client,
    ):
        async with client.ws_connect(oauth_server.url("/ws")):
            oauth_server.revoke_all()
            oauth_server.token_fault = Fault.slow(5)
        with pytest.raises(TimeoutError):
            await client.ws_connect(oauth_server.url("/ws"))


@every_way
async def test_another_error_is_aiohttps(oauth_server: OAuthServer, way: Way) -> None:
    """Nobody there."""
    url = oauth_server.url("/ws")
    async with way(oauth_server) as sender:
        async with sender.ws_connect(url):
            pass
        await oauth_server.close()
        with pytest.raises(ClientConnectionError):
            await sender.ws_connect(url)
