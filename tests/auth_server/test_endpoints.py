"""Where endpoints are: the one given, else the issuer's, its alias with mutual TLS."""

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


class Told(AuthServerHTTP):
    """Answers every GET with metadata; counts them."""

    def __init__(self, **members: object) -> None:
        super().__init__(None, lambda: None)
        self.asked = 0
        self.members: Mapping[str, object] = {"issuer": ISSUER, **members}

    async def get(self, endpoint: str, url: URL) -> ServerResponse:
        """Return the metadata."""
        self.asked += 1
        headers = {"Content-Type": "application/json"}
        response = cast("ClientResponse", SimpleNamespace(status=200, headers=headers))
        return ServerResponse(endpoint, url, response, json.dumps(self.members).encode())


async def url_of(
    server: ServerEndpoints, name: str = "token_endpoint", *, over_mtls: bool = False
) -> str:
    """An endpoint as text."""
    return str(await server.url_of(name, over_mtls=over_mtls))


@pytest.mark.rule("R123")
async def test_an_endpoint_is_the_issuer_s_unless_one_is_given() -> None:
    """The metadata is read when it is needed, once."""
    told = Told(token_endpoint="https://a.example/t", revocation_endpoint="https://a.example/r")
    server = ServerEndpoints(ISSUER, {"token_endpoint": "https://given.example/t"}, told)
    assert await url_of(server) == "https://given.example/t"
    assert told.asked == 0
    assert await url_of(server, "revocation_endpoint") == "https://a.example/r"
    assert server.issuer == (await server.metadata())["issuer"] == ISSUER
    assert told.asked == 1
    await server.close()


async def test_how_to_authenticate_is_the_issuer_s_word_unless_the_endpoint_is_given() -> None:
    """Who gives an endpoint may have an issuer without metadata: it is not asked."""
    told = Told(revocation_endpoint_auth_methods_supported=["client_secret_basic"])
    given = {"revocation_endpoint": "https://given.example/r"}
    assert await ServerEndpoints(ISSUER, given, told).methods_at("revocation_endpoint") is None
    assert told.asked == 0
    server = ServerEndpoints(ISSUER, {}, told)
    assert await server.methods_at("revocation_endpoint") == frozenset({"client_secret_basic"})
    assert await server.methods_at("introspection_endpoint") is None


@pytest.mark.rule("R124")
async def test_with_mutual_tls_the_alias_goes_first() -> None:
    """For each endpoint that has one; what was given goes before both."""
    told = Told(
        token_endpoint="https://a.example/t",
        revocation_endpoint="https://a.example/r",
        mtls_endpoint_aliases={
            "token_endpoint": "https://mtls.example/t",
            "introspection_endpoint": "https://mtls.example/i",
        },
    )
    server = ServerEndpoints(ISSUER, {"introspection_endpoint": "https://given.example/i"}, told)
    assert await url_of(server) == "https://a.example/t"
    assert await url_of(server, over_mtls=True) == "https://mtls.example/t"
    assert await url_of(server, "revocation_endpoint", over_mtls=True) == "https://a.example/r"
    assert await url_of(server, "introspection_endpoint", over_mtls=True) == (
        "https://given.example/i"
    )


async def test_without_an_issuer_there_is_what_was_given() -> None:
    """And no metadata; what is missing is named, with what to pass."""
    told = Told()
    server = ServerEndpoints(None, {"token_endpoint": "https://given.example/t?a=b"}, told)
    assert await url_of(server) == "https://given.example/t?a=b"
    assert (server.issuer, await server.metadata(), told.asked) == (None, {}, 0)
    with pytest.raises(TokenConfigurationError, match=r"pass issuer, or endpoints=.*revocation"):
        await url_of(server, "revocation_endpoint")
    await server.close()


async def test_an_endpoint_that_the_issuer_has_not_is_named() -> None:
    """Nothing is made up."""
    server = ServerEndpoints(ISSUER, {}, Told(token_endpoint=None))
    with pytest.raises(TokenConfigurationError, match="Missing token endpoint: the issuer's"):
        await url_of(server)


@pytest.mark.rule("R013", "R123")
@pytest.mark.parametrize("url", ["http://a.example/t", "/t", "", 5, [], "https://a.example/#t"])
async def test_an_odd_endpoint_of_the_issuer_is_not_asked(url: object) -> None:
    """Also where it is an alias."""
    for told in (Told(token_endpoint=url), Told(mtls_endpoint_aliases={"token_endpoint": url})):
        with pytest.raises(MetadataError):
            await url_of(ServerEndpoints(ISSUER, {}, told), over_mtls=True)


@pytest.mark.rule("R123")
@pytest.mark.parametrize("endpoint", [None, "http://a.example/t"])
async def test_metadata_without_what_is_wanted_is_asked_for_again_soon(
    monkeypatch: pytest.MonkeyPatch, endpoint: str | None
) -> None:
    """Within a minute, and not each time: somebody is about to repair it."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(
        "aioalf._auth_server.discovery.time", SimpleNamespace(monotonic=lambda: clock.now)
    )
    told = Told(token_endpoint=endpoint)
    server = ServerEndpoints(ISSUER, {}, told)
    for _ in range(3):
        with pytest.raises(TokenError):
            await url_of(server)
        clock.now += 29
    assert told.asked == 1
    told.members = {**told.members, "token_endpoint": "https://a.example/t"}
    clock.now += 60
    for _ in range(3):
        assert await url_of(server) == "https://a.example/t"
        clock.now += 61
    assert told.asked == 2


@pytest.mark.rule("R003")
@pytest.mark.parametrize(
    "url", ["", "/t", "ftp://a.example", "https://a.example/#", "https://a@b/"]
)
def test_an_odd_endpoint_is_refused_when_it_is_given(url: str) -> None:
    """By its name, without the URL."""
    with pytest.raises(TokenConfigurationError, match=r"^revocation_endpoint "):
        ServerEndpoints(None, {"revocation_endpoint": url}, Told())


@pytest.mark.rule("R122")
@pytest.mark.parametrize("issuer", ["", "http://a.example", "https://a.example/?", f"{ISSUER}#"])
def test_an_odd_issuer_is_refused_when_it_is_given(issuer: str) -> None:
    """An https URL without query and fragment."""
    with pytest.raises(TokenConfigurationError, match="issuer must"):
        ServerEndpoints(issuer, {}, Told())


@pytest.mark.rule("R013")
def test_plain_http_to_another_machine_is_warned_of() -> None:
    """Once for each that is given; on this machine nobody listens in."""
    with pytest.warns(InsecureTransportWarning, match="The token endpoint http://a.example"):
        ServerEndpoints(None, {"token_endpoint": "http://a.example"}, Told())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ServerEndpoints("http://localhost:1", {"revocation_endpoint": "http://127.0.0.1"}, Told())


@pytest.mark.rule("R161")
@pytest.mark.parametrize("name", ["introspection_endpoint", "revocation_endpoint"])
def test_plain_http_is_refused_where_tokens_are_sent(name: str) -> None:
    """A warning would not do: whoever is on the way could use them."""
    with pytest.raises(TokenConfigurationError, match=f"{name} must be an https URL"):
        ServerEndpoints(None, {name: "http://a.example"}, Told())


@pytest.mark.rule("R161")
async def test_plain_http_of_an_issuer_is_refused_where_tokens_are_sent() -> None:
    """Its metadata is not believed."""
    server = ServerEndpoints(ISSUER, {}, Told(revocation_endpoint="http://a.example/revoke"))
    with pytest.raises(MetadataError, match="plain http"):
        await server.find("revocation_endpoint", over_mtls=False)


async def test_an_endpoint_that_there_is_not_is_none() -> None:
    """For who can do without."""
    assert (
        await ServerEndpoints(ISSUER, {}, Told()).find("revocation_endpoint", over_mtls=False)
        is None
    )
