"""Every client authentication method at oidc-provider.

The provider caches the keys of a client for a minute, so both keys of a rotation are registered.
"""

import ssl
from base64 import b64encode
from collections.abc import Mapping

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
from tests.interop.client_registrations import (
    LOOPBACK_METADATA,
    RESOURCE_SERVER,
    SPECIAL,
    ClientRegistration,
    make_client,
)
from tests.interop.conftest import CallApi
from tests.interop.endpoint_proxy import EndpointProxy
from tests.interop.provider import Certificates, Provider, Setup
from tests.interop.resource_server import ResourceServer
from tests.interop.scripted_user import ScriptedUser
from tests.support.tls import client_context

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
OLD, NEW = jwk.ECKey.generate_key("P-256"), jwk.ECKey.generate_key("P-256")
AUTHORITY = trustme.CA()
SELF_SIGNED = trustme.CA()


def registration(
    name: str, method: str, secret: str | None = None, /, **more: object
) -> ClientRegistration:
    """Return a registration for a client authentication method."""
    metadata = {"token_endpoint_auth_method": method, **more}
    return ClientRegistration(name, secret, scope="things:read", extra_metadata=metadata)


def jwks(*keys: Mapping[str, object]) -> Mapping[str, object]:
    """Return public keys as a JWK Set."""
    return {"keys": list(keys)}


def public(key: jwk.Key, **members: object) -> dict[str, object]:
    """Return the public JWK of a key."""
    assert isinstance(key, jwk.RSAKey | jwk.ECKey | jwk.OKPKey)
    return {**key.as_dict(private=False), **members}


def registered_certificate() -> Mapping[str, object]:
    """Return the JWK of the self-signed certificate."""
    key = jwk.ECKey.import_key(SELF_SIGNED.private_key_pem.bytes())
    octets = ssl.PEM_cert_to_DER_cert(SELF_SIGNED.cert_pem.bytes().decode())
    return public(key, x5c=[b64encode(octets).decode()])


def with_certificate(source: str | None) -> TLSClientAuth:
    """Return TLSClientAuth with a certificate for this name, the self-signed one, or none."""
    context = client_context(AUTHORITY)
    if source == "self-signed":
        pem = SELF_SIGNED.private_key_pem.bytes() + SELF_SIGNED.cert_pem.bytes()
        with trustme.Blob(pem).tempfile() as path:
            context.load_cert_chain(path)
    elif source is not None:
        AUTHORITY.issue_cert(source).configure_cert(context)
    return TLSClientAuth(context)


SECRET_IN_FORM = registration("poster", "client_secret_post", SPECIAL.client_secret)
SECRET_JWT = registration("macaw", "client_secret_jwt", SECRET)
SIGNERS = {
    algorithm: registration(
        f"signer-{algorithm}",
        "private_key_jwt",
        token_endpoint_auth_signing_alg=algorithm,
        jwks=jwks(public(KEYS[algorithm])),
    )
    for algorithm in ALGORITHMS
}
ROTATING = registration(
    "rotating", "private_key_jwt", jwks=jwks(public(OLD, kid="old"), public(NEW, kid="new"))
)
CERTIFIED = registration(
    "certified", "tls_client_auth", tls_client_auth_san_dns="service.example.com"
)
SELF_CERTIFIED = registration(
    "self-certified", "self_signed_tls_client_auth", jwks=jwks(registered_certificate())
)
KIOSK = registration("kiosk", "none", grant_types=[JWTBearer.name])

SIGN_IN_CLIENTS: dict[str, tuple[ClientRegistration, ClientAuth]] = {
    "key": (
        registration("login-key", "private_key_jwt", jwks=jwks(public(OLD)), **LOOPBACK_METADATA),
        PrivateKeyJWT(pem_of(OLD)),
    ),
    "certificate": (
        registration(
            "login-certificate",
            "tls_client_auth",
            tls_client_auth_san_dns="service.example.com",
            **LOOPBACK_METADATA,
        ),
        with_certificate("service.example.com"),
    ),
}

VALID: dict[str, tuple[ClientRegistration, ClientAuth]] = {
    "HTTP Basic": (SPECIAL, ClientSecretBasic()),
    "secret in the form": (SECRET_IN_FORM, ClientSecretPost()),
    "JWT of the secret": (SECRET_JWT, ClientSecretJWT()),
    **{
        algorithm: (SIGNERS[algorithm], PrivateKeyJWT(pem_of(KEYS[algorithm]), algorithm))
        for algorithm in ALGORITHMS
    },
    "JWK": (SIGNERS["ES256"], PrivateKeyJWT(jwk_of(EC[256]), "ES256")),
    "certificate": (CERTIFIED, with_certificate("service.example.com")),
    "self-signed certificate": (SELF_CERTIFIED, with_certificate("self-signed")),
}
INVALID: dict[str, tuple[ClientRegistration, ClientAuth]] = {
    "another secret in the form": (ClientRegistration("poster", "guessed"), ClientSecretPost()),
    "another secret in the JWT": (ClientRegistration("macaw", SECRET[::-1]), ClientSecretJWT()),
    "another key": (SIGNERS["ES256"], PrivateKeyJWT(pem_of(OLD))),
    "another algorithm": (SIGNERS["PS256"], PrivateKeyJWT(pem_of(KEYS["RS256"]), "RS256")),
    "another server's assertion": (
        SIGNERS["ES256"],
        PrivateKeyJWT(pem_of(EC[256]), audience="https://other.example.com"),
    ),
    "an unknown key": (ROTATING, PrivateKeyJWT(pem_of(NEW), key_id="newest")),
    "certificate of another client": (CERTIFIED, with_certificate("other.example.com")),
    "a certificate of no authority": (CERTIFIED, with_certificate("self-signed")),
    "no certificate": (CERTIFIED, with_certificate(None)),
    "a certificate that is not registration": (
        SELF_CERTIFIED,
        with_certificate("service.example.com"),
    ),
}


@pytest.fixture(scope="module")
def setup() -> Setup:
    """A client for each method, and mutual TLS."""
    server_certificate = AUTHORITY.issue_cert("127.0.0.1")
    return Setup(
        [
            *(
                SPECIAL,
                SECRET_IN_FORM,
                SECRET_JWT,
                *SIGNERS.values(),
                ROTATING,
                CERTIFIED,
                SELF_CERTIFIED,
            ),
            *(
                KIOSK,
                *(registration for registration, _ in SIGN_IN_CLIENTS.values()),
                RESOURCE_SERVER,
            ),
        ],
        assertion_issuers={"kiosk": public(EC[256])},
        certificates=Certificates(
            server_certificate.cert_chain_pems[0].bytes().decode(),
            server_certificate.private_key_pem.bytes().decode(),
            AUTHORITY.cert_pem.bytes().decode(),
        ),
    )


@pytest.mark.rule("R005", "R006", "R124", "R150", "R151", "R152", "R163")
@pytest.mark.parametrize(("registration", "client_auth"), VALID.values(), ids=VALID.keys())
async def test_valid_credentials_are_accepted(
    provider: Provider,
    session: ClientSession,
    api: ResourceServer,
    registration: ClientRegistration,
    client_auth: ClientAuth,
) -> None:
    """Two token requests succeed, so each has its own assertion; TLS uses the endpoint aliases."""
    async with make_client(provider, registration, client_auth=client_auth) as client:
        for _ in range(2):
            async with client.get(api.url) as response:
                assert response.status == 200
                assert (await response.json())["client_id"] == registration.client_id
            api.reject_known_tokens()
    assert await provider.requests(session) == ["client_credentials"] * 2


@pytest.mark.rule("R029", "R033", "R151", "R163")
@pytest.mark.parametrize(("registration", "client_auth"), INVALID.values(), ids=INVALID.keys())
async def test_invalid_credentials_are_rejected_once(
    provider: Provider,
    session: ClientSession,
    registration: ClientRegistration,
    client_auth: ClientAuth,
) -> None:
    """The error invalid_client is raised after one request."""
    async with make_client(
        provider, registration, client_auth=client_auth, raise_token_errors=True
    ) as client:
        with pytest.raises(TokenHTTPError) as caught:
            await client.get(f"{provider.issuer}/things")
    assert (caught.value.response_status, caught.value.error) == (401, "invalid_client")
    assert await provider.requests(session) == ["client_credentials invalid_client"]


@pytest.mark.rule("R124", "R150", "R151", "R153", "R160", "R161", "R163")
@pytest.mark.parametrize(
    ("registration", "client_auth"), SIGN_IN_CLIENTS.values(), ids=SIGN_IN_CLIENTS.keys()
)
async def test_every_endpoint_authenticates_the_client(
    provider: Provider,
    session: ClientSession,
    api: ResourceServer,
    call_api: CallApi,
    registration: ClientRegistration,
    client_auth: ClientAuth,
) -> None:
    """PAR, token, refresh and revocation requests each authenticate."""
    tokens: list[Token] = []
    grant = AuthorizationCode(open_browser=ScriptedUser(), timeout=30, par=True)
    async with make_client(
        provider,
        registration,
        client_auth=client_auth,
        grant=grant,
        scope="things:read",
        on_token=tokens.append,
    ) as client:
        for _ in range(2):
            info = await call_api(client)
            assert (info["user"], info["client_id"]) == ("alf", registration.client_id)
            api.reject_known_tokens()
        last = tokens[-1].access_token
        assert (await provider.introspect(session, last, RESOURCE_SERVER))["active"] is True
        await client.logout()
        assert (await provider.introspect(session, last, RESOURCE_SERVER))["active"] is False
    assert await provider.requests(session) == ["authorization_code", "refresh_token"]


@pytest.mark.rule("R009")
async def test_public_client_sends_only_its_id(provider: Provider, api: ResourceServer) -> None:
    """PublicClient sends the client id without a secret."""
    grant = JWTBearer(pem_of(EC[256]), algorithm="ES256", issuer="kiosk", subject="alf")
    async with (
        make_client(provider, KIOSK, grant=grant, client_auth=PublicClient()) as client,
        client.get(api.url) as response,
    ):
        assert response.status == 200
        info = await response.json()
    assert (info["client_id"], info["user"]) == ("kiosk", "alf")


@pytest.mark.rule("R151", "R163")
async def test_rotated_key_is_used_at_once(provider: Provider, api: ResourceServer) -> None:
    """The key is read for each assertion, which has the key ID of the current key."""
    keys = [jwk_of(OLD, kid="old"), jwk_of(NEW, kid="new")]
    async with (
        EndpointProxy(provider.token_endpoint) as proxy,
        make_client(
            provider,
            ROTATING,
            client_auth=PrivateKeyJWT(lambda: keys.pop(0)),
            endpoints={"token_endpoint": proxy.url},
        ) as client,
    ):
        for _ in range(2):
            assert (await client.get(api.url)).status == 200
            api.reject_known_tokens()
    sent = [form["client_assertion"] for form in proxy.forms]
    first, second = (opened(jwt, key) for jwt, key in zip(sent, (OLD, NEW), strict=True))
    assert [header["kid"] for header, _ in (first, second)] == ["old", "new"]
    assert {claims["aud"] for _, claims in (first, second)} == {provider.issuer}


@pytest.mark.rule("R033", "R150")
async def test_retry_has_a_new_assertion(
    provider: Provider, session: ClientSession, api: ResourceServer
) -> None:
    """The provider would reject the assertion of a request whose response was lost."""
    async with (
        EndpointProxy(provider.token_endpoint) as proxy,
        make_client(
            provider,
            SIGNERS["ES256"],
            client_auth=PrivateKeyJWT(pem_of(EC[256])),
            endpoints={"token_endpoint": proxy.url},
        ) as client,
    ):
        proxy.responses_to_lose = 1
        assert (await client.get(api.url)).status == 200
        assert await provider.requests(session) == ["client_credentials"] * 2
        proxy.send_count = 2
        api.reject_known_tokens()
        rejected = await client.get(api.url)
    assert (await rejected.json())["error"] == "invalid_client"
    assert await provider.requests(session) == [
        *["client_credentials"] * 3,
        "client_credentials invalid_client",
    ]
