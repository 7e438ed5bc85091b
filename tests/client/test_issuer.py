"""`Client(issuer=...)` from the metadata to the API's answer, for each grant, on real sockets."""

import asyncio
import json
import re
import ssl
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import SimpleNamespace
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
from tests.support.signed_in import failing_at_once
from tests.support.tls import client_context, server_context

KEY = ECKey.generate_key("P-256")
PUBLIC_KEY = dict(KEY.as_dict(private=False))
SECRET = "a secret of thirty-two octets, at least"
PEM = KEY.as_pem(private=True).decode()

TICKET = re.compile(r'name="ticket"[^>]*value="([^"]+)"')


class SigningIn(Visitor):
    """Signs in at the login page, and follows the redirect."""

    async def _visit(self, url: str) -> None:
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as page:
                ticket = TICKET.search(await page.text())
            assert ticket is not None, "no login page"
            form = {"ticket": ticket[1], "username": "Ada", "decision": "sign-in"}
            async with session.post(url, data=form) as page:
                self.statuses.append(page.status)


class Clock:
    """Time that passes for tokens, wherever they are, when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        stopped = SimpleNamespace(monotonic=lambda: self.now)
        for module in (
            "token",
            "_auth_server.token_endpoint",
            "retry",
            "_renewing_token",
            "manager",
            "_login.cache_entry",
        ):
            monkeypatch.setattr(f"aioalf.{module}.time", stopped)


class Own(Client):
    """Its manager can be told what to do."""

    @property
    def manager(self) -> TokenManager:
        """The manager."""
        assert isinstance(self._token_manager, TokenManager)
        return self._token_manager


class Scene:
    """A server, and what a test needs for each grant."""

    def __init__(self, server: OAuthServer) -> None:
        self.server = server
        self.visitor = SigningIn()
        server.device_interval = 0.01
        server.device_slow_down = False

    def client(self, grant: Grant | None = None, **options: Any) -> Own:
        """The server's client; it fails at once."""
        return Own(**{**failing_at_once(self.server, grant), **options})

    async def grant(self, name: str) -> Grant:
        """One of each kind, which can be had."""
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
        """One that was got elsewhere."""
        tokens: list[Token] = []
        grant = AuthorizationCode(open_browser=self.visitor)
        async with self.client(grant, on_token=tokens.append, scope="a b") as client:
            await get(client, self.server)
        await self.visitor.done()
        self.server.reset_counters()
        return str(tokens[0].refresh_token)

    @property
    def sent(self) -> list[str]:
        """The refresh tokens that came, in order."""
        forms = (exchange.form for exchange in self.server.log)
        return [form["refresh_token"] for form in forms if "refresh_token" in form]

    def is_each_sent_once(self) -> bool:
        """Whether no refresh token came twice, and some did."""
        return 0 < len(self.sent) == len(set(self.sent))

    async def _approve(self, prompt: Prompt) -> None:
        self.server.approve(prompt.user_code)


async def get(client: Client, server: OAuthServer) -> Mapping[str, Any]:
    """What the API says to an authorized request."""
    async with asyncio.timeout(20), client.get(server.url("/things")) as response:
        assert response.status == 200, await response.text()
        members: dict[str, Any] = await response.json()
        return members


@pytest.fixture
async def scene(oauth_server: OAuthServer) -> AsyncIterator[Scene]:
    """One whose browser is left at the end."""
    scene = Scene(oauth_server)
    yield scene
    await scene.visitor.done()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time that passes when the test says so."""
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
REFRESHED = (*LOGINS, "given")


# A token


@pytest.mark.rule("R047", "R120", "R123")
@pytest.mark.parametrize("name", NAMES)
async def test_each_grant_authorizes_requests_of_an_issuer(scene: Scene, name: str) -> None:
    """The metadata is read once, one token is got, and the API takes it."""
    async with scene.client(await scene.grant(name)) as client:
        answers = [await get(client, scene.server) for _ in range(3)]
    assert {answer["client_id"] for answer in answers} == {"client-id"}
    assert scene.server.granted == {NAMES[name]: 1}
    assert scene.server.requests["metadata"] == 1


async def test_without_an_issuer_endpoints_are_given(scene: Scene) -> None:
    """What a server without metadata needs, each by its name; a cache can be used, too."""
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
async def test_endpoints_that_are_given_win(scene: Scene) -> None:
    """What the metadata says of these is not asked."""
    nowhere = "https://nowhere.example"
    scene.server.changes["metadata"] = {
        "token_endpoint": nowhere,
        "authorization_endpoint": nowhere,
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
async def test_an_endpoint_that_nobody_named_is_named(
    scene: Scene, name: str, missing: str
) -> None:
    """The error says what to pass, or that the issuer has none."""
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
async def test_no_secret_goes_where_odd_metadata_points(
    scene: Scene, members: dict[str, Any]
) -> None:
    """Another issuer's, plain http to another machine, or no URL."""
    scene.server.changes["metadata"] = members
    async with scene.client() as client:
        with pytest.raises(MetadataError):
            await client.get(scene.server.url("/"))
    assert scene.server.token_requests == scene.server.api_requests == 0


# Who asks


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
async def test_the_client_authenticates_as_the_metadata_lists(
    scene: Scene, listed: list[str], secret: str | None, used: str
) -> None:
    """At each endpoint of the server; a client without a secret is a public one."""
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


async def test_a_way_to_authenticate_that_is_given_goes_before_what_is_listed(
    scene: Scene,
) -> None:
    """Who gives one knows better than metadata."""
    listed = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    scene.server.changes["metadata"] = listed
    async with scene.client(client_auth=ClientSecretBasic()) as client:
        await get(client, scene.server)
    (request,) = [exchange for exchange in scene.server.log if exchange.method == "POST"]
    assert "Authorization" in request.headers


@pytest.mark.rule("R124")
async def test_with_a_certificate_the_aliases_of_the_issuer_are_asked() -> None:
    """Where metadata and browser go is not where certificates are asked for."""
    authority = trustme.CA()
    serving, ours = server_context(authority), client_context(authority)
    authority.configure_trust(serving)
    serving.verify_mode = ssl.CERT_REQUIRED
    authority.issue_cert("client.example.com").configure_cert(ours)
    async with OAuthServer(mtls_context=serving) as server:
        scene = Scene(server)
        server.add_client("app", certificate_name="client.example.com")
        options = {"client_id": "app", "client_secret": None, "client_auth": TLSClientAuth(ours)}
        for name in ("service", *LOGINS):
            async with scene.client(await scene.grant(name), **options) as client:
                await get(client, server)
                server.revoke_all()
                await get(client, server)
        await scene.visitor.done()
        assert server.granted["refresh_token"] == 2


async def test_a_server_that_takes_no_secret_is_an_error(scene: Scene) -> None:
    """It says what the server takes."""
    scene.server.changes["metadata"] = {
        "token_endpoint_auth_methods_supported": ["tls_client_auth"]
    }
    async with scene.client() as client:
        with pytest.raises(TokenConfigurationError, match=r"tls_client_auth.*pass client_auth"):
            await client.get(scene.server.url("/"))


async def test_client_credentials_need_credentials(scene: Scene) -> None:
    """The grant is for clients that have some (RFC 6749 §4.4)."""
    async with scene.client(client_secret=None) as client:
        with pytest.raises(TokenConfigurationError, match="Missing client_secret"):
            await client.get(scene.server.url("/"))


@pytest.mark.rule("R031")
@pytest.mark.parametrize("fault", [Fault.html(), Fault.wrong_json([]), Fault.status(503)])
async def test_an_endpoint_beside_that_fails_is_an_error(scene: Scene, fault: Fault) -> None:
    """It is named, and nothing is asked of the token endpoint."""
    scene.server.faults["device_authorization"] = fault
    async with scene.client(await scene.grant("device"), raise_token_errors=True) as client:
        with pytest.raises(TokenError, match="The device authorization endpoint"):
            await client.get(scene.server.url("/"))
    assert scene.server.token_requests == 0


# Another token


@pytest.mark.rule("R040", "R043", "R047")
@pytest.mark.parametrize("rotates", [True, False])
@pytest.mark.parametrize("name", REFRESHED)
async def test_a_login_is_refreshed_when_its_token_expires_or_is_revoked(
    scene: Scene, clock: Clock, name: str, *, rotates: bool
) -> None:
    """The person is not asked again, whether or not the server rotates refresh tokens."""
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
async def test_other_grants_ask_anew(scene: Scene, clock: Clock, name: str) -> None:
    """They need nobody, and no refresh token."""
    async with scene.client(await scene.grant(name)) as client:
        await get(client, scene.server)
        clock.now += 4000
        await get(client, scene.server)
        scene.server.revoke_all()
        await get(client, scene.server)
    assert scene.server.granted == {NAMES[name]: 3}


@pytest.mark.rule("R045")
@pytest.mark.parametrize("name", LOGINS)
async def test_a_refused_refresh_token_asks_the_person_again_once(scene: Scene, name: str) -> None:
    """Where there is one to ask."""
    async with scene.client(await scene.grant(name)) as client:
        await get(client, scene.server)
        scene.server.revoke_refresh_tokens()
        scene.server.revoke_all()
        await get(client, scene.server)
    assert scene.server.logins == 2
    assert scene.server.refused["invalid_grant"] == 1


@pytest.mark.rule("R045")
@pytest.mark.parametrize("is_used", [True, False])
async def test_where_nobody_can_be_asked_a_login_is_required(
    scene: Scene, *, is_used: bool
) -> None:
    """It is said without a request from then on."""
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
async def test_a_failure_of_the_server_costs_no_login(scene: Scene, fault: Fault) -> None:
    """The refresh token is kept, and a second try succeeds."""
    async with scene.client(await scene.grant("code"), raise_token_errors=True) as client:
        await get(client, scene.server)
        scene.server.revoke_all()
        scene.server.token_fault = fault.times(1)
        with pytest.raises(TokenError):
            await client.get(scene.server.url("/"))
        await get(client, scene.server)
    assert (scene.server.logins, scene.server.granted["refresh_token"]) == (1, 1)


@pytest.mark.rule("R042")
async def test_a_refresh_asks_for_no_more_than_was_granted(scene: Scene) -> None:
    """A server that granted less would refuse it."""
    scene.server.changes["token"] = {"scope": "read"}
    options = {"scope": "read write", "allow_narrower_scope": True}
    async with scene.client(await scene.grant("code"), **options) as client:
        await get(client, scene.server)
        scene.server.changes["token"] = {"scope": MISSING}
        for _ in range(2):
            scene.server.revoke_all()
            await get(client, scene.server)
    forms = [exchange.form for exchange in scene.server.log if "refresh_token" in exchange.form]
    assert [form["scope"] for form in forms] == ["read", "read"]


@pytest.mark.rule("R016", "R126")
@pytest.mark.parametrize("name", ["service", "code", "device", "exchange", "given", "jwt"])
async def test_what_is_asked_for_is_asked_for_each_time(scene: Scene, name: str) -> None:
    """Scope, every resource and audience, and parameters: at first, and with each refresh."""
    resources = ("https://api.example.com/a", "https://api.example.com/b")
    asked = {"resource": resources, "audience": ("x", "y"), "scope": "a b"}
    grant = await scene.grant(name)
    async with scene.client(grant, extra_params={"tenant": "one"}, **asked) as client:
        answer = await get(client, scene.server)
        scene.server.revoke_all()
        assert (await get(client, scene.server))["scope"] == answer["scope"] == "a b"
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


# While a refresh is in the air


@pytest.mark.rule("R044")
async def test_a_caller_who_is_cancelled_does_not_cost_the_login(scene: Scene) -> None:
    """The refresh goes on, and who comes next has its token."""
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
@pytest.mark.parametrize("act", ["close", "reset"])
async def test_what_is_in_the_air_when_a_client_is_closed_or_reset_is_kept(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, act: str
) -> None:
    """No refresh token is sent twice, nobody logs in again, and no task or warning is left."""
    cache = {"memory": MemoryCache(), "file": FileCache(tmp_path / "c")}.get(kind)
    server = scene.server
    client = scene.client(await scene.grant("code"), cache=cache)
    await get(client, server)
    await scene.visitor.done()
    server.revoke_all()
    server.token_fault = Fault.slow(0.1).times(1)
    caller = asyncio.create_task(get(client, server))
    await server.reached(token_requests=2)
    if act == "close":
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


async def test_a_refresh_that_waits_for_metadata_is_ended_at_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was sent yet that could be lost."""
    monkeypatch.setattr("aioalf._auth_server.discovery.FRESH", -1.0)
    client = scene.client(await scene.grant("code"))
    await get(client, scene.server)
    scene.server.revoke_all()
    scene.server.faults["metadata"] = Fault.slow(30)
    asked = scene.server.requests["metadata"]
    caller = asyncio.create_task(get(client, scene.server))
    await scene.server.reached(requests={"metadata": asked + 1})
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
async def test_clients_with_one_cache_make_one_login_and_one_refresh(
    scene: Scene, tmp_path: Path, name: str
) -> None:
    """A program that is started twice logs in once."""
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


async def test_a_token_of_a_cache_is_renewed_ahead_of_its_expiry(
    scene: Scene, clock: Clock
) -> None:
    """Once, in the background; the one in the cache is not taken for the new one."""
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
async def test_a_cache_keeps_servers_apart(scene: Scene, tmp_path: Path) -> None:
    """A refresh token goes to the server that issued it, and to no other."""
    cache = FileCache(tmp_path / "c")
    async with OAuthServer() as other:
        elsewhere = Scene(other)
        async with (
            scene.client(await scene.grant("code"), cache=cache) as one,
            elsewhere.client(await elsewhere.grant("code"), cache=cache) as two,
        ):
            for _ in range(2):
                await get(one, scene.server)
                await get(two, other)
                scene.server.revoke_all()
                other.revoke_all()
        await elsewhere.visitor.done()
        assert len(scene.sent) == len(elsewhere.sent) == 1
        assert not other.refused
        assert not scene.server.refused


def test_a_cache_that_cannot_be_used_is_said_when_it_is_given(scene: Scene) -> None:
    """A class is none, and a token for somebody who is in no key is kept nowhere."""
    with pytest.raises(TokenConfigurationError, match="cache must be an object, not a class"):
        scene.client(cache=MemoryCache)
    for tokens in ({"subject_token": str}, {"subject_token": "a", "actor_token": str}):
        types = {f"{name}_type": ACCESS_TOKEN for name in tokens}
        grant = TokenExchange(**tokens, **types)
        with pytest.raises(TokenConfigurationError, match="cache cannot be used with"):
            scene.client(grant, cache=MemoryCache())


@pytest.mark.rule("R081", "R157")
async def test_a_cache_keeps_tokens_apart_by_whom_they_are_for(scene: Scene) -> None:
    """A token is found again by who asks for the same subject, and by nobody else."""
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
async def test_a_cached_token_ends_with_the_token_that_it_was_exchanged_for(
    scene: Scene, clock: Clock
) -> None:
    """The cache has it for no longer than that lives."""
    claims = json.dumps({"exp": time.time() + 90}).encode()
    subject = f"e30.{urlsafe_b64encode(claims).decode().rstrip('=')}.e30"
    scene.server.add_subject_token(subject, "Ada")
    lives: list[float | None] = []

    class Watched(MemoryCache):
        """Tells for how long it is to keep."""

        async def set(self, key: str, value: str, ttl: float | None) -> None:
            lives.append(ttl)
            await super().set(key, value, ttl)

    async with scene.client(TokenExchange(subject, ACCESS_TOKEN), cache=Watched()) as client:
        await get(client, scene.server)
    [left] = lives
    assert left is not None
    assert 80 < left <= 90


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"endpoints": ["https://auth.example.com"]}, "endpoints must be a Mapping"),
        ({"on_token": "print"}, "on_token must be callable"),
        ({"issuer": ""}, "issuer must be an absolute https URL"),
    ],
)
def test_what_cannot_work_is_said_when_it_is_given(options: dict[str, Any], problem: str) -> None:
    """By its name."""
    with pytest.raises(TokenConfigurationError, match=problem):
        Client("id", "secret", **options)


@pytest.mark.rule("R013", "R046")
@pytest.mark.parametrize("grant", [AuthorizationCode(), DeviceCode(), RefreshToken("r")])
@pytest.mark.parametrize("as_endpoint", [True, False])
def test_no_refresh_token_goes_to_plain_http(grant: Grant, *, as_endpoint: bool) -> None:
    """To another machine, that is; it is said when the client is made."""
    url = "http://auth.example.com/token"
    given: Any = {"endpoints": {"token_endpoint": url}} if as_endpoint else {"token_endpoint": url}
    with (
        pytest.warns(InsecureTransportWarning, match="is plain http"),
        pytest.raises(TokenConfigurationError, match="refresh tokens, which must be sent by https only"),
    ):
        Client("id", "secret", grant=grant, **given)


# Telling


@pytest.mark.parametrize("kind", ["plain", "coroutine", "failing"])
async def test_a_token_is_told_before_a_request_has_it(
    scene: Scene, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """Each new one, once; what fails there is logged and harms nobody."""
    told: list[tuple[str | None, int]] = []

    def plain(token: Token) -> None:
        told.append((token.refresh_token, scene.server.api_requests))

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
    assert [requests for _, requests in told] == [0, 3]
    assert len({refresh_token for refresh_token, _ in told} - {None}) == 2
    assert len(caplog.records) == (2 if kind == "failing" else 0)


async def test_client_credentials_tell_and_are_cached_too(scene: Scene, tmp_path: Path) -> None:
    """A program that is started often asks once an hour."""
    told: list[Token] = []
    for _ in range(2):
        options: dict[str, Any] = {"cache": FileCache(tmp_path / "c"), "on_token": told.append}
        async with scene.client(**options) as client:
            await get(client, scene.server)
    assert len(told) == scene.server.token_requests == 1
