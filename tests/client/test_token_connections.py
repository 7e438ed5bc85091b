"""Token requests have connections of their own: no session ends, redirects or weakens them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import ClientSession, UnixConnector, web

from aioalf import Client, OAuth2Middleware, TokenManager
from aioalf.caches import MemoryCache
from aioalf.grants import AuthorizationCode
from aioalf.testing import Fault, OAuthServer
from tests.support.clocks import Clock
from tests.support.front import client_of
from tests.support.http_proxy import HTTPProxy
from tests.support.signed_in import SignedIn, failing_at_once

pytestmark = pytest.mark.filterwarnings(
    "ignore::aioalf.errors.InsecureTransportWarning"  # plain http to names below localhost
)

_IN_WINDOW = 3500.0
"""Seconds after which a token that lives for an hour is renewed in the background."""


class Scene(SignedIn):
    """A signed-in user, whose token is renewed by a refresh that takes a while."""

    def __init__(self, server: OAuthServer, clock: Clock) -> None:
        super().__init__(server)
        self.clock = clock
        self.cache = MemoryCache()

    def options(self) -> dict[str, Any]:
        """Return the options of a manager or client that uses the cached login."""
        grant = AuthorizationCode(open_browser=self.visitor)
        return {**failing_at_once(self.server, grant), "cache": self.cache}

    def manager(self) -> TokenManager:
        """Return a manager of the login."""
        return TokenManager(token_endpoint=None, **self.options())

    async def get(self, sender: Client | ClientSession) -> None:
        """Send a request that the API accepts."""
        async with sender.get(self.server.url("/things")) as response:
            assert response.status == 200

    async def start_refresh(self, sender: Client | ClientSession) -> None:
        """Sign in, then send a request in the renewal window; the refresh takes a while."""
        await self.get(sender)
        self.clock.advance(_IN_WINDOW)
        self.server.token_fault = Fault.slow(0.3)
        await self.get(sender)
        await self.refresh_sent()

    async def refresh_sent(self) -> None:
        """Wait until the server has received the refresh token."""
        await self.server.reached(token_requests=2)

    async def require_stored_refresh(self) -> None:
        """Check that the refresh was stored: the next refresh succeeds without a sign-in."""
        async with self.manager() as manager:
            await manager.renew_token(await manager.get_token())
        forms = [each.form for each in self.server.log if "refresh_token" in each.form]
        assert len({form["refresh_token"] for form in forms}) == len(forms) == 2
        assert self.server.logins == 1


@pytest.fixture
async def scene(oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    """Yield a scene, and close its browser after the test."""
    scene = Scene(oauth_server, Clock(monkeypatch))
    yield scene
    await scene.visitor.gone()


@pytest.mark.rule("R071", "R077")
async def test_refresh_is_stored_if_the_session_is_closed_before_the_manager(scene: Scene) -> None:
    """The background renewal that the last request started continues until the manager closes."""
    manager = scene.manager()
    async with ClientSession(middlewares=[OAuth2Middleware(manager)]) as session:
        await scene.start_refresh(session)
    await manager.close()
    await scene.require_stored_refresh()


@pytest.mark.rule("R071", "R077")
async def test_refresh_is_stored_if_the_session_of_a_client_is_closed_first(scene: Scene) -> None:
    """The session that the caller passed is closed before the client."""
    session = ClientSession()
    async with Client(session=session, **scene.options()) as client:
        await scene.start_refresh(client)
        await session.close()
    await scene.require_stored_refresh()


@pytest.mark.rule("R077")
async def test_refresh_is_stored_if_closing_the_client_is_cancelled(scene: Scene) -> None:
    """The client's own session is closed then, and the refresh still ends."""
    client = Client(**scene.options())
    await scene.start_refresh(client)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.close(), 0.05)
    await scene.require_stored_refresh()


@pytest.mark.rule("R077")
async def test_refresh_is_stored_if_the_scope_around_the_client_is_cancelled(scene: Scene) -> None:
    """A cancelled scope of anyio cancels closing again at each turn of the event loop."""
    with anyio.CancelScope() as scope:
        async with Client(**scene.options()) as client:
            await scene.start_refresh(client)
            scope.cancel()
    await scene.require_stored_refresh()


@pytest.mark.rule("R077")
async def test_refresh_is_stored_if_the_scope_around_the_manager_is_cancelled(scene: Scene) -> None:
    """No task is left, and the session is closed before the manager."""
    with anyio.CancelScope() as scope:
        async with (
            scene.manager() as manager,
            ClientSession(middlewares=[OAuth2Middleware(manager)]) as session,
        ):
            await scene.start_refresh(session)
            scope.cancel()
    await scene.require_stored_refresh()


async def sign_in_until_the_code_is_sent(scene: Scene, manager: TokenManager) -> None:
    """Start a sign-in, and return while its token request is in flight."""
    scene.server.token_fault = Fault.slow(0.3)
    signing_in = asyncio.create_task(manager.get_token())
    await scene.server.reached(token_requests=1)
    signing_in.add_done_callback(lambda task: task.exception())


@pytest.mark.rule("R077", "R097")
async def test_sign_in_is_stored_if_the_manager_is_closed_during_its_token_request(
    scene: Scene,
) -> None:
    """The code cannot be sent again, and the user need not sign in again."""
    async with scene.manager() as manager:
        await sign_in_until_the_code_is_sent(scene, manager)
    async with scene.manager() as other:
        await other.get_token()
    assert scene.server.logins == scene.server.token_requests == 1


@pytest.mark.rule("R083", "R097")
async def test_tokens_of_a_sign_in_are_revoked_by_a_logout_during_its_token_request(
    scene: Scene,
) -> None:
    """The server would accept them otherwise, although no client knows them."""
    async with scene.manager() as manager:
        await sign_in_until_the_code_is_sent(scene, manager)
        await manager.logout()
    hints = [each.form["token_type_hint"] for each in scene.server.log if "token" in each.form]
    assert hints == ["refresh_token", "access_token"]


@pytest.mark.rule("R071")
async def test_caller_that_leaves_with_its_session_fails_no_other_caller(scene: Scene) -> None:
    """Two sessions wait for one refresh, and the session that started it is closed."""
    manager = scene.manager()
    middleware = OAuth2Middleware(manager)
    async with ClientSession(middlewares=[middleware]) as staying:
        leaving = ClientSession(middlewares=[middleware])
        await scene.get(leaving)
        scene.server.token_fault = Fault.slow(0.3)
        manager.mark_rejected(scene.token)
        first = asyncio.create_task(scene.get(leaving))
        await scene.refresh_sent()
        second = asyncio.create_task(scene.get(staying))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await leaving.close()
        await second
    await manager.close()
    await scene.require_stored_refresh()


TOKEN_URL, API_URL = "http://auth.localhost/token", "http://api.localhost/things"


async def test_renewal_ahead_of_expiry_uses_the_proxy_of_the_current_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sessions with proxies follow each other, and each renewal uses the proxy of the request."""
    clock = Clock(monkeypatch)
    async with TokenManager(TOKEN_URL, "client-id", "secret") as manager:
        middleware = OAuth2Middleware(manager)
        for _ in range(3):
            async with HTTPProxy() as proxy:
                async with ClientSession(middlewares=[middleware], proxy=proxy.url) as session:
                    async with session.get(API_URL):
                        pass
                    await proxy.reached(2)
                assert sorted(proxy.requested) == [API_URL, TOKEN_URL]
            clock.advance(_IN_WINDOW)


async def test_renewal_uses_the_proxy_of_its_request_if_sessions_share_a_manager(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each session has a middleware of its own; the session of the last request counts."""
    clock = Clock(monkeypatch)
    async with (
        HTTPProxy() as proxy,
        HTTPProxy() as other_proxy,
        TokenManager(TOKEN_URL, "client-id", "secret") as manager,
        ClientSession(middlewares=[OAuth2Middleware(manager)], proxy=proxy.url) as session,
        ClientSession(middlewares=[OAuth2Middleware(manager)], proxy=other_proxy.url) as other,
    ):
        for each in (session, other):
            async with each.get(API_URL):
                pass
        assert other_proxy.requested == [API_URL]
        clock.advance(_IN_WINDOW)
        async with session.get(API_URL):
            pass
        await proxy.reached(4)
        assert sorted(proxy.requested) == [API_URL] * 2 + [TOKEN_URL] * 2
        assert other_proxy.requested == [API_URL]


async def test_renewal_uses_no_proxy_of_another_session_of_the_middleware(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions with and without a proxy take turns."""
    clock = Clock(monkeypatch)
    manager = TokenManager(oauth_server.token_endpoint, "client-id", "secret")
    middlewares = [OAuth2Middleware(manager)]
    async with (
        HTTPProxy() as proxy,
        manager,
        ClientSession(middlewares=middlewares) as direct,
        ClientSession(middlewares=middlewares, proxy=proxy.url) as session,
    ):
        for each in (direct, session):
            async with each.get(oauth_server.url("/things")):
                pass
        clock.advance(_IN_WINDOW)
        async with direct.get(oauth_server.url("/things")):
            pass
        await oauth_server.reached(token_requests=2)
        assert proxy.requested == [oauth_server.url("/things")]


async def test_proxy_is_used_after_its_session_was_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A renewal without a session uses the settings of the last one."""
    clock = Clock(monkeypatch)
    async with HTTPProxy() as proxy:
        async with TokenManager(TOKEN_URL, "client-id", "secret") as manager:
            async with ClientSession(proxy=proxy.url) as session:
                manager.use_session(session)
            await manager.get_token()
            clock.advance(_IN_WINDOW)
            assert manager.cached_token() == "abc"
            await proxy.reached(2)
        assert proxy.requested == [TOKEN_URL] * 2


async def test_settings_outlive_a_change_of_the_arguments() -> None:
    """Subclasses written for 0.4.0 may set the arguments of a manager at any time."""
    async with HTTPProxy() as proxy, ClientSession(proxy=proxy.url) as session:
        async with TokenManager(TOKEN_URL, "client-id", "secret") as manager:
            manager.use_session(session)
            manager._client_secret = "other"  # noqa: SLF001 - a subclass of 0.4.0 sets it
            await manager.get_token()
        assert proxy.requested == [TOKEN_URL]


async def test_unix_socket_of_an_api_gets_no_secret(
    oauth_server: OAuthServer, tmp_path: Path
) -> None:
    """Only the request to the API goes to the socket."""
    received: list[str] = []

    async def respond(request: web.BaseRequest) -> web.Response:
        received.append(request.path)
        return web.Response()

    runner = web.ServerRunner(web.Server(respond))
    await runner.setup()
    await web.UnixSite(runner, tmp_path / "api").start()
    async with (
        ClientSession(connector=UnixConnector(str(tmp_path / "api"))) as session,
        client_of(oauth_server, session) as client,
        client.get("http://api.localhost/things") as response,
    ):
        assert response.status == 200
    await runner.cleanup()
    assert received == ["/things"]
    assert oauth_server.token_requests == 1


async def test_manager_is_an_async_context_manager(oauth_server: OAuthServer) -> None:
    """It returns itself and is closed at the end, after the session that was opened later."""
    manager = TokenManager(oauth_server.token_endpoint, "client-id", "secret")
    oauth_server.token_fault = Fault.slow(60)
    async with manager as entered:
        assert entered is manager
        waiting = asyncio.create_task(manager.get_token())
        await oauth_server.reached(token_requests=1)
    with pytest.raises(Exception, match="closed or logged out meanwhile"):
        await waiting
