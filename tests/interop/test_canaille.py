"""Every flow of Canaille, a second authorization server (in Python, based on Authlib).

It supports metadata at both paths, dynamic client registration, client credentials, the
authorization code grant with PKCE and `iss`, rotating refresh tokens, the JWT bearer grant,
introspection and revocation. A client for the JWT bearer grant is registered by a user, and signs
with the key of the server. Clients authenticate by HTTP Basic, the form, a private key, or not at
all; for client credentials only HTTP Basic works.

It differs from oidc-provider as follows, so only these tests cover it: redirect URIs are compared
including the port; the audience of an assertion is the token endpoint, not the issuer; revocation
and introspection accept only HTTP Basic; access tokens of users are JWTs without `jti`, and those
issued in the same second are equal.

It does not support:

* The device grant.
* Token exchange.
* Logout of public clients and of clients with a private key (see above).
* Pushed authorization requests.
* client_secret_jwt and client certificates.
* Resource indicators, which it ignores.
* An issuer with a path.
* Revoking a family of refresh tokens on reuse: it rejects only the reused token.
* Refresh tokens that do not rotate.
"""

import asyncio
import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import cast
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession
from joserfc.jwk import RSAKey
from yarl import URL

from aioalf import AccessDeniedError, Client, TokenHTTPError, TokenManager
from aioalf.client_auth import ClientAuth, ClientSecretPost, PrivateKeyJWT
from aioalf.errors import LoginRequiredError, MetadataError, RevocationError, TokenResponseError
from aioalf.grants import AuthorizationCode, JWTBearer, RefreshToken
from aioalf.token import Token
from tests.interop.canaille import TRUSTED, Canaille, RegisteredClient
from tests.interop.form_visitor import FormVisitor
from tests.interop.visitor import Visitor
from tests.testing.plain_client import basic, bearer

PASSWORD = "four words are better"
SCOPE = "openid profile"
# Concurrent runs on this machine use different ports.
FIRST_PORT = 20_000 + os.getpid() % 1000 * 10
PORTS = (FIRST_PORT, FIRST_PORT + 9)
LOGIN_SECONDS = 30

# Client authentication methods.
BASIC = "client_secret_basic"
POST = "client_secret_post"
PRIVATE_KEY = "private_key_jwt"
PUBLIC = "none"


class User:
    """A user with an account who gives or denies consent; pass it as `open_browser`."""

    def __init__(self, name: str, visitor: FormVisitor) -> None:
        self.name = name
        self.visitor = visitor
        self.decision = "accept"
        self.opened: list[str] = []
        self._visits: list[asyncio.Task[None]] = []

    async def __call__(self, url: str) -> None:
        """Open the URL in a task and return at once, as a browser launcher does."""
        self.opened.append(url)
        self._visits.append(asyncio.create_task(self._visit(url)))

    async def done(self) -> list[URL]:
        """Wait until every visit has ended; return the visited URLs."""
        await asyncio.gather(*self._visits)
        return self.visitor.addresses

    async def _visit(self, url: str) -> None:
        await self.visitor.open(url)
        if self.visitor.address.path == "/oauth/authorize":  # otherwise no consent is needed
            await self.visitor.send({}, ("answer", self.decision))


@pytest.fixture(scope="session")
def key() -> Mapping[str, str]:
    """The private key of a client as a JWK. It is also the key of the server."""
    return cast("Mapping[str, str]", RSAKey.generate_key(2048).as_dict(private=True))


@pytest.fixture(scope="module")
def canaille(key: Mapping[str, str]) -> Iterator[Canaille]:
    """A running Canaille; each test registers its own client and user."""
    with tempfile.TemporaryFile("w+") as output, Canaille(key, output) as canaille:
        yield canaille


@pytest.fixture
async def user(canaille: Canaille) -> AsyncIterator[User]:
    """A user who has just signed up and is signed in."""
    name = f"alf-{secrets.token_hex(4)}"
    async with FormVisitor() as visitor:
        await visitor.open(canaille.sign_up_page)
        await visitor.send(
            {
                "user_name": name,
                "family_name": "Tanner",
                "emails-0": f"{name}@example.com",
                "password1": PASSWORD,
                "password2": PASSWORD,
            },
            ("action", "create-profile"),
        )
        assert visitor.address.path == f"/profile/{name}"
        yield User(name, visitor)


async def register_service(canaille: Canaille, session: ClientSession) -> RegisteredClient:
    """Register a client for client credentials."""
    return await canaille.register(
        session, BASIC, grant_types=["client_credentials"], scope="profile email"
    )


async def register_desktop(
    canaille: Canaille, session: ClientSession, method: str, key: Mapping[str, str]
) -> RegisteredClient:
    """Register a client that users sign in to, with a redirect URI for each port."""
    public = {name: key[name] for name in ("kty", "n", "e")}
    return await canaille.register(
        session,
        method,
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        redirect_uris=[f"http://127.0.0.1:{port}" for port in range(PORTS[0], PORTS[1] + 1)],
        scope=SCOPE,
        jwks={"keys": [public]},
    )


def client_auth_for(method: str, canaille: Canaille, key: Mapping[str, str]) -> ClientAuth | None:
    """Return the client authentication for a method, None for the automatic one."""
    audience = canaille.token_endpoint
    methods: dict[str, ClientAuth] = {
        POST: ClientSecretPost(),
        PRIVATE_KEY: PrivateKeyJWT(key, "RS256", audience=audience),
    }
    return methods.get(method)


def secret_of(method: str, registration: RegisteredClient) -> str | None:
    """Return the client secret if the method uses it; the server gives every client one."""
    return registration.client_secret if method in {BASIC, POST} else None


def grant_for(user: User) -> AuthorizationCode:
    """Return the grant, with this user at the browser."""
    return AuthorizationCode(open_browser=user, redirect_ports=PORTS, timeout=LOGIN_SECONDS)


async def next_second() -> None:
    """Wait until the next second of the clock, because equal seconds give equal tokens."""
    await asyncio.sleep(1.01 - time.time() % 1)


async def subject_of(canaille: Canaille, session: ClientSession, token: str) -> object:
    """Return the user that the API of the server sees, None if it rejects the token."""
    async with session.get(canaille.userinfo_endpoint, headers=bearer(token)) as response:
        assert response.status in {200, 401}
        return (await response.json()).get("sub")


# Clients without a user


@pytest.mark.rule("R001", "R008", "R012", "R027", "R120", "R121")
async def test_client_credentials_need_only_the_issuer_and_a_secret(
    canaille: Canaille, session: ClientSession
) -> None:
    """Endpoint and client authentication come from the metadata."""
    registration = await register_service(canaille, session)
    tokens: list[Token] = []
    manager = TokenManager(
        None,
        registration.client_id,
        registration.client_secret,
        issuer=canaille.issuer,
        scope="email profile",
        on_token=tokens.append,
    )
    assert await manager.get_token() == tokens[0].access_token
    assert tokens[0].scope == frozenset({"profile", "email"})
    assert tokens[0].expires_in == 864_000


@pytest.mark.rule("R122")
async def test_issuer_by_another_host_name_is_rejected(
    canaille: Canaille, session: ClientSession
) -> None:
    """The server redirects to its own name, and the redirect is not followed."""
    registration = await register_service(canaille, session)
    issuer = canaille.issuer.replace("127.0.0.1", "localhost")
    manager = TokenManager(None, registration.client_id, registration.client_secret, issuer=issuer)
    with pytest.raises(MetadataError, match="the status is 302"):
        await manager.get_token()


@pytest.mark.rule("R029", "R033")
async def test_wrong_secret_is_rejected_once(canaille: Canaille, session: ClientSession) -> None:
    """The server error is raised, and the request is not repeated."""
    registration = await register_service(canaille, session)
    manager = TokenManager(canaille.token_endpoint, registration.client_id, "not-the-secret")
    with pytest.raises(TokenHTTPError) as caught:
        await manager.get_token()
    assert (caught.value.response_status, caught.value.error) == (401, "invalid_client")
    assert "not-the-secret" not in str(caught.value)


@pytest.mark.rule("R027")
async def test_narrower_scope_is_an_error_if_it_is_required(
    canaille: Canaille, session: ClientSession
) -> None:
    """The server silently drops an unknown scope; the token says which one is missing."""
    registration = await register_service(canaille, session)
    arguments = (canaille.token_endpoint, registration.client_id, registration.client_secret)
    with pytest.raises(TokenResponseError, match="burn is missing"):
        await TokenManager(*arguments, scope="profile burn", require_scope=True).get_token()
    tokens: list[Token] = []
    await TokenManager(*arguments, scope="profile burn", on_token=tokens.append).get_token()
    assert tokens[0].missing_scope == {"burn"}


@pytest.mark.rule("R121")
async def test_client_introspects_its_own_token(canaille: Canaille, session: ClientSession) -> None:
    """The server describes its own token, and calls an unknown token inactive."""
    registration = await register_service(canaille, session)
    tokens: list[Token] = []
    async with Client(
        issuer=canaille.issuer,
        client_id=registration.client_id,
        client_secret=registration.client_secret,
        scope="profile",
        on_token=tokens.append,
    ) as client:
        async with client.get(canaille.userinfo_endpoint):  # rejects a token without a user
            pass
        info = await client.introspect(tokens[0].access_token)
        assert info["active"] is True
        assert (info["client_id"], info["iss"]) == (registration.client_id, canaille.issuer)
        assert info["scope"] == "profile"
        assert await client.introspect("unknown-token") == {"active": False}


# Clients with a user


@pytest.mark.rule("R009", "R040", "R041", "R090", "R091", "R098", "R100", "R101", "R111", "R112")
@pytest.mark.parametrize("method", [BASIC, POST, PRIVATE_KEY, PUBLIC])
async def test_user_signs_in_once_and_tokens_are_refreshed(
    canaille: Canaille,
    session: ClientSession,
    user: User,
    key: Mapping[str, str],
    method: str,
) -> None:
    """Each refresh token is used once, with every client authentication method."""
    registration = await register_desktop(canaille, session, method, key)
    tokens: list[Token] = []
    manager = TokenManager(
        None,
        registration.client_id,
        secret_of(method, registration),
        issuer=canaille.issuer,
        client_auth=client_auth_for(method, canaille, key),
        grant=grant_for(user),
        scope=SCOPE,
        on_token=tokens.append,
    )
    token = await manager.get_token()
    for _ in range(2):
        assert await subject_of(canaille, session, token) == user.name
        manager.mark_accepted()
        await next_second()
        old, token = token, await manager.renew_token(token)
        assert await subject_of(canaille, session, old) is None
    assert await subject_of(canaille, session, token) == user.name
    assert len({each.refresh_token for each in tokens}) == len(tokens) == 3
    assert [step.query.get("iss") for step in await user.done() if "code" in step.query] == [
        canaille.issuer
    ]
    assert len(user.opened) == 1


@pytest.mark.rule("R108")
async def test_denied_consent_raises_access_denied(
    canaille: Canaille, session: ClientSession, user: User, key: Mapping[str, str]
) -> None:
    """No token request is sent."""
    registration = await register_desktop(canaille, session, PUBLIC, key)
    user.decision = "deny"
    manager = TokenManager(
        None,
        registration.client_id,
        None,
        issuer=canaille.issuer,
        grant=grant_for(user),
        scope=SCOPE,
    )
    with pytest.raises(AccessDeniedError):
        await manager.get_token()
    await user.done()


async def test_assertion_for_the_issuer_is_rejected(
    canaille: Canaille, session: ClientSession, user: User, key: Mapping[str, str]
) -> None:
    """Canaille requires the token endpoint as the audience, which is an option."""
    registration = await register_desktop(canaille, session, PRIVATE_KEY, key)
    manager = TokenManager(
        None,
        registration.client_id,
        None,
        issuer=canaille.issuer,
        client_auth=PrivateKeyJWT(key, "RS256"),
        grant=grant_for(user),
        scope=SCOPE,
    )
    with pytest.raises(TokenHTTPError, match="aud") as caught:
        await manager.get_token()
    assert caught.value.error == "invalid_client"
    await user.done()


@pytest.mark.rule("R045", "R056")
async def test_revoked_login_signs_in_again_once(
    canaille: Canaille, session: ClientSession, user: User, key: Mapping[str, str]
) -> None:
    """After a 401 and a rejected refresh token, the user signs in again."""
    registration = await register_desktop(canaille, session, BASIC, key)
    tokens: list[Token] = []
    async with Client(
        issuer=canaille.issuer,
        client_id=registration.client_id,
        client_secret=registration.client_secret,
        grant=grant_for(user),
        scope=SCOPE,
        on_token=tokens.append,
    ) as client:
        async with client.get(canaille.userinfo_endpoint) as response:
            assert (await response.json())["sub"] == user.name
        await revoke(canaille, session, registration, tokens[0].access_token)
        await next_second()
        async with client.get(canaille.userinfo_endpoint) as response:
            assert (await response.json())["sub"] == user.name
    await user.done()
    assert len(tokens) == len(user.opened) == 2


async def revoke(
    canaille: Canaille, session: ClientSession, registration: RegisteredClient, token: str
) -> None:
    """Revoke a token, and the tokens issued with it, without the library."""
    headers = basic(registration.client_id, registration.client_secret)
    url = f"{canaille.issuer}/oauth/revoke"
    async with session.post(url, data={"token": token}, headers=headers) as response:
        response.raise_for_status()


@pytest.mark.rule("R045")
async def test_reused_refresh_token_is_rejected(
    canaille: Canaille, session: ClientSession, user: User, key: Mapping[str, str]
) -> None:
    """A grant with only that token raises an error; its replacement stays valid."""
    registration = await register_desktop(canaille, session, PUBLIC, key)
    tokens: list[Token] = []
    arguments = (None, registration.client_id, None)
    manager = TokenManager(
        *arguments,
        issuer=canaille.issuer,
        grant=grant_for(user),
        scope=SCOPE,
        on_token=tokens.append,
    )
    await manager.renew_token(await manager.get_token())
    await user.done()
    first, second = (RefreshToken(str(token.refresh_token)) for token in tokens)
    with pytest.raises(LoginRequiredError):
        await TokenManager(*arguments, issuer=canaille.issuer, grant=first).get_token()
    assert await TokenManager(*arguments, issuer=canaille.issuer, grant=second).get_token()


@pytest.mark.rule("R001", "R016")
async def test_jwt_bearer_grant_gets_a_token_of_the_subject(
    canaille: Canaille, session: ClientSession, user: User, key: Mapping[str, str]
) -> None:
    """The token is for the subject; an unknown subject is an error."""
    client_id = await register_by_hand(canaille, user.visitor)
    audience = canaille.token_endpoint
    for subject, expected in ((user.name, user.name), ("nobody", None)):
        grant = JWTBearer(key, issuer=client_id, subject=subject, audience=audience)
        manager = TokenManager(
            None, client_id, None, issuer=canaille.issuer, grant=grant, scope=SCOPE
        )
        if expected is None:
            with pytest.raises(TokenHTTPError) as caught:
                await manager.get_token()
            assert caught.value.error == "invalid_grant"
        else:
            token = await manager.get_token()
            assert await subject_of(canaille, session, token) == expected


async def register_by_hand(canaille: Canaille, visitor: FormVisitor) -> str:
    """Let a user register a client for the JWT bearer grant; return its id."""
    origin = f"https://{TRUSTED}"
    await visitor.open(canaille.new_client_page)
    await visitor.send(
        {
            "client_name": "Alf's tool",
            "contacts-0": "alf@example.com",
            "client_uri": origin,
            "redirect_uris-0": origin,
        },
        ("action", "add"),
    )
    client_id = visitor.address.name
    await visitor.send({"grant_types": [JWTBearer.name]}, ("action", "edit"))
    return client_id


@pytest.mark.rule("R160")
@pytest.mark.parametrize("method", [BASIC, POST])
async def test_logout_revokes_all_tokens(
    canaille: Canaille,
    session: ClientSession,
    user: User,
    key: Mapping[str, str],
    method: str,
) -> None:
    """Both tokens are inactive afterwards, and the next request signs in again."""
    registration = await register_desktop(canaille, session, method, key)
    tokens: list[Token] = []
    async with Client(
        issuer=canaille.issuer,
        client_id=registration.client_id,
        client_secret=registration.client_secret,
        client_auth=client_auth_for(method, canaille, key),
        grant=grant_for(user),
        scope=SCOPE,
        on_token=tokens.append,
    ) as client:
        async with client.get(canaille.userinfo_endpoint) as response:
            assert (await response.json())["sub"] == user.name
        assert (await client.introspect(tokens[0].access_token))["username"] == "Tanner"
        await client.logout()
        for token in (tokens[0].access_token, str(tokens[0].refresh_token)):
            assert await client.introspect(token) == {"active": False}
        assert await subject_of(canaille, session, tokens[0].access_token) is None
        await next_second()
        async with client.get(canaille.userinfo_endpoint) as response:
            assert (await response.json())["sub"] == user.name
    await user.done()
    assert len(user.opened) == 2


@pytest.mark.rule("R160")
@pytest.mark.parametrize("method", [PRIVATE_KEY, PUBLIC])
async def test_rejected_revocation_is_an_error_and_deletes_the_login(
    canaille: Canaille,
    session: ClientSession,
    user: User,
    key: Mapping[str, str],
    method: str,
) -> None:
    """Revocation requires HTTP Basic, which these clients have no secret for."""
    registration = await register_desktop(canaille, session, method, key)
    tokens: list[Token] = []
    manager = TokenManager(
        None,
        registration.client_id,
        secret_of(method, registration),
        issuer=canaille.issuer,
        client_auth=client_auth_for(method, canaille, key),
        grant=grant_for(user),
        scope=SCOPE,
        on_token=tokens.append,
    )
    await manager.get_token()
    with pytest.raises(RevocationError):
        await manager.logout()
    assert await subject_of(canaille, session, tokens[0].access_token) == user.name
    await manager.get_token()
    await user.done()
    assert len(user.opened) == 2


@pytest.mark.rule("R090", "R107", "R118")
async def test_user_signs_in_with_chromium(
    canaille: Canaille,
    session: ClientSession,
    user: User,
    key: Mapping[str, str],
    visitor: Visitor,
) -> None:
    """Name, password, consent and the final page work in a real browser."""
    registration = await register_desktop(canaille, session, PUBLIC, key)
    grant = AuthorizationCode(
        open_browser=visitor.open_browser, redirect_ports=PORTS, timeout=LOGIN_SECONDS
    )
    manager = TokenManager(
        None, registration.client_id, None, issuer=canaille.issuer, grant=grant, scope=SCOPE
    )
    waiting = asyncio.create_task(manager.get_token())
    await visitor.open(await visitor.next_url(waiting))
    await visitor.fill("Login", user.name)
    await visitor.press("Continue")
    await visitor.fill("Password", PASSWORD)
    await visitor.press("Sign in")
    await visitor.press("Accept")
    await visitor.wait_for_page("You can close this page")
    assert urlsplit(await visitor.current_url()).query == ""
    assert await subject_of(canaille, session, await waiting) == user.name
