"""`Client.with_options()`: clients for other tokens that share one session and one login."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
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
from aioalf.caches import Claim, FileCache, MemoryCache, TokenCache
from aioalf.grants import AuthorizationCode, RefreshToken
from aioalf.implicit import TokenStorage, use_implicit_flow
from aioalf.testing import Fault, OAuthServer
from aioalf.token import Token
from tests.support.front import UserManager
from tests.support.signed_in import CACHES, SignedIn, cache_of


class Scene(SignedIn):
    """A server with a signed-in user, its clients, and the requests that it received."""

    def user_client(self, **options: Any) -> Client:
        """Return a client that requests tokens for the user."""
        grant = AuthorizationCode(open_browser=self.visitor)
        return self.client(grant, **{"scope": "a b", **options})

    async def get(self, client: Client) -> Mapping[str, Any]:
        """Send a request, and return the members of the API's response."""
        async with asyncio.timeout(20), client.get(self.server.url("/things")) as response:
            assert response.status == 200, await response.text()
            members: dict[str, Any] = await response.json()
            return members

    @property
    def forms(self) -> list[Mapping[str, str]]:
        """Return the forms of the token requests."""
        return [each.form for each in self.server.log if each.path.endswith("/token")]

    @property
    def sent_refresh_tokens(self) -> list[str]:
        """Return the refresh tokens that the server received, in order."""
        return [form["refresh_token"] for form in self.forms if "refresh_token" in form]

    @property
    def revoked_hints(self) -> list[str]:
        """Return the token type hints of the revocation requests."""
        exchanges = [each for each in self.server.log if each.path.endswith("/revoke")]
        return [each.form["token_type_hint"] for each in exchanges]


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


# Requested tokens


@pytest.mark.rule("R073")
async def test_derived_client_has_its_own_token(scene: Scene, cache: TokenCache | None) -> None:
    """A derived client inherits omitted options, and each client requests its token once."""
    extra_params = {"tenant": "one"}
    async with scene.client(scope="a", extra_params=extra_params, cache=cache) as client:
        for _ in range(3):
            await scene.get(client)
            parent_token = scene.token
            await scene.get(client.with_options(scope="b", resource="urn:things"))
            assert scene.token != parent_token
            await scene.get(client.with_options(audience="them", extra_params={"tenant": "two"}))
    assert [(each["scope"], each.get("resource"), each["tenant"]) for each in scene.forms] == [
        ("a", None, "one"),
        ("b", "urn:things", "one"),
        ("a", None, "two"),
    ]
    assert scene.forms[2]["audience"] == "them"
    assert scene.server.requests["metadata"] == 1


@pytest.mark.rule("R073")
async def test_concurrent_requests_with_other_parameters_share_nothing(
    scene: Scene, cache: TokenCache | None
) -> None:
    """Each set of parameters has its own token request, even while another one is in flight."""
    sets: list[dict[str, Any]] = [
        {},
        {"scope": "b"},
        {"resource": "urn:a"},
        {"audience": "urn:a"},
        {"extra_params": {"a": "b=c"}},
        {"extra_params": {"a=b": "c"}},
    ]
    scene.server.token_fault = Fault.slow(0.05)
    async with scene.client(scope="a", cache=cache) as client:
        derived = [client.with_options(**options) for options in sets]
        await asyncio.gather(*(scene.get(each) for each in derived * 3))
    sent = [frozenset(form.items()) for form in scene.forms]
    assert len(sent) == len(set(sent)) == len(sets)
    tokens = {each.headers["Authorization"] for each in scene.server.log if each.server == "api"}
    assert len(tokens) == len(sets)


@pytest.mark.rule("R028", "R126")
async def test_same_options_return_the_same_client(scene: Scene) -> None:
    """Equal options return the same client, whatever the order of scopes and resources."""
    async with scene.client(scope="a") as client:
        derived = client.with_options(scope="b c", resource=["urn:one", "urn:two"])
        assert derived is client.with_options(resource=["urn:two", "urn:one"], scope=["c", "b"])
        assert derived is client.with_options(scope="b c").with_options(
            resource=("urn:one", "urn:two")
        )
        assert derived is derived.with_options()
        assert derived is not client.with_options(scope="b c")
        assert client.with_options() is client.with_options(scope="a") is not client
        invalid_options: list[dict[str, Any]] = [
            {"resource": "things"},
            {"scope": 5},
            {"extra_params": {"scope": "b"}},
        ]
        for options in invalid_options:
            with pytest.raises(TokenConfigurationError):
                client.with_options(**options)


@pytest.mark.rule("R073")
async def test_dropped_clients_are_created_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients for many callers use a limited amount of memory, and each one still works."""
    monkeypatch.setattr("aioalf._recently_used.LIMIT", 2)
    client = scene.client()
    for tenant in ("a", "b", "c", "a"):
        await scene.get(client.with_options(extra_params={"tenant": tenant}))
        gc.collect()
    assert [form["tenant"] for form in scene.forms] == ["a", "b", "c", "a"]
    await client.close()


async def test_failure_of_one_client_does_not_affect_another(scene: Scene) -> None:
    """A failed or slow token request of one client does not delay the other clients."""
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


async def test_rejected_token_is_renewed_by_its_own_client(scene: Scene) -> None:
    """After a 401 a derived client renews its own token, also with a session of the caller."""
    async with ClientSession() as session:
        for session_argument in (None, session):
            async with scene.client(session=session_argument) as client:
                await scene.get(client)
                derived = client.with_options(scope="b")
                await scene.get(derived)
                scene.server.revoke(scene.token)
                requests = scene.server.token_requests
                await scene.get(derived)
                await scene.get(client)
                assert scene.server.token_requests == requests + 1
                assert scene.forms[-1]["scope"] == "b"


async def test_websocket_uses_the_derived_token(scene: Scene) -> None:
    """A rejected handshake renews the derived token, never the token of the parent."""
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


async def test_middleware_accepts_a_derived_manager(scene: Scene) -> None:
    """`TokenManager.with_options` returns a manager that a middleware accepts."""
    manager = TokenManager(scene.server.token_endpoint, "client-id", "secret")
    middleware = OAuth2Middleware(manager.with_options(scope="b"))
    async with (
        ClientSession(middlewares=[middleware]) as session,
        session.get(scene.server.url("/things")) as response,
    ):
        assert (await response.json())["scope"] == "b"
    await manager.close()
    manager._token_endpoint = None  # noqa: SLF001 - 0.4.0's attribute
    with pytest.raises(TokenConfigurationError, match="Missing token endpoint:"):
        manager.with_options(scope="b")


# Shared login


@pytest.mark.rule("R040", "R043", "R047")
@pytest.mark.parametrize("is_derived_first", [True, False])
@pytest.mark.parametrize("rotates", [True, False])
async def test_one_login_serves_both_clients(
    scene: Scene, cache: TokenCache | None, *, is_derived_first: bool, rotates: bool
) -> None:
    """One sign-in serves both clients, and each refresh sends the latest refresh token."""
    scene.server.rotate_refresh_tokens = rotates
    async with scene.user_client(cache=cache) as client:
        derived = client.with_options(scope="a", resource=scene.server.api_url)
        clients = [client, derived]
        for each in reversed(clients) if is_derived_first else clients:
            await scene.get(each)
        assert (await scene.get(client))["scope"] == "a b"
        assert (await scene.get(derived))["scope"] == "a"
        for _ in range(2):
            scene.server.revoke_all()
            await asyncio.gather(*(scene.get(each) for each in clients))
    assert scene.server.logins == 1
    assert not scene.server.refused
    if rotates:
        assert 0 < len(scene.sent_refresh_tokens) == len(set(scene.sent_refresh_tokens))
    assert {form.get("scope") for form in scene.forms if "refresh_token" in form} == {"a", "a b"}


async def test_tokens_are_found_in_the_cache_after_a_restart(scene: Scene, tmp_path: Path) -> None:
    """A program that starts again takes the tokens of all its clients from the cache."""
    for _ in range(2):
        async with scene.user_client(cache=FileCache(tmp_path / "cache")) as client:
            await scene.get(client)
            await scene.get(client.with_options(scope="a"))
            await scene.get(client.with_options(scope="b"))
    assert (scene.server.logins, scene.server.token_requests) == (1, 3)


async def test_clients_for_the_same_scope_share_a_cache_entry(scene: Scene) -> None:
    """A derived client and a separate client for the same scope share one token."""
    cache = MemoryCache()
    async with scene.client(scope="a", cache=cache) as client:
        await scene.get(client)
        await scene.get(client.with_options(scope="b"))
    async with scene.client(scope="b", cache=cache) as other:
        await scene.get(other)
    assert scene.server.token_requests == 2


async def test_derived_token_is_cached_without_an_issuer(scene: Scene) -> None:
    """Without an issuer, the token endpoint identifies the cache entry."""
    options: dict[str, Any] = {"issuer": None, "token_endpoint": scene.server.token_endpoint}
    cache = MemoryCache()
    for _ in range(2):
        async with scene.client(**options, scope="a", cache=cache) as client:
            await scene.get(client.with_options(scope="b"))
    assert [form["scope"] for form in scene.forms] == ["b"]


class SlowReleaseCache(MemoryCache):
    """A cache that runs a callback between the release of a claim and the holder's next step."""

    def __init__(self) -> None:
        super().__init__()
        self.after_release: list[Callable[[], Awaitable[object]] | None] = []

    async def claim(self, key: str) -> Claim | None:
        """Return a claim that runs the next callback after its release."""
        claim = await super().claim(key)
        return None if claim is None else SlowlyReleasedClaim(claim, self.after_release)


class SlowlyReleasedClaim:
    """A claim of `SlowReleaseCache`."""

    def __init__(
        self, inner: Claim, after_release: list[Callable[[], Awaitable[object]] | None]
    ) -> None:
        self._inner = inner
        self._after_release = after_release

    @property
    def is_held(self) -> bool:
        """Whether the claim was not lost."""
        return self._inner.is_held

    async def replace(self, value: str, ttl: float | None) -> bool:
        """Store a value."""
        return await self._inner.replace(value, ttl)

    async def remove(self) -> bool:
        """Remove the value."""
        return await self._inner.remove()

    async def release(self) -> None:
        """Give the claim back, then run the next callback."""
        await self._inner.release()
        callback = self._after_release.pop(0) if self._after_release else None
        if callback is not None:
            await callback()


@pytest.mark.parametrize("release_number", [1, 2])
async def test_login_stored_meanwhile_is_used(scene: Scene, release_number: int) -> None:
    """If another caller signs in meanwhile, the user is not asked to sign in again."""
    cache = SlowReleaseCache()
    async with scene.user_client(cache=cache) as client:

        async def sign_in() -> None:
            if not scene.server.logins:
                await scene.get(client)

        cache.after_release = [*[None] * (release_number - 1), sign_in]
        await scene.get(client.with_options(scope="a"))
    assert (scene.server.logins, scene.server.token_requests) == (1, 2)


@pytest.mark.rule("R042")
async def test_scope_that_was_not_granted_raises_without_a_request(
    scene: Scene, cache: TokenCache | None
) -> None:
    """A scope that the user did not grant raises; a service can request any scope."""
    async with scene.user_client(cache=cache) as client:
        await scene.get(client)
        requests = scene.server.token_requests
        with pytest.raises(ScopeNotGrantedError, match=r"scope c d.*sign in again") as caught:
            await scene.get(client.with_options(scope="a c d"))
        assert caught.value.missing == {"c", "d"}
        assert scene.server.token_requests == requests
        await scene.get(client)
    async with scene.client(scope="a", cache=cache) as service:
        await scene.get(service)
        assert (await scene.get(service.with_options(scope="c")))["scope"] == "c"


@pytest.mark.rule("R045")
async def test_revoked_login_causes_one_new_sign_in(scene: Scene, cache: TokenCache | None) -> None:
    """The parent signs in again for all clients, although its own token is still valid."""
    async with scene.user_client(cache=cache) as client:
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
async def test_revoked_given_refresh_token_requires_a_login(scene: Scene) -> None:
    """If the given refresh token was revoked, both clients raise LoginRequiredError."""
    tokens: list[Token] = []
    async with scene.user_client(on_token=tokens.append) as client:
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
async def test_given_refresh_token_serves_both_clients(scene: Scene, *, rotates: bool) -> None:
    """If the server does not rotate refresh tokens, the given one is sent each time."""
    tokens: list[Token] = []
    async with scene.user_client(on_token=tokens.append) as client:
        await scene.get(client)
    scene.server.rotate_refresh_tokens = rotates
    refresh_token = str(tokens[0].refresh_token)
    async with scene.client(RefreshToken(refresh_token), scope="a b") as client:
        assert (await scene.get(client.with_options(scope="a")))["scope"] == "a"
        assert (await scene.get(client))["scope"] == "a b"
        with pytest.raises(ScopeNotGrantedError):
            await scene.get(client.with_options(scope="c"))
    assert scene.server.logins == 1
    assert (set(scene.sent_refresh_tokens) == {refresh_token}) != rotates


async def test_without_refresh_tokens_each_client_signs_in(
    scene: Scene, cache: TokenCache | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without refresh tokens each client signs in when it needs a token."""
    monkeypatch.setattr("aioalf._renewing_token.PAUSE_AFTER_REFUSAL", 0.0)
    scene.server.refresh_tokens = False
    async with scene.user_client(cache=cache) as client:
        derived = client.with_options(scope="c")
        await scene.get(client)
        assert scene.server.logins == 1
        for logins in (2, 3):
            assert (await scene.get(derived))["scope"] == "c"
            assert scene.server.logins == logins
            scene.server.revoke(scene.token)
        await scene.get(client)
    async with scene.user_client() as client:
        await scene.get(client.with_options(scope="c"))
        await scene.get(client)
    assert scene.server.logins == 5


@pytest.mark.rule("R045")
async def test_login_that_ended_has_the_words_of_the_server(scene: Scene) -> None:
    """The error needs no look at its cause: the claims of Entra, for example, are needed."""
    members = {"error": "interaction_required", "error_description": "MFA", "claims": "{}"}
    scene.server.token_fault = Fault.body(json.dumps(members).encode(), status=400)
    async with scene.client(RefreshToken("given")) as client:
        with pytest.raises(LoginRequiredError) as caught:
            await client.token()
    error = caught.value
    assert (error.error, error.error_description) == ("interaction_required", "MFA")
    assert (error.claims, error.response_data) == ("{}", members)


@pytest.mark.rule("R045")
async def test_refresh_token_rejected_at_once_causes_no_loop(scene: Scene) -> None:
    """If new refresh tokens are rejected too, LoginRequiredError is raised."""
    async with scene.user_client() as client:
        scene.server.refresh_token_lifetime = 0
        with pytest.raises(LoginRequiredError, match="its login ended while"):
            await scene.get(client.with_options(scope="a"))
    assert scene.server.logins <= 3


@pytest.mark.rule("R040", "R044")
async def test_refresh_token_of_an_unusable_response_is_kept(
    scene: Scene, cache: TokenCache | None
) -> None:
    """The next refresh sends the refresh token of a response whose access token is unusable."""
    async with scene.user_client(cache=cache) as client:
        await scene.get(client)
        token_response = {"access_token": "x", "token_type": "mac", "refresh_token": "the-next-one"}
        scene.server.token_fault = Fault.body(json.dumps(token_response).encode()).times(1)
        with pytest.raises(TokenError, match="mac"):
            await scene.get(client.with_options(scope="a"))
        scene.server.revoke_all()
        await scene.get(client)
    assert scene.sent_refresh_tokens[-1] == "the-next-one"


async def test_on_token_is_called_with_derived_tokens(scene: Scene) -> None:
    """`on_token` is called with the tokens of derived clients too."""
    tokens: list[Token] = []
    async with scene.user_client(on_token=tokens.append) as client:
        await scene.get(client.with_options(scope="a"))
    assert [token.scope for token in tokens] == [frozenset("ab"), frozenset("a")]


# Logout and close


@pytest.mark.rule("R083", "R160")
@pytest.mark.parametrize("is_derived_logged_out", [True, False])
async def test_logout_of_either_client_ends_the_login_of_both(
    scene: Scene, cache: TokenCache | None, *, is_derived_logged_out: bool
) -> None:
    """A logout revokes each token once, and token requests in flight end with a TokenError."""
    server = scene.server
    async with scene.user_client(cache=cache) as client:
        derived = client.with_options(scope="a")
        await scene.get(client)
        await scene.get(derived)
        tokens = [scene.token]
        await (derived if is_derived_logged_out else client).logout()
        assert scene.revoked_hints == ["refresh_token", "access_token", "access_token"]
        await scene.get(derived)
        assert scene.token not in tokens
        await scene.get(client)
        assert server.logins == 2
        server.revoke_all()
        server.token_fault = Fault.slow(0.3)
        waiting = [asyncio.create_task(scene.get(each)) for each in (client, derived)]
        await server.reached(token_requests=scene.server.token_requests + 1)
        await (derived if is_derived_logged_out else client).logout()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(error, TokenError) for error in results), results
        server.token_fault = None
        await scene.get(derived)
        assert server.logins == 3
    assert not server.refused


@pytest.mark.rule("R160")
async def test_logout_of_a_service_removes_all_cache_entries(scene: Scene, tmp_path: Path) -> None:
    """The tokens of all derived clients are revoked and removed from the cache."""
    cache = FileCache(tmp_path / "cache")
    async with scene.client(cache=cache) as client:
        for scope in ("a", "b"):
            await scene.get(client.with_options(scope=scope))
        assert len(list((tmp_path / "cache").glob("*.json"))) == 2
        await client.with_options(scope="a").logout()
    assert not list((tmp_path / "cache").glob("*.json"))
    assert scene.revoked_hints == ["access_token"] * 2


@pytest.mark.rule("R077")
async def test_closing_the_parent_closes_the_derived_client(
    scene: Scene, recwarn: pytest.WarningsRecorder
) -> None:
    """Closing a parent closes its derived clients, but not the other way round."""
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
async def test_closing_the_parent_ends_token_requests_in_flight(scene: Scene) -> None:
    """The token requests of all derived clients end with a TokenError."""
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
async def test_closing_a_derived_client_keeps_requests_of_the_parent(scene: Scene) -> None:
    """After a derived client is closed, its parent still gets the metadata that both wait for."""
    client = scene.client()
    scene.server.faults["metadata"] = Fault.slow(0.1)
    parent_request = asyncio.create_task(scene.get(client))
    derived = client.with_options(scope="a")
    derived_request = asyncio.create_task(scene.get(derived))
    await scene.server.reached(requests={"metadata": 1})
    await derived.close()
    with pytest.raises(TokenError, match="closed"):
        await derived_request
    await parent_request
    await client.close()


@pytest.mark.rule("R078")
def test_derived_client_works_in_one_event_loop_after_another() -> None:
    """A derived client, like its parent, may be used in one event loop after another."""

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


async def test_connector_and_cookie_jar_are_shared(scene: Scene) -> None:
    """A derived client uses the connector and the cookie jar of its parent."""
    async with scene.client() as client:
        derived = client.with_options(scope="a")
        await scene.get(derived)
        await scene.get(client)
        sessions = [each._sessions.current() for each in (client, derived)]  # noqa: SLF001
        assert sessions[0].connector is sessions[1].connector
        assert sessions[0].cookie_jar is sessions[1].cookie_jar


async def test_derived_client_has_the_allowed_origins_of_its_parent(scene: Scene) -> None:
    """A derived client rejects requests to other origins."""
    async with scene.client(allowed_origins=[scene.server.api_url]) as client:
        await scene.get(client.with_options(scope="a"))
        with pytest.raises(TokenError, match="not in allowed_origins"):
            await client.with_options(scope="a").get(scene.server.other_url)


# Custom manager classes


async def test_manager_without_with_options_is_rejected(scene: Scene) -> None:
    """The error names the custom manager class that has no `with_options()`."""

    class OldClient(Client):
        token_manager_class = UserManager

    async with OldClient("id", "secret", scene.server.token_endpoint, scope="a") as client:
        with pytest.raises(TokenConfigurationError, match="UserManager has no with_options"):
            client.with_options(scope="b")


async def test_with_options_of_a_custom_manager_is_called(scene: Scene) -> None:
    """The derived client uses the manager that a custom `with_options()` returns."""
    other = UserManager("", "", "", {}, None)

    class CustomManager(UserManager):
        def with_options(self, **changes: Any) -> UserManager:
            assert changes["scope"] == "b"
            return other

    class CustomClient(Client):
        token_manager_class = CustomManager

    async with CustomClient("id", "secret") as client:
        derived = client.with_options(scope="b")
        assert derived._token_manager is other  # noqa: SLF001
        assert client.with_options(scope="b") is derived


async def test_manager_subclass_without_with_options_is_rejected(scene: Scene) -> None:
    """A subclass must define `with_options()`, since its hooks may ignore the options."""

    class Own(TokenManager):
        """A subclass without `with_options()`."""

    class OwnClient(Client):
        token_manager_class = Own

    async with OwnClient("client-id", "secret", scene.server.token_endpoint, scope="a") as client:
        with pytest.raises(TokenConfigurationError, match="Own is a subclass of TokenManager"):
            client.with_options(scope="b")
        assert (await scene.get(client))["scope"] == "a"


async def test_implicit_flow_rejects_other_options(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The storage of the implicit flow holds one token, so other options raise."""
    monkeypatch.setattr(Client, "token_manager_class", TokenManager)
    await use_implicit_flow(TokenStorage(), open_browser=scene.visitor)
    async with Client("client-id", "", scene.server.token_endpoint, scope="a") as client:
        with pytest.raises(TokenConfigurationError, match="is a subclass of TokenManager"):
            client.with_options(resource="urn:things")
