"""Typed uses of the public API: mypy and pyright check this file, and nothing runs it."""

import datetime as dt
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import assert_type

from aiohttp import (
    BasicAuth,
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    DummyCookieJar,
    HttpVersion10,
    TCPConnector,
    TraceConfig,
)
from yarl import URL

from aioalf import (
    AuthorizationError,
    Client,
    ClientSecretBasic,
    HTTPRequest,
    OAuth2Middleware,
    Token,
    TokenError,
    TokenHTTPError,
    TokenManager,
    TokenResponseError,
)
from aioalf.client_auth import ClientAssertion, PrivateKeyJWT, SecretFile
from aioalf.grants import JWTBearer
from aioalf.implicit import OAuthImplictTokenManager, TokenStorage, use_implicit_flow
from aioalf.implicit_manager import use_implicit_flow as old_use_implicit_flow


async def requests() -> None:
    """Each method can be awaited or used with `async with`, and returns a ClientResponse."""
    client = Client(
        "client-id", "secret", "https://auth.example.com/token", {"ssl": True}, "things"
    )
    url = URL("https://api.example.com/things")
    assert_type(await client.request("GET", url, params={"page": "1"}), ClientResponse)
    assert_type(await client.request(HTTPRequest(url, method="POST", data=b"...")), ClientResponse)
    assert_type(await client.fetch("https://api.example.com/things"), ClientResponse)
    assert_type(await client.fetch(HTTPRequest(url)), ClientResponse)
    for verb in (client.get, client.options, client.head, client.post, client.put):
        assert_type(await verb(url), ClientResponse)
    for verb in (client.patch, client.delete):
        async with verb(url, json={"name": "alf"}) as response:
            assert_type(response, ClientResponse)
    async with client.ws_connect(url, heartbeat=10) as websocket:
        assert_type(websocket, ClientWebSocketResponse)
    assert_type(await client.ws_connect(url), ClientWebSocketResponse)
    assert_type(await client.introspect("a token", "access_token"), Mapping[str, object])
    assert_type(client.with_options(scope="a", resource=["urn:a"]), Client)
    assert_type(await client.logout(), None)
    assert_type(await client.close(), None)


async def clients(session: ClientSession) -> None:
    """A client is an async context manager, and takes a session and options as keywords."""
    async with Client(
        client_id="client-id",
        client_secret="secret",
        token_endpoint="https://auth.example.com/token",
        scope=["things", "more"],
        session=session,
        allowed_origins=["https://api.example.com", URL("https://other.example.com")],
        require_https=True,
        raise_token_errors=True,
        client_auth=ClientSecretBasic(form_encode=False),
        metadata_url=URL("https://auth.example.com/metadata"),
        allow_http_hosts=["keycloak:8080"],
        default_expires_in=60,
        require_scope=True,
        auth_session=lambda: session,
        auth_trace_configs=[TraceConfig()],
        token_scheme="OAuth",
        token_header="X-Access-Token",
        api_headers={"Client-Id": "alf"},
        base_url_member="instance_url",
    ) as client:
        assert_type(client, Client)
        assert_type(await client.token(), Token)
        assert_type(client.closed, bool)


async def pass_on(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Do nothing, as a middleware."""
    return await handler(request)


def own_sessions(session: ClientSession) -> None:
    """The arguments of a client's own session are typed as in aiohttp."""
    Client(
        base_url=URL("https://api.example.com/v1/"),
        headers={"User-Agent": "alf"},
        cookies={"a": "b"},
        skip_auto_headers=["Accept"],
        timeout=ClientTimeout(total=5),
        trust_env=True,
        proxy="http://proxy.example.com:3128",
        proxy_auth=BasicAuth("user", "password"),
        raise_for_status=True,
        json_serialize=json.dumps,
        json_serialize_bytes=lambda value: json.dumps(value).encode(),
        trace_configs=[TraceConfig()],
        cookie_jar=DummyCookieJar,
        connector=lambda: TCPConnector(limit=1),
        connector_owner=True,
        auto_decompress=False,
        requote_redirect_url=False,
        read_bufsize=2**20,
        max_line_size=16_384,
        max_field_size=16_384,
        max_headers=256,
        fallback_charset_resolver=lambda response, body: response.charset or body[:5].decode(),
        version=HttpVersion10,
        request_class=ClientRequest,
        response_class=ClientResponse,
        ws_response_class=ClientWebSocketResponse,
        middlewares=[pass_on],
    )
    Client(timeout=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Client(response_class=ClientRequest)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Client(session=session, auth=None)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def refused_by_the_checker(client: Client) -> None:
    """Unknown options and a missing manager are type errors."""
    client.get("https://api.example.com/", timeouts=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    OAuth2Middleware(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def authentication(key: str, token: Callable[[], Awaitable[str]]) -> list[object]:
    """Assertions come from text, a function or a file; certificates and parameters are optional."""
    return [
        ClientAssertion(SecretFile("token"), send_client_id=False),
        ClientAssertion(token, "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"),
        PrivateKeyJWT(key, "PS256", certificate=SecretFile("pem"), certificate_headers=["x5t"]),
        PrivateKeyJWT(key, certificate="pem", headers={"typ": "JWT"}, lifetime=300),
        JWTBearer(key, issuer="service", scope_claim=True, subject_claim=False, lifetime=3600),
        JWTBearer(assertion=key, extra_params={"requested_token_use": "on_behalf_of"}),
        JWTBearer(assertion=token, subject_key="Ada"),
    ]


async def managers() -> None:
    """A manager returns tokens as strings; a middleware uses it in any session."""
    manager = TokenManager(
        "https://auth.example.com/token", "client-id", "secret", auth_session=ClientSession()
    )
    async with manager as entered:
        assert_type(entered, TokenManager)
    assert_type(await manager.get_token(), str)
    assert_type(await manager.token(), Token)
    assert_type(await manager.renew_token("rejected"), str)
    assert_type(await manager.reset_token(), None)
    assert_type(manager.with_options(audience="a", extra_params={"tenant": "one"}), TokenManager)
    assert_type(await manager.logout(), None)
    assert_type(await manager.introspect("a token"), Mapping[str, object])
    assert_type(await manager.close(), None)
    middleware = OAuth2Middleware(
        manager, allowed_origins=["https://api.example.com"], require_https=True
    )
    async with ClientSession(middlewares=[middleware]) as session:
        assert_type(session, ClientSession)


def tokens(token: Token) -> None:
    """A token has an expiry, a scope and extra members."""
    assert_type(token.access_token, str)
    assert_type(token.token_type, str)
    assert_type(token.expires_in, int | None)
    assert_type(token.expires_on, dt.datetime | None)
    assert_type(token.scope, frozenset[str] | None)
    assert_type(token.extra, Mapping[str, object])
    assert_type(token.is_valid(), bool)


def errors(error: TokenError) -> None:
    """All errors are TokenErrors; details are attributes of the subclasses."""
    if isinstance(error, TokenHTTPError):
        assert_type(error.response_status, int | None)
        assert_type(error.response_text, str | None)
        assert_type(error.response, ClientResponse | None)
        assert_type(error.error, str | None)
    if isinstance(error, TokenResponseError):
        assert_type(error.content_type, str | None)
        assert_type(error.error_description, str | None)
    if isinstance(error, AuthorizationError):
        assert_type(error.error_uri, str | None)


async def show(url: str) -> None:
    """Show the URL instead of opening a browser."""
    print(url)  # noqa: T201 - as a user's function might


class Keyring(TokenStorage):
    """A user's token storage with coroutine methods."""

    async def save(self, token: str) -> None:
        """Store a token."""

    async def load(self) -> str | None:
        """Return the stored token."""

    async def clean(self) -> None:
        """Delete the stored token."""


async def logins() -> None:
    """The implicit flow is enabled by one call, also with its old import path."""
    await use_implicit_flow(TokenStorage(), (30000, 30009))
    await old_use_implicit_flow(Keyring())
    await use_implicit_flow(
        Keyring(),
        authorization_endpoint="https://auth.example.com/authorize",
        open_browser=show,
        timeout=60,
    )
    assert_type(issubclass(OAuthImplictTokenManager, TokenManager), bool)
