"""Every flow of Canaille, a second server of another make (in Python, on Authlib).

It has metadata in both places, clients that register themselves, client credentials, the code with
PKCE and `iss`, refresh tokens that rotate, the JWT bearer grant, for which a person has to register
the client and the key is the server's own, introspection and revocation. It knows clients by HTTP
Basic, by the form, by a private key, and public ones; for client credentials by Basic alone. What
it does otherwise than oidc-provider, and so is proven here only: redirect URIs are compared whole,
the port with them; an assertion's audience is the token endpoint and not the issuer; revocation and
introspection take HTTP Basic alone, whatever the client does elsewhere; a person's access tokens
are JWTs without an id of their own, and of those of one second each is the same.

What it does not offer:

* The device grant.
* Token exchange.
* A logout of public clients, and of those with a private key: see above.
* Pushed authorization requests.
* Client authentication by a JWT of the secret, or by a certificate.
* Resource indicators: it ignores them.
* An issuer with a path.
* The end of a family when a refresh token is used again: it refuses that one, and no other.
* Refresh tokens that stay: each refresh gives another.
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
# Other runs on this machine may listen, too: each has ten ports of its own.
FIRST_PORT = 20_000 + os.getpid() % 1000 * 10
PORTS = (FIRST_PORT, FIRST_PORT + 9)
LOGIN_SECONDS = 30

# How a client may authenticate here, and what it is registered as.
BASIC = "client_secret_basic"
POST = "client_secret_post"
PRIVATE_KEY = "private_key_jwt"
PUBLIC = "none"


class Person:
    """Somebody with an account who consents, or not; called with the URL as `open_browser`."""

    def __init__(self, name: str, visitor: FormVisitor) -> None:
        self.name = name
        self.visitor = visitor
        self.answer = "accept"
        self.shown: list[str] = []
        self._visits: list[asyncio.Task[None]] = []

    async def __call__(self, url: str) -> None:
        """Open the URL, and come back at once as a browser's launcher does."""
        self.shown.append(url)
        self._visits.append(asyncio.create_task(self._visit(url)))

    async def left(self) -> list[URL]:
        """Wait until every page has been left; return the addresses that there were."""
        await asyncio.gather(*self._visits)
        return self.visitor.addresses

    async def _visit(self, url: str) -> None:
        await self.visitor.open(url)
        if self.visitor.address.path == "/oauth/authorize":  # else there was nothing to ask
            await self.visitor.send({}, ("answer", self.answer))


@pytest.fixture(scope="session")
def key() -> Mapping[str, str]:
    """The private key of a client, as a JWK, and of the server itself, which looks at nobody's."""
    return cast("Mapping[str, str]", RSAKey.generate_key(2048).as_dict(private=True))


@pytest.fixture(scope="module")
def canaille(key: Mapping[str, str]) -> Iterator[Canaille]:
    """A started Canaille; each test brings a client and a person of its own."""
    with tempfile.TemporaryFile("w+") as printed, Canaille(key, printed) as canaille:
        yield canaille


@pytest.fixture
async def person(canaille: Canaille) -> AsyncIterator[Person]:
    """Somebody who has just signed up, and is signed in."""
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
        yield Person(name, visitor)


async def service(canaille: Canaille, session: ClientSession) -> RegisteredClient:
    """A client that acts for itself."""
    return await canaille.register(
        session, BASIC, grant_types=["client_credentials"], scope="profile email"
    )


async def desktop(
    canaille: Canaille, session: ClientSession, method: str, key: Mapping[str, str]
) -> RegisteredClient:
    """A client that people sign in to, which may come back at any of the ports."""
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


def proof_of(method: str, canaille: Canaille, key: Mapping[str, str]) -> ClientAuth | None:
    """How the client authenticates; None is what it does by itself."""
    audience = canaille.token_endpoint
    proofs: dict[str, ClientAuth] = {
        POST: ClientSecretPost(),
        PRIVATE_KEY: PrivateKeyJWT(key, "RS256", audience=audience),
    }
    return proofs.get(method)


def secret_of(method: str, registered: RegisteredClient) -> str | None:
    """The secret, for a client that is to have one: the server gives one to each."""
    return registered.client_secret if method in {BASIC, POST} else None


def login_at(person: Person) -> AuthorizationCode:
    """The grant, with this person at the browser."""
    return AuthorizationCode(open_browser=person, redirect_ports=PORTS, timeout=LOGIN_SECONDS)


async def next_second() -> None:
    """Wait, by the server's own clock, until another token is another one; no event tells."""
    await asyncio.sleep(1.01 - time.time() % 1)


async def subject_of(canaille: Canaille, session: ClientSession, token: str) -> object:
    """Whom the server's own API takes the bearer for, None where it refuses the token."""
    async with session.get(canaille.userinfo_endpoint, headers=bearer(token)) as response:
        assert response.status in {200, 401}
        return (await response.json()).get("sub")


# What a client does for itself


@pytest.mark.rule("R001", "R008", "R012", "R027", "R120", "R121")
async def test_an_issuers_metadata_and_a_secret_are_enough(
    canaille: Canaille, session: ClientSession
) -> None:
    """Endpoint and authentication come from the metadata; the scope is the one asked for."""
    registered = await service(canaille, session)
    told: list[Token] = []
    manager = TokenManager(
        None,
        registered.client_id,
        registered.client_secret,
        issuer=canaille.issuer,
        scope="email profile",
        on_token=told.append,
    )
    assert await manager.get_token() == told[0].access_token
    assert told[0].scope == frozenset({"profile", "email"})
    assert told[0].expires_in == 864_000


@pytest.mark.rule("R122")
async def test_the_server_by_another_name_is_not_the_issuer(
    canaille: Canaille, session: ClientSession
) -> None:
    """There it redirects to the name that it has, which is not followed: nobody vouches for it."""
    registered = await service(canaille, session)
    issuer = canaille.issuer.replace("127.0.0.1", "localhost")
    manager = TokenManager(None, registered.client_id, registered.client_secret, issuer=issuer)
    with pytest.raises(MetadataError, match="the status is 302"):
        await manager.get_token()


@pytest.mark.rule("R029", "R033")
async def test_a_wrong_secret_is_refused_once(canaille: Canaille, session: ClientSession) -> None:
    """Its answer is told as it is, and the request is not made again."""
    registered = await service(canaille, session)
    manager = TokenManager(canaille.token_endpoint, registered.client_id, "not-the-secret")
    with pytest.raises(TokenHTTPError) as caught:
        await manager.get_token()
    assert (caught.value.response_status, caught.value.error) == (401, "invalid_client")
    assert "not-the-secret" not in str(caught.value)


@pytest.mark.rule("R027")
async def test_a_scope_that_was_dropped_is_noticed(
    canaille: Canaille, session: ClientSession
) -> None:
    """The server grants the rest without a word: nobody goes on unawares."""
    registered = await service(canaille, session)
    asked = (canaille.token_endpoint, registered.client_id, registered.client_secret)
    with pytest.raises(TokenResponseError, match="burn is missing from scope"):
        await TokenManager(*asked, scope="profile burn").get_token()
    assert await TokenManager(*asked, scope="profile burn", allow_narrower_scope=True).get_token()


@pytest.mark.rule("R121")
async def test_a_client_asks_about_its_own_token(
    canaille: Canaille, session: ClientSession
) -> None:
    """The server tells whose it is and what it is for; of one that it never gave, nothing."""
    registered = await service(canaille, session)
    told: list[Token] = []
    async with Client(
        issuer=canaille.issuer,
        client_id=registered.client_id,
        client_secret=registered.client_secret,
        scope="profile",
        on_token=told.append,
    ) as client:
        async with client.get(canaille.userinfo_endpoint):  # which is for persons
            pass
        said = await client.introspect(told[0].access_token)
        assert said["active"] is True
        assert (said["client_id"], said["iss"]) == (registered.client_id, canaille.issuer)
        assert said["scope"] == "profile"
        assert await client.introspect("never-given") == {"active": False}


# What a client does for a person


@pytest.mark.rule("R009", "R040", "R041", "R090", "R091", "R098", "R100", "R101", "R111", "R112")
@pytest.mark.parametrize("method", [BASIC, POST, PRIVATE_KEY, PUBLIC])
async def test_a_person_signs_in_once_and_the_login_lives_on(
    canaille: Canaille,
    session: ClientSession,
    person: Person,
    key: Mapping[str, str],
    method: str,
) -> None:
    """The code is exchanged, each refresh token is used once, whatever the authentication is."""
    registered = await desktop(canaille, session, method, key)
    told: list[Token] = []
    manager = TokenManager(
        None,
        registered.client_id,
        secret_of(method, registered),
        issuer=canaille.issuer,
        client_auth=proof_of(method, canaille, key),
        grant=login_at(person),
        scope=SCOPE,
        on_token=told.append,
    )
    token = await manager.get_token()
    for _ in range(2):
        assert await subject_of(canaille, session, token) == person.name
        manager.mark_accepted()
        await next_second()
        old, token = token, await manager.renew_token(token)
        assert await subject_of(canaille, session, old) is None
    assert await subject_of(canaille, session, token) == person.name
    assert len({each.refresh_token for each in told}) == len(told) == 3
    assert [step.query.get("iss") for step in await person.left() if "code" in step.query] == [
        canaille.issuer
    ]
    assert len(person.shown) == 1


@pytest.mark.rule("R108")
async def test_a_persons_no_is_told(
    canaille: Canaille, session: ClientSession, person: Person, key: Mapping[str, str]
) -> None:
    """Who does not consent ends the login with an error of its own, and no token is asked for."""
    registered = await desktop(canaille, session, PUBLIC, key)
    person.answer = "deny"
    manager = TokenManager(
        None,
        registered.client_id,
        None,
        issuer=canaille.issuer,
        grant=login_at(person),
        scope=SCOPE,
    )
    with pytest.raises(AccessDeniedError):
        await manager.get_token()
    await person.left()


async def test_an_assertion_for_the_issuer_is_refused_here(
    canaille: Canaille, session: ClientSession, person: Person, key: Mapping[str, str]
) -> None:
    """It has to be for the token endpoint's URL, which is one option away."""
    registered = await desktop(canaille, session, PRIVATE_KEY, key)
    manager = TokenManager(
        None,
        registered.client_id,
        None,
        issuer=canaille.issuer,
        client_auth=PrivateKeyJWT(key, "RS256"),
        grant=login_at(person),
        scope=SCOPE,
    )
    with pytest.raises(TokenHTTPError, match="aud") as caught:
        await manager.get_token()
    assert caught.value.error == "invalid_client"
    await person.left()


@pytest.mark.rule("R045", "R056")
async def test_a_login_that_the_server_ended_begins_anew_once(
    canaille: Canaille, session: ClientSession, person: Person, key: Mapping[str, str]
) -> None:
    """The API says 401, the refresh token is refused, the browser is shown again, all is well."""
    registered = await desktop(canaille, session, BASIC, key)
    told: list[Token] = []
    async with Client(
        issuer=canaille.issuer,
        client_id=registered.client_id,
        client_secret=registered.client_secret,
        grant=login_at(person),
        scope=SCOPE,
        on_token=told.append,
    ) as client:
        async with client.get(canaille.userinfo_endpoint) as response:
            assert (await response.json())["sub"] == person.name
        await revoke(canaille, session, registered, told[0].access_token)
        await next_second()
        async with client.get(canaille.userinfo_endpoint) as response:
            assert (await response.json())["sub"] == person.name
    await person.left()
    assert len(told) == len(person.shown) == 2


async def revoke(
    canaille: Canaille, session: ClientSession, registered: RegisteredClient, token: str
) -> None:
    """Have the server refuse a token, and what came with it, by a request made by hand."""
    headers = basic(registered.client_id, registered.client_secret)
    url = f"{canaille.issuer}/oauth/revoke"
    async with session.post(url, data={"token": token}, headers=headers) as response:
        response.raise_for_status()


@pytest.mark.rule("R045")
async def test_a_refresh_token_that_was_used_is_refused(
    canaille: Canaille, session: ClientSession, person: Person, key: Mapping[str, str]
) -> None:
    """Who has nothing else has to log in; the one that replaced it goes on being good here."""
    registered = await desktop(canaille, session, PUBLIC, key)
    told: list[Token] = []
    asked = (None, registered.client_id, None)
    manager = TokenManager(
        *asked,
        issuer=canaille.issuer,
        grant=login_at(person),
        scope=SCOPE,
        on_token=told.append,
    )
    await manager.renew_token(await manager.get_token())
    await person.left()
    first, second = (RefreshToken(str(token.refresh_token)) for token in told)
    with pytest.raises(LoginRequiredError):
        await TokenManager(*asked, issuer=canaille.issuer, grant=first).get_token()
    assert await TokenManager(*asked, issuer=canaille.issuer, grant=second).get_token()


@pytest.mark.rule("R001", "R016")
async def test_an_assertion_speaks_for_a_person(
    canaille: Canaille, session: ClientSession, person: Person, key: Mapping[str, str]
) -> None:
    """One that is signed for a subject gets a token of that subject; for nobody, none."""
    client_id = await registered_by_hand(canaille, person.visitor)
    audience = canaille.token_endpoint
    for subject, expected in ((person.name, person.name), ("nobody", None)):
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


async def registered_by_hand(canaille: Canaille, visitor: FormVisitor) -> str:
    """The id of a client that a person registers, for the JWT bearer grant alone."""
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
async def test_a_logout_ends_what_the_server_gave(
    canaille: Canaille,
    session: ClientSession,
    person: Person,
    key: Mapping[str, str],
    method: str,
) -> None:
    """Neither token is good afterwards, and the next request has the person sign in again."""
    registered = await desktop(canaille, session, method, key)
    told: list[Token] = []
    async with Client(
        issuer=canaille.issuer,
        client_id=registered.client_id,
        client_secret=registered.client_secret,
        client_auth=proof_of(method, canaille, key),
        grant=login_at(person),
        scope=SCOPE,
        on_token=told.append,
    ) as client:
        async with client.get(canaille.userinfo_endpoint) as response:
            assert (await response.json())["sub"] == person.name
        assert (await client.introspect(told[0].access_token))["username"] == "Tanner"
        await client.logout()
        for token in (told[0].access_token, str(told[0].refresh_token)):
            assert await client.introspect(token) == {"active": False}
        assert await subject_of(canaille, session, told[0].access_token) is None
        await next_second()
        async with client.get(canaille.userinfo_endpoint) as response:
            assert (await response.json())["sub"] == person.name
    await person.left()
    assert len(person.shown) == 2


@pytest.mark.rule("R160")
@pytest.mark.parametrize("method", [PRIVATE_KEY, PUBLIC])
async def test_a_logout_that_the_server_refuses_is_told_and_forgets_all_the_same(
    canaille: Canaille,
    session: ClientSession,
    person: Person,
    key: Mapping[str, str],
    method: str,
) -> None:
    """Revocation and introspection take HTTP Basic alone, which such a client has no secret for."""
    registered = await desktop(canaille, session, method, key)
    told: list[Token] = []
    manager = TokenManager(
        None,
        registered.client_id,
        secret_of(method, registered),
        issuer=canaille.issuer,
        client_auth=proof_of(method, canaille, key),
        grant=login_at(person),
        scope=SCOPE,
        on_token=told.append,
    )
    await manager.get_token()
    with pytest.raises(RevocationError):
        await manager.logout()
    assert await subject_of(canaille, session, told[0].access_token) == person.name
    await manager.get_token()
    await person.left()
    assert len(person.shown) == 2


@pytest.mark.rule("R090", "R107", "R118")
async def test_a_person_signs_in_with_chromium(
    canaille: Canaille,
    session: ClientSession,
    person: Person,
    key: Mapping[str, str],
    visitor: Visitor,
) -> None:
    """Name, password, consent and our page at the end, in a real browser, with its scripts."""
    registered = await desktop(canaille, session, PUBLIC, key)
    grant = AuthorizationCode(
        open_browser=visitor.show, redirect_ports=PORTS, timeout=LOGIN_SECONDS
    )
    manager = TokenManager(
        None, registered.client_id, None, issuer=canaille.issuer, grant=grant, scope=SCOPE
    )
    waiting = asyncio.create_task(manager.get_token())
    await visitor.go(await visitor.next_url(waiting))
    await visitor.fill("Login", person.name)
    await visitor.press("Continue")
    await visitor.fill("Password", PASSWORD)
    await visitor.press("Sign in")
    await visitor.press("Accept")
    await visitor.sees("You are signed in")
    assert urlsplit(await visitor.address()).query == ""
    assert await subject_of(canaille, session, await waiting) == person.name
