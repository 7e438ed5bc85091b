"""`allow_http_hosts`: an authorization server behind plain http in a cluster, with real sockets."""

import warnings
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, TCPConnector

from aioalf import (
    Client,
    InsecureTransportWarning,
    MetadataError,
    OAuth2Middleware,
    TokenConfigurationError,
    TokenError,
    TokenManager,
)
from aioalf.caches import MemoryCache
from aioalf.grants import ACCESS_TOKEN, REFRESH_TOKEN, AuthorizationCode, TokenExchange
from aioalf.testing import OAuthServer
from tests.support.front import Resolver
from tests.support.signed_in import SignedIn

ENDPOINTS = ("token_endpoint", "revocation_endpoint", "introspection_endpoint")


class Cluster(SignedIn):
    """The server under the host name ``keycloak``, which only `session` can resolve."""

    def __init__(self, server: OAuthServer) -> None:
        super().__init__(server)
        server.issuer_path = "/realms/x"
        self.host = f"keycloak:{urlsplit(server.issuer).port}"
        self.issuer = self.inside(server.issuer)
        self.session = ClientSession(connector=TCPConnector(resolver=Resolver()))
        self.endpoints = {name: self.inside(getattr(server, name)) for name in ENDPOINTS}
        server.changes["metadata"] = {"issuer": self.issuer, **self.endpoints}
        server.changes["authorization"] = {"iss": self.issuer}

    def inside(self, url: str) -> str:
        """Return a URL of the server as programs in the cluster write it."""
        return url.replace("127.0.0.1", "keycloak")

    def sign_in(self) -> AuthorizationCode:
        """Return a grant with the visitor as browser."""
        return AuthorizationCode(open_browser=self.visitor)

    def connect(self, grant: Any = None, **options: Any) -> Client:
        """Create a client that trusts the host."""
        given = {
            "issuer": self.issuer,
            "allow_http_hosts": [self.host],
            "auth_session": self.session,
            "raise_token_errors": True,
        }
        return self.client(grant, **{**given, **options})


@pytest.fixture
async def cluster(oauth_server: OAuthServer) -> AsyncIterator[Cluster]:
    """Yield a cluster; each warning is an error."""
    cluster = Cluster(oauth_server)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield cluster
    await cluster.visitor.done()
    await cluster.session.close()


async def get(client: Client, server: OAuthServer) -> None:
    """Send an authorized request."""
    async with client.get(server.url("/things")) as response:
        assert response.status == 200


@pytest.mark.rule("R013", "R046", "R161")
async def test_whole_life_of_a_login_over_plain_http(cluster: Cluster) -> None:
    """Metadata, code, refresh, introspection and revocation use the listed host."""
    async with cluster.connect(cluster.sign_in()) as client:
        await get(client, cluster.server)
        cluster.server.revoke_all()
        await get(client, cluster.server)
        assert (await client.introspect(cluster.token))["active"] is True
        await client.logout()
    assert cluster.server.granted == {"authorization_code": 1, "refresh_token": 1}
    assert cluster.server.requests["revocation"] == 2


@pytest.mark.rule("R013", "R046", "R161")
async def test_configured_endpoints_over_plain_http(cluster: Cluster) -> None:
    """They are accepted without a warning, even if they take tokens."""
    outside = {"authorization_endpoint": cluster.server.authorization_endpoint}
    async with cluster.connect(
        cluster.sign_in(), issuer=None, endpoints={**cluster.endpoints, **outside}
    ) as client:
        await get(client, cluster.server)
        await client.logout()
    assert cluster.server.requests["revocation"] == 2


@pytest.mark.rule("R046")
async def test_refresh_token_is_exchanged_over_plain_http(cluster: Cluster) -> None:
    """A token exchange with a refresh token is possible as well."""
    cluster.server.add_subject_token("theirs", "Ada", token_type=REFRESH_TOKEN)
    for cache in (None, MemoryCache()):
        grant = TokenExchange("theirs", REFRESH_TOKEN)
        async with cluster.connect(grant, cache=cache) as client:
            await get(client, cluster.server)


@pytest.mark.rule("R013", "R046", "R122", "R161")
@pytest.mark.parametrize("hosts", [None, [], ["keycloak:1"], ["other"]])
async def test_other_hosts_are_refused(cluster: Cluster, hosts: list[str] | None) -> None:
    """The errors name the option with the host."""
    advice = rf"allow_http_hosts=\['{cluster.host}'\]"
    with pytest.raises(TokenConfigurationError, match=advice):
        cluster.connect(allow_http_hosts=hosts)
    for name in ("revocation_endpoint", "introspection_endpoint"):
        with pytest.raises(TokenConfigurationError, match=advice):
            cluster.connect(
                issuer=None,
                endpoints={name: cluster.endpoints[name]},
                allow_http_hosts=hosts,
            )
    url = {"token_endpoint": cluster.endpoints["token_endpoint"]}
    with pytest.raises(InsecureTransportWarning):
        cluster.connect(issuer=None, endpoints=url, allow_http_hosts=hosts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureTransportWarning)
        with pytest.raises(TokenConfigurationError, match=advice):
            cluster.connect(cluster.sign_in(), issuer=None, endpoints=url, allow_http_hosts=hosts)
        exchange = TokenExchange("theirs", REFRESH_TOKEN)
        async with cluster.connect(
            exchange, issuer=None, endpoints=url, allow_http_hosts=hosts
        ) as client:
            with pytest.raises(TokenConfigurationError, match=advice):
                await client.get(cluster.server.url("/things"))
    assert not cluster.server.log


@pytest.mark.rule("R122")
async def test_other_host_in_the_metadata_is_refused(cluster: Cluster) -> None:
    """The metadata of a listed host cannot send secrets to another one."""
    cluster.server.changes["metadata"] = {
        "issuer": cluster.issuer,
        "token_endpoint": "http://evil.example/token",
    }
    async with cluster.connect() as client:
        with pytest.raises(MetadataError, match=r"http://evil.example/token is plain http"):
            await client.get(cluster.server.url("/things"))


@pytest.mark.rule("R053")
async def test_api_on_a_listed_host_causes_no_warning(cluster: Cluster) -> None:
    """``require_https`` refuses it all the same."""
    url = cluster.inside(cluster.server.url("/things"))
    port = urlsplit(url).port
    resolver = TCPConnector(resolver=Resolver())
    async with ClientSession(connector=resolver) as session:
        hosts = [cluster.host, f"keycloak:{port}"]
        async with cluster.connect(session=session, allow_http_hosts=hosts) as client:
            assert (await client.get(url)).status == 200
        async with cluster.connect(
            session=session, allow_http_hosts=hosts, require_https=True
        ) as client:
            with pytest.raises(TokenError, match="require_https is set"):
                await client.get(url)
        async with cluster.connect(session=session) as client:
            with pytest.raises(InsecureTransportWarning):
                await client.get(url)


@pytest.mark.rule("R053")
async def test_middleware_trusts_the_listed_hosts(cluster: Cluster) -> None:
    """`OAuth2Middleware` has the option too, because it is given only a manager."""
    url = cluster.inside(cluster.server.url("/things"))
    host = f"keycloak:{urlsplit(url).port}"
    async with TokenManager(cluster.server.token_endpoint, "client-id", "secret") as manager:
        trusting = OAuth2Middleware(manager, allow_http_hosts=[host])
        assert (await cluster.session.get(url, middlewares=[trusting])).status == 200
        with pytest.raises(InsecureTransportWarning):
            await cluster.session.get(url, middlewares=[OAuth2Middleware(manager)])


@pytest.mark.parametrize("hosts", ["keycloak", ["http://keycloak:8080"], ["*"], ["keycloak/x"]])
def test_other_forms_are_refused(cluster: Cluster, hosts: Any) -> None:
    """The error has an example of the right form."""
    with pytest.raises(TokenConfigurationError, match=r"such as allow_http_hosts=\['keycloak:8080"):
        cluster.connect(allow_http_hosts=hosts)


async def test_exchange_of_an_access_token_needs_no_option(cluster: Cluster) -> None:
    """An access token may be sent by plain http, with a warning, as before."""
    cluster.server.add_subject_token("theirs", "Ada")
    url = {"token_endpoint": cluster.endpoints["token_endpoint"]}
    with pytest.warns(InsecureTransportWarning):
        client = cluster.connect(
            TokenExchange("theirs", ACCESS_TOKEN),
            issuer=None,
            endpoints=url,
            allow_http_hosts=None,
        )
    async with client:
        await get(client, cluster.server)
