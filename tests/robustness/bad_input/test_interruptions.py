"""A sign-in or refresh that is interrupted by close(), a reset or an error of a user's function.

Nothing hangs or leaks, and granted tokens are kept if possible.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import anyio
import pytest

from aioalf import Client, ListenerError, TokenError
from aioalf.grants import AuthorizationCode, DeviceCode, Prompt
from aioalf.testing import Fault
from aioalf.token import Token
from tests.grants.visitor import is_listening, query_of
from tests.robustness.bad_input.scene import Scene


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


class IdleUser:
    """A user who opens the URL and does nothing."""

    def __init__(self) -> None:
        self.opened: asyncio.Queue[str] = asyncio.Queue()

    async def __call__(self, url: str) -> None:
        """Keep the URL."""
        await self.opened.put(url)

    async def port(self) -> int:
        """Return the port of the listener of the last sign-in."""
        return int(query_of(await self.opened.get())["redirect_uri"][0].rpartition(":")[2])


async def test_two_logins_and_one_port(scene: Scene) -> None:
    """The second sign-in fails, the first one continues, and then the port is free again."""
    port, user = free_port(), IdleUser()
    first = scene.make(
        AuthorizationCode(open_browser=user, redirect_ports=(port, port)), cache=None
    )
    asking = asyncio.create_task(scene.get())
    url = await user.opened.get()
    second = AuthorizationCode(open_browser=scene.visitor, redirect_ports=(port, port))
    scene.make(second, cache=None)
    with ExitStack() as stack:
        with suppress(OSError):  # also take the port of the IPv6 fallback, if there is IPv6
            address = ("::1", port)
            stack.enter_context(socket.create_server(address, family=socket.AF_INET6))
        await scene.fails(ListenerError, f"no free port from {port} to {port}")
    await scene.visitor(url)
    await asking
    await first.close()
    scene.make(second, cache=None)
    await scene.get()
    assert scene.server.logins == 2


async def test_many_requests_and_one_login(scene: Scene) -> None:
    """Forty requests of two clients with one cache need one sign-in."""
    one, two = scene.client, scene.make()
    url = scene.server.url("/things")

    async def status(client: Client) -> int:
        async with client.get(url) as response:
            return response.status

    statuses = await asyncio.gather(*(status(client) for client in (one, two) for _ in range(20)))
    assert set(statuses) == {200}
    assert (len(scene.visitor.opened), scene.server.logins) == (1, 1)


@pytest.mark.rule("R071")
@pytest.mark.parametrize("endpoint", ["metadata", "pushed_authorization_request"])
async def test_close_while_an_endpoint_does_not_respond(scene: Scene, endpoint: Any) -> None:
    """close() ends the sign-in at once, and a new sign-in succeeds."""
    grant = AuthorizationCode(open_browser=scene.visitor, par=True)
    client = scene.make(grant)
    scene.server.faults[endpoint] = Fault.slow(60)
    asking = asyncio.create_task(scene.get())
    await scene.server.reached(requests={endpoint: 1})
    async with asyncio.timeout(5):
        await client.close()
        with pytest.raises(TokenError, match="closed"):
            await asking
    scene.server.faults[endpoint] = None
    for url in scene.visitor.opened:
        assert "request_uri" in url
    async with client:
        await scene.recovers(logins=1)


@pytest.mark.rule("R044", "R077")
@pytest.mark.parametrize("ending", ["close", "cancelled close", "anyio"])
async def test_close_during_a_code_exchange_keeps_the_login(scene: Scene, ending: str) -> None:
    """The user does not have to sign in again, since the code was sent already."""
    client = scene.make(AuthorizationCode(open_browser=scene.visitor))
    scene.server.faults["token"] = Fault.slow(0.5).times(1)
    asking = asyncio.create_task(scene.get())
    await scene.server.reached(token_requests=1)
    used = time.process_time()
    if ending == "close":
        await client.close()
    elif ending == "cancelled close":
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.close(), 0.01)
    else:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await client.close()
    with pytest.raises(TokenError, match="closed"):
        await asking
    assert time.process_time() - used < 0.4, "the processor was busy while close() waited"
    async with client:
        await scene.recovers(logins=0)


@pytest.mark.rule("R114")
async def test_close_while_waiting_for_the_user(scene: Scene) -> None:
    """close() closes the listener and releases the lock of the cache."""
    user = IdleUser()
    client = scene.make(AuthorizationCode(open_browser=user))
    asking = asyncio.create_task(scene.get())
    port = await user.port()
    assert await is_listening(port)
    async with asyncio.timeout(5):
        await client.close()
        with pytest.raises(TokenError, match="closed"):
            await asking
    assert not await is_listening(port)
    scene.make()
    await scene.recovers(logins=1)


@pytest.mark.rule("R158")
async def test_close_while_a_device_polls(scene: Scene) -> None:
    """close() waits for the poll in flight, ends the polling and cancels the prompt."""
    shown, ended = asyncio.Event(), asyncio.Event()

    async def show(prompt: Prompt) -> None:
        shown.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    scene.server.changes["device_authorization"] = {"interval": 1}
    scene.server.faults["token"] = Fault.slow(0.5)
    client = scene.make(DeviceCode(show))
    asking = asyncio.create_task(scene.get())
    await scene.server.reached(token_requests=1)
    async with asyncio.timeout(5):
        await client.close()
        with pytest.raises(TokenError, match="closed"):
            await asking
    assert (shown.is_set(), ended.is_set()) == (True, True)
    assert scene.server.token_requests == 1


@pytest.mark.rule("R044", "R083")
async def test_response_after_a_reset(scene: Scene) -> None:
    """The access token is dropped; the refresh token is kept, since the old one was used."""
    await scene.log_in()
    manager: Any = scene.client._token_manager  # noqa: SLF001 - it has no public name
    scene.server.faults["token"] = Fault.slow(0.1).times(1)
    asking = asyncio.create_task(scene.get())
    await scene.server.reached(token_requests=1)
    await manager.reset_token()
    await asyncio.gather(asking, scene.get())
    await scene.recovers(logins=0)
    assert not scene.server.refused


@pytest.mark.rule("R078")
async def test_use_in_another_loop_while_waiting_for_the_user(
    scene: Scene,
) -> None:
    """The second event loop gets an error at once; the sign-in continues."""
    user = IdleUser()
    scene.make(AuthorizationCode(open_browser=user), cache=None)
    asking = asyncio.create_task(scene.get())
    url = await user.opened.get()
    errors: list[BaseException] = []

    def elsewhere() -> None:
        try:
            asyncio.run(scene.get())
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    await asyncio.to_thread(thread.join)
    assert "in use in another running event loop" in str(errors[0])
    await scene.visitor(url)
    await asking
    assert scene.server.logins == 1


@pytest.mark.rule("R063")
@pytest.mark.parametrize("kind", ["raises", "hangs", "uses the client", "closes the client"])
async def test_on_token_that_misbehaves(
    scene: Scene, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever `on_token` does, the token is stored and used, and the client can be closed."""
    monkeypatch.setattr("aioalf._callbacks.ON_TOKEN_TIMEOUT", 0.05)

    async def told(token: Token) -> None:
        match kind:
            case "raises":
                raise ValueError(token.access_token, token.refresh_token)
            case "hangs":
                await asyncio.Event().wait()
            case "uses the client":
                await scene.get()
            case _:
                await scene.client.close()

    scene.make(on_token=told)
    async with asyncio.timeout(10):
        if kind == "closes the client":
            with pytest.raises(TokenError, match="closed"):
                await scene.get()
        else:
            await scene.get()
        await scene.client.close()
    tokens = [e.headers["Authorization"] for e in scene.server.log if e.server == "api"]
    assert not [token for token in tokens if token.split()[1] in caplog.text]
    assert ("on_token" in caplog.text) is (kind != "closes the client")
    scene.make()
    scene.server.revoke_all()
    await scene.recovers(logins=0)


def raising(kind: type[BaseException]) -> Callable[[object], None]:
    """Return a function that raises this error."""

    def show(_what: object) -> None:
        raise kind("there is no screen")

    return show


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (OSError, "No prompt: .* raised OSError"),
        (TimeoutError, "No prompt: .* raised TimeoutError"),
        (TokenError, "there is no screen"),
    ],
)
async def test_prompt_that_raises(scene: Scene, kind: type[BaseException], advice: str) -> None:
    """Without a prompt the user cannot sign in: the sign-in fails with the reason."""
    scene.make(DeviceCode(raising(kind)))
    async with asyncio.timeout(4):  # before the first poll
        await scene.fails(TokenError, advice)
    assert scene.server.token_requests == 0
    scene.make()
    await scene.recovers(logins=1)


@pytest.mark.parametrize("kind", [OSError, TimeoutError, TokenError])
async def test_browser_that_raises(scene: Scene, kind: type[BaseException]) -> None:
    """If the browser cannot be opened, the sign-in fails with the reason."""
    scene.make(AuthorizationCode(open_browser=raising(kind)))
    await scene.fails(TokenError, f"browser could not be opened: {kind.__name__}")
    scene.make()
    await scene.recovers(logins=1)
