"""`Client.with_options()`: tokens for something else, with one session, one login and one end."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession

from aioalf import (
    Client,
    LoginRequiredError,
    OAuth2Middleware,
    Renewal,
    Retry,
    ScopeNotGrantedError,
    TokenConfigurationError,
    TokenError,
    TokenHTTPError,
    TokenManager,
)
from aioalf.caches import FileCache, MemoryCache, TokenCache
from aioalf.grants import AuthorizationCode, RefreshToken
from aioalf.implicit import TokenStorage, use_implicit_flow
from aioalf.testing import Fault, OAuthServer
from aioalf.token import Token
from tests.support.front import UserManager
from tests.support.signed_in import CACHES, SignedIn, cache_of


class Scene(SignedIn):
    """Clients of a server at which somebody is signed in, and what arrived there."""

    def login(self, **options: Any) -> Client:
        """One with a person."""
        grant = AuthorizationCode(open_browser=self.visitor)
        return self.client(grant, **{"scope": "a b", **options})

    async def get(self, client: Client) -> Mapping[str, Any]:
        """What the API says of a request that it took."""
        async with asyncio.timeout(20), client.get(self.server.url("/things")) as response:
            assert response.status == 200, await response.text()
            members: dict[str, Any] = await response.json()
            return members

    @property
    def forms(self) -> list[Mapping[str, str]]:
        """The token requests."""
        return [each.form for each in self.server.log if each.path.endswith("/token")]

    @property
    def sent(self) -> list[str]:
        """The refresh tokens that came, in order."""
        return [form["refresh_token"] for form in self.forms if "refresh_token" in form]

    @property
    def revoked(self) -> list[str]:
        """The hints of the tokens that were to be revoked."""
        exchanges = [each for each in self.server.log if each.path.endswith("/revoke")]
        return [each.form["token_type_hint"] for each in exchanges]


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


# What it asks for


@pytest.mark.rule("R073")
async def test_each_has_a_token_of_its_own(scene: Scene, cache: TokenCache | None) -> None:
    """What is not given is the parent's; a loop makes one token request."""
    parameters = {"tenant": "one"}
    async with scene.client(scope="a", extra_params=parameters, cache=cache) as client:
        for _ in range(3):
            await scene.get(client)
            own = scene.token
            await scene.get(client.with_options(scope="b", resource="urn:things"))
            assert scene.token != own
            await scene.get(client.with_options(audience="them", extra_params={"tenant": "two"}))
    assert [(each["scope"], each.get("resource"), each["tenant"]) for each in scene.forms] == [
        ("a", None, "one"),
        ("b", "urn:things", "one"),
        ("a", None, "two"),
    ]
    assert scene.forms[2]["audience"] == "them"
    assert scene.server.requests["metadata"] == 1


@pytest.mark.rule("R028", "R126")
async def test_the_same_arguments_give_the_same_client(scene: Scene) -> None:
    """Sets are compared as sets; what is derived from it is derived from the first."""
    async with scene.client(scope="a") as client:
        derived = client.with_options(scope="b c", resource=["urn:one", "urn:two"])
        assert derived is client.with_options(resource=["urn:two", "urn:one"], scope=["c", "b"])
        assert derived is client.with_options(scope="b c").with_options(
            resource=("urn:one", "urn:two")
        )
        assert derived is derived.with_options()
        assert derived is not client.with_options(scope="b c")
        assert client.with_options() is client.with_options(scope="a") is not client
        odd_ones: list[dict[str, Any]] = [
            *({"resource": "things"}, {"scope": 5}, {"extra_params": {"scope": "b"}})
        ]
        for odd in odd_ones:
            with pytest.raises(TokenConfigurationError):
                client.with_options(**odd)
    with pytest.raises(TokenConfigurationError, match="token_endpoint"):
        Client().with_options(scope="a")


@pytest.mark.rule("R073")
async def test_a_failure_of_one_is_not_the_other_s(scene: Scene) -> None:
    """Nor is its pause, nor its wait."""
    async with scene.client(renewal=Renewal(failure_backoff=60), raise_token_errors=True) as client:
        scene.server.token_fault = Fault.status(500).times(1)
        with pytest.raises(TokenHTTPError):
            await scene.get(client)
        scene.server.token_fault = Fault.slow(30).times(1)
        waiting = asyncio.create_task(scene.get(client.with_options(scope="a")))
        await scene.server.reached(token_requests=2)
        await scene.get(client.with_options(scope="b"))
        with pytest.raises(TokenHTTPError):
            await scene.get(client)
        waiting.cancel()


async def test_a_refused_token_is_renewed_where_it_is_from(scene: Scene) -> None:
    """By the derived client's own hop, in a session of its own, in one that was given, by mocks."""
    async with ClientSession() as session:
        for given in (None, session):
            async with scene.client(session=given) as client:
                await scene.get(client)
                derived = client.with_options(scope="b")
                await scene.get(derived)
                scene.server.revoke(scene.token)
                requests = scene.server.token_requests
                await scene.get(derived)
                await scene.get(client)
                assert scene.server.token_requests == requests + 1
                assert scene.forms[-1]["scope"] == "b"


async def test_a_websocket_is_opened_with_the_derived_token(scene: Scene) -> None:
    """A refused one is renewed as what it is, and never becomes the parent's."""
    async with scene.client(scope="a") as client:
        await scene.get(client)
        derived = client.with_options(scope="b")
        await scene.get(derived)
        scene.server.revoke(scene.token)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await derived.ws_connect(scene.server.url("/socket"))
        token = scene.token
        assert (await client.introspect(token))["scope"] == "b"
        scopes = [form.get("scope") for form in scene.forms]
    assert scopes == ["a", "b", "b"]


async def test_a_middleware_takes_a_derived_manager(scene: Scene) -> None:
    """`TokenManager.with_options` is the same without a session."""
    manager = TokenManager(scene.server.token_endpoint, "client-id", "secret")
    middleware = OAuth2Middleware(manager.with_options(scope="b"))
    async with (
        ClientSession(middlewares=[middleware]) as session,
        session.get(scene.server.url("/things")) as response,
    ):
        assert (await response.json())["scope"] == "b"
    await manager.close()
    with pytest.raises(TokenConfigurationError, match="Missing token endpoint:"):
        TokenManager(None, "id", "secret").with_options(scope="b")


# One login


@pytest.mark.rule("R040", "R043", "R047")
@pytest.mark.parametrize("is_derived_first", [True, False])
@pytest.mark.parametrize("rotates", [True, False])
async def test_one_login_serves_both(
    scene: Scene, cache: TokenCache | None, *, is_derived_first: bool, rotates: bool
) -> None:
    """Whoever needs it first; each refresh sends what the last one brought, whosever it was."""
    scene.server.rotate_refresh_tokens = rotates
    async with scene.login(cache=cache) as client:
        derived = client.with_options(scope="a", resource=scene.server.api_url)
        pair = [client, derived]
        for each in reversed(pair) if is_derived_first else pair:
            await scene.get(each)
        assert (await scene.get(client))["scope"] == "a b"
        assert (await scene.get(derived))["scope"] == "a"
        for _ in range(2):
            scene.server.revoke_all()
            await asyncio.gather(*(scene.get(each) for each in pair))
    assert scene.server.logins == 1
    assert not scene.server.refused
    if rotates:
        assert 0 < len(scene.sent) == len(set(scene.sent))
    assert {form.get("scope") for form in scene.forms if "refresh_token" in form} == {"a", "a b"}


async def test_what_was_granted_is_found_again(scene: Scene, tmp_path: Path) -> None:
    """A script that starts twice makes no request for what it has."""
    for _ in range(2):
        async with scene.login(cache=FileCache(tmp_path / "cache")) as client:
            await scene.get(client)
            await scene.get(client.with_options(scope="a"))
            await scene.get(client.with_options(scope="b"))
    assert (scene.server.logins, scene.server.token_requests) == (1, 3)


async def test_a_service_s_tokens_are_one_for_each_request_in_the_cache(scene: Scene) -> None:
    """A derived client and one that asks for the same by itself share one."""
    cache = MemoryCache()
    async with scene.client(scope="a", cache=cache) as client:
        await scene.get(client)
        await scene.get(client.with_options(scope="b"))
    async with scene.client(scope="b", cache=cache) as other:
        await scene.get(other)
    assert scene.server.token_requests == 2


async def test_a_service_of_an_endpoint_finds_its_derived_tokens_again(scene: Scene) -> None:
    """Without an issuer, it is the endpoint whose tokens the cache has."""
    where: dict[str, Any] = {"issuer": None, "token_endpoint": scene.server.token_endpoint}
    cache = MemoryCache()
    for _ in range(2):
        async with scene.client(**where, scope="a", cache=cache) as client:
            await scene.get(client.with_options(scope="b"))
    assert [form["scope"] for form in scene.forms] == ["b"]


class SlowToLetGo(MemoryCache):
    """One whose lock is free a while before its holder goes on, as that of a file may be."""

    def __init__(self) -> None:
        super().__init__()
        self.released: list[Callable[[], Awaitable[object]] | None] = []

    @asynccontextmanager
    async def _held(self, key: str) -> AsyncIterator[None]:
        async with super().lock(key):
            yield
        meanwhile = self.released.pop(0) if self.released else None
        if meanwhile is not None:
            await meanwhile()

    def lock(self, key: str) -> AbstractAsyncContextManager[None]:
        """Return what lets the test do something, once it is free."""
        return self._held(key)


@pytest.mark.parametrize("look", [1, 2])
async def test_a_login_that_lands_while_one_is_to_be_asked_for_is_enough(
    scene: Scene, look: int
) -> None:
    """Whenever that is seen, nobody is asked twice, and nothing is refreshed at once."""
    cache = SlowToLetGo()
    async with scene.login(cache=cache) as client:

        async def somebody_logs_in() -> None:
            if not scene.server.logins:
                await scene.get(client)

        cache.released = [*[None] * (look - 1), somebody_logs_in]
        await scene.get(client.with_options(scope="a"))
    assert (scene.server.logins, scene.server.token_requests) == (1, 2)


@pytest.mark.rule("R042")
async def test_more_than_was_granted_is_refused_here(
    scene: Scene, cache: TokenCache | None
) -> None:
    """The error says what to do, and nothing is sent; a service simply asks."""
    async with scene.login(cache=cache) as client:
        await scene.get(client)
        requests = scene.server.token_requests
        with pytest.raises(ScopeNotGrantedError, match=r"scope c d.*log in again") as caught:
            await scene.get(client.with_options(scope="a c d"))
        assert caught.value.missing == {"c", "d"}
        assert scene.server.token_requests == requests
        await scene.get(client)
    async with scene.client(scope="a", cache=cache) as service:
        await scene.get(service)
        assert (await scene.get(service.with_options(scope="c")))["scope"] == "c"


@pytest.mark.rule("R045")
async def test_a_login_that_is_over_begins_anew_once(
    scene: Scene, cache: TokenCache | None
) -> None:
    """By the parent, for it asks for all, though its own token is good still."""
    async with scene.login(cache=cache) as client:
        derived = client.with_options(scope="a")
        await scene.get(client)
        await scene.get(derived)
        scene.server.revoke_refresh_tokens()
        scene.server.revoke(scene.token)
        await asyncio.gather(scene.get(derived), scene.get(client.with_options(scope="b")))
        await scene.get(client)
    assert scene.server.logins == 2
    assert scene.server.refused == {"invalid_grant": 1}


@pytest.mark.rule("R045")
async def test_a_given_refresh_token_that_is_over_needs_a_login(scene: Scene) -> None:
    """For both."""
    tokens: list[Token] = []
    async with scene.login(on_token=tokens.append) as client:
        await scene.get(client)
    grant = RefreshToken(str(tokens[0].refresh_token))
    async with scene.client(grant, scope="a b") as client:
        await scene.get(client.with_options(scope="a"))
        scene.server.revoke_refresh_tokens()
        scene.server.revoke_all()
        for each in (client.with_options(scope="a"), client):
            with pytest.raises(LoginRequiredError):
                await scene.get(each)


@pytest.mark.parametrize("rotates", [True, False])
async def test_a_given_refresh_token_serves_both(scene: Scene, *, rotates: bool) -> None:
    """Where the server does not rotate, the one that was given is sent each time."""
    tokens: list[Token] = []
    async with scene.login(on_token=tokens.append) as client:
        await scene.get(client)
    scene.server.rotate_refresh_tokens = rotates
    given = str(tokens[0].refresh_token)
    async with scene.client(RefreshToken(given), scope="a b") as client:
        assert (await scene.get(client.with_options(scope="a")))["scope"] == "a"
        assert (await scene.get(client))["scope"] == "a b"
        with pytest.raises(ScopeNotGrantedError):
            await scene.get(client.with_options(scope="c"))
    assert scene.server.logins == 1
    assert (set(scene.sent) == {given}) != rotates


async def test_without_a_refresh_token_each_logs_in_by_itself(
    scene: Scene, cache: TokenCache | None
) -> None:
    """The parent first, and then not again for the other."""
    scene.server.refresh_tokens = False
    async with scene.login(cache=cache) as client:
        derived = client.with_options(scope="c")
        await scene.get(client)
        assert scene.server.logins == 1
        for logins in (2, 3):
            assert (await scene.get(derived))["scope"] == "c"
            assert scene.server.logins == logins
            scene.server.revoke(scene.token)
        await scene.get(client)
    async with scene.login() as client:
        await scene.get(client.with_options(scope="c"))
        await scene.get(client)
    assert scene.server.logins == 5


@pytest.mark.rule("R045")
async def test_a_refresh_token_that_is_refused_at_once_makes_no_loop(scene: Scene) -> None:
    """Two logins, and an error that says so."""
    async with scene.login() as client:
        scene.server.refresh_token_lifetime = 0
        with pytest.raises(LoginRequiredError, match="new login was refused"):
            await scene.get(client.with_options(scope="a"))
    assert scene.server.logins <= 3


@pytest.mark.rule("R040", "R044")
async def test_a_useless_answer_to_a_derived_client_loses_no_refresh_token(
    scene: Scene, cache: TokenCache | None
) -> None:
    """What came in its place is sent by whoever refreshes next."""
    async with scene.login(cache=cache) as client:
        await scene.get(client)
        answer = {"access_token": "x", "token_type": "mac", "refresh_token": "the-next-one"}
        scene.server.token_fault = Fault.body(json.dumps(answer).encode()).times(1)
        with pytest.raises(TokenError, match="mac"):
            await scene.get(client.with_options(scope="a"))
        scene.server.revoke_all()
        await scene.get(client)
    assert scene.sent[-1] == "the-next-one"


async def test_a_derived_token_is_told_of(scene: Scene) -> None:
    """As every new one is."""
    told: list[Token] = []
    async with scene.login(on_token=told.append) as client:
        await scene.get(client.with_options(scope="a"))
    assert [token.scope for token in told] == [frozenset("ab"), frozenset("a")]


# One end


@pytest.mark.rule("R083", "R160")
@pytest.mark.parametrize("is_by_derived", [True, False])
async def test_a_logout_of_either_ends_the_login_of_both(
    scene: Scene, cache: TokenCache | None, *, is_by_derived: bool
) -> None:
    """Every token is revoked, the refresh token once; what is in the air does not come back."""
    server = scene.server
    async with scene.login(cache=cache) as client:
        derived = client.with_options(scope="a")
        await scene.get(client)
        await scene.get(derived)
        tokens = [scene.token]
        await (derived if is_by_derived else client).logout()
        assert scene.revoked == ["refresh_token", "access_token", "access_token"]
        await scene.get(derived)
        assert scene.token not in tokens
        await scene.get(client)
        assert server.logins == 2
        server.revoke_all()
        server.token_fault = Fault.slow(0.05).times(1)
        waiting = [asyncio.create_task(scene.get(each)) for each in (client, derived)]
        await server.reached(token_requests=scene.server.token_requests + 1)
        await (derived if is_by_derived else client).logout()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(error, TokenError) for error in ended), ended
        await scene.get(derived)
        assert server.logins == 3
    assert not server.refused


@pytest.mark.rule("R160")
async def test_a_service_s_cache_is_emptied_of_all(scene: Scene, tmp_path: Path) -> None:
    """Each has an entry of its own."""
    cache = FileCache(tmp_path / "cache")
    async with scene.client(cache=cache) as client:
        for scope in ("a", "b"):
            await scene.get(client.with_options(scope=scope))
        assert len(list((tmp_path / "cache").glob("*.json"))) == 2
        await client.with_options(scope="a").logout()
    assert not list((tmp_path / "cache").glob("*.json"))
    assert scene.revoked == ["access_token"] * 2


@pytest.mark.rule("R077")
async def test_it_is_closed_with_its_parent(scene: Scene, recwarn: pytest.WarningsRecorder) -> None:
    """And opened with it; alone it closes neither the session nor the parent."""
    client = scene.client()
    derived = client.with_options(scope="a")
    await scene.get(derived)
    await scene.get(client)
    async with derived:
        await scene.get(derived)
    assert (derived.closed, client.closed) == (True, False)
    with pytest.raises(RuntimeError, match="closed"):
        await derived.get(scene.server.url("/things"))
    await scene.get(client)
    assert client.with_options(scope="a") is derived
    await scene.get(derived)
    await client.close()
    assert derived.closed
    assert client.with_options(scope="b").closed
    with pytest.raises(RuntimeError, match="closed"):
        await derived.get(scene.server.url("/things"))
    async with client:
        await scene.get(derived)
    assert not [each for each in recwarn if issubclass(each.category, ResourceWarning)]


@pytest.mark.rule("R077")
async def test_what_is_under_way_is_ended_with_the_parent(scene: Scene) -> None:
    """For all at once."""
    client = scene.client()
    scene.server.token_fault = Fault.slow(30)
    waiting = [asyncio.create_task(scene.get(client.with_options(scope=scope))) for scope in "abc"]
    await scene.server.reached(token_requests=3)
    async with asyncio.timeout(5):
        await client.close()
    for task in waiting:
        with pytest.raises(TokenError, match="closed"):
            await task


@pytest.mark.rule("R077")
async def test_closing_it_ends_no_request_of_the_parent_s(scene: Scene) -> None:
    """Nor the request for metadata that both wait for."""
    client = scene.client()
    scene.server.faults["metadata"] = Fault.slow(0.1)
    own = asyncio.create_task(scene.get(client))
    derived = client.with_options(scope="a")
    theirs = asyncio.create_task(scene.get(derived))
    await scene.server.reached(requests={"metadata": 1})
    await derived.close()
    with pytest.raises(TokenError, match="closed"):
        await theirs
    await own
    await client.close()


@pytest.mark.rule("R078")
def test_it_serves_one_event_loop_after_another() -> None:
    """As its parent does."""

    async def use(client: Client, derived: Client) -> None:
        async with OAuthServer() as server:
            manager = client._token_manager  # noqa: SLF001
            assert isinstance(manager, TokenManager)
            for each in (derived, client):
                with pytest.raises(TokenError):
                    await each.get(server.url("/things"))

    client = Client("id", "secret", "http://127.0.0.1:1/token", retry=Retry(attempts=1))
    derived = client.with_options(scope="a")
    for _ in range(2):
        asyncio.run(use(client, derived))
    asyncio.run(client.close())


async def test_cookies_and_connections_are_shared(scene: Scene) -> None:
    """A derived client is the same user agent."""
    async with scene.client() as client:
        derived = client.with_options(scope="a")
        await scene.get(derived)
        await scene.get(client)
        sessions = [each._sessions.current() for each in (client, derived)]  # noqa: SLF001
        assert sessions[0].connector is sessions[1].connector
        assert sessions[0].cookie_jar is sessions[1].cookie_jar


async def test_origins_are_the_parent_s(scene: Scene) -> None:
    """A token goes nowhere else."""
    async with scene.client(allowed_origins=[scene.server.api_url]) as client:
        await scene.get(client.with_options(scope="a"))
        with pytest.raises(TokenError, match="not in allowed_origins"):
            await client.with_options(scope="a").get(scene.server.other_url)


# Classes of a user's own


async def test_a_manager_without_with_options_is_refused(scene: Scene) -> None:
    """A manager class of a user's own cannot be told what else to request: the error says so."""

    class OldClient(Client):
        token_manager_class = UserManager

    async with OldClient("id", "secret", scene.server.token_endpoint, scope="a") as client:
        with pytest.raises(TokenConfigurationError, match="UserManager has no with_options"):
            client.with_options(scope="b")


async def test_a_class_with_a_with_of_its_own_is_asked(scene: Scene) -> None:
    """What it returns is the derived client's manager."""
    other = UserManager("", "", "", {}, None)

    class Knowing(UserManager):
        def with_options(self, **changes: Any) -> UserManager:
            assert changes["scope"] == "b"
            return other

    class KnowingClient(Client):
        token_manager_class = Knowing

    async with KnowingClient("id", "secret") as client:
        derived = client.with_options(scope="b")
        assert derived._token_manager is other  # noqa: SLF001
        assert client.with_options(scope="b") is derived


async def test_a_subclass_without_with_options_is_refused(scene: Scene) -> None:
    """Its hooks might request the same token whatever the options say."""

    class Own(TokenManager):
        """A subclass."""

    class OwnClient(Client):
        token_manager_class = Own

    async with OwnClient("client-id", "secret", scene.server.token_endpoint) as client:
        with pytest.raises(TokenConfigurationError, match="Own is a subclass of TokenManager"):
            client.with_options(scope="b")
        assert (await scene.get(client))["scope"] is None


async def test_the_implicit_flow_has_one_storage_for_one_scope(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its storage holds one token, so that another scope is refused."""
    monkeypatch.setattr(Client, "token_manager_class", TokenManager)
    await use_implicit_flow(TokenStorage(), open_browser=scene.visitor)
    async with Client("client-id", "", scene.server.token_endpoint, scope="a") as client:
        with pytest.raises(TokenConfigurationError, match="is a subclass of TokenManager"):
            client.with_options(resource="urn:things")
