"""The URLs of endpoints: configured, from metadata, or the alias for mutual TLS."""

import json
import warnings
from collections.abc import Mapping
from types import SimpleNamespace
from typing import cast

import pytest
from aiohttp import ClientResponse
from yarl import URL

from aioalf._auth_server.endpoints import ServerEndpoints
from aioalf._auth_server.http import AuthServerHTTP
from aioalf._auth_server.response import ServerResponse
from aioalf.errors import (
    InsecureTransportWarning,
    MetadataError,
    TokenConfigurationError,
    TokenError,
)

ISSUER = "https://auth.example.com"


class MetadataStub(AuthServerHTTP):
    """Responds to every GET request with metadata, and counts the requests."""

    def __init__(self, **members: object) -> None:
        super().__init__()
        self.requests = 0
        self.members: Mapping[str, object] = {"issuer": ISSUER, **members}

    async def get(self, endpoint: str, url: URL) -> ServerResponse:
        """Return the metadata."""
        self.requests += 1
        headers = {"Content-Type": "application/json"}
        response = cast("ClientResponse", SimpleNamespace(status=200, headers=headers))
        return ServerResponse(endpoint, url, response, json.dumps(self.members).encode())


async def url_of(
    server: ServerEndpoints, name: str = "token_endpoint", *, over_mtls: bool = False
) -> str:
    """Return the URL of an endpoint as text."""
    return str(await server.url_of(name, over_mtls=over_mtls))


@pytest.mark.rule("R123")
async def test_configured_endpoint_overrides_metadata() -> None:
    """Metadata is fetched when it is needed, once."""
    http = MetadataStub(
        token_endpoint="https://a.example/t", revocation_endpoint="https://a.example/r"
    )
    server = ServerEndpoints(ISSUER, {"token_endpoint": "https://given.example/t"}, http)
    assert await url_of(server) == "https://given.example/t"
    assert http.requests == 0
    assert await url_of(server, "revocation_endpoint") == "https://a.example/r"
    assert server.issuer == (await server.metadata())["issuer"] == ISSUER
    assert http.requests == 1
    await server.close()


async def test_methods_of_an_endpoint_are_in_metadata() -> None:
    """Metadata is not fetched for the methods of a configured endpoint."""
    http = MetadataStub(revocation_endpoint_auth_methods_supported=["client_secret_basic"])
    given = {"revocation_endpoint": "https://given.example/r"}
    assert await ServerEndpoints(ISSUER, given, http).methods_at("revocation_endpoint") is None
    assert http.requests == 0
    server = ServerEndpoints(ISSUER, {}, http)
    assert await server.methods_at("revocation_endpoint") == frozenset({"client_secret_basic"})
    assert await server.methods_at("introspection_endpoint") is None


@pytest.mark.rule("R124")
async def test_alias_for_mutual_tls_is_preferred() -> None:
    """With mutual TLS an alias overrides the endpoint; a configured endpoint overrides both."""
    http = MetadataStub(
        token_endpoint="https://a.example/t",
        revocation_endpoint="https://a.example/r",
        mtls_endpoint_aliases={
            "token_endpoint": "https://mtls.example/t",
            "introspection_endpoint": "https://mtls.example/i",
        },
    )
    server = ServerEndpoints(ISSUER, {"introspection_endpoint": "https://given.example/i"}, http)
    assert await url_of(server) == "https://a.example/t"
    assert await url_of(server, over_mtls=True) == "https://mtls.example/t"
    assert await url_of(server, "revocation_endpoint", over_mtls=True) == "https://a.example/r"
    assert await url_of(server, "introspection_endpoint", over_mtls=True) == (
        "https://given.example/i"
    )


async def test_without_an_issuer_there_is_no_metadata() -> None:
    """Only configured endpoints are known; the error for another says what to pass."""
    http = MetadataStub()
    server = ServerEndpoints(None, {"token_endpoint": "https://given.example/t?a=b"}, http)
    assert await url_of(server) == "https://given.example/t?a=b"
    assert (server.issuer, await server.metadata(), http.requests) == (None, {}, 0)
    with pytest.raises(TokenConfigurationError, match=r"pass issuer, or endpoints=.*revocation"):
        await url_of(server, "revocation_endpoint")
    await server.close()


async def test_endpoint_missing_in_metadata_is_an_error() -> None:
    """The error names the missing endpoint."""
    server = ServerEndpoints(ISSUER, {}, MetadataStub(token_endpoint=None))
    with pytest.raises(TokenConfigurationError, match="Missing token endpoint: the issuer's"):
        await url_of(server)


@pytest.mark.rule("R013", "R123")
@pytest.mark.parametrize("url", ["http://a.example/t", "/t", "", 5, [], "https://a.example/#t"])
async def test_invalid_endpoint_in_metadata_is_refused(url: object) -> None:
    """An endpoint and an alias in metadata must be absolute https URLs."""
    for http in (
        MetadataStub(token_endpoint=url),
        MetadataStub(mtls_endpoint_aliases={"token_endpoint": url}),
    ):
        with pytest.raises(MetadataError):
            await url_of(ServerEndpoints(ISSUER, {}, http), over_mtls=True)


@pytest.mark.rule("R123")
@pytest.mark.parametrize("endpoint", [None, "http://a.example/t"])
async def test_metadata_without_the_endpoint_is_fetched_again_soon(
    monkeypatch: pytest.MonkeyPatch, endpoint: str | None
) -> None:
    """Metadata is fetched again after a minute, not for every call."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(
        "aioalf._auth_server.metadata_cache.time", SimpleNamespace(monotonic=lambda: clock.now)
    )
    http = MetadataStub(token_endpoint=endpoint)
    server = ServerEndpoints(ISSUER, {}, http)
    for _ in range(3):
        with pytest.raises(TokenError):
            await url_of(server)
        clock.now += 29
    assert http.requests == 1
    http.members = {**http.members, "token_endpoint": "https://a.example/t"}
    clock.now += 60
    for _ in range(3):
        assert await url_of(server) == "https://a.example/t"
        clock.now += 61
    assert http.requests == 2


@pytest.mark.rule("R003")
@pytest.mark.parametrize(
    "url", ["", "/t", "ftp://a.example", "https://a.example/#", "https://a@b/"]
)
def test_invalid_configured_endpoint_is_refused(url: str) -> None:
    """The error names the endpoint, and does not show the URL."""
    with pytest.raises(TokenConfigurationError, match=r"^revocation_endpoint "):
        ServerEndpoints(None, {"revocation_endpoint": url}, MetadataStub())


@pytest.mark.rule("R122")
@pytest.mark.parametrize("issuer", ["", "http://a.example", "https://a.example/?", f"{ISSUER}#"])
def test_invalid_issuer_is_refused(issuer: str) -> None:
    """An issuer must be an https URL without query and fragment."""
    with pytest.raises(TokenConfigurationError, match="issuer must"):
        ServerEndpoints(issuer, {}, MetadataStub())


@pytest.mark.rule("R013")
def test_plain_http_to_another_machine_warns() -> None:
    """A configured plain http endpoint warns once, except on this machine."""
    with pytest.warns(InsecureTransportWarning, match="The token endpoint http://a.example"):
        ServerEndpoints(None, {"token_endpoint": "http://a.example"}, MetadataStub())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ServerEndpoints(
            "http://localhost:1", {"revocation_endpoint": "http://127.0.0.1"}, MetadataStub()
        )


@pytest.mark.rule("R161")
@pytest.mark.parametrize("name", ["introspection_endpoint", "revocation_endpoint"])
def test_plain_http_is_refused_for_endpoints_that_take_tokens(name: str) -> None:
    """Revocation and introspection send tokens, so plain http is an error."""
    with pytest.raises(TokenConfigurationError, match=f"{name} must be an https URL"):
        ServerEndpoints(None, {name: "http://a.example"}, MetadataStub())


@pytest.mark.rule("R161")
async def test_plain_http_in_metadata_is_refused() -> None:
    """Metadata with a plain http endpoint is an error."""
    server = ServerEndpoints(
        ISSUER, {}, MetadataStub(revocation_endpoint="http://a.example/revoke")
    )
    with pytest.raises(MetadataError, match="plain http"):
        await server.find("revocation_endpoint", over_mtls=False)


async def test_find_returns_none_for_an_unknown_endpoint() -> None:
    """`find` is for callers that do not need the endpoint."""
    assert (
        await ServerEndpoints(ISSUER, {}, MetadataStub()).find(
            "revocation_endpoint", over_mtls=False
        )
        is None
    )
