"""Every way to prove who a client is, before oidc-provider.

The provider keeps a client's keys for a minute at least, so one that is to be changed for another
is registered together with it, as it should be with any server.
"""

import ssl
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme
from aiohttp import ClientSession
from joserfc import jwk

from aioalf.client_auth import (
    ClientAuth,
    ClientSecretBasic,
    ClientSecretJWT,
    ClientSecretPost,
    PrivateKeyJWT,
    PublicClient,
    TLSClientAuth,
)
from aioalf.errors import TokenHTTPError
from aioalf.grants import AuthorizationCode, JWTBearer
from aioalf.token import Token
from tests.client_auth.proofs import EC, KEYS, SECRET, jwk_of, opened, pem_of
from tests.interop.conftest import Ask
from tests.interop.middleman import Middleman
from tests.interop.provider import Certificates, Provider, Setup
from tests.interop.quick_person import QuickPerson
from tests.interop.registered import (
    AT_THE_PROVIDER,
    BY_LOOPBACK,
    SPECIAL,
    Registered,
    client_of,
)
from tests.interop.resource_server import ResourceServer
from tests.support.tls import client_context

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
OLD, NEW = jwk.ECKey.generate_key("P-256"), jwk.ECKey.generate_key("P-256")
AUTHORITY = trustme.CA()
SELF_SIGNED = Path(__file__).parent.parent / "self_signed.pem"


def registered(name: str, method: str, secret: str | None = None, /, **more: object) -> Registered:
    """A client that proves itself by this method."""
    metadata = {"token_endpoint_auth_method": method, **more}
    return Registered(name, secret, scope="things:read", more=metadata)


def known(*keys: Mapping[str, object]) -> Mapping[str, object]:
    """Public keys as a client registers them."""
    return {"keys": list(keys)}


def public(key: jwk.Key, **members: object) -> dict[str, object]:
    """The public part of a key."""
    assert isinstance(key, jwk.RSAKey | jwk.ECKey | jwk.OKPKey)
    return {**key.as_dict(private=False), **members}


def registered_certificate() -> Mapping[str, object]:
    """The key that is in the self-signed certificate, and the certificate."""
    key, begin, certificate = SELF_SIGNED.read_text().partition("-----BEGIN CERTIFICATE-----")
    octets = ssl.PEM_cert_to_DER_cert(begin + certificate)
    pem = key[key.index("-----BEGIN") :]
    return public(jwk.ECKey.import_key(pem), x5c=[b64encode(octets).decode()])


def with_certificate(source: str | None) -> TLSClientAuth:
    """A certificate: of the authority for this name, the self-signed one, or none."""
    context = client_context(AUTHORITY)
    if source == "self-signed":
        context.load_cert_chain(SELF_SIGNED)
    elif source is not None:
        AUTHORITY.issue_cert(source).configure_cert(context)
    return TLSClientAuth(context)


POSTER = registered("poster", "client_secret_post", SPECIAL.client_secret)
MACAW = registered("macaw", "client_secret_jwt", SECRET)
SIGNERS = {
    algorithm: registered(
        f"signer-{algorithm}",
        "private_key_jwt",
        token_endpoint_auth_signing_alg=algorithm,
        jwks=known(public(KEYS[algorithm])),
    )
    for algorithm in ALGORITHMS
}
ROTATING = registered(
    "rotating", "private_key_jwt", jwks=known(public(OLD, kid="old"), public(NEW, kid="new"))
)
CERTIFIED = registered(
    "certified", "tls_client_auth", tls_client_auth_san_dns="service.example.com"
)
SELF_CERTIFIED = registered(
    "self-certified", "self_signed_tls_client_auth", jwks=known(registered_certificate())
)
KIOSK = registered("kiosk", "none", grant_types=[JWTBearer.name])

WHO_SIGNS_IN: dict[str, tuple[Registered, ClientAuth]] = {
    "key": (
        registered("login-key", "private_key_jwt", jwks=known(public(OLD)), **BY_LOOPBACK),
        PrivateKeyJWT(pem_of(OLD)),
    ),
    "certificate": (
        registered(
            "login-certificate",
            "tls_client_auth",
            tls_client_auth_san_dns="service.example.com",
            **BY_LOOPBACK,
        ),
        with_certificate("service.example.com"),
    ),
}

RIGHT: dict[str, tuple[Registered, ClientAuth]] = {
    "HTTP Basic": (SPECIAL, ClientSecretBasic()),
    "secret in the form": (POSTER, ClientSecretPost()),
    "JWT of the secret": (MACAW, ClientSecretJWT()),
    **{
        algorithm: (SIGNERS[algorithm], PrivateKeyJWT(pem_of(KEYS[algorithm]), algorithm))
        for algorithm in ALGORITHMS
    },
    "JWK": (SIGNERS["ES256"], PrivateKeyJWT(jwk_of(EC[256]), "ES256")),
    "certificate": (CERTIFIED, with_certificate("service.example.com")),
    "self-signed certificate": (SELF_CERTIFIED, with_certificate("self-signed")),
}
WRONG: dict[str, tuple[Registered, ClientAuth]] = {
    "another secret in the form": (Registered("poster", "guessed"), ClientSecretPost()),
    "another secret in the JWT": (Registered("macaw", SECRET[::-1]), ClientSecretJWT()),
    "another key": (SIGNERS["ES256"], PrivateKeyJWT(pem_of(OLD))),
    "another algorithm": (SIGNERS["PS256"], PrivateKeyJWT(pem_of(KEYS["RS256"]), "RS256")),
    "another server's assertion": (
        SIGNERS["ES256"],
        PrivateKeyJWT(pem_of(EC[256]), audience="https://other.example.com"),
    ),
    "a key that is not known": (ROTATING, PrivateKeyJWT(pem_of(NEW), key_id="newest")),
    "another's certificate": (CERTIFIED, with_certificate("other.example.com")),
    "a certificate that nobody signed": (CERTIFIED, with_certificate("self-signed")),
    "no certificate": (CERTIFIED, with_certificate(None)),
    "a certificate that is not registered": (
        SELF_CERTIFIED,
        with_certificate("service.example.com"),
    ),
}


@pytest.fixture(scope="module")
def setup() -> Setup:
    """A client for each method, and mutual TLS."""
    shown = AUTHORITY.issue_cert("127.0.0.1")
    return Setup(
        [
            *(SPECIAL, POSTER, MACAW, *SIGNERS.values(), ROTATING, CERTIFIED, SELF_CERTIFIED),
            *(KIOSK, *(registered for registered, _ in WHO_SIGNS_IN.values()), AT_THE_PROVIDER),
        ],
        speakers={"kiosk": public(EC[256])},
        certificates=Certificates(
            shown.cert_chain_pems[0].bytes().decode(),
            shown.private_key_pem.bytes().decode(),
            AUTHORITY.cert_pem.bytes().decode(),
        ),
    )


@pytest.mark.rule("R005", "R006", "R124", "R150", "R151", "R152", "R163")
@pytest.mark.parametrize(("registered", "client_auth"), RIGHT.values(), ids=RIGHT.keys())
async def test_the_provider_believes_it(
    provider: Provider,
    session: ClientSession,
    things: ResourceServer,
    registered: Registered,
    client_auth: ClientAuth,
) -> None:
    """At first and again, so that an assertion must be a new one; a certificate at its alias."""
    async with client_of(provider, registered, client_auth=client_auth) as client:
        for _ in range(2):
            async with client.get(things.url) as response:
                assert response.status == 200
                assert (await response.json())["client_id"] == registered.client_id
            things.distrust()
    assert await provider.requests(session) == ["client_credentials"] * 2


@pytest.mark.rule("R029", "R033", "R151", "R163")
@pytest.mark.parametrize(("registered", "client_auth"), WRONG.values(), ids=WRONG.keys())
async def test_the_provider_does_not_believe_another(
    provider: Provider, session: ClientSession, registered: Registered, client_auth: ClientAuth
) -> None:
    """It is refused once, with invalid_client, and nothing else is tried."""
    async with client_of(
        provider, registered, client_auth=client_auth, raise_token_errors=True
    ) as client:
        with pytest.raises(TokenHTTPError) as caught:
            await client.get(f"{provider.issuer}/things")
    assert (caught.value.response_status, caught.value.error) == (401, "invalid_client")
    assert await provider.requests(session) == ["client_credentials invalid_client"]


@pytest.mark.rule("R124", "R150", "R151", "R153", "R160", "R161", "R163")
@pytest.mark.parametrize(
    ("registered", "client_auth"), WHO_SIGNS_IN.values(), ids=WHO_SIGNS_IN.keys()
)
async def test_a_login_is_proven_at_each_endpoint(
    provider: Provider,
    session: ClientSession,
    things: ResourceServer,
    ask: Ask,
    registered: Registered,
    client_auth: ClientAuth,
) -> None:
    """Pushed, exchanged, refreshed and revoked: each request by a proof of its own."""
    tokens: list[Token] = []
    grant = AuthorizationCode(open_browser=QuickPerson(), timeout=30, par=True)
    async with client_of(
        provider,
        registered,
        client_auth=client_auth,
        grant=grant,
        scope="things:read",
        on_token=tokens.append,
    ) as client:
        for _ in range(2):
            said = await ask(client)
            assert (said["user"], said["client_id"]) == ("alf", registered.client_id)
            things.distrust()
        last = tokens[-1].access_token
        assert (await provider.introspect(session, last, AT_THE_PROVIDER))["active"] is True
        await client.logout()
        assert (await provider.introspect(session, last, AT_THE_PROVIDER))["active"] is False
    assert await provider.requests(session) == ["authorization_code", "refresh_token"]


@pytest.mark.rule("R009")
async def test_a_public_client_says_its_name(provider: Provider, things: ResourceServer) -> None:
    """Chosen by name: what is asked for is granted to the client that only says who it is."""
    grant = JWTBearer(pem_of(EC[256]), algorithm="ES256", issuer="kiosk", subject="alf")
    async with (
        client_of(provider, KIOSK, grant=grant, client_auth=PublicClient()) as client,
        client.get(things.url) as response,
    ):
        assert response.status == 200
        said = await response.json()
    assert (said["client_id"], said["user"]) == ("kiosk", "alf")


@pytest.mark.rule("R151", "R163")
async def test_a_new_key_is_used_without_a_restart(
    provider: Provider, things: ResourceServer
) -> None:
    """The key is asked for at each use: the next assertion bears the kid of the one in place."""
    keys = [jwk_of(OLD, kid="old"), jwk_of(NEW, kid="new")]
    async with (
        Middleman(provider.token_endpoint) as middleman,
        client_of(
            provider,
            ROTATING,
            client_auth=PrivateKeyJWT(lambda: keys.pop(0)),
            endpoints={"token_endpoint": middleman.url},
        ) as client,
    ):
        for _ in range(2):
            assert (await client.get(things.url)).status == 200
            things.distrust()
    sent = [form["client_assertion"] for form in middleman.forms]
    first, second = (opened(jwt, key) for jwt, key in zip(sent, (OLD, NEW), strict=True))
    assert [header["kid"] for header, _ in (first, second)] == ["old", "new"]
    assert {claims["aud"] for _, claims in (first, second)} == {provider.issuer}


@pytest.mark.rule("R033", "R150")
async def test_a_request_that_is_tried_again_has_a_new_assertion(
    provider: Provider, session: ClientSession, things: ResourceServer
) -> None:
    """The provider knows the assertion whose answer got lost, and would refuse it."""
    async with (
        Middleman(provider.token_endpoint) as middleman,
        client_of(
            provider,
            SIGNERS["ES256"],
            client_auth=PrivateKeyJWT(pem_of(EC[256])),
            endpoints={"token_endpoint": middleman.url},
        ) as client,
    ):
        middleman.loses_answers = 1
        assert (await client.get(things.url)).status == 200
        assert await provider.requests(session) == ["client_credentials"] * 2
        middleman.sends = 2
        things.distrust()
        refused = await client.get(things.url)
    assert (await refused.json())["error"] == "invalid_client"
    assert await provider.requests(session) == [
        *["client_credentials"] * 3,
        "client_credentials invalid_client",
    ]
