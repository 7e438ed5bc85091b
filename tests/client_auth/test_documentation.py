"""docs/howto/client_authentication.rst: its code runs, and it names every method and algorithm."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest
import trustme
from aiohttp import ClientRequest, ClientTimeout, TCPConnector, web
from aiohttp.client_proto import ResponseHandler
from aiohttp.test_utils import TestServer
from aiohttp.tracing import Trace
from docutils.nodes import literal_block
from joserfc import jwt
from joserfc.jwk import RSAKey
from yarl import URL

from aioalf import client_auth
from aioalf.client_auth import ClientAuth
from aioalf.client_auth._signing_key import SigningKey
from aioalf.testing import OAuthServer
from aioalf.testing._server.state.clients import CLIENT_AUTH_METHODS
from tests.client_auth.proofs import EC, SECRET, jwk_of, pem_of
from tests.client_auth.test_private_key_jwt import Device
from tests.project.docs.blocks import Block, run
from tests.support.pages import ROOT, parse
from tests.testing.signing import claims, public, signed

DOCUMENT = ROOT / "docs" / "howto" / "client_authentication.rst"
ISSUER = "https://auth.example.com"
TOKEN_URL = "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"
KEY = EC[256]


def blocks() -> Iterator[Block]:
    """Yield the code blocks of the document."""
    tree = parse(DOCUMENT)
    for number, node in enumerate(tree.findall(literal_block), 1):
        yield Block(DOCUMENT.name, number, "python", node.astext())


BLOCKS = list(blocks())


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """The authority that issues the certificates of server and client."""
    return trustme.CA()


@pytest.fixture
async def server(authority: trustme.CA) -> AsyncIterator[OAuthServer]:
    """An authorization server with TLS, where the document's clients are registered."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("auth.example.com").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    async with OAuthServer(ssl_context=context, assertion_audience=ISSUER) as started:
        started.add_client(
            "client-id",
            "secret",
            certificate_name="client.example.com",
            auth_methods=["client_secret_basic", "client_secret_post", "tls_client_auth"],
        )
        started.add_client("reports", SECRET, auth_methods=["client_secret_jwt"])
        key = {**cast("dict[str, object]", EC[256].as_dict(private=False)), "kid": "k1"}
        started.add_client("service", public_key=key)
        yield started


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA) -> trustme.LeafCert:
    """The client's certificate and key."""
    return authority.issue_cert("client.example.com", key_type=trustme.KeyType.RSA)


@pytest.fixture
async def entra(authority: trustme.CA, certificate: trustme.LeafCert) -> AsyncIterator[OAuthServer]:
    """A server with the token endpoint of a Microsoft Entra tenant."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("login.microsoftonline.com").configure_cert(context)
    async with OAuthServer(
        ssl_context=context,
        issuer_path="/contoso.onmicrosoft.com/oauth2/v2.0",
        assertion_audience=TOKEN_URL,
    ) as started:
        key = RSAKey.import_key(certificate.private_key_pem.bytes())
        started.add_client("service", public_key=public(key))
        yield started


@pytest.fixture
async def github(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The service of GitHub Actions that issues the token of a job."""

    async def issue(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer token-of-the-job"
        assert dict(request.query) == {
            "api-version": "2.0",
            "audience": "api://AzureADTokenExchange",
        }
        return web.json_response({"count": 1, "value": signed(claims("service", ISSUER), KEY)})

    app = web.Application()
    app.router.add_get("/token", issue)
    async with TestServer(app) as started:
        url = str(started.make_url("/token?api-version=2.0"))
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", url)
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "token-of-the-job")
        yield


@pytest.fixture
def world(
    server: OAuthServer,
    entra: OAuthServer,
    github: None,
    authority: trustme.CA,
    certificate: trustme.LeafCert,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Connect the document's host names to the test servers, and create the document's files."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "client").write_text("secret\n")
    (secrets / "reports").write_text(f"{SECRET}\n")
    (secrets / "key.pem").write_bytes(pem_of(EC[256]))
    (secrets / "key.json").write_text(json.dumps(jwk_of(EC[256], kid="k1")))
    certificate.private_key_and_cert_chain_pem.write_to_path(secrets / "client.pem")
    (secrets / "assertion").write_text(signed(claims("service", ISSUER), KEY))
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(secrets / "assertion"))
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    monkeypatch.chdir(tmp_path)
    places = {
        "auth.example.com": (URL(server.token_endpoint).explicit_port or 0, True),
        "api.example.com": (URL(server.api_url).explicit_port or 0, False),
        "login.microsoftonline.com": (URL(entra.token_endpoint).explicit_port or 0, True),
        "graph.microsoft.com": (URL(entra.api_url).explicit_port or 0, False),
    }
    original = TCPConnector._create_connection  # noqa: SLF001 - where a name becomes a socket

    async def connect(
        self: TCPConnector, request: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> ResponseHandler:
        host = str(request.url.host)
        if host not in places:  # the service of GitHub Actions
            return await original(self, request, traces, timeout)
        port, is_tls = places[host]
        chosen = request.ssl if isinstance(request.ssl, ssl.SSLContext) else None
        context = (chosen or ssl.create_default_context()) if is_tls else None
        _, protocol = await asyncio.get_running_loop().create_connection(
            self._factory,
            "127.0.0.1",
            port,
            ssl=context,
            server_hostname=host if is_tls else None,
        )
        return protocol

    monkeypatch.setattr(TCPConnector, "_create_connection", connect)


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("block", BLOCKS, ids=str)
async def test_code_block_runs(block: Block, server: OAuthServer, entra: OAuthServer) -> None:
    """The client in each block gets a token and a response of the API."""
    if "async def get_things(vault)" in block.text:
        assert await with_a_vault(block) == 200
    elif "def apple_client_secret()" in block.text:
        check_apple_client_secret(await run(block))
    else:
        await run(block)
    sends = "async with Client(" in block.text
    assert [seen.status for seen in [*entra.log, *server.log]] == [200, 200] * sends
    assert len(entra.log) == 2 * ("microsoftonline" in block.text)


def check_apple_client_secret(names: Mapping[str, object]) -> None:
    """The secret of the block's function is a new JWT with the claims that Apple documents."""
    make = cast("Callable[[], str]", names["apple_client_secret"])
    token = jwt.decode(make(), EC[256], algorithms=["ES256"])
    assert token.header == {"typ": "JWT", "alg": "ES256", "kid": "KEY1234567"}
    assert token.claims["aud"] == "https://appleid.apple.com"
    assert (token.claims["iss"], token.claims["sub"]) == ("TEAM123456", "com.example.app")
    assert token.claims["exp"] - token.claims["iat"] == 300


class Vault:
    """The signing service that the document's class calls."""

    async def sign(self, name: str, data: bytes) -> bytes:
        """Return the signature made with the named key."""
        assert name == "client-key"
        return Device(EC[256]).sign(data)


async def with_a_vault(block: Block) -> int:
    """Call the block's function with a vault and return its result."""
    names: dict[str, object] = {}
    exec(block.text, names)  # noqa: S102 - the project's own document
    return await cast("Callable[[Vault], Awaitable[int]]", names["get_things"])(Vault())


def test_table_names_every_method() -> None:
    """The table has each method's name in metadata and its class."""
    table = DOCUMENT.read_text(encoding="utf-8").partition("A request carries one")[0]
    assert not [name for name in CLIENT_AUTH_METHODS if f"``{name}``" not in table]
    classes = {name for name in client_auth.__all__ if is_method(name)}
    assert classes == {name for name in classes if f"``{name}(" in table}
    assert len(classes) == 7


def is_method(name: str) -> bool:
    """Tell whether a name of the package is a client authentication method."""
    value = getattr(client_auth, name)
    return isinstance(value, type) and value is not ClientAuth and hasattr(value, "authenticate")


def test_text_names_every_algorithm() -> None:
    """The document names each algorithm that `SigningKey` supports."""
    words = set(DOCUMENT.read_text(encoding="utf-8").replace(",", " ").replace(".", " ").split())
    for algorithm in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "EdDSA"):
        assert repr(SigningKey("-----BEGIN …", algorithm)) == f"<SigningKey {algorithm}>"
        assert algorithm in words
