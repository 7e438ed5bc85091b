"""`Client(issuer=...)` with each grant: metadata, tokens, refreshes and caches, on real sockets."""

import asyncio
import json
import re
import ssl
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
import trustme
from joserfc.jwk import ECKey

from aioalf import (
    Client,
    InsecureTransportWarning,
    LoginRequiredError,
    MetadataError,
    Renewal,
    TokenConfigurationError,
    TokenError,
    TokenHTTPError,
    TokenManager,
)
from aioalf.caches import FileCache, MemoryCache, TokenCache
from aioalf.client_auth import ClientSecretBasic, TLSClientAuth
from aioalf.grants import (
    ACCESS_TOKEN,
    AuthorizationCode,
    ClientCredentials,
    DeviceCode,
    Grant,
    JWTBearer,
    Prompt,
    RefreshToken,
    TokenExchange,
)
from aioalf.testing import MISSING, Fault, OAuthServer
from aioalf.token import Token
from tests.grants.visitor import Visitor
from tests.support.clocks import Clock
from tests.support.signed_in import failing_at_once
from tests.support.tls import client_context, server_context

pytestmark = pytest.mark.usefixtures("fast_device")

KEY = ECKey.generate_key("P-256")
PUBLIC_KEY = dict(KEY.as_dict(private=False))
SECRET = "a secret of at least thirty-two bytes"
PEM = KEY.as_pem(private=True).decode()

TICKET = re.compile(r'name="ticket"[^>]*value="([^"]+)"')


class SignInVisitor(Visitor):
    """A visitor that signs in at the login page and follows the redirect."""

    async def _visit(self, url: str) -> None:
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as page:
                ticket = TICKET.search(await page.text())
            assert ticket is not None, "no login page"
            form = {"ticket": ticket[1], "username": "Ada", "decision": "sign-in"}
            async with session.post(url, data=form) as page:
                self.statuses.append(page.status)


class ClientWithManager(Client):
    """A client that gives a test access to its manager."""

    @property
    def manager(self) -> TokenManager:
        """Return the token manager."""
        assert isinstance(self._token_manager, TokenManager)
        return self._token_manager


class Scene:
    """A server, and the grants and clients that the tests need."""

    def __init__(self, server: OAuthServer) -> None:
        self.server = server
        self.visitor = SignInVisitor()
        server.device_interval = 0.01
        server.device_slow_down = False

    def client(self, grant: Grant | None = None, **options: Any) -> ClientWithManager:
        """Return a client of the server that neither retries nor backs off."""
        return ClientWithManager(**{**failing_at_once(self.server, grant), **options})

    async def grant(self, name: str) -> Grant:
        """Return a grant of this kind for which the server issues tokens."""
        match name:
            case "code":
                return AuthorizationCode(open_browser=self.visitor)
            case "device":
                return DeviceCode(self._approve)
            case "exchange":
                self.server.add_subject_token("theirs", "Ada")
                return TokenExchange("theirs", ACCESS_TOKEN)
            case "given":
                return RefreshToken(await self.refresh_token())
            case "jwt":
                self.server.trust_assertions("https://idp.example", PUBLIC_KEY)
                return JWTBearer(PEM, algorithm="ES256", issuer="https://idp.example")
            case _:
                return ClientCredentials()

    async def refresh_token(self) -> str:
        """Return a refresh token that another client received."""
        tokens: list[Token] = []
        grant = AuthorizationCode(open_browser=self.visitor)
        async with self.client(grant, on_token=tokens.append, scope="a b") as client:
            await get(client, self.server)
        await self.visitor.done()
        self.server.reset_counters()
        return str(tokens[0].refresh_token)

    @property
    def sent_refresh_tokens(self) -> list[str]:
        """Return the refresh tokens that the server received, in order."""
        forms = (exchange.form for exchange in self.server.log)
        return [form["refresh_token"] for form in forms if "refresh_token" in form]

    def is_each_sent_once(self) -> bool:
        """Tell whether refresh tokens were sent, and none of them twice."""
        return 0 < len(self.sent_refresh_tokens) == len(set(self.sent_refresh_tokens))

    async def _approve(self, prompt: Prompt) -> None:
        self.server.approve(prompt.user_code)


async def get(client: Client, server: OAuthServer) -> Mapping[str, Any]:
    """Send an authorized request, and return the members of the API's response."""
    async with asyncio.timeout(20), client.get(server.url("/things")) as response:
        assert response.status == 200, await response.text()
        members: dict[str, Any] = await response.json()
        return members


@pytest.fixture
async def scene(oauth_server: OAuthServer) -> AsyncIterator[Scene]:
    """Yield a scene, and wait for its browser after the test."""
    scene = Scene(oauth_server)
    yield scene
    await scene.visitor.done()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the clock of the package."""
    return Clock(monkeypatch)


NAMES = {
    "service": "client_credentials",
    "code": "authorization_code",
    "device": "urn:ietf:params:oauth:grant-type:device_code",
    "exchange": "urn:ietf:params:oauth:grant-type:token-exchange",
    "given": "refresh_token",
    "jwt": "urn:ietf:params:oauth:grant-type:jwt-bearer",
}
LOGINS = ("code", "device")
REFRESHING = (*LOGINS, "given")


# Token requests


@pytest.mark.rule("R047", "R120", "R123")
@pytest.mark.parametrize("name", NAMES)
async def test_each_grant_authorizes_requests(scene: Scene, name: str) -> None:
    """Three requests read the metadata once, request one token and are accepted."""
    async with scene.client(await scene.grant(name)) as client:
        responses = [await get(client, scene.server) for _ in range(3)]
    assert {response["client_id"] for response in responses} == {"client-id"}
    assert scene.server.granted == {NAMES[name]: 1}
    assert scene.server.requests["metadata"] == 1


async def test_endpoints_replace_the_metadata(scene: Scene) -> None:
    """With `endpoints` no issuer is needed and no metadata is requested, also with a cache."""
    endpoints = {
        name: getattr(scene.server, name)
        for name in ("token_endpoint", "authorization_endpoint", "device_authorization_endpoint")
    }
    scene.server.iss_parameter = False
    for name in (*LOGINS, "service"):
        options = {"issuer": None, "endpoints": endpoints, "cache": MemoryCache()}
        async with scene.client(await scene.grant(name), **options) as client:
            await get(client, scene.server)
    assert scene.server.requests["metadata"] == 0


@pytest.mark.rule("R123")
async def test_given_endpoints_override_the_metadata(scene: Scene) -> None:
    """Endpoints passed to the client override the endpoints of the metadata."""
    unused = "https://unused.example"
    scene.server.changes["metadata"] = {
        "token_endpoint": unused,
        "authorization_endpoint": unused,
    }
    given = {"authorization_endpoint": scene.server.authorization_endpoint}
    for options in (
        {"token_endpoint": scene.server.token_endpoint, "endpoints": given},
        {"endpoints": {**given, "token_endpoint": scene.server.token_endpoint}},
    ):
        async with scene.client(await scene.grant("code"), **options) as client:
            await get(client, scene.server)


@pytest.mark.parametrize(
    ("name", "missing"),
    [("code", "authorization_endpoint"), ("device", "device_authorization_endpoint")],
)
async def test_missing_endpoint_is_named(scene: Scene, name: str, missing: str) -> None:
    """The error names the missing endpoint and either the option to pass or the issuer."""
    grant = await scene.grant(name)
    options = {"issuer": None, "token_endpoint": scene.server.token_endpoint}
    async with scene.client(grant, **options) as client:
        with pytest.raises(TokenConfigurationError, match=f"pass issuer, or endpoints=.*{missing}"):
            await client.get(scene.server.url("/"))
    scene.server.changes["metadata"] = {missing: MISSING}
    async with scene.client(grant) as client:
        words = missing.replace("_", " ")
        with pytest.raises(TokenConfigurationError, match=f"Missing {words}: the issuer's"):
            await client.get(scene.server.url("/"))
    assert scene.server.token_requests == 0


@pytest.mark.rule("R122", "R123")
@pytest.mark.parametrize(
    "members",
    [
        {"issuer": "https://evil.example"},
        {"issuer": MISSING},
        {"token_endpoint": "http://evil.example/token"},
        {"token_endpoint": 5},
        {"token_endpoint": "/token"},
        {"token_endpoint": "https://a:b@evil.example/token"},
    ],
    ids=str,
)
async def test_invalid_metadata_is_rejected(scene: Scene, members: dict[str, Any]) -> None:
    """No secret is sent if the metadata has another issuer or an unsafe token endpoint."""
    scene.server.changes["metadata"] = members
    async with scene.client() as client:
        with pytest.raises(MetadataError):
            await client.get(scene.server.url("/"))
    assert scene.server.token_requests == scene.server.api_requests == 0


# Client authentication


@pytest.mark.parametrize(
    ("listed", "secret", "used"),
    [
        (["client_secret_post", "client_secret_basic"], SECRET, "client_secret_basic"),
        (["client_secret_post", "client_secret_jwt"], SECRET, "client_secret_post"),
        (["client_secret_jwt", "none"], SECRET, "client_secret_jwt"),
        (["client_secret_basic", "none"], None, "none"),
    ],
)
@pytest.mark.rule("R005", "R008", "R009")
async def test_client_authentication_follows_the_metadata(
    scene: Scene, listed: list[str], secret: str | None, used: str
) -> None:
    """The client uses a listed method at each endpoint; without a secret it is a public client."""
    scene.server.client_auth_methods = listed
    scene.server.add_client("app", secret, auth_methods=[used])
    scene.server.changes["metadata"] = {"token_endpoint_auth_methods_supported": listed}
    grant = await scene.grant("device")
    async with scene.client(grant, client_id="app", client_secret=secret) as client:
        await get(client, scene.server)
        scene.server.revoke_all()
        await get(client, scene.server)
    sent = [exchange for exchange in scene.server.log if exchange.method == "POST"]
    assert len(sent) == 3
    for exchange in sent:
        assert ("Authorization" in exchange.headers) is (used == "client_secret_basic")
        assert ("client_secret" in exchange.form) is (used == "client_secret_post")
        assert ("client_assertion" in exchange.form) is (used == "client_secret_jwt")


async def test_client_auth_argument_overrides_the_metadata(
    scene: Scene,
) -> None:
    """`client_auth` is used even if the metadata does not list it."""
    listed = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    scene.server.changes["metadata"] = listed
    async with scene.client(client_auth=ClientSecretBasic()) as client:
        await get(client, scene.server)
    (request,) = [exchange for exchange in scene.server.log if exchange.method == "POST"]
    assert "Authorization" in request.headers


@pytest.mark.rule("R124")
async def test_mtls_client_uses_the_mtls_endpoint_aliases() -> None:
    """Requests with a certificate use the aliases; metadata and the browser need none."""
    authority = trustme.CA()
    server_tls, client_tls = server_context(authority), client_context(authority)
    authority.configure_trust(server_tls)
    server_tls.verify_mode = ssl.CERT_REQUIRED
    authority.issue_cert("client.example.com").configure_cert(client_tls)
    async with OAuthServer(mtls_context=server_tls) as server:
        scene = Scene(server)
        server.add_client("app", certificate_name="client.example.com")
        options = {
            "client_id": "app",
            "client_secret": None,
            "client_auth": TLSClientAuth(client_tls),
        }
        for name in ("service", *LOGINS):
            async with scene.client(await scene.grant(name), **options) as client:
                await get(client, server)
                server.revoke_all()
                await get(client, server)
        await scene.visitor.done()
        assert server.granted["refresh_token"] == 2


async def test_unsupported_client_authentication_raises(scene: Scene) -> None:
    """If the server accepts no secret, the error lists the methods that it accepts."""
    scene.server.changes["metadata"] = {
        "token_endpoint_auth_methods_supported": ["tls_client_auth"]
    }
    async with scene.client() as client:
        with pytest.raises(TokenConfigurationError, match=r"tls_client_auth.*pass client_auth"):
            await client.get(scene.server.url("/"))


async def test_client_credentials_require_a_secret(scene: Scene) -> None:
    """The client credentials grant is for confidential clients (RFC 6749 §4.4)."""
    async with scene.client(client_secret=None) as client:
        with pytest.raises(TokenConfigurationError, match="Missing client_secret"):
            await client.get(scene.server.url("/"))


@pytest.mark.rule("R031")
@pytest.mark.parametrize("fault", [Fault.html(), Fault.wrong_json([]), Fault.status(503)])
async def test_failed_device_authorization_request_raises(scene: Scene, fault: Fault) -> None:
    """The error names the endpoint, and no token request is sent."""
    scene.server.faults["device_authorization"] = fault
    async with scene.client(await scene.grant("device"), raise_token_errors=True) as client:
        with pytest.raises(TokenError, match="The device authorization endpoint"):
            await client.get(scene.server.url("/"))
    assert scene.server.token_requests == 0


# Refresh and renewal


@pytest.mark.rule("R040", "R043", "R047")
@pytest.mark.parametrize("rotates", [True, False])
@pytest.mark.parametrize("name", REFRESHING)
async def test_expired_or_revoked_token_is_refreshed(
    scene: Scene, clock: Clock, name: str, *, rotates: bool
) -> None:
    """No new sign-in is needed, whether or not the server rotates refresh tokens."""
    scene.server.rotate_refresh_tokens = rotates
    async with scene.client(await scene.grant(name), cache=None) as client:
        await get(client, scene.server)
        clock.now += 4000
        await get(client, scene.server)
        scene.server.revoke_all()
        await get(client, scene.server)
    assert scene.server.granted["refresh_token"] == 2 + (name == "given")
    assert scene.server.logins == (name in LOGINS)
    assert scene.is_each_sent_once() is rotates
    assert not scene.server.refused


@pytest.mark.rule("R011")
@pytest.mark.parametrize("name", ["service", "exchange", "jwt"])
async def test_grants_without_refresh_token_repeat_the_token_request(
    scene: Scene, clock: Clock, name: str
) -> None:
    """Grants that need no user send the same token request again."""
    async with scene.client(await scene.grant(name)) as client:
        await get(client, scene.server)
        clock.now += 4000
        await get(client, scene.server)
        scene.server.revoke_all()
        await get(client, scene.server)
    assert scene.server.granted == {NAMES[name]: 3}


@pytest.mark.rule("R045")
@pytest.mark.parametrize("name", LOGINS)
async def test_rejected_refresh_token_causes_one_new_sign_in(scene: Scene, name: str) -> None:
    """After `invalid_grant`, a grant that can sign in a user does so once."""
    async with scene.client(await scene.grant(name)) as client:
        await get(client, scene.server)
        scene.server.revoke_refresh_tokens()
        scene.server.revoke_all()
        await get(client, scene.server)
    assert scene.server.logins == 2
    assert scene.server.refused["invalid_grant"] == 1


@pytest.mark.rule("R045")
@pytest.mark.parametrize("is_used", [True, False])
async def test_rejected_given_refresh_token_requires_a_login(
    scene: Scene, *, is_used: bool
) -> None:
    """After the rejection, LoginRequiredError is raised without a request."""
    async with scene.client(await scene.grant("given")) as client:
        if is_used:
            await get(client, scene.server)
            scene.server.revoke_all()
        scene.server.revoke_refresh_tokens()
        for _ in range(3):
            with pytest.raises(LoginRequiredError) as caught:
                await client.get(scene.server.url("/"))
            assert isinstance(caught.value.__cause__, TokenHTTPError | None)
    assert scene.server.token_requests == 1 + is_used


@pytest.mark.rule("R033", "R044")
@pytest.mark.parametrize(
    "fault",
    [
        Fault.status(503),
        Fault.html(status=500),
        Fault.too_many_requests(0),
        Fault.hang_up(),
        Fault.html(),
        Fault.oauth_error("invalid_request"),
    ],
    ids=lambda fault: fault.kind,
)
async def test_failed_refresh_keeps_the_refresh_token(scene: Scene, fault: Fault) -> None:
    """After a failure of the server the next refresh succeeds without a new sign-in."""
    async with scene.client(await scene.grant("code"), raise_token_errors=True) as client:
        await get(client, scene.server)
        scene.server.revoke_all()
        scene.server.token_fault = fault.times(1)
        with pytest.raises(TokenError):
            await client.get(scene.server.url("/"))
        await get(client, scene.server)
    assert (scene.server.logins, scene.server.granted["refresh_token"]) == (1, 1)


@pytest.mark.rule("R042")
async def test_refresh_requests_the_granted_scope(scene: Scene) -> None:
    """If the server granted less scope than requested, a refresh requests the granted scope."""
    scene.server.changes["token"] = {"scope": "read"}
    async with scene.client(await scene.grant("code"), scope="read write") as client:
        await get(client, scene.server)
        scene.server.changes["token"] = {"scope": MISSING}
        for _ in range(2):
            scene.server.revoke_all()
            await get(client, scene.server)
    forms = [exchange.form for exchange in scene.server.log if "refresh_token" in exchange.form]
    assert [form["scope"] for form in forms] == ["read", "read"]


@pytest.mark.rule("R016", "R126")
@pytest.mark.parametrize("name", ["service", "code", "device", "exchange", "given", "jwt"])
async def test_request_parameters_are_sent_with_each_token_request(scene: Scene, name: str) -> None:
    """Scope, resources, audiences and extra parameters are sent first and with each refresh."""
    resources = ("https://api.example.com/a", "https://api.example.com/b")
    requested = {"resource": resources, "audience": ("x", "y"), "scope": "a b"}
    grant = await scene.grant(name)
    async with scene.client(grant, extra_params={"tenant": "one"}, **requested) as client:
        members = await get(client, scene.server)
        scene.server.revoke_all()
        assert (await get(client, scene.server))["scope"] == members["scope"] == "a b"
    sent = [
        parse_qs(exchange.body.text)
        for exchange in scene.server.log
        if "grant_type" in exchange.form and exchange.body.text
    ]
    assert len(sent) == 2
    for form in sent:
        assert form["resource"] == list(resources)
        assert form["audience"] == ["x", "y"]
        assert (form["scope"], form["tenant"]) == (["a b"], ["one"])


# Refreshes in flight


@pytest.mark.rule("R044")
async def test_cancelled_caller_does_not_lose_the_login(scene: Scene) -> None:
    """The refresh of a cancelled caller continues, and the next caller gets its token."""
    server = scene.server
    async with scene.client(await scene.grant("code")) as client:
        await get(client, server)
        server.revoke_all()
        server.token_fault = Fault.slow(0.1).times(1)
        caller = asyncio.create_task(get(client, server))
        await server.reached(token_requests=2)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await get(client, server)
    assert (server.token_requests, server.logins) == (2, 1)


@pytest.mark.rule("R043", "R044")
@pytest.mark.parametrize("kind", ["none", "memory", "file"])
@pytest.mark.parametrize("action", ["close", "reset"])
async def test_refresh_in_flight_survives_close_and_reset(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, action: str
) -> None:
    """No refresh token is lost or sent twice, and no task and no warning is left."""
    cache = {"memory": MemoryCache(), "file": FileCache(tmp_path / "c")}.get(kind)
    server = scene.server
    client = scene.client(await scene.grant("code"), cache=cache)
    await get(client, server)
    await scene.visitor.done()
    server.revoke_all()
    server.token_fault = Fault.slow(0.1).times(1)
    caller = asyncio.create_task(get(client, server))
    await server.reached(token_requests=2)
    if action == "close":
        await client.close()
        with pytest.raises(TokenError, match="closed"):
            await caller
    else:
        await client.manager.reset_token()
    async with client:
        await get(client, server)
        await asyncio.gather(caller, return_exceptions=True)
        server.revoke_all()
        await get(client, server)
    assert scene.is_each_sent_once()
    assert (server.logins, dict(server.refused)) == (1, {})
    assert not caplog.records


async def test_close_ends_a_refresh_that_waits_for_metadata(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`close()` does not wait if the refresh token was not sent yet."""
    monkeypatch.setattr("aioalf._auth_server.metadata_cache.FRESH", -1.0)
    client = scene.client(await scene.grant("code"))
    await get(client, scene.server)
    scene.server.revoke_all()
    scene.server.faults["metadata"] = Fault.slow(30)
    requests_before = scene.server.requests["metadata"]
    caller = asyncio.create_task(get(client, scene.server))
    await scene.server.reached(requests={"metadata": requests_before + 1})
    async with asyncio.timeout(5):
        await client.close()
        with pytest.raises(TokenError, match="closed"):
            await caller
    scene.server.faults["metadata"] = None
    async with client:
        await get(client, scene.server)
    assert scene.server.logins == 1


# Caches


@pytest.mark.rule("R043", "R079")
@pytest.mark.parametrize("name", LOGINS)
async def test_clients_with_one_cache_sign_in_and_refresh_once(
    scene: Scene, tmp_path: Path, name: str
) -> None:
    """A program that is started twice signs in once."""
    caches: list[tuple[TokenCache, TokenCache]] = [
        (FileCache(tmp_path / "c"), FileCache(tmp_path / "c")),
        (memory := MemoryCache(), memory),
    ]
    for number, both in enumerate(caches, 1):
        one, two = [scene.client(await scene.grant(name), cache=cache) for cache in both]
        async with one, two:
            await asyncio.gather(get(one, scene.server), get(two, scene.server))
            assert scene.server.logins == number
            scene.server.revoke_all()
            await asyncio.gather(get(one, scene.server), get(two, scene.server))
        assert scene.server.granted["refresh_token"] == number


async def test_cached_token_is_renewed_ahead_of_expiry(scene: Scene, clock: Clock) -> None:
    """One renewal runs in the background and does not return the old token from the cache."""
    options = {"cache": MemoryCache(), "renewal": Renewal(before_expiry=300)}
    async with scene.client(await scene.grant("code"), **options) as client:
        first = await get(client, scene.server)
        clock.now += 3590
        assert await get(client, scene.server) == first
        await scene.server.reached(token_requests=2)
        while (second := await get(client, scene.server)) == first:
            pass
        assert await get(client, scene.server) == second
    assert scene.server.token_requests == 2


@pytest.mark.rule("R046")
async def test_cache_separates_authorization_servers(scene: Scene, tmp_path: Path) -> None:
    """A refresh token is sent only to the authorization server that issued it."""
    cache = FileCache(tmp_path / "c")
    async with OAuthServer() as other:
        other_scene = Scene(other)
        async with (
            scene.client(await scene.grant("code"), cache=cache) as one,
            other_scene.client(await other_scene.grant("code"), cache=cache) as two,
        ):
            for _ in range(2):
                await get(one, scene.server)
                await get(two, other)
                scene.server.revoke_all()
                other.revoke_all()
        await other_scene.visitor.done()
        assert len(scene.sent_refresh_tokens) == len(other_scene.sent_refresh_tokens) == 1
        assert not other.refused
        assert not scene.server.refused


def test_unusable_cache_is_rejected_on_creation(scene: Scene) -> None:
    """A cache class, or a cache for a subject that no cache key can identify, raises."""
    with pytest.raises(TokenConfigurationError, match="cache must be an object, not a class"):
        scene.client(cache=MemoryCache)
    for tokens in ({"subject_token": str}, {"subject_token": "a", "actor_token": str}):
        types = {f"{name}_type": ACCESS_TOKEN for name in tokens}
        grant = TokenExchange(**tokens, **types)
        with pytest.raises(TokenConfigurationError, match="cache cannot be used with"):
            scene.client(grant, cache=MemoryCache())


@pytest.mark.rule("R081", "R157")
async def test_cache_separates_subjects(scene: Scene) -> None:
    """A cached token is used only by clients for the same subject."""
    cache = MemoryCache()
    scene.server.trust_assertions("https://idp.example", PUBLIC_KEY)

    def bearer(subject: str) -> Grant:
        return JWTBearer(PEM, algorithm="ES256", issuer="https://idp.example", subject=subject)

    for name in ("Ada", "Bob"):
        scene.server.add_subject_token(f"token of {name}", name)
        for grant in (bearer(name), TokenExchange(f"token of {name}", ACCESS_TOKEN)):
            for _ in range(2):
                async with scene.client(grant, cache=cache) as client:
                    assert (await get(client, scene.server))["user"] == name
    assert scene.server.token_requests == 4


@pytest.mark.rule("R157")
async def test_cached_token_expires_with_its_subject_token(scene: Scene, clock: Clock) -> None:
    """The cache keeps an exchanged token no longer than its subject token is valid."""
    claims = json.dumps({"exp": time.time() + 90}).encode()
    subject = f"e30.{urlsafe_b64encode(claims).decode().rstrip('=')}.e30"
    scene.server.add_subject_token(subject, "Ada")
    lifetimes: list[float | None] = []

    class LifetimeRecordingCache(MemoryCache):
        """A cache that records the lifetimes of its entries."""

        async def set(self, key: str, value: str, ttl: float | None) -> None:
            lifetimes.append(ttl)
            await super().set(key, value, ttl)

    async with scene.client(
        TokenExchange(subject, ACCESS_TOKEN), cache=LifetimeRecordingCache()
    ) as client:
        await get(client, scene.server)
    [lifetime] = lifetimes
    assert lifetime is not None
    assert 80 < lifetime <= 90


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"endpoints": ["https://auth.example.com"]}, "endpoints must be a Mapping"),
        ({"on_token": "print"}, "on_token must be callable, not str"),
        ({"issuer": ""}, "issuer must be an absolute https URL"),
    ],
)
def test_invalid_option_is_named_on_creation(options: dict[str, Any], problem: str) -> None:
    """The error names the invalid option."""
    with pytest.raises(TokenConfigurationError, match=problem):
        Client("id", "secret", **options)


@pytest.mark.rule("R013", "R046")
@pytest.mark.parametrize("grant", [AuthorizationCode(), DeviceCode(), RefreshToken("r")])
@pytest.mark.parametrize("as_endpoint", [True, False])
def test_plain_http_token_endpoint_is_rejected_with_refresh_tokens(
    grant: Grant, *, as_endpoint: bool
) -> None:
    """A client that would send refresh tokens to another machine by http raises on creation."""
    url = "http://auth.example.com/token"
    given: Any = {"endpoints": {"token_endpoint": url}} if as_endpoint else {"token_endpoint": url}
    with (
        pytest.warns(InsecureTransportWarning, match="is plain http"),
        pytest.raises(
            TokenConfigurationError, match="refresh tokens, which must be sent by https only"
        ),
    ):
        Client("id", "secret", grant=grant, **given)


# The on_token callback


@pytest.mark.parametrize("kind", ["plain", "coroutine", "failing"])
async def test_on_token_is_called_before_the_token_is_used(
    scene: Scene, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """`on_token` is called once for each new token, and its errors are only logged."""
    calls: list[tuple[str | None, int]] = []

    def plain(token: Token) -> None:
        calls.append((token.refresh_token, scene.server.api_requests))

    async def coroutine(token: Token) -> None:
        plain(token)

    def failing(token: Token) -> None:
        plain(token)
        raise OSError(token.access_token)

    on_token = {"plain": plain, "coroutine": coroutine, "failing": failing}[kind]
    async with scene.client(await scene.grant("code"), on_token=on_token) as client:
        await get(client, scene.server)
        await get(client, scene.server)
        scene.server.revoke_all()
        await get(client, scene.server)
    assert [requests for _, requests in calls] == [0, 3]
    assert len({refresh_token for refresh_token, _ in calls} - {None}) == 2
    assert len(caplog.records) == (2 if kind == "failing" else 0)


async def test_client_credentials_use_on_token_and_the_cache(scene: Scene, tmp_path: Path) -> None:
    """A service that is started twice requests one token."""
    tokens: list[Token] = []
    for _ in range(2):
        options: dict[str, Any] = {"cache": FileCache(tmp_path / "c"), "on_token": tokens.append}
        async with scene.client(**options) as client:
            await get(client, scene.server)
    assert len(tokens) == scene.server.token_requests == 1
