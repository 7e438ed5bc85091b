"""No canary comes out of a flow, whether it succeeds or fails."""

import asyncio
import copy
import pickle
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientResponseError

from aioalf import Client, TokenError
from aioalf.caches import MemoryCache
from aioalf.testing import Fault, OAuthServer
from tests.robustness.secrets.echo_server import RESPONSES, SUCCESSFUL, EchoServer
from tests.robustness.secrets.exposure import Exposure
from tests.robustness.secrets.flows import FLOWS, World

pytestmark = [pytest.mark.rule("R007", "R063"), pytest.mark.usefixtures("fast_device")]

every_flow = pytest.mark.parametrize("flow", FLOWS)
every_granted_flow = pytest.mark.parametrize("flow", [name for name in FLOWS if name != "custom"])


@pytest.fixture
async def world(oauth_server: OAuthServer) -> AsyncIterator[World]:
    """Return the world of a test, and wait for its browser after the test."""
    world = World(oauth_server)
    yield world
    await world.visitor.gone()


@pytest.fixture
async def exposure(world: World) -> AsyncIterator[Exposure]:
    """Collect what is shown during a test, and search it at the end."""
    exposure = Exposure()
    with exposure.watching():
        yield exposure
    world.note_traffic()
    assert not exposure.leaks_of(world.canaries)


async def error_of(client: Client, url: str) -> TokenError:
    """Return the error that a request raises."""
    async with asyncio.timeout(20), client:
        with pytest.raises(TokenError) as caught:
            await client.get(url, raise_for_status=False)
    return caught.value


def show(exposure: Exposure, client: Client) -> None:
    """Add all public objects that a program has in hand."""
    manager = client._token_manager  # noqa: SLF001 - a program may have created it itself
    exposure.add_object("the client", client)
    exposure.add_object("the manager", manager)
    for name in ("_grant", "_arguments", "_endpoint", "_login"):
        exposure.add_object(name, getattr(manager, name, None))


@every_granted_flow
async def test_successful_flow_shows_no_secret(world: World, exposure: Exposure, flow: str) -> None:
    """Requests, a renewal after a 401, and a logout."""
    client = await world.client(flow)
    async with asyncio.timeout(20), client:
        show(exposure, client)
        for _ in range(2):
            async with client.get(world.server.url("/things")) as response:
                assert response.status == 200
            world.server.revoke_all()
            show(exposure, client)
        exposure.add_object("the token", world.tokens[-1])
        await client.logout()


async def test_login_in_a_memory_cache_is_neither_pickled_nor_copied(
    world: World, exposure: Exposure
) -> None:
    """A program that stores or copies its objects does not store the tokens by accident."""
    cache = MemoryCache()
    client = await world.client("code", cache=cache)
    async with asyncio.timeout(20), client, client.get(world.server.url("/things")) as response:
        assert response.status == 200
    assert repr(cache) == "<MemoryCache of 1>"
    exposure.add_object("the cache", cache)
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="MemoryCache holds a secret, so it is not pickled"):
            duplicate(cache)


@every_flow
@pytest.mark.parametrize("kind", RESPONSES)
async def test_echoing_server_brings_out_no_secret(
    world: World, exposure: Exposure, flow: str, kind: str
) -> None:
    """The error shows nothing of the request, however the server encodes it."""
    async with EchoServer(kind) as echo:
        client = await world.client(flow, token_endpoint=echo.url, raise_token_errors=True)
        await exposure.add_error(kind, await error_of(client, world.server.url("/things")))
    world.canaries.add_values(echo.parameters)
    assert echo.parameters


@every_flow
@pytest.mark.parametrize("kind", [kind for kind in RESPONSES if kind not in SUCCESSFUL])
async def test_returned_response_brings_out_no_secret(
    world: World, exposure: Exposure, flow: str, kind: str
) -> None:
    """A program may send the whole response to its own callers."""
    async with EchoServer(kind) as echo:
        client = await world.client(flow, token_endpoint=echo.url)
        async with asyncio.timeout(20), client, client.get("https://api.example.com/") as response:
            assert response.status == 400
            await exposure.add_response(kind, response)
            with pytest.raises(ClientResponseError) as caught:
                response.raise_for_status()
            await exposure.add_error(kind, caught.value)
    world.canaries.add_values(echo.parameters)
    assert echo.parameters


FAULTS = {
    "no response": Fault.hang_up(),
    "half a response": Fault.hang_up(after=40),
    "truncated": Fault.truncated(),
    "redirect": Fault.redirect("/elsewhere"),
    "page": Fault.html(),
    "unavailable": Fault.status(503),
    "refused": Fault.oauth_error("invalid_client", status=401),
    "another kind of token": Fault.wrong_json({"access_token": 5, "token_type": "mac"}),
}


@every_granted_flow
@pytest.mark.parametrize("fault", FAULTS)
async def test_failing_token_endpoint_brings_out_no_secret(
    world: World, exposure: Exposure, flow: str, fault: str
) -> None:
    """The first request or the renewal of a token fails."""
    for is_renewal in (False, True):
        client = await world.client(flow, raise_token_errors=True)
        world.server.token_fault = None if is_renewal else FAULTS[fault]
        async with asyncio.timeout(20), client:
            if is_renewal:
                async with client.get(world.server.url("/things")):
                    world.server.revoke_all()
                world.server.token_fault = FAULTS[fault]
            with pytest.raises(TokenError) as caught:
                await client.get(world.server.url("/things"))
            await exposure.add_error(fault, caught.value)
            show(exposure, client)
        world.server.token_fault = None
