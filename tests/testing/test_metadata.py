"""What the server says of itself, where, and how a test falsifies it."""

from typing import cast
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession

from aioalf.testing import MISSING, Fault, OAuthServer
from tests.testing.plain_client import Answered, ask_token, send

OAUTH = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"


async def get(session: ClientSession, server: OAuthServer, path: str) -> Answered:
    """What is at a path of the issuer's origin."""
    parts = urlsplit(server.issuer)
    return await send(session, "GET", f"{parts.scheme}://{parts.netloc}{path}")


@pytest.mark.parametrize("path", [OAUTH, OPENID])
async def test_both_well_known_forms_say_the_same(
    oauth_server: OAuthServer, session: ClientSession, path: str
) -> None:
    """JSON, with the issuer and its endpoints (RFC 8414 §2)."""
    said = await get(session, oauth_server, path)
    assert said.status == 200
    assert said.headers["Content-Type"].startswith("application/json")
    assert said.json["issuer"] == oauth_server.issuer
    assert said.json["token_endpoint"] == oauth_server.token_endpoint
    assert said.json["authorization_endpoint"] == oauth_server.authorization_endpoint
    assert said.json["code_challenge_methods_supported"] == ["S256"]
    assert said.json["authorization_response_iss_parameter_supported"] is True
    assert oauth_server.requests["metadata"] == 1


@pytest.mark.parametrize("issuer_path", ["/tenant/one", "/tenant/one/", "/"])
async def test_an_issuer_may_have_a_path(session: ClientSession, issuer_path: str) -> None:
    """Inserted before it in RFC 8414's form, appended to it in OpenID's, its last `/` removed."""
    async with OAuthServer(issuer_path=issuer_path) as server:
        assert server.issuer.endswith(issuer_path)
        base = issuer_path.rstrip("/")
        for path in (OAUTH + base, base + OPENID):
            said = await get(session, server, path)
            assert said.json["issuer"] == server.issuer
            assert said.json["token_endpoint"] == server.token_endpoint
        assert urlsplit(server.token_endpoint).path == f"{base}/token"
        assert (await ask_token(session, server)).status == 200


async def test_nothing_is_outside_of_the_issuers_path(session: ClientSession) -> None:
    """Neither the metadata nor the endpoints are where they would be without the path."""
    async with OAuthServer(issuer_path="/tenant/one") as server:
        for path in (OAUTH, OPENID, "/token", "/tenant/one" + OAUTH, OPENID + "/tenant/one"):
            assert (await get(session, server, path)).status == 404, path


async def test_either_form_can_be_switched_off(session: ClientSession) -> None:
    """Servers have one, the other, or none."""
    async with OAuthServer(oauth_metadata=False) as server:
        assert (await get(session, server, OAUTH)).status == 404
        assert (await get(session, server, OPENID)).status == 200
        server.oauth_metadata, server.openid_metadata = True, False
        assert (await get(session, server, OAUTH)).status == 200
        assert (await get(session, server, OPENID)).status == 404


async def test_it_says_what_is_switched_on(session: ClientSession) -> None:
    """Grants, client authentication, `iss`, pushed requests."""
    async with OAuthServer(
        grant_types=["refresh_token"],
        client_auth_methods=["client_secret_post"],
        iss_parameter=False,
        require_pushed_authorization_requests=True,
    ) as server:
        said = (await get(session, server, OAUTH)).json
    assert said["grant_types_supported"] == ["refresh_token"]
    assert said["token_endpoint_auth_methods_supported"] == ["client_secret_post"]
    assert said["authorization_response_iss_parameter_supported"] is False
    assert said["require_pushed_authorization_requests"] is True
    assert "device_authorization_endpoint" not in said


async def test_every_endpoint_that_it_names_is_there(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Whatever the answer, it is not 404."""
    said = (await get(session, oauth_server, OAUTH)).json
    urls = [cast("str", url) for name, url in said.items() if name.endswith("_endpoint")]
    assert oauth_server.pushed_authorization_request_endpoint in urls
    assert 404 not in [(await send(session, "POST", url)).status for url in urls]


async def test_it_can_be_falsified(oauth_server: OAuthServer, session: ClientSession) -> None:
    """Members are replaced, or left out."""
    oauth_server.changes["metadata"] = {
        "issuer": "https://evil.example",
        "token_endpoint": MISSING,
    }
    said = (await get(session, oauth_server, OAUTH)).json
    assert said["issuer"] == "https://evil.example"
    assert "token_endpoint" not in said


async def test_it_can_fail(oauth_server: OAuthServer, session: ClientSession) -> None:
    """Any fault will do: here, JSON with another content type."""
    oauth_server.faults["metadata"] = Fault.body(b"{}", content_type="text/plain").times(1)
    said = await get(session, oauth_server, OAUTH)
    assert (said.status, said.headers["Content-Type"]) == (200, "text/plain")
    assert (await get(session, oauth_server, OAUTH)).json["issuer"] == oauth_server.issuer


async def test_it_is_there_to_be_read(oauth_server: OAuthServer, session: ClientSession) -> None:
    """405 for another method, which names those that it takes (RFC 8414 §3.1)."""
    said = await send(session, "POST", oauth_server.issuer + OAUTH)
    assert (said.status, said.headers["Allow"]) == (405, "GET, HEAD")
