"""docs/client_authentication.rst: its code runs, and it names every method and algorithm."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
import trustme
from aiohttp import ClientRequest, ClientTimeout, TCPConnector
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace
from docutils.core import publish_doctree
from docutils.nodes import literal_block
from yarl import URL

from aioalf import client_auth
from aioalf.client_auth import ClientAuth
from aioalf.client_auth._signing_key import SigningKey
from aioalf.testing import OAuthServer
from aioalf.testing._server.state.clients import CLIENT_AUTH_METHODS
from tests.client_auth.proofs import EC, SECRET, jwk_of, pem_of
from tests.client_auth.test_private_key_jwt import Device
from tests.project.docs.blocks import ROOT, Block, run

DOCUMENT = ROOT / "docs" / "client_authentication.rst"
ISSUER = "https://auth.example.com"


def blocks() -> Iterator[Block]:
    """Yield the code blocks of the document."""
    tree = publish_doctree(DOCUMENT.read_text(encoding="utf-8"))
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


@pytest.fixture
def world(
    server: OAuthServer, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connect the document's host names to the test server, and create the document's files."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "client").write_text("secret\n")
    (secrets / "reports").write_text(f"{SECRET}\n")
    (secrets / "key.pem").write_bytes(pem_of(EC[256]))
    (secrets / "key.json").write_text(json.dumps(jwk_of(EC[256], kid="k1")))
    authority.issue_cert("client.example.com").private_key_and_cert_chain_pem.write_to_path(
        secrets / "client.pem"
    )
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    monkeypatch.chdir(tmp_path)
    places = {
        "auth.example.com": (URL(server.token_endpoint).explicit_port or 0, True),
        "api.example.com": (URL(server.api_url).explicit_port or 0, False),
    }

    async def connect(
        self: TCPConnector, request: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> ResponseHandler:
        host = str(request.url.host)
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
async def test_code_block_runs(block: Block, server: OAuthServer) -> None:
    """The client in each block gets a token and a response of the API."""
    if "async def get_things(vault)" in block.text:
        assert await with_a_vault(block) == 200
    else:
        await run(block)
    sends = "async with Client(" in block.text
    assert [seen.status for seen in server.log] == [200, 200] * sends


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
    assert len(classes) == 6


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
