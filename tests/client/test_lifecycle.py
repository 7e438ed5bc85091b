"""The life of a client: opened on first use, in one event loop after another, and closed."""

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

import pytest
from aiohttp import ClientSession

from aioalf import Client, TokenError
from aioalf.testing import Fault, OAuthServer
from tests.support.front import UserManager, client_of

T = TypeVar("T")


class LoopInThread:
    """An event loop that runs elsewhere."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it there."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        return future.result(10)

    def close(self) -> None:
        """Stop and wait."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


@pytest.fixture
def elsewhere() -> Iterator[LoopInThread]:
    """An event loop in a thread."""
    loop = LoopInThread()
    yield loop
    loop.close()


@pytest.fixture
def distant_server(elsewhere: LoopInThread) -> Iterator[OAuthServer]:
    """A server that outlives the loops of a test."""
    server = elsewhere.run(start())
    yield server
    elsewhere.run(server.close())


async def start() -> OAuthServer:
    """Make a server in the loop that it is for."""
    server = OAuthServer()
    await server.start()
    return server


async def status(client: Client, server: OAuthServer) -> int:
    """The answer to one request."""
    async with client.get(server.url("/things")) as response:
        return response.status


def test_a_plain_with_is_refused() -> None:
    """The error says what to write."""
    client = Client("client-id", "secret", "https://auth.example.com/token")
    with pytest.raises(TypeError, match=r"Use async with instead\."), client:
        pass


async def test_a_client_is_its_own_context(oauth_server: OAuthServer) -> None:
    """It is closed with the block, also when that raises."""
    client = client_of(oauth_server)

    async def fail() -> None:
        async with client as entered:
            assert entered is client
            assert await status(client, oauth_server) == 200
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert client.closed


@pytest.mark.rule("R077")
async def test_a_closed_client_sends_nothing(oauth_server: OAuthServer) -> None:
    """Until it is entered again; its token is still good then."""
    client = client_of(oauth_server)
    assert await status(client, oauth_server) == 200
    await client.close()
    await client.close()
    for call in (client.get(oauth_server.url("/")), client.ws_connect(oauth_server.url("/ws"))):
        with pytest.raises(RuntimeError, match="Session is closed"):
            await call
    async with client:
        assert await status(client, oauth_server) == 200
    assert (oauth_server.token_requests, oauth_server.api_requests) == (1, 2)


async def test_an_unused_client_is_closed_in_peace() -> None:
    """There is nothing to close."""
    async with Client("client-id", "secret", "https://auth.example.com/token"):
        pass


@pytest.mark.rule("R077")
async def test_closing_ends_a_wait_for_a_token(oauth_server: OAuthServer) -> None:
    """Who waits gets a TokenError, and no task is left."""
    oauth_server.token_fault = Fault.slow(60)
    client = client_of(oauth_server)
    waiting = [asyncio.create_task(client.get(oauth_server.url("/things"))) for _ in range(3)]
    await oauth_server.reached(token_requests=1)
    await client.close()
    for task in waiting:
        with pytest.raises(TokenError, match="closed or logged out meanwhile"):
            await task
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R077")
async def test_a_given_session_is_left_open(oauth_server: OAuthServer) -> None:
    """It is its owner's to close."""
    async with ClientSession() as session:
        async with client_of(oauth_server, session) as client:
            assert await status(client, oauth_server) == 200
        assert not session.closed
        async with client:
            assert await status(client, oauth_server) == 200


async def test_a_given_session_that_is_closed_is_told(oauth_server: OAuthServer) -> None:
    """Nothing is sent to the API."""
    session = ClientSession()
    await session.close()
    with pytest.raises(RuntimeError, match="Session is closed"):
        await status(client_of(oauth_server, session), oauth_server)
    assert oauth_server.api_requests == 0


async def test_an_error_of_a_users_manager_leaves_no_session_open(
    oauth_server: OAuthServer,
) -> None:
    """The session is closed, and the error is seen."""

    class Failing(UserManager):
        async def close(self) -> None:
            raise KeyError

    class FailingClient(Client):
        token_manager_class = Failing

    client = FailingClient("id", "secret", oauth_server.token_endpoint)
    assert await status(client, oauth_server) == 401
    with pytest.raises(KeyError):
        await client.close()
    gc.collect()


@pytest.mark.rule("R078")
def test_a_client_serves_one_loop_after_another(distant_server: OAuthServer) -> None:
    """asyncio.run twice, closed in between; the token stays good."""
    client = client_of(distant_server)

    async def use() -> int:
        async with client:
            return await status(client, distant_server)

    assert [asyncio.run(use()) for _ in range(2)] == [200, 200]
    assert distant_server.token_requests == 1


@pytest.mark.rule("R078")
# What was not closed is told of, by aiohttp and asyncio, as for a session that was not.
@pytest.mark.filterwarnings("ignore:unclosed (connector|transport|<socket):ResourceWarning")
def test_a_client_that_was_not_closed_serves_the_next_loop(distant_server: OAuthServer) -> None:
    """Its old connections are gone with their loop; the second loop closes it."""
    client = client_of(distant_server)
    assert asyncio.run(status(client, distant_server)) == 200
    assert asyncio.run(status(client, distant_server)) == 200
    asyncio.run(client.close())
    gc.collect()
    assert distant_server.token_requests == 1


@pytest.mark.rule("R078")
def test_two_loops_at_once_are_refused(
    distant_server: OAuthServer, elsewhere: LoopInThread
) -> None:
    """The error says to make one client for each."""
    client = client_of(distant_server)
    assert elsewhere.run(status(client, distant_server)) == 200
    with pytest.raises(RuntimeError, match="two event loops at once"):
        asyncio.run(status(client, distant_server))
    with pytest.raises(RuntimeError, match="two event loops at once"):
        asyncio.run(client.close())
    assert not client.closed
    assert elsewhere.run(status(client, distant_server)) == 200
    elsewhere.run(client.close())


@pytest.mark.rule("R078")
def test_a_token_request_that_died_with_its_loop_is_forgotten(
    distant_server: OAuthServer, elsewhere: LoopInThread
) -> None:
    """The next loop asks anew, and does not wait for what nobody will finish."""
    client = client_of(distant_server)
    distant_server.token_fault = Fault.slow(60).times(1)

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.get(distant_server.url("/things")), 0.1)
        await client.close()

    async def use() -> int:
        async with client, asyncio.timeout(5):
            return await status(client, distant_server)

    asyncio.run(give_up())
    assert asyncio.run(use()) == 200


def test_a_loop_that_fails_leaves_no_warning(
    distant_server: OAuthServer, elsewhere: LoopInThread
) -> None:
    """Ctrl-C, or any other end of the program, in the middle of a request."""
    distant_server.api_fault = Fault.slow(60)

    async def main(act: Callable[[], object]) -> None:
        async with client_of(distant_server) as client:
            task = asyncio.create_task(client.get(distant_server.url("/things")))
            sent = distant_server.reached(api_requests=1)
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(sent, elsewhere.loop))
            act()
            await task

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main(interrupt))
    gc.collect()
