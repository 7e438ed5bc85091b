"""A call before it has run: awaited, entered, made a task, or forgotten."""

import asyncio
import gc
import types
from collections.abc import Generator
from typing import Self

import pytest
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from aioalf import Client
from aioalf._requests.authorization_header import AuthorizationHeader
from aioalf._requests.context import RequestContextManager
from aioalf._requests.retry_on_401 import AuthorizationValue, renew_rejected_hop
from aioalf.testing import OAuthServer
from tests.support.front import FixedManager, api_log, client_of, manager_of

VERBS = ["get", "options", "head", "post", "put", "patch", "delete"]


class Thing:
    """What a call may result in."""

    entered = left = False

    async def __aenter__(self) -> Self:
        self.entered = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.left = True


async def make(thing: Thing) -> Thing:
    """Give it after a turn of the loop."""
    await asyncio.sleep(0)
    return thing


async def test_a_call_can_be_awaited_once() -> None:
    """As a coroutine."""
    thing = Thing()
    pending = RequestContextManager(make(thing))
    assert await pending is thing
    with pytest.raises(RuntimeError, match="reuse"):
        await pending
    assert not thing.entered


async def test_a_call_can_be_entered() -> None:
    """What it results in is entered and left with it, also when the block raises."""
    thing = Thing()

    async def fail() -> None:
        async with RequestContextManager(make(thing)) as result:
            assert result is thing
            assert thing.entered
            assert not thing.left
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert thing.left


async def test_what_a_block_raised_is_told_to_what_is_left() -> None:
    """Its exit sees kind, error and traceback, as that of any context manager."""
    seen: list[object] = []

    class Curious(Thing):
        async def __aexit__(self, *raised: object) -> None:
            seen.extend(raised)

    error = KeyError()
    with pytest.raises(KeyError):
        async with RequestContextManager(make(Curious())):
            raise error
    assert seen[:2] == [KeyError, error]
    assert isinstance(seen[2], types.TracebackType)


def test_what_a_loop_sends_reaches_the_coroutine() -> None:
    """Whoever drives a call may have values of its own for what it waits for."""

    @types.coroutine
    def ask() -> Generator[str, str, str]:
        return (yield "question")

    async def talk() -> Thing:
        assert await ask() == "answer"
        return Thing()

    pending = RequestContextManager(talk())
    assert pending.send(None) == "question"
    with pytest.raises(StopIteration):
        pending.send("answer")


async def test_a_call_runs_wherever_a_coroutine_does() -> None:
    """It is taken for one by asyncio."""
    thing = Thing()
    pending = RequestContextManager(make(thing))
    assert asyncio.iscoroutine(pending)
    assert await pending is thing
    assert await asyncio.create_task(RequestContextManager(make(thing))) is thing
    assert await asyncio.ensure_future(RequestContextManager(make(thing))) is thing
    assert await asyncio.wait_for(RequestContextManager(make(thing)), 5) is thing
    assert await asyncio.shield(RequestContextManager(make(thing))) is thing


async def test_a_task_of_a_call_can_be_shown_and_cancelled() -> None:
    """A repr of the task works, and the coroutine sees the cancellation."""
    seen: list[str] = []

    async def wait() -> Thing:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        raise AssertionError("nobody sets it")

    task = asyncio.create_task(RequestContextManager(wait()))
    await asyncio.sleep(0)
    assert "RequestContextManager" in repr(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]


def test_a_call_runs_as_a_main_program() -> None:
    """asyncio.run takes it too."""
    thing = Thing()
    assert asyncio.run(RequestContextManager(make(thing))) is thing


def test_a_closed_call_is_silent() -> None:
    """It ends without having run."""
    RequestContextManager(make(Thing())).close()
    gc.collect()


def test_a_forgotten_call_is_told_as_a_coroutine_is() -> None:
    """Python's own warning names what was never awaited."""
    client = Client("client-id", "secret", "https://auth.example.com/token")
    with pytest.warns(RuntimeWarning, match=r"RequestDispatcher\.send' was never awaited"):
        client.get("https://api.example.com/things")


@pytest.mark.parametrize("verb", VERBS)
async def test_every_verb_can_be_awaited_and_entered(oauth_server: OAuthServer, verb: str) -> None:
    """Each sends its own method, with the token."""
    async with client_of(oauth_server) as client:
        response: ClientResponse = await getattr(client, verb)(oauth_server.url("/things"))
        assert response.status == 200
        response.release()
        async with getattr(client, verb)(oauth_server.url("/things")) as response:
            assert response.status == 200
        async with client.request(verb, oauth_server.url("/things")) as response:
            assert response.status == 200
    assert [request.method for request in api_log(oauth_server)] == [verb.upper()] * 3


async def test_a_response_that_is_entered_is_released(oauth_server: OAuthServer) -> None:
    """Its connection serves the next request."""
    async with client_of(oauth_server) as client:
        async with client.get(oauth_server.url("/things")) as response:
            assert response.status == 200
        assert response.closed


async def test_calls_run_side_by_side(oauth_server: OAuthServer) -> None:
    """gather, wait_for and tasks, as with aiohttp's own."""
    url = oauth_server.url("/things")
    async with client_of(oauth_server) as client:
        answers = [
            *await asyncio.gather(client.get(url), client.post(url)),
            await asyncio.wait_for(client.get(url), 5),
            await asyncio.create_task(client.get(url)),
        ]
        for answer in answers:
            assert answer.status == 200
            answer.release()


async def test_head_follows_no_redirect_unasked(oauth_server: OAuthServer) -> None:
    """As aiohttp's head."""
    url = oauth_server.url("/redirect?to=/things")
    async with client_of(oauth_server) as client:
        async with client.head(url) as response:
            assert response.status == 302
        async with client.head(url, allow_redirects=True) as response:
            assert response.status == 200


HEADER = AuthorizationHeader(FixedManager())


async def test_a_request_that_is_no_call_passes_the_renewal(oauth_server: OAuthServer) -> None:
    """A session that holds the middleware of a client sends others' requests as they are."""
    async with (
        ClientSession(middlewares=[renew_rejected_hop]) as session,
        session.get(oauth_server.url("/things")) as response,
    ):
        assert response.status == 401
    [request] = api_log(oauth_server)
    assert "Authorization" not in request.headers


@given(st.text())
def test_a_call_begins_as_its_field(authorization: str) -> None:
    """It is the string that it was made of, not refused, and replaced by nothing."""
    field = AuthorizationValue(authorization, HEADER)
    assert field == authorization
    assert (field.renewed, field.was_rejected) == (None, False)


async def test_the_field_of_a_call_is_known_again_on_each_hop(oauth_server: OAuthServer) -> None:
    """The object itself is handed on, from the headers of the call to those of every hop."""
    met: list[str] = []

    async def look(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        met.append(request.headers["Authorization"])
        return await handler(request)

    field = AuthorizationValue(f"Bearer {await manager_of(oauth_server).get_token()}", HEADER)
    async with ClientSession(headers={"Accept": "*/*"}, middlewares=[look]) as session:
        for headers in ({"Authorization": field}, CIMultiDict({"Authorization": field})):
            url = oauth_server.url("/redirect?to=/things")
            async with session.get(url, headers=headers) as response:
                assert response.status == 200
    assert len(met) == 4
    assert all(seen is field for seen in met)
