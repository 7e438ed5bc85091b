"""The result of a client's methods: awaited, entered, run as a task, or never awaited."""

import asyncio
import gc
import types
from collections.abc import Generator
from typing import Self

import pytest
from aiohttp import ClientResponse

from aioalf import Client
from aioalf._requests.context import RequestContextManager
from aioalf.testing import OAuthServer
from tests.support.front import api_log, client_of

METHODS = ["get", "options", "head", "post", "put", "patch", "delete"]


class Result:
    """The result of a call; it records how it is used."""

    entered = left = False

    async def __aenter__(self) -> Self:
        self.entered = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.left = True


async def produce(result: Result) -> Result:
    """Return the result after one iteration of the event loop."""
    await asyncio.sleep(0)
    return result


async def test_call_can_be_awaited_only_once() -> None:
    """A second ``await`` raises, as with any coroutine."""
    expected = Result()
    pending = RequestContextManager(produce(expected))
    assert await pending is expected
    with pytest.raises(RuntimeError, match="reuse"):
        await pending
    assert not expected.entered


async def test_call_can_be_entered_with_async_with() -> None:
    """The result is entered, and exited even if the block raises."""
    expected = Result()

    async def fail() -> None:
        async with RequestContextManager(produce(expected)) as result:
            assert result is expected
            assert expected.entered
            assert not expected.left
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert expected.left


async def test_result_is_exited_with_the_exception_of_the_block() -> None:
    """``__aexit__`` of the result gets the type, the error and the traceback."""
    seen: list[object] = []

    class RecordingResult(Result):
        async def __aexit__(self, *raised: object) -> None:
            seen.extend(raised)

    error = KeyError()
    with pytest.raises(KeyError):
        async with RequestContextManager(produce(RecordingResult())):
            raise error
    assert seen[:2] == [KeyError, error]
    assert isinstance(seen[2], types.TracebackType)


def test_sent_value_reaches_the_coroutine() -> None:
    """``send`` passes a value to the awaitable that the coroutine waits for."""

    @types.coroutine
    def ask_question() -> Generator[str, str, str]:
        return (yield "question")

    async def talk() -> Result:
        assert await ask_question() == "answer"
        return Result()

    pending = RequestContextManager(talk())
    assert pending.send(None) == "question"
    with pytest.raises(StopIteration):
        pending.send("answer")


async def test_asyncio_accepts_a_call_as_a_coroutine() -> None:
    """Tasks, ``ensure_future``, ``wait_for`` and ``shield`` accept a call."""
    expected = Result()
    pending = RequestContextManager(produce(expected))
    assert asyncio.iscoroutine(pending)
    assert await pending is expected
    assert await asyncio.create_task(RequestContextManager(produce(expected))) is expected
    assert await asyncio.ensure_future(RequestContextManager(produce(expected))) is expected
    assert await asyncio.wait_for(RequestContextManager(produce(expected)), 5) is expected
    assert await asyncio.shield(RequestContextManager(produce(expected))) is expected


async def test_task_of_a_call_has_a_repr_and_can_be_cancelled() -> None:
    """The coroutine of the call gets the cancellation."""
    seen: list[str] = []

    async def wait() -> Result:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        raise AssertionError("the event is never set")

    task = asyncio.create_task(RequestContextManager(wait()))
    await asyncio.sleep(0)
    assert "RequestContextManager" in repr(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]


def test_asyncio_run_accepts_a_call() -> None:
    """``asyncio.run`` returns the result of the call."""
    expected = Result()
    assert asyncio.run(RequestContextManager(produce(expected))) is expected


def test_closed_call_causes_no_warning() -> None:
    """Closing a call without awaiting it causes no RuntimeWarning."""
    RequestContextManager(produce(Result())).close()
    gc.collect()


def test_call_that_is_never_awaited_causes_a_warning() -> None:
    """Python's RuntimeWarning names the coroutine that was never awaited."""
    client = Client("client-id", "secret", "https://auth.example.com/token")
    with pytest.warns(RuntimeWarning, match=r"RequestDispatcher\.send' was never awaited"):
        client.get("https://api.example.com/things")


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_can_be_awaited_and_entered(
    oauth_server: OAuthServer, method: str
) -> None:
    """Each HTTP method is sent with the token, however the call is used."""
    async with client_of(oauth_server) as client:
        response: ClientResponse = await getattr(client, method)(oauth_server.url("/things"))
        assert response.status == 200
        response.release()
        async with getattr(client, method)(oauth_server.url("/things")) as response:
            assert response.status == 200
        async with client.request(method, oauth_server.url("/things")) as response:
            assert response.status == 200
    assert [request.method for request in api_log(oauth_server)] == [method.upper()] * 3


async def test_async_with_releases_the_response(oauth_server: OAuthServer) -> None:
    """The connection serves the next request after the block."""
    async with client_of(oauth_server) as client:
        async with client.get(oauth_server.url("/things")) as response:
            assert response.status == 200
        assert response.closed


async def test_calls_run_concurrently(oauth_server: OAuthServer) -> None:
    """Calls of a client work with ``gather``, ``wait_for`` and tasks."""
    url = oauth_server.url("/things")
    async with client_of(oauth_server) as client:
        responses = [
            *await asyncio.gather(client.get(url), client.post(url)),
            await asyncio.wait_for(client.get(url), 5),
            await asyncio.create_task(client.get(url)),
        ]
        for response in responses:
            assert response.status == 200
            response.release()


async def test_head_follows_redirects_only_if_allowed(oauth_server: OAuthServer) -> None:
    """The default of ``allow_redirects`` is False for ``head``, as in aiohttp."""
    url = oauth_server.url("/redirect?to=/things")
    async with client_of(oauth_server) as client:
        async with client.head(url) as response:
            assert response.status == 302
        async with client.head(url, allow_redirects=True) as response:
            assert response.status == 200
