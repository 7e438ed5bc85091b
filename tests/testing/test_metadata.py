"""The authorization server metadata: content, URLs, changes and faults."""

from typing import cast
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession

from aioalf.testing import MISSING, Fault, OAuthServer
from tests.testing.plain_client import ReadResponse, request_token, send

OAUTH = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"


async def get(session: ClientSession, server: OAuthServer, path: str) -> ReadResponse:
    """Get a path of the issuer's origin."""
    parts = urlsplit(server.issuer)
    return await send(session, "GET", f"{parts.scheme}://{parts.netloc}{path}")


@pytest.mark.parametrize("path", [OAUTH, OPENID])
async def test_both_well_known_urls_serve_the_metadata(
    oauth_server: OAuthServer, session: ClientSession, path: str
) -> None:
    """The metadata is JSON with the issuer and its endpoints (RFC 8414 §2)."""
    response = await get(session, oauth_server, path)
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("application/json")
    assert response.json["issuer"] == oauth_server.issuer
    assert response.json["token_endpoint"] == oauth_server.token_endpoint
    assert response.json["authorization_endpoint"] == oauth_server.authorization_endpoint
    assert response.json["code_challenge_methods_supported"] == ["S256"]
    assert response.json["authorization_response_iss_parameter_supported"] is True
    assert oauth_server.requests["metadata"] == 1


@pytest.mark.parametrize("issuer_path", ["/tenant/one", "/tenant/one/", "/"])
async def test_issuer_can_have_a_path(session: ClientSession, issuer_path: str) -> None:
    """RFC 8414 inserts the well-known part before it, OpenID appends it; a final `/` is removed."""
    async with OAuthServer(issuer_path=issuer_path) as server:
        assert server.issuer.endswith(issuer_path)
        base = issuer_path.rstrip("/")
        for path in (OAUTH + base, base + OPENID):
            response = await get(session, server, path)
            assert response.json["issuer"] == server.issuer
            assert response.json["token_endpoint"] == server.token_endpoint
        assert urlsplit(server.token_endpoint).path == f"{base}/token"
        assert (await request_token(session, server)).status == 200


async def test_nothing_is_served_outside_of_the_issuer_path(session: ClientSession) -> None:
    """Metadata and endpoints are not at the paths without the issuer path."""
    async with OAuthServer(issuer_path="/tenant/one") as server:
        for path in (OAUTH, OPENID, "/token", "/tenant/one" + OAUTH, OPENID + "/tenant/one"):
            assert (await get(session, server, path)).status == 404, path


async def test_each_well_known_url_can_be_disabled(session: ClientSession) -> None:
    """Real servers have one of them, or none."""
    async with OAuthServer(oauth_metadata=False) as server:
        assert (await get(session, server, OAUTH)).status == 404
        assert (await get(session, server, OPENID)).status == 200
        server.oauth_metadata, server.openid_metadata = True, False
        assert (await get(session, server, OAUTH)).status == 200
        assert (await get(session, server, OPENID)).status == 404


async def test_metadata_lists_the_enabled_features(session: ClientSession) -> None:
    """Grants, client authentication, `iss` and pushed requests follow the settings."""
    async with OAuthServer(
        grant_types=["refresh_token"],
        client_auth_methods=["client_secret_post"],
        iss_parameter=False,
        require_pushed_authorization_requests=True,
    ) as server:
        metadata = (await get(session, server, OAUTH)).json
    assert metadata["grant_types_supported"] == ["refresh_token"]
    assert metadata["token_endpoint_auth_methods_supported"] == ["client_secret_post"]
    assert metadata["authorization_response_iss_parameter_supported"] is False
    assert metadata["require_pushed_authorization_requests"] is True
    assert "device_authorization_endpoint" not in metadata


async def test_every_listed_endpoint_exists(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """No endpoint in the metadata responds with 404."""
    metadata = (await get(session, oauth_server, OAUTH)).json
    urls = [cast("str", url) for name, url in metadata.items() if name.endswith("_endpoint")]
    assert oauth_server.pushed_authorization_request_endpoint in urls
    assert 404 not in [(await send(session, "POST", url)).status for url in urls]


async def test_metadata_can_be_changed(oauth_server: OAuthServer, session: ClientSession) -> None:
    """Members can be replaced or left out."""
    oauth_server.changes["metadata"] = {
        "issuer": "https://evil.example",
        "token_endpoint": MISSING,
    }
    metadata = (await get(session, oauth_server, OAUTH)).json
    assert metadata["issuer"] == "https://evil.example"
    assert "token_endpoint" not in metadata


async def test_metadata_can_have_a_fault(oauth_server: OAuthServer, session: ClientSession) -> None:
    """For example JSON with another content type."""
    oauth_server.faults["metadata"] = Fault.body(b"{}", content_type="text/plain").times(1)
    response = await get(session, oauth_server, OAUTH)
    assert (response.status, response.headers["Content-Type"]) == (200, "text/plain")
    assert (await get(session, oauth_server, OAUTH)).json["issuer"] == oauth_server.issuer


async def test_metadata_rejects_other_methods(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """405 with the allowed methods (RFC 8414 §3.1)."""
    response = await send(session, "POST", oauth_server.issuer + OAUTH)
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")
