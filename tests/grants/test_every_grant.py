"""Promises of all grants, for the first token request and for renewal."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus

import pytest

from aioalf import (
    AuthorizationError,
    Client,
    InsecureTransportWarning,
    SignInResponseError,
    TokenConfigurationError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf import grants as all_grants
from aioalf.client_auth import (
    ClientAuth,
    ClientSecretBasic,
    ClientSecretJWT,
    ClientSecretPost,
    PrivateKeyJWT,
    PublicClient,
)
from aioalf.grants import (
    ACCESS_TOKEN,
    AuthorizationCode,
    ClientCredentials,
    DeviceCode,
    Grant,
    JWTBearer,
    RefreshToken,
    TokenExchange,
)
from aioalf.testing import Fault, OAuthServer
from aioalf.testing.records import RecordedRequest
from tests.client.test_issuer import NAMES, PEM, PUBLIC_KEY, Scene, get
from tests.grants.visitor import Visitor
from tests.support.identity import in_ascii

pytestmark = pytest.mark.usefixtures("fast_device")

CLIENT_ID = "cliënt:id/1"
SECRET = "a secret with / + = % & é: and more than 32 octets"
PAGES = ("/authorize", "/device")
REPEATABLE = {"resource", "audience"}

EVERY = (*NAMES, "par")

every_grant = pytest.mark.parametrize("name", EVERY)


@pytest.fixture
async def scene(oauth_server: OAuthServer) -> AsyncIterator[Scene]:
    """The scene of a test, with its server and visitor."""
    scene = Scene(oauth_server)
    yield scene
    await scene.visitor.done()


async def grant_of(scene: Scene, name: str) -> Grant:
    """Return the named grant; "par" is a code grant with pushed requests (RFC 9126)."""
    if name == "par":
        return AuthorizationCode(open_browser=scene.visitor, par=True)
    return await scene.grant(name)


def asked_of(server: OAuthServer) -> list[RecordedRequest]:
    """Return the client's own requests to the authorization server, without metadata."""
    return [
        exchange
        for exchange in server.log
        if exchange.server == "authorization"
        and exchange.path not in PAGES
        and not exchange.path.startswith("/.well-known/")
    ]


def pairs_of(exchange: RecordedRequest) -> list[tuple[str, str]]:
    """Return all parameters of a request, including repeated and empty ones."""
    return parse_qsl(exchange.body.text or "", keep_blank_values=True, strict_parsing=True)


async def traffic(scene: Scene, name: str, **options: Any) -> list[RecordedRequest]:
    """Return the requests for a first token and for its replacement."""
    grant = await grant_of(scene, name)
    async with scene.client(grant, **options) as client:
        await get(client, scene.server)
        scene.server.revoke_all()
        await get(client, scene.server)
    await scene.visitor.done()
    asked = asked_of(scene.server)
    assert len(asked) >= 2
    return asked


@pytest.mark.rule("R001", "R012")
@every_grant
async def test_every_request_is_a_post_with_a_form(scene: Scene, name: str) -> None:
    """The form is UTF-8, and scopes are separated by one space."""
    scopes = ["a", "b"] if name == "given" else ["lesen", "größe"]
    options: dict[str, Any] = {"scope": scopes, "extra_params": {"mandant": "Zoë & Söhne"}}
    for exchange in await traffic(scene, name, **options):
        assert exchange.method == "POST"
        kind = exchange.headers["Content-Type"].partition(";")[0]
        assert kind == "application/x-www-form-urlencoded"
        form = dict(pairs_of(exchange))
        assert (form["scope"], form["mandant"]) == (" ".join(scopes), "Zoë & Söhne")


@pytest.mark.rule("R002", "R004", "R016")
@every_grant
async def test_no_parameter_is_repeated_empty_or_unrequested(scene: Scene, name: str) -> None:
    """Only resource and audience may be repeated, and are sent only if they are set."""
    options: dict[str, Any] = {"scope": "", "extra_params": {"empty": ""}}
    for exchange in await traffic(scene, name, **options):
        pairs = pairs_of(exchange)
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names))
        assert all(value for _, value in pairs)
        assert not {"scope", "empty", *REPEATABLE} & set(names)
    scene.server.reset_counters()
    several = ("https://api.example.com/a", "https://api.example.com/b")
    for exchange in await traffic(scene, name, resource=several, audience=several):
        names = [name for name, _ in pairs_of(exchange) if name not in REPEATABLE]
        assert len(names) == len(set(names))
        assert [value for name, value in pairs_of(exchange) if name == "resource"] == [*several]


@pytest.mark.rule("R003")
@every_grant
async def test_query_of_the_token_endpoint_is_kept(scene: Scene, name: str) -> None:
    """Each request keeps the query; a fragment is refused by the constructor."""
    url = f"{scene.server.token_endpoint}?tenant=one&b="
    asked = await traffic(scene, name, token_endpoint=url)
    queries = {exchange.query for exchange in asked if exchange.path == "/token"}
    assert queries == {"tenant=one&b="}
    with pytest.raises(TokenConfigurationError, match="must not have a fragment"):
        scene.client(await grant_of(scene, name), token_endpoint=f"{url}#x")


METHODS: dict[str, ClientAuth | None] = {
    "default": None,
    "client_secret_basic": ClientSecretBasic(),
    "client_secret_post": ClientSecretPost(),
    "client_secret_jwt": ClientSecretJWT(),
    "private_key_jwt": PrivateKeyJWT(PEM),
    "none": PublicClient(),
}


@pytest.mark.rule("R005", "R006", "R008", "R009", "R151", "R152", "R163")
@pytest.mark.parametrize(
    ("name", "method"),
    [
        (name, method)
        for name in EVERY
        for method in METHODS
        # client credentials are for confidential clients only (RFC 6749 §4.4)
        if (name, method) != ("service", "none")
    ],
)
async def test_every_request_uses_one_client_authentication_method(
    scene: Scene, name: str, method: str
) -> None:
    """The chosen method or Basic is used; a public client sends its id."""
    client_id = "client-id" if name == "given" else CLIENT_ID
    used = "client_secret_basic" if method == "default" else method
    keys = {"public_key": PUBLIC_KEY} if used == "private_key_jwt" else {}
    secret = None if used in {"none", "private_key_jwt"} else SECRET
    grant = await grant_of(scene, name)
    scene.server.add_client(client_id, secret, auth_methods=[used], **keys)  # type: ignore[arg-type]
    options = {"client_id": client_id, "client_secret": SECRET, "client_auth": METHODS[method]}
    async with scene.client(grant, **options) as client:
        await get(client, scene.server)
        scene.server.revoke_all()
        await get(client, scene.server)
    for exchange in asked_of(scene.server):
        form = dict(pairs_of(exchange))
        ways = [
            "Authorization" in exchange.headers,
            "client_secret" in form,
            "client_assertion" in form,
        ]
        assert ways == [used == "client_secret_basic", used == "client_secret_post", "jwt" in used]
        if used == "client_secret_basic":
            pair = f"{quote_plus(client_id)}:{quote_plus(SECRET)}".encode()
            assert exchange.headers["Authorization"] == f"Basic {base64.b64encode(pair).decode()}"
        else:
            assert form["client_id"] == client_id


@pytest.mark.rule("R007")
@every_grant
async def test_id_and_secret_are_not_in_urls_logs_or_errors(
    scene: Scene, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """They are masked if the server quotes them. Only the authorization URL has the id."""
    caplog.set_level(logging.DEBUG)
    client_id = "client-id-of-a-test"
    grant = await grant_of(scene, name)
    scene.server.add_client(client_id, SECRET)
    if name == "given":
        scene.server.add_client("client-id", SECRET)
        client_id = "client-id"
    options: dict[str, Any] = {"client_id": client_id, "client_secret": SECRET}
    quoting = json.dumps({"error": "invalid_client", "error_description": f"{client_id} {SECRET}"})
    async with scene.client(grant, **options, raise_token_errors=True) as client:
        await get(client, scene.server)
        scene.server.revoke_all()
        scene.server.token_fault = Fault.body(quoting.encode(), status=401).times(1)
        with pytest.raises(TokenHTTPError) as caught:
            await client.get(scene.server.url("/things"))
    error = caught.value
    shown = f"{error} {error!r} {error.error_description} {error.response_text} {caplog.text}"
    for secret in {client_id, SECRET, quote(SECRET), quote_plus(SECRET)}:
        assert secret not in shown
    urls = [exchange.path + exchange.query for exchange in asked_of(scene.server)]
    assert not [url for url in urls if client_id in url or quote(SECRET) in url]
    assert "secret" not in "".join(scene.visitor.opened)


@pytest.mark.rule("R010")
@pytest.mark.parametrize("missing", ["client_id", "client_secret"])
@every_grant
async def test_missing_credential_raises_before_any_request(
    scene: Scene, name: str, missing: str
) -> None:
    """No request is sent. Without a client id, no browser is opened either."""
    endpoints = {
        endpoint: getattr(scene.server, endpoint)
        for endpoint in (
            "token_endpoint",
            "authorization_endpoint",
            "device_authorization_endpoint",
            "pushed_authorization_request_endpoint",
        )
    }
    grant = await grant_of(scene, name)
    opened = len(scene.visitor.opened)
    options: dict[str, Any] = {"issuer": None, "endpoints": endpoints, missing: None}
    async with scene.client(grant, client_auth=ClientSecretBasic(), **options) as client:
        with pytest.raises(TokenConfigurationError, match=f"Missing {missing}"):
            await client.get(scene.server.url("/things"))
    assert not [exchange for exchange in scene.server.log if exchange.path not in PAGES]
    assert missing == "client_secret" or len(scene.visitor.opened) == opened


@pytest.mark.rule("R010")
@every_grant
async def test_empty_secret_is_sent(scene: Scene, name: str) -> None:
    """An empty secret is sent as ``id:``, which some servers expect."""
    grant = await grant_of(scene, name)
    scene.server.add_client("client-id", "", auth_methods=["client_secret_basic"])
    async with scene.client(grant, client_secret="") as client:
        await get(client, scene.server)
    sent = {exchange.headers["Authorization"] for exchange in asked_of(scene.server)}
    assert sent == {f"Basic {base64.b64encode(b'client-id:').decode()}"}


PLAIN: dict[str, Grant] = {
    "service": ClientCredentials(),
    "exchange": TokenExchange("theirs", ACCESS_TOKEN),
    "jwt": JWTBearer(PEM, algorithm="ES256", issuer="https://idp.example"),
}
WITH_REFRESH: dict[str, Grant] = {
    "code": AuthorizationCode(),
    "par": AuthorizationCode(par=True),
    "device": DeviceCode(),
    "given": RefreshToken("theirs"),
}


@pytest.mark.rule("R013", "R046")
@every_grant
def test_plain_http_to_another_machine_warns(name: str) -> None:
    """The constructor warns once; a grant with refresh tokens is refused."""
    grant = {**PLAIN, **WITH_REFRESH}[name]
    url = "http://auth.example.com/token"
    with pytest.warns(InsecureTransportWarning, match="is plain http") as warned:  # noqa: PT031
        if name in PLAIN:
            Client("id", "secret", url, grant=grant)
        else:
            with pytest.raises(TokenConfigurationError, match="by https only"):
                Client("id", "secret", url, grant=grant)
    assert len(warned) == 1


@pytest.mark.rule("R014")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@every_grant
async def test_redirect_of_the_token_endpoint_raises(scene: Scene, name: str, status: int) -> None:
    """Redirects are not followed, so no secret is sent to the target."""
    grant = await grant_of(scene, name)
    target = f"{scene.server.other_url}/token"
    scene.server.token_fault = Fault.redirect(target, status=status).times(1)
    async with scene.client(grant, raise_token_errors=True) as client:
        with pytest.raises(TokenHTTPError, match="it redirects, and no secret is sent"):
            await client.get(scene.server.url("/things"))
    assert (scene.server.other_requests, scene.server.token_requests) == (0, 1)
    assert scene.server.api_requests == 0


@pytest.mark.rule("R126")
@every_grant
async def test_unknown_resource_raises_invalid_target(scene: Scene, name: str) -> None:
    """The error carries the standard error code, for programs to read."""
    visitor = Visitor()  # the server shows no page
    grant = (
        AuthorizationCode(open_browser=visitor) if name == "code" else await grant_of(scene, name)
    )
    scene.server.resources = ["https://api.example.com/"]
    scene.server.auto_sign_in = "Ada"
    options: dict[str, Any] = {"resource": "https://other.example.com/"}
    async with scene.client(grant, raise_token_errors=True, **options) as client:
        with pytest.raises(TokenError) as caught:
            await client.get(scene.server.url("/things"))
    assert isinstance(caught.value, TokenHTTPError | AuthorizationError)
    assert caught.value.error == "invalid_target"
    assert scene.server.api_requests == 0
    await visitor.done()


@pytest.mark.rule("R015")
def test_there_is_no_password_grant() -> None:
    """No grant has the name password, and the package exports no such name."""
    assert "password" not in {grant.name for grant in (*PLAIN.values(), *WITH_REFRESH.values())}
    assert not [name for name in dir(all_grants) if "password" in name.lower()]


@pytest.mark.rule("R020", "R021", "R030", "R031", "R032")
@pytest.mark.parametrize(
    "members",
    [
        {},
        {"access_token": ""},
        {"access_token": 5},
        {"access_token": "two words"},
        {"access_token": "a\r\nX-Evil: 1"},
        {"access_token": "abc", "token_type": "mac"},
        {"access_token": "abc", "token_type": "N_A"},
        {"error": "invalid_request"},
    ],
    ids=in_ascii,
)
@every_grant
async def test_response_without_a_usable_token_raises(
    scene: Scene, name: str, members: dict[str, Any]
) -> None:
    """Such a response is discarded, and a user is not asked again before a pause or a reset."""
    grant = await grant_of(scene, name)
    extra = {"issued_token_type": ACCESS_TOKEN} if name == "exchange" else {}
    scene.server.token_fault = Fault.wrong_json({**members, **extra}).times(1)
    async with scene.client(grant) as client:
        with pytest.raises(TokenResponseError, match="without a usable token") as caught:
            await client.get(scene.server.url("/things"))
        assert scene.server.api_requests == 0
        is_complete = grant.is_interactive and "error" not in members
        assert isinstance(caught.value, SignInResponseError) is is_complete
        if grant.is_interactive:
            with pytest.raises(TokenResponseError, match="without a usable token"):
                await client.get(scene.server.url("/things"))
            assert scene.server.logins == 1
            await client.manager.reset_token()
        async with asyncio.timeout(10):
            await get(client, scene.server)
