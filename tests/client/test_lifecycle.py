"""The lifecycle of a client: first use, several event loops, and closing."""

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
    """An event loop that runs in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop, and return its result."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        return future.result(10)

    def close(self) -> None:
        """Stop the loop, and wait for the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


@pytest.fixture
def loop_in_thread() -> Iterator[LoopInThread]:
    """Yield an event loop in a thread."""
    loop = LoopInThread()
    yield loop
    loop.close()


@pytest.fixture
def server_in_thread(loop_in_thread: LoopInThread) -> Iterator[OAuthServer]:
    """Yield a server that outlives the event loops of a test."""
    server = loop_in_thread.run(start_server())
    yield server
    loop_in_thread.run(server.close())


async def start_server() -> OAuthServer:
    """Start a server in the running event loop."""
    server = OAuthServer()
    await server.start()
    return server


async def request_status(client: Client, server: OAuthServer) -> int:
    """Send a request, and return the status of the response."""
    async with client.get(server.url("/things")) as response:
        return response.status


def test_plain_with_raises_type_error() -> None:
    """`with` raises a TypeError that tells the caller to use `async with`."""
    client = Client("client-id", "secret", "https://auth.example.com/token")
    with pytest.raises(TypeError, match=r"Use async with instead\."), client:
        pass


async def test_async_with_closes_the_client(oauth_server: OAuthServer) -> None:
    """`async with` returns the client and closes it, also after an exception."""
    client = client_of(oauth_server)

    async def fail() -> None:
        async with client as entered:
            assert entered is client
            assert await request_status(client, oauth_server) == 200
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert client.closed


@pytest.mark.rule("R077")
async def test_closed_client_raises(oauth_server: OAuthServer) -> None:
    """A closed client raises until it is entered again, and keeps its token."""
    client = client_of(oauth_server)
    assert await request_status(client, oauth_server) == 200
    await client.close()
    await client.close()
    for call in (client.get(oauth_server.url("/")), client.ws_connect(oauth_server.url("/ws"))):
        with pytest.raises(RuntimeError, match="Session is closed"):
            await call
    async with client:
        assert await request_status(client, oauth_server) == 200
    assert (oauth_server.token_requests, oauth_server.api_requests) == (1, 2)


async def test_unused_client_can_be_closed() -> None:
    """Closing a client that sent no request raises no error."""
    async with Client("client-id", "secret", "https://auth.example.com/token"):
        pass


@pytest.mark.rule("R077")
async def test_close_ends_the_wait_for_a_token(oauth_server: OAuthServer) -> None:
    """Waiting callers get a TokenError, and no task is left."""
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
async def test_session_of_the_caller_stays_open(oauth_server: OAuthServer) -> None:
    """`close()` leaves a session open that the caller provided."""
    async with ClientSession() as session:
        async with client_of(oauth_server, session) as client:
            assert await request_status(client, oauth_server) == 200
        assert not session.closed
        async with client:
            assert await request_status(client, oauth_server) == 200


async def test_closed_session_of_the_caller_raises(oauth_server: OAuthServer) -> None:
    """A closed session raises aiohttp's error, and no API request is sent."""
    session = ClientSession()
    await session.close()
    with pytest.raises(RuntimeError, match="Session is closed"):
        await request_status(client_of(oauth_server, session), oauth_server)
    assert oauth_server.api_requests == 0


async def test_error_in_close_of_a_manager_leaves_no_open_session(
    oauth_server: OAuthServer,
) -> None:
    """If the manager's `close()` raises, the session is closed and the error is raised."""

    class Failing(UserManager):
        async def close(self) -> None:
            raise KeyError

    class FailingClient(Client):
        token_manager_class = Failing

    client = FailingClient("id", "secret", oauth_server.token_endpoint)
    assert await request_status(client, oauth_server) == 401
    with pytest.raises(KeyError):
        await client.close()
    gc.collect()


@pytest.mark.rule("R078")
def test_client_works_in_one_event_loop_after_another(server_in_thread: OAuthServer) -> None:
    """A closed client works in the next event loop and keeps its token."""
    client = client_of(server_in_thread)

    async def use() -> int:
        async with client:
            return await request_status(client, server_in_thread)

    assert [asyncio.run(use()) for _ in range(2)] == [200, 200]
    assert server_in_thread.token_requests == 1


@pytest.mark.rule("R078")
# aiohttp and asyncio warn of unclosed connections, as with a session that was not closed.
@pytest.mark.filterwarnings("ignore:unclosed (connector|transport|<socket):ResourceWarning")
def test_unclosed_client_works_in_the_next_event_loop(server_in_thread: OAuthServer) -> None:
    """A client that was not closed in one event loop works and can be closed in the next."""
    client = client_of(server_in_thread)
    assert asyncio.run(request_status(client, server_in_thread)) == 200
    assert asyncio.run(request_status(client, server_in_thread)) == 200
    asyncio.run(client.close())
    gc.collect()
    assert server_in_thread.token_requests == 1


@pytest.mark.rule("R078")
def test_use_in_two_event_loops_at_once_raises(
    server_in_thread: OAuthServer, loop_in_thread: LoopInThread
) -> None:
    """A client raises RuntimeError in a second event loop and keeps working in the first."""
    client = client_of(server_in_thread)
    assert loop_in_thread.run(request_status(client, server_in_thread)) == 200
    with pytest.raises(
        RuntimeError, match="in use in another running event loop, or was copied by a fork"
    ):
        asyncio.run(request_status(client, server_in_thread))
    with pytest.raises(RuntimeError, match="in use in another running event loop"):
        asyncio.run(client.close())
    assert not client.closed
    assert loop_in_thread.run(request_status(client, server_in_thread)) == 200
    loop_in_thread.run(client.close())


@pytest.mark.rule("R078")
def test_token_request_of_an_ended_event_loop_is_not_awaited(
    server_in_thread: OAuthServer, loop_in_thread: LoopInThread
) -> None:
    """The next event loop sends its own token request."""
    client = client_of(server_in_thread)
    server_in_thread.token_fault = Fault.slow(60).times(1)

    async def time_out() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.get(server_in_thread.url("/things")), 0.1)
        await client.close()

    async def use() -> int:
        async with client, asyncio.timeout(5):
            return await request_status(client, server_in_thread)

    asyncio.run(time_out())
    assert asyncio.run(use()) == 200


def test_interrupted_event_loop_leaves_no_warning(
    server_in_thread: OAuthServer, loop_in_thread: LoopInThread
) -> None:
    """A KeyboardInterrupt during a request leaves no unclosed resource."""
    server_in_thread.api_fault = Fault.slow(60)

    async def main(interrupt: Callable[[], object]) -> None:
        async with client_of(server_in_thread) as client:
            task = asyncio.create_task(client.get(server_in_thread.url("/things")))
            sent = server_in_thread.reached(api_requests=1)
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(sent, loop_in_thread.loop))
            interrupt()
            await task

    def press_ctrl_c() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main(press_ctrl_c))
    gc.collect()


@pytest.mark.parametrize("has_session", [True, False])
async def test_request_that_waits_for_a_token_is_not_sent_after_close(
    oauth_server: OAuthServer, *, has_session: bool
) -> None:
    """No session is opened again, and nothing leaks."""
    is_asked, is_closed = asyncio.Event(), asyncio.Event()

    class Slow:
        """A manager of a user's own, which close() cannot end."""

        def __init__(self, **_: object) -> None:
            """Need nothing."""

        async def get_token(self) -> str:
            is_asked.set()
            await is_closed.wait()
            return "token"

        def reset_token(self) -> None:
            """Do nothing."""

    class SlowClient(Client):
        token_manager_class = Slow

    async with ClientSession() as session:
        client = SlowClient("id", "secret", session=session if has_session else None)
        request = asyncio.create_task(client.post(oauth_server.url("/things"), data=b"x"))
        await is_asked.wait()
        await client.close()
        is_closed.set()
        with pytest.raises(RuntimeError, match="Session is closed"):
            await request
    assert oauth_server.api_requests == 0


async def test_derived_client_cannot_be_opened_while_its_parent_is_closed(
    oauth_server: OAuthServer,
) -> None:
    """The session belongs to the parent."""
    client = client_of(oauth_server)
    derived = client.with_options(scope="a")
    await client.close()
    async with derived:
        with pytest.raises(RuntimeError, match="Session is closed"):
            await derived.get(oauth_server.url("/things"))


@pytest.mark.rule("R077")
async def test_no_request_begins_once_close_was_called(oauth_server: OAuthServer) -> None:
    """Not even while `close` has not done anything else yet."""
    client = Client(oauth_server.client_id, oauth_server.client_secret, oauth_server.token_endpoint)
    closing = asyncio.ensure_future(client.close())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="Session is closed"):
        await client.get(oauth_server.url("/things"))
    await closing
    assert oauth_server.api_requests == 0
