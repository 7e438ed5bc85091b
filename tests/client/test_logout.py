"""`Client.logout()`: tokens are revoked and forgotten, also after errors and during requests."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from aioalf import (
    CacheError,
    Client,
    LoginRequiredError,
    Renewal,
    Retry,
    RevocationError,
    TokenConfigurationError,
    TokenError,
    TokenHTTPError,
)
from aioalf.caches import Claim, FileCache, MemoryCache, TokenCache
from aioalf.client_auth import ClientSecretPost
from aioalf.grants import AuthorizationCode, RefreshToken
from aioalf.testing import Fault, OAuthServer
from tests.support.signed_in import CACHES, SignedIn, cache_of


class Scene(SignedIn):
    """A server with a signed-in user, its clients, and the revocation requests."""

    def user_client(self, **options: Any) -> Client:
        """Return a client that requests tokens for the user."""
        return self.client(AuthorizationCode(open_browser=self.visitor), **options)

    async def get(self, client: Client) -> str:
        """Send a request that the API accepts, and return its access token."""
        async with asyncio.timeout(20), client.get(self.server.url("/things")) as response:
            assert response.status == 200, await response.text()
        return self.token

    @property
    def revoked(self) -> list[tuple[str, str]]:
        """Return the hint and the token of each revocation request."""
        forms = [each.form for each in self.server.log if each.path.endswith("/revoke")]
        return [(form["token_type_hint"], form["token"]) for form in forms]

    @property
    def hints(self) -> list[str]:
        """Return the token type hints of the revocation requests."""
        return [hint for hint, _ in self.revoked]

    async def is_active(self, token: str) -> bool:
        """Tell whether the token is active at the server."""
        async with self.client() as client:
            members = await client.introspect(token)
        return members["active"] is True


@pytest.fixture
async def scene(oauth_server: OAuthServer) -> AsyncIterator[Scene]:
    """Yield a scene, and close its browser after the test."""
    scene = Scene(oauth_server)
    yield scene
    await scene.visitor.gone()


@pytest.fixture(params=CACHES)
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> TokenCache | None:
    """Return a cache of each kind, and None."""
    return cache_of(request, tmp_path)


# Revocation


@pytest.mark.rule("R005", "R160")
async def test_revocation_endpoint_may_require_another_client_authentication(scene: Scene) -> None:
    """A client that sends its secret in the form uses HTTP Basic if only that is accepted here."""
    listed = {"revocation_endpoint_auth_methods_supported": ["client_secret_basic"]}
    scene.server.changes["metadata"] = listed
    scene.server.allow_body_secret = True
    async with scene.user_client(client_auth=ClientSecretPost()) as client:
        await scene.get(client)
        await client.logout()
    requests = [each for each in scene.server.log if "token" in each.form or "code" in each.form]
    assert ["client_secret" in each.form for each in requests] == [True, False, False]
    assert ["Authorization" in each.headers for each in requests] == [False, True, True]
    assert [each.status for each in requests] == [200, 200, 200]


@pytest.mark.rule("R160")
async def test_refresh_token_is_revoked_before_the_access_token(
    scene: Scene, cache: TokenCache | None
) -> None:
    """Each token is revoked once with its hint, and the next request needs a new sign-in."""
    async with scene.user_client(cache=cache) as client:
        access = await scene.get(client)
        await client.logout()
        assert scene.hints == ["refresh_token", "access_token"]
        assert [await scene.is_active(token) for _, token in scene.revoked] == [False, False]
        assert scene.revoked[1][1] == access
        assert await scene.get(client) != access
    assert scene.server.logins == 2


@pytest.mark.rule("R160")
async def test_service_revokes_its_access_token(scene: Scene) -> None:
    """A service has no refresh token, and requests a new access token afterwards."""
    async with scene.client() as client:
        access = await scene.get(client)
        await client.logout()
        assert scene.revoked == [("access_token", access)]
        assert await scene.get(client) != access


async def test_token_is_only_forgotten_without_a_revocation_endpoint(scene: Scene) -> None:
    """Without a revocation endpoint no request is sent, and the next request uses a new token."""
    options: dict[str, Any] = {"issuer": None, "token_endpoint": scene.server.token_endpoint}
    async with scene.client(**options) as client:
        access = await scene.get(client)
        await client.logout()
        assert await scene.get(client) != access
    scene.server.changes["metadata"] = {"revocation_endpoint": None}
    async with scene.client() as client:
        await scene.get(client)
        await client.logout()
    assert not scene.revoked


async def test_revocation_endpoint_can_be_passed(scene: Scene) -> None:
    """`endpoints` accepts the revocation endpoint under its metadata name."""
    endpoints = {"revocation_endpoint": f"{scene.server.issuer}/revoke"}
    options: dict[str, Any] = {"issuer": None, "token_endpoint": scene.server.token_endpoint}
    async with scene.client(endpoints=endpoints, **options) as client:
        await scene.get(client)
        await client.logout()
    assert scene.hints == ["access_token"]


async def test_logout_without_tokens_sends_no_request(scene: Scene) -> None:
    """Without a token not even the metadata is requested."""
    async with scene.client() as client:
        await client.logout()
    async with scene.user_client(cache=MemoryCache()) as client:
        await client.logout()
    assert not scene.server.log


@pytest.mark.rule("R160")
async def test_cached_login_is_revoked_by_an_unused_client(scene: Scene, tmp_path: Path) -> None:
    """A command that only logs out revokes and removes the login in the cache."""
    cache = FileCache(tmp_path / "cache")
    async with scene.user_client(cache=cache) as client:
        await scene.get(client)
    async with scene.user_client(cache=FileCache(tmp_path / "cache")) as client:
        await client.logout()
    assert scene.hints == ["refresh_token", "access_token"]
    assert not list((tmp_path / "cache").glob("*.json"))


@pytest.mark.rule("R160")
@pytest.mark.parametrize("rotates", [True, False])
@pytest.mark.parametrize("is_used", [True, False])
async def test_given_refresh_token_is_revoked_and_a_login_required(
    scene: Scene, *, rotates: bool, is_used: bool
) -> None:
    """A logout revokes the given refresh token or the one that replaced it."""
    tokens: list[Any] = []
    async with scene.user_client(on_token=tokens.append) as client:
        await scene.get(client)
    refresh_token = str(tokens[0].refresh_token)
    scene.server.rotate_refresh_tokens = rotates
    tokens.clear()
    async with scene.client(RefreshToken(refresh_token), on_token=tokens.append) as client:
        if is_used:
            await scene.get(client)
        await client.logout()
        with pytest.raises(LoginRequiredError):
            await scene.get(client)
        revoked = scene.revoked
        await client.logout()
        assert scene.revoked == revoked
    current = tokens[0].refresh_token if is_used and rotates else refresh_token
    assert revoked[0] == ("refresh_token", current)
    assert [hint for hint, _ in revoked] == ["refresh_token", "access_token"][: 1 + is_used]


# Errors


@pytest.mark.rule("R160")
@pytest.mark.parametrize(
    "fault",
    [
        Fault.oauth_error("unsupported_token_type"),
        Fault.oauth_error("invalid_token"),
        Fault.body(b"", status=204),
    ],
    ids=["unsupported", "invalid", "no content"],
)
async def test_unrevokable_access_token_is_no_failure(scene: Scene, fault: Fault) -> None:
    """A server need not revoke access tokens, and an unknown token is not valid anyway."""
    async with scene.client() as client:
        await scene.get(client)
        scene.server.faults["revocation"] = fault
        await client.logout()


@pytest.mark.rule("R160")
async def test_unrevokable_refresh_token_raises(scene: Scene, cache: TokenCache | None) -> None:
    """The access token is still revoked, and both tokens are forgotten."""
    async with scene.user_client(cache=cache) as client:
        access = await scene.get(client)
        scene.server.faults["revocation"] = Fault.oauth_error("unsupported_token_type").times(1)
        with pytest.raises(
            RevocationError, match=r"refresh token was.*may still be valid"
        ) as caught:
            await client.logout()
        assert isinstance(caught.value.__cause__, TokenHTTPError)
        assert scene.hints == ["refresh_token", "access_token"]
        assert not any(token in str(caught.value) for _, token in scene.revoked)
        assert await scene.get(client) != access
    assert scene.server.logins == 2


@pytest.mark.rule("R160")
async def test_revocation_is_retried_after_503(scene: Scene) -> None:
    """After a 503 the token is still valid, so the request is repeated after `Retry-After`."""
    async with scene.user_client(retry=Retry(attempts=3)) as client:
        await scene.get(client)
        scene.server.faults["revocation"] = Fault.status(503, headers={"Retry-After": "0"}).times(2)
        await client.logout()
    assert scene.hints == ["refresh_token"] * 3 + ["access_token"]
    assert len(set(scene.revoked)) == 2


@pytest.mark.rule("R160")
@pytest.mark.parametrize(
    ("fault", "attempts"),
    [
        (Fault.status(503, headers={"Retry-After": "0"}), 3),
        (Fault.status(503, headers={"Retry-After": "3600"}), 1),
        (Fault.hang_up(), 3),
    ],
    ids=["busy", "busy for long", "hang up"],
)
async def test_permanent_revocation_failure_raises(
    scene: Scene, cache: TokenCache | None, fault: Fault, attempts: int
) -> None:
    """After the attempts of `Retry` the second token is not tried; both tokens are deleted."""
    async with scene.user_client(cache=cache, retry=Retry(attempts=3, wait_initial=0)) as client:
        access = await scene.get(client)
        scene.server.faults["revocation"] = fault
        with pytest.raises(RevocationError, match="deleted here, but could not be revoked"):
            await client.logout()
        assert scene.hints == ["refresh_token"] * attempts
        assert await scene.is_active(access)
        assert await scene.get(client) != access
    assert scene.server.logins == 2


async def test_logout_without_metadata_raises_and_forgets_the_tokens(
    scene: Scene, tmp_path: Path
) -> None:
    """If the metadata is not available, the tokens are not revoked, but the cache is emptied."""
    async with scene.user_client(cache=FileCache(tmp_path / "cache")) as client:
        await scene.get(client)
    scene.server.faults["metadata"] = Fault.status(500)
    async with scene.user_client(cache=FileCache(tmp_path / "cache")) as client:
        with pytest.raises(RevocationError, match="tokens were deleted"):
            await client.logout()
    assert not list((tmp_path / "cache").glob("*.json"))


@pytest.mark.rule("R161")
def test_plain_http_revocation_endpoint_is_rejected(scene: Scene) -> None:
    """A plain http URL of another machine raises when the client is created."""
    with pytest.raises(TokenConfigurationError, match="revocation_endpoint must be an https URL"):
        scene.client(endpoints={"revocation_endpoint": "http://auth.example.com/revoke"})


# Concurrent requests


@pytest.mark.rule("R083", "R160")
async def test_refresh_in_flight_is_awaited_and_revoked(
    scene: Scene, cache: TokenCache | None
) -> None:
    """The tokens from a refresh in flight are revoked and not used."""
    server = scene.server
    async with scene.user_client(cache=cache) as client:
        await scene.get(client)
        server.revoke_all()
        server.token_fault = Fault.slow(0.1).times(1)
        waiting = asyncio.create_task(scene.get(client))
        await server.reached(token_requests=2)
        await client.logout()
        with pytest.raises(TokenError, match="logged out meanwhile"):
            await waiting
        # The refresh token that was sent, and its replacement.
        assert scene.hints[:2] == ["refresh_token", "refresh_token"]
        assert len(set(scene.revoked)) == len(scene.revoked)
        assert not any([await scene.is_active(token) for _, token in scene.revoked])
        assert server.granted["refresh_token"] == 1
        await scene.get(client)
    assert server.logins == 2


@pytest.mark.rule("R083", "R160")
@pytest.mark.parametrize("when", ["refresh", "revocation"])
async def test_cancelled_logout_forgets_the_tokens(
    scene: Scene, cache: TokenCache | None, when: str
) -> None:
    """A cancelled logout ends at once, and tokens that arrive later are not used."""
    server = scene.server
    async with scene.user_client(cache=cache) as client:
        access = await scene.get(client)
        waiting = asyncio.create_task(asyncio.sleep(0, ""))
        if when == "refresh":
            server.revoke_all()
            server.token_fault = Fault.slow(0.2).times(1)
            waiting = asyncio.create_task(scene.get(client))
            await server.reached(token_requests=2)
        else:
            server.faults["revocation"] = Fault.slow(30)
        logout = asyncio.create_task(client.logout())
        if when == "refresh":
            await asyncio.sleep(0.05)
        else:
            await server.reached(requests={"revocation": 1})
        logout.cancel()
        async with asyncio.timeout(2):
            await asyncio.wait({logout})
        assert logout.cancelled()
        with suppress(TokenError):
            await waiting
        assert await scene.get(client) != access
    assert (server.logins, server.granted["refresh_token"]) == (2, when == "refresh")


@pytest.mark.rule("R083")
async def test_logout_ends_a_sign_in_in_progress(scene: Scene, cache: TokenCache | None) -> None:
    """A logout does not wait for a user who may never sign in."""
    opened = asyncio.Event()
    grant = AuthorizationCode(open_browser=lambda _: opened.set())
    async with scene.client(grant, cache=cache) as client:
        waiting = asyncio.create_task(scene.get(client))
        await opened.wait()
        await client.logout()
        with pytest.raises(TokenError, match="logged out meanwhile"):
            await waiting
    assert not scene.revoked


@pytest.mark.rule("R083")
async def test_token_in_flight_is_not_used_after_a_logout(scene: Scene) -> None:
    """The token of a request in flight or of a background renewal is dropped."""
    async with scene.client(renewal=Renewal(before_expiry=3600)) as client:
        scene.server.token_fault = Fault.slow(0.1).times(1)
        waiting = asyncio.create_task(scene.get(client))
        await scene.server.reached(token_requests=1)
        await client.logout()
        with pytest.raises(TokenError, match="logged out meanwhile"):
            await waiting
        access = await scene.get(client)
        await client.logout()
        assert await scene.get(client) != access
    assert scene.revoked == [("access_token", access)]


@pytest.mark.rule("R160")
async def test_concurrent_logouts_revoke_each_token_once(
    scene: Scene, cache: TokenCache | None
) -> None:
    """Two concurrent logouts succeed and revoke each token once."""
    async with scene.user_client(cache=cache) as client:
        await scene.get(client)
        await asyncio.gather(client.logout(), client.logout())
        assert scene.hints == ["refresh_token", "access_token"]
        await scene.get(client)
    assert scene.server.logins == 2


@pytest.mark.rule("R077", "R160")
async def test_logout_continues_while_the_client_is_closed(
    scene: Scene, cache: TokenCache | None
) -> None:
    """A closed client can be logged out too, and nothing is left open."""
    client = scene.user_client(cache=cache)
    await scene.get(client)
    scene.server.faults["revocation"] = Fault.slow(0.1).times(1)
    logout = asyncio.create_task(client.logout())
    await scene.server.reached(requests={"revocation": 1})
    await client.close()
    with suppress(RevocationError):  # its connection was closed, and this client does not retry
        await logout
    async with client:
        await scene.get(client)
    revoked = len(scene.revoked)
    await client.logout()
    assert scene.hints[revoked:] == ["refresh_token", "access_token"]


# Caches


class ScriptedCache(MemoryCache):
    """A cache whose methods first call the functions in `before`, which may fail or wait."""

    def __init__(self) -> None:
        super().__init__()
        self.before: dict[str, Callable[[], Awaitable[None]]] = {}

    async def get(self, key: str) -> str | None:
        """Call `before["get"]`, then read the entry."""
        await self._call_before("get")
        return await super().get(key)

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """Call `before["set"]`, then write the entry."""
        await self._call_before("set")
        await super().set(key, value, ttl)

    async def delete(self, key: str) -> None:
        """Call `before["delete"]`, then delete the entry."""
        await self._call_before("delete")
        await super().delete(key)

    async def claim(self, key: str) -> Claim | None:
        """Claim the entry, and remember its key."""
        self.key = key
        return await super().claim(key)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold the claim of the last entry, like another program."""
        claim = await self.claim(self.key)
        assert claim is not None
        yield
        await claim.release()

    async def _call_before(self, method: str) -> None:
        if method in self.before:
            await self.before[method]()


async def fail() -> None:
    """Raise the error of a broken disk."""
    raise CacheError("the disk is broken")


@pytest.mark.rule("R160")
async def test_unreadable_cache_is_emptied(scene: Scene) -> None:
    """Known tokens are revoked; CacheError says that the cache may have held others."""
    cache = ScriptedCache()
    async with scene.user_client(cache=cache) as client:
        access = await scene.get(client)
        cache.before["get"] = fail
        with pytest.raises(CacheError, match="broken"):
            await client.logout()
        assert scene.hints == ["refresh_token", "access_token"]
        assert repr(cache) == "<MemoryCache of 0>"
        cache.before.clear()
        assert await scene.get(client) != access
    assert scene.server.logins == 2


@pytest.mark.rule("R083", "R160")
async def test_entry_that_cannot_be_deleted_is_not_used_again(scene: Scene) -> None:
    """The next login replaces the entry as soon as the cache can be written."""
    cache = ScriptedCache()
    async with scene.user_client(cache=cache) as client:
        access = await scene.get(client)
        cache.before["delete"] = fail
        with pytest.raises(CacheError, match="broken"):
            await client.logout()
        assert scene.hints == ["refresh_token", "access_token"]
        again = await scene.get(client)
    async with scene.user_client(cache=cache) as other:
        assert await scene.get(other) == again != access
    assert scene.server.logins == 2


@pytest.mark.usefixtures("impatient")
@pytest.mark.rule("R083", "R160")
async def test_entry_of_a_broken_cache_is_not_used_later(scene: Scene) -> None:
    """Once the cache works again, the old entry is removed and the user signs in again."""
    cache = ScriptedCache()
    async with scene.user_client(cache=cache) as client:
        access = await scene.get(client)
        cache.before = {"get": fail, "delete": fail}
        with pytest.raises(CacheError, match="broken"):
            await client.logout()
        with pytest.raises(CacheError, match="broken"):
            await scene.get(client)
        cache.before.clear()
        assert await scene.get(client) != access
    assert scene.server.logins == 2


@pytest.mark.rule("R160")
async def test_logout_does_not_wait_long_for_a_claim(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim may belong to another program that hangs."""
    monkeypatch.setattr("aioalf._login.entry_claims._CLAIM_TIMEOUT", 0.05)
    cache = ScriptedCache()
    async with scene.user_client(cache=cache) as client:
        await scene.get(client)
        async with cache.held():
            await client.logout()
    assert scene.hints == ["refresh_token", "access_token"]
    assert repr(cache) == "<MemoryCache of 0>"


@pytest.mark.rule("R160")
async def test_concurrent_logouts_without_the_claim_revoke_each_token_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If both give up on the claim, only the first to read the cache revokes its tokens."""
    monkeypatch.setattr("aioalf._login.entry_claims._CLAIM_TIMEOUT", 0.05)
    cache, barrier = ScriptedCache(), asyncio.Barrier(2)

    async def wait_for_the_other() -> None:
        await barrier.wait()

    async with scene.user_client(cache=cache) as client:
        await scene.get(client)
        cache.before["get"] = wait_for_the_other
        async with cache.held(), asyncio.timeout(10):
            await asyncio.gather(client.logout(), client.logout())
    assert scene.hints == ["refresh_token", "access_token"]
    assert repr(cache) == "<MemoryCache of 0>"


@pytest.mark.rule("R083", "R160")
@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_entry_being_written_during_a_logout_is_removed(
    scene: Scene, caplog: pytest.LogCaptureFixture, *, is_cancelled: bool
) -> None:
    """The entry is removed even if the logout is cancelled and the cache was emptied before."""
    cache = ScriptedCache()
    async with scene.user_client(cache=cache) as client:
        access = await scene.get(client)
        scene.server.revoke_all()
        is_writing, may_write = asyncio.Event(), asyncio.Event()

        async def wait() -> None:
            is_writing.set()
            await may_write.wait()

        cache.before["set"] = wait
        waiting = asyncio.create_task(scene.get(client))
        await is_writing.wait()
        logout = asyncio.create_task(client.logout())
        await asyncio.sleep(0.01)
        if is_cancelled:
            logout.cancel()
            await asyncio.wait({logout})
        may_write.set()
        with pytest.raises(TokenError, match="logged out meanwhile"):
            await waiting
        await asyncio.wait({logout})
        cache.before.clear()
        await asyncio.sleep(0.01)
        assert repr(cache) == "<MemoryCache of 0>"
        assert await scene.get(client) != access
    assert scene.server.logins == 2
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
