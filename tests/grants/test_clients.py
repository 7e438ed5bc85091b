"""Each grant in a `Client`: from the issuer to an authorized request."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from types import SimpleNamespace
from typing import cast

import pytest
from joserfc import jwk

from aioalf import Client
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf.client_auth import Credentials
from aioalf.errors import (
    AccessDeniedError,
    LoginRequiredError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
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
from aioalf.testing import Fault, OAuthServer
from tests.grants.visitor import Visitor

KEY = jwk.ECKey.generate_key("P-256")


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    """A user at a browser that closes after the test."""
    person = Visitor()
    yield person
    await person.done()


@pytest.fixture
def server(oauth_server: OAuthServer) -> OAuthServer:
    """A server with a signed-in user, which accepts foreign tokens and assertions."""
    oauth_server.auto_sign_in = "Ada"
    oauth_server.device_slow_down = False
    oauth_server.add_client("desktop", None)
    oauth_server.add_subject_token("incoming", "Ada")
    oauth_server.trust_assertions(
        "service", cast("Mapping[str, object]", KEY.as_dict(private=False))
    )
    return oauth_server


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Device codes are polled without waiting."""

    async def sleep(_seconds: float) -> None:
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)

    without_waiting = SimpleNamespace(sleep=sleep, get_running_loop=asyncio.get_running_loop)
    monkeypatch.setattr("aioalf.grants.device_code.asyncio", without_waiting)


async def user_of(server: OAuthServer, grant: Grant, *, is_public: bool = False) -> object:
    """Send two requests to the API and return the user that it saw in both."""
    async with Client(
        "desktop" if is_public else server.client_id,
        None if is_public else server.client_secret,
        issuer=server.issuer,
        grant=grant,
        scope="things",
        resource=server.api_url,
        raise_token_errors=True,
    ) as client:
        users: list[object] = []
        for _ in range(2):
            async with client.get(server.url("/things")) as response:
                assert response.status == 200
                users.append((await response.json())["user"])
    assert users[0] == users[1]
    assert server.token_requests >= 1
    return users[0]


@pytest.mark.rule("R009", "R090")
@pytest.mark.parametrize("is_public", [True, False])
@pytest.mark.parametrize("par", [True, None])
async def test_client_signs_in_with_an_authorization_code(
    server: OAuthServer, visitor: Visitor, *, is_public: bool, par: bool | None
) -> None:
    """Sign-in works with and without a secret, and with and without a pushed request."""
    grant = AuthorizationCode(open_browser=visitor, par=par)
    assert await user_of(server, grant, is_public=is_public) == "Ada"
    assert server.token_requests == 1


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("is_public", [True, False])
async def test_client_signs_in_with_a_device_code(server: OAuthServer, *, is_public: bool) -> None:
    """The user approves the code that the prompt shows."""

    async def show(prompt: Prompt) -> None:
        server.approve(prompt.user_code)

    assert await user_of(server, DeviceCode(show), is_public=is_public) == "Ada"


@pytest.mark.usefixtures("fast")
async def test_denied_sign_in_raises(server: OAuthServer) -> None:
    """The API request is not sent."""
    grant = DeviceCode(lambda prompt: server.deny(prompt.user_code))
    with pytest.raises(AccessDeniedError):
        await user_of(server, grant)
    assert server.api_requests == 0


@pytest.mark.parametrize(
    ("grant", "user"),
    [
        (ClientCredentials, None),
        (lambda: TokenExchange("incoming", ACCESS_TOKEN), "Ada"),
        (
            lambda: JWTBearer(
                cast("Mapping[str, object]", KEY.as_dict(private=True)),
                algorithm="ES256",
                issuer="service",
                subject="Ada",
            ),
            "Ada",
        ),
    ],
    ids=["client credentials", "token exchange", "JWT bearer"],
)
async def test_client_gets_a_token_without_a_user(
    server: OAuthServer, grant: Callable[[], Grant], user: str | None
) -> None:
    """Client credentials, a subject token or an assertion are sufficient."""
    assert await user_of(server, grant()) == user
    assert server.token_requests == 1


async def endpoint_with(server: OAuthServer, visitor: Visitor) -> tuple[TokenEndpoint, str]:
    """Sign in; return a token endpoint and the refresh token."""
    credentials = Credentials(server.client_id, server.client_secret)
    endpoint = TokenEndpoint(None, credentials, None, issuer=server.issuer)
    token = await AuthorizationCode(open_browser=visitor).request_token(endpoint)
    assert token.refresh_token is not None
    return endpoint, token.refresh_token


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.status(400, '{"error": "invalid_request"}'), TokenHTTPError),
        (Fault.status(401), TokenHTTPError),
        (Fault.too_many_requests(1), TokenHTTPError),
        (Fault.status(503), TokenHTTPError),
        (Fault.html(), TokenResponseError),
        (Fault.hang_up(), TokenConnectionError),
    ],
    ids=["400", "401", "429", "503", "HTML", "hang-up"],
)
async def test_failed_refresh_raises_a_typed_error(
    server: OAuthServer, visitor: Visitor, fault: Fault, kind: type[TokenError]
) -> None:
    """Any response without a token raises an error after one request, without a retry."""
    endpoint, refresh_token = await endpoint_with(server, visitor)
    server.reset_counters()
    server.faults["token"] = fault.times(1)
    grant = RefreshToken(refresh_token)
    with pytest.raises(kind) as caught:
        await grant.request_token(endpoint)
    assert type(caught.value) is kind
    assert refresh_token not in str(caught.value)
    assert server.token_requests == 1
    assert (await grant.request_token(endpoint)).is_valid()
    await endpoint.close()


async def test_client_renews_with_a_refresh_token_until_it_is_revoked(
    server: OAuthServer, visitor: Visitor
) -> None:
    """After that LoginRequiredError is raised, because the grant cannot start again."""
    endpoint, refresh_token = await endpoint_with(server, visitor)
    await endpoint.close()
    async with Client(
        server.client_id,
        server.client_secret,
        issuer=server.issuer,
        grant=RefreshToken(refresh_token),
        raise_token_errors=True,
    ) as client:
        for _ in range(2):
            server.expire_all()
            async with client.get(server.url("/things")) as response:
                assert response.status == 200
        server.expire_all()
        server.revoke_refresh_tokens()
        with pytest.raises(LoginRequiredError):
            await client.get(server.url("/things"))
