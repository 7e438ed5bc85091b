"""`Client.logout()`: what is revoked and what is forgotten, whatever happens meanwhile."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
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
from aioalf.caches import FileCache, MemoryCache, TokenCache
from aioalf.client_auth import ClientSecretPost
from aioalf.grants import AuthorizationCode, RefreshToken
from aioalf.testing import Fault, OAuthServer
from tests.support.signed_in import CACHES, SignedIn, cache_of


class Scene(SignedIn):
    """A client of a server at which somebody is signed in, and what was revoked there."""

    def login(self, **options: Any) -> Client:
        """One with a person."""
        return self.client(AuthorizationCode(open_browser=self.visitor), **options)

    async def get(self, client: Client) -> str:
        """The token with which a request arrived that the API took."""
        async with asyncio.timeout(20), client.get(self.server.url("/things")) as response:
            assert response.status == 200, await response.text()
        return self.token

    @property
    def revoked(self) -> list[tuple[str, str]]:
        """The tokens that were to be revoked, each with its hint."""
        forms = [each.form for each in self.server.log if each.path.endswith("/revoke")]
        return [(form["token_type_hint"], form["token"]) for form in forms]

    @property
    def hints(self) -> list[str]:
        """What kinds of tokens were to be revoked."""
        return [hint for hint, _ in self.revoked]

    async def is_alive(self, token: str) -> bool:
        """Whether the server knows a token."""
        async with self.client() as client:
            members = await client.introspect(token)
        return members["active"] is True


@pytest.fixture
async def scene(oauth_server: OAuthServer) -> AsyncIterator[Scene]:
    """One whose browser is left at the end."""
    scene = Scene(oauth_server)
    yield scene
    await scene.visitor.gone()


@pytest.fixture(params=CACHES)
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> TokenCache | None:
    """Each kind, and none."""
    return cache_of(request, tmp_path)


# What is revoked


@pytest.mark.rule("R005", "R160")
async def test_the_secret_goes_as_the_revocation_endpoint_takes_it(scene: Scene) -> None:
    """Some take HTTP Basic alone, also of clients that show it in the form elsewhere."""
    listed = {"revocation_endpoint_auth_methods_supported": ["client_secret_basic"]}
    scene.server.changes["metadata"] = listed
    scene.server.allow_body_secret = True
    async with scene.login(client_auth=ClientSecretPost()) as client:
        await scene.get(client)
        await client.logout()
    asked = [each for each in scene.server.log if "token" in each.form or "code" in each.form]
    assert ["client_secret" in each.form for each in asked] == [True, False, False]
    assert ["Authorization" in each.headers for each in asked] == [False, True, True]
    assert [each.status for each in asked] == [200, 200, 200]


@pytest.mark.rule("R160")
async def test_the_refresh_token_is_revoked_then_the_access_token(
    scene: Scene, cache: TokenCache | None
) -> None:
    """Each once, with its hint; then neither counts, and the next request begins anew."""
    async with scene.login(cache=cache) as client:
        access = await scene.get(client)
        await client.logout()
        assert scene.hints == ["refresh_token", "access_token"]
        assert [await scene.is_alive(token) for _, token in scene.revoked] == [False, False]
        assert scene.revoked[1][1] == access
        assert await scene.get(client) != access
    assert scene.server.logins == 2


@pytest.mark.rule("R160")
async def test_a_service_revokes_its_access_token(scene: Scene) -> None:
    """It has no other, and is served again afterwards."""
    async with scene.client() as client:
        access = await scene.get(client)
        await client.logout()
        assert scene.revoked == [("access_token", access)]
        assert await scene.get(client) != access


async def test_without_a_revocation_endpoint_it_is_forgotten_only(scene: Scene) -> None:
    """A server that has none is asked nothing; nor is one that nothing was had of."""
    options: dict[str, Any] = {"issuer": None, "token_endpoint": scene.server.token_endpoint}
    async with scene.client(**options) as client:
        access = await scene.get(client)
        await client.logout()
        assert await scene.get(client) != access
    scene.server.changes["metadata"] = {"revocation_endpoint": None}
    async with scene.client() as client:
        await scene.get(client)
        await client.logout()
    async with Client() as client:
        await client.logout()
    assert not scene.revoked


async def test_a_revocation_endpoint_may_be_given(scene: Scene) -> None:
    """By its name in metadata."""
    endpoints = {"revocation_endpoint": f"{scene.server.issuer}/revoke"}
    options: dict[str, Any] = {"issuer": None, "token_endpoint": scene.server.token_endpoint}
    async with scene.client(endpoints=endpoints, **options) as client:
        await scene.get(client)
        await client.logout()
    assert scene.hints == ["access_token"]


async def test_nothing_is_revoked_where_nothing_was_granted(scene: Scene) -> None:
    """The server is not asked, for its metadata neither."""
    async with scene.client() as client:
        await client.logout()
    async with scene.login(cache=MemoryCache()) as client:
        await client.logout()
    assert not scene.server.log


@pytest.mark.rule("R160")
async def test_a_login_of_the_cache_is_revoked_by_who_never_used_it(
    scene: Scene, tmp_path: Path
) -> None:
    """As a command does that only logs out."""
    cache = FileCache(tmp_path / "cache")
    async with scene.login(cache=cache) as client:
        await scene.get(client)
    async with scene.login(cache=FileCache(tmp_path / "cache")) as client:
        await client.logout()
    assert scene.hints == ["refresh_token", "access_token"]
    assert not list((tmp_path / "cache").glob("*.json"))


@pytest.mark.rule("R160")
@pytest.mark.parametrize("rotates", [True, False])
@pytest.mark.parametrize("is_used", [True, False])
async def test_a_given_refresh_token_is_revoked_and_a_login_required(
    scene: Scene, *, rotates: bool, is_used: bool
) -> None:
    """The one that counts: the given one, unless another has replaced it."""
    tokens: list[Any] = []
    async with scene.login(on_token=tokens.append) as client:
        await scene.get(client)
    given = str(tokens[0].refresh_token)
    scene.server.rotate_refresh_tokens = rotates
    tokens.clear()
    async with scene.client(RefreshToken(given), on_token=tokens.append) as client:
        if is_used:
            await scene.get(client)
        await client.logout()
        with pytest.raises(LoginRequiredError):
            await scene.get(client)
        revoked = scene.revoked
        await client.logout()
        assert scene.revoked == revoked
    counts = tokens[0].refresh_token if is_used and rotates else given
    assert revoked[0] == ("refresh_token", counts)
    assert [hint for hint, _ in revoked] == ["refresh_token", "access_token"][: 1 + is_used]


# What fails


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
async def test_what_is_no_failure_for_an_access_token(scene: Scene, fault: Fault) -> None:
    """A server need not revoke them; one that is not known does not count."""
    async with scene.client() as client:
        await scene.get(client)
        scene.server.faults["revocation"] = fault
        await client.logout()


@pytest.mark.rule("R160")
async def test_a_refresh_token_that_cannot_be_revoked_is_a_failure(
    scene: Scene, cache: TokenCache | None
) -> None:
    """The access token is revoked all the same; both are forgotten."""
    async with scene.login(cache=cache) as client:
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
async def test_a_busy_server_is_asked_again_after_its_pause(scene: Scene) -> None:
    """503 says that the token is alive; then it is revoked."""
    async with scene.login(retry=Retry(attempts=3)) as client:
        await scene.get(client)
        scene.server.faults["revocation"] = Fault.status(503, headers={"Retry-After": "0"}).times(2)
        await client.logout()
    assert scene.hints == ["refresh_token"] * 3 + ["access_token"]
    assert len(set(scene.revoked)) == 2


@pytest.mark.rule("R160")
@pytest.mark.parametrize(
    ("fault", "tries"),
    [
        (Fault.status(503, headers={"Retry-After": "0"}), 3),
        (Fault.status(503, headers={"Retry-After": "3600"}), 1),
        (Fault.hang_up(), 3),
    ],
    ids=["busy", "busy for long", "hang up"],
)
async def test_a_server_that_stays_busy_is_an_error_that_says_so(
    scene: Scene, cache: TokenCache | None, fault: Fault, tries: int
) -> None:
    """Within the limits of Retry, and not for the next token again; the token is forgotten."""
    async with scene.login(cache=cache, retry=Retry(attempts=3, wait_initial=0)) as client:
        access = await scene.get(client)
        scene.server.faults["revocation"] = fault
        with pytest.raises(RevocationError, match="forgotten here, but not revoked"):
            await client.logout()
        assert scene.hints == ["refresh_token"] * tries
        assert await scene.is_alive(access)
        assert await scene.get(client) != access
    assert scene.server.logins == 2


async def test_metadata_that_cannot_be_had_is_an_error_that_says_so(
    scene: Scene, tmp_path: Path
) -> None:
    """Nobody knows where to revoke; here it is forgotten."""
    async with scene.login(cache=FileCache(tmp_path / "cache")) as client:
        await scene.get(client)
    scene.server.faults["metadata"] = Fault.status(500)
    async with scene.login(cache=FileCache(tmp_path / "cache")) as client:
        with pytest.raises(RevocationError, match="tokens were forgotten"):
            await client.logout()
    assert not list((tmp_path / "cache").glob("*.json"))


@pytest.mark.rule("R161")
def test_a_revocation_endpoint_in_the_clear_is_refused(scene: Scene) -> None:
    """When the client is made; on this machine nobody listens in."""
    with pytest.raises(TokenConfigurationError, match="revocation_endpoint must be an https URL"):
        scene.client(endpoints={"revocation_endpoint": "http://auth.example.com/revoke"})


# What happens meanwhile


@pytest.mark.rule("R083", "R160")
async def test_a_refresh_in_the_air_is_awaited_and_revoked(
    scene: Scene, cache: TokenCache | None
) -> None:
    """What it brings does not come back, and does not count any more."""
    server = scene.server
    async with scene.login(cache=cache) as client:
        await scene.get(client)
        server.revoke_all()
        server.token_fault = Fault.slow(0.1).times(1)
        waiting = asyncio.create_task(scene.get(client))
        await server.reached(token_requests=2)
        await client.logout()
        with pytest.raises(TokenError, match="logged out meanwhile"):
            await waiting
        # The one that was sent, and the one that came in its place.
        assert scene.hints[:2] == ["refresh_token", "refresh_token"]
        assert len(set(scene.revoked)) == len(scene.revoked)
        assert not any([await scene.is_alive(token) for _, token in scene.revoked])
        assert server.granted["refresh_token"] == 1
        await scene.get(client)
    assert server.logins == 2


@pytest.mark.rule("R083", "R160")
@pytest.mark.parametrize("when", ["refresh", "revocation"])
async def test_a_logout_that_is_cancelled_forgets_all_the_same(
    scene: Scene, cache: TokenCache | None, when: str
) -> None:
    """At once; what is in the air then is not kept when it comes."""
    server = scene.server
    async with scene.login(cache=cache) as client:
        access = await scene.get(client)
        waiting = asyncio.create_task(asyncio.sleep(0, ""))
        if when == "refresh":
            server.revoke_all()
            server.token_fault = Fault.slow(0.2).times(1)
            waiting = asyncio.create_task(scene.get(client))
            await server.reached(token_requests=2)
        else:
            server.faults["revocation"] = Fault.slow(30)
        leaving = asyncio.create_task(client.logout())
        if when == "refresh":
            await asyncio.sleep(0.05)
        else:
            await server.reached(requests={"revocation": 1})
        leaving.cancel()
        async with asyncio.timeout(0.1):
            await asyncio.wait({leaving})
        assert leaving.cancelled()
        with suppress(TokenError):
            await waiting
        assert await scene.get(client) != access
    assert (server.logins, server.granted["refresh_token"]) == (2, when == "refresh")


@pytest.mark.rule("R083")
async def test_a_login_in_the_air_is_ended(scene: Scene, cache: TokenCache | None) -> None:
    """Nobody waits for a person who may never come."""
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
async def test_what_a_service_asked_for_does_not_come_back(scene: Scene) -> None:
    """Nor does a renewal in the background."""
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
async def test_two_logouts_at_once_revoke_each_token_once(
    scene: Scene, cache: TokenCache | None
) -> None:
    """Whoever has it; none of them fails."""
    async with scene.login(cache=cache) as client:
        await scene.get(client)
        await asyncio.gather(client.logout(), client.logout())
        assert scene.hints == ["refresh_token", "access_token"]
        await scene.get(client)
    assert scene.server.logins == 2


@pytest.mark.rule("R077", "R160")
async def test_a_logout_goes_on_while_its_client_is_closed(
    scene: Scene, cache: TokenCache | None
) -> None:
    """And may be made of one that is closed; nothing is left open."""
    client = scene.login(cache=cache)
    await scene.get(client)
    scene.server.faults["revocation"] = Fault.slow(0.1).times(1)
    leaving = asyncio.create_task(client.logout())
    await scene.server.reached(requests={"revocation": 1})
    await client.close()
    with suppress(RevocationError):  # its connection was closed; it is not tried again here
        await leaving
    async with client:
        await scene.get(client)
    revoked = len(scene.revoked)
    await client.logout()
    assert scene.hints[revoked:] == ["refresh_token", "access_token"]


# Caches


class Scripted(MemoryCache):
    """Fails, or waits, where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.before: dict[str, Callable[[], Awaitable[None]]] = {}

    async def get(self, key: str) -> str | None:
        """As the other."""
        await self._meet("get")
        return await super().get(key)

    async def set(self, key: str, value: str, ttl: float | None) -> None:
        """As the other."""
        await self._meet("set")
        await super().set(key, value, ttl)

    async def delete(self, key: str) -> None:
        """As the other."""
        await self._meet("delete")
        await super().delete(key)

    async def _meet(self, what: str) -> None:
        if what in self.before:
            await self.before[what]()


async def fail() -> None:
    """As a disk does."""
    raise CacheError("the disk is broken")


@pytest.mark.rule("R160")
async def test_a_cache_that_cannot_be_read_is_emptied(scene: Scene) -> None:
    """That is an error, for more may count than is known here, which is revoked."""
    cache = Scripted()
    async with scene.login(cache=cache) as client:
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
async def test_what_a_cache_cannot_be_rid_of_is_not_used_again(scene: Scene) -> None:
    """The next login takes its place, as soon as that can be written."""
    cache = Scripted()
    async with scene.login(cache=cache) as client:
        access = await scene.get(client)
        cache.before["delete"] = fail
        with pytest.raises(CacheError, match="broken"):
            await client.logout()
        assert scene.hints == ["refresh_token", "access_token"]
        again = await scene.get(client)
    async with scene.login(cache=cache) as other:
        assert await scene.get(other) == again != access
    assert scene.server.logins == 2


@pytest.mark.rule("R083", "R160")
async def test_a_cache_that_can_be_neither_read_nor_emptied_is_not_believed(scene: Scene) -> None:
    """Once it works again, what it held of the login is removed, and the login begins anew."""
    cache = Scripted()
    async with scene.login(cache=cache) as client:
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
async def test_nobody_waits_long_for_who_has_locked_the_cache(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be another program whose person is not there."""
    monkeypatch.setattr("aioalf._login.cache_entry._LOGOUT_LOCK_TIMEOUT", 0.05)
    cache, keys = Scripted(), list[str]()
    lock = cache.lock

    def noted(key: str) -> AbstractAsyncContextManager[None]:
        keys.append(key)
        return lock(key)

    cache.lock = noted  # type: ignore[method-assign]
    async with scene.login(cache=cache) as client:
        await scene.get(client)
        async with lock(keys[0]):
            await asyncio.create_task(client.logout())
    assert scene.hints == ["refresh_token", "access_token"]
    assert repr(cache) == "<MemoryCache of 0>"


@pytest.mark.rule("R160")
async def test_two_logouts_may_wait_no_longer_at_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second to have read the cache leaves it to the first, which empties it."""
    monkeypatch.setattr("aioalf._login.cache_entry._LOGOUT_LOCK_TIMEOUT", 0.05)
    cache, keys, both = Scripted(), list[str](), asyncio.Barrier(2)
    lock = cache.lock

    def noted(key: str) -> AbstractAsyncContextManager[None]:
        keys.append(key)
        return lock(key)

    async def meet() -> None:
        await both.wait()

    cache.lock = noted  # type: ignore[method-assign]
    async with scene.login(cache=cache) as client:
        await scene.get(client)
        cache.before["get"] = meet
        async with lock(keys[0]), asyncio.timeout(10):
            await asyncio.gather(client.logout(), client.logout())
    assert scene.hints == ["refresh_token", "access_token"]
    assert repr(cache) == "<MemoryCache of 0>"


@pytest.mark.rule("R083", "R160")
@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_what_is_being_written_at_a_logout_is_removed(
    scene: Scene, caplog: pytest.LogCaptureFixture, *, is_cancelled: bool
) -> None:
    """Also where the logout was cancelled, and the cache had been emptied before."""
    cache = Scripted()
    async with scene.login(cache=cache) as client:
        access = await scene.get(client)
        scene.server.revoke_all()
        writing, written = asyncio.Event(), asyncio.Event()

        async def wait() -> None:
            writing.set()
            await written.wait()

        cache.before["set"] = wait
        waiting = asyncio.create_task(scene.get(client))
        await writing.wait()
        leaving = asyncio.create_task(client.logout())
        await asyncio.sleep(0.01)
        if is_cancelled:
            leaving.cancel()
            await asyncio.wait({leaving})
        written.set()
        with pytest.raises(TokenError, match="logged out meanwhile"):
            await waiting
        await asyncio.wait({leaving})
        cache.before.clear()
        await asyncio.sleep(0.01)
        assert repr(cache) == "<MemoryCache of 0>"
        assert await scene.get(client) != access
    assert scene.server.logins == 2
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
