"""The protected API and the other origin."""

import hashlib

import pytest
from aiohttp import ClientSession, WSServerHandshakeError

from aioalf.testing import OAuthServer
from tests.testing.plain_client import bearer, new_token, send


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
async def test_api_describes_the_request(
    oauth_server: OAuthServer, session: ClientSession, method: str
) -> None:
    """For any method and path the response has method, path, query, type, body and token number."""
    await new_token(session, oauth_server)
    headers = bearer(await new_token(session, oauth_server)) | {"Content-Type": "text/plain"}
    url = oauth_server.url("/a%20b?x=1&x=%32")
    response = await send(session, method, url, headers=headers, data="höhö")
    assert response.json == {
        "method": method,
        "path": "/a%20b",
        "query": "x=1&x=2",
        "content_type": "text/plain",
        "body": "höhö",
        "token_number": 2,
        "client_id": "client-id",
        "user": None,
        "scope": None,
        "resources": [],
        "audience": [],
        "actor": None,
    }


async def test_head_gets_a_response_without_body(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The API supports HEAD."""
    headers = bearer(await new_token(session, oauth_server))
    response = await send(session, "HEAD", oauth_server.url("/"), headers=headers)
    assert (response.status, response.text) == (200, "")


@pytest.mark.parametrize("body", [b"\xff\x00", b"x" * 70_000, b"x" * 65_535 + "é".encode()])
async def test_binary_or_large_body_is_described_by_its_digest(
    oauth_server: OAuthServer, session: ClientSession, body: bytes
) -> None:
    """Large and non-UTF-8 bodies are described by length and SHA-256."""
    headers = bearer(await new_token(session, oauth_server))
    response = await send(session, "POST", oauth_server.url("/"), headers=headers, data=body)
    digest = {"sha256": hashlib.sha256(body).hexdigest(), "length": len(body)}
    assert response.json["body"] == digest
    assert oauth_server.log[-1].body.length == len(body)


@pytest.mark.parametrize(
    ("header", "scheme", "prefix"),
    [
        ("X-Access-Token", None, ""),
        ("X-Access-Token", "Token", "Token "),
        ("Authorization", "OAuth", "oauth "),
        ("Authorization", "", ""),
    ],
)
async def test_api_expects_the_token_in_the_configured_header(
    oauth_server: OAuthServer, session: ClientSession, header: str, scheme: str | None, prefix: str
) -> None:
    """A token in another form is rejected, and another origin with this header records a leak."""
    oauth_server.token_header, oauth_server.token_scheme = header, scheme
    token = await new_token(session, oauth_server)
    headers = {header: f"{prefix}{token}"}
    response = await send(session, "GET", oauth_server.url("/"), headers=headers)
    assert response.status == 200
    response = await send(session, "GET", oauth_server.url("/"), headers=bearer(token))
    assert response.status == 401
    await send(session, "GET", f"{oauth_server.other_url}/", headers=headers)
    assert len(oauth_server.leaked) == 1


async def test_challenge_without_token_names_no_error(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """401 with scheme and realm only (RFC 6750 §3.1)."""
    response = await send(session, "GET", oauth_server.url("/"))
    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="aioalf.testing"'


@pytest.mark.parametrize(
    "headers",
    [
        list(bearer("unknown").items()),
        list(bearer("").items()),
        [("Authorization", "Basic Y2xpZW50LWlkOnNlY3JldA==")],
    ],
    ids=["unknown", "empty", "not-bearer"],
)
async def test_invalid_token_is_rejected(
    oauth_server: OAuthServer, session: ClientSession, headers: list[tuple[str, str]]
) -> None:
    """401 with `invalid_token`."""
    response = await send(session, "GET", oauth_server.url("/"), headers=headers)
    assert response.status == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


async def test_two_authorization_headers_are_rejected(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Two valid tokens in one request get 401."""
    header = list(bearer(await new_token(session, oauth_server)).items())
    response = await send(session, "GET", oauth_server.url("/"), headers=header * 2)
    assert response.status == 401


async def test_challenge_can_be_replaced_or_removed(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`challenge` is sent unchanged; an empty one sends no header."""
    oauth_server.challenge = 'Bearer error="insufficient_user_authentication"'
    response = await send(session, "GET", oauth_server.url("/"), headers=bearer("unknown"))
    assert response.headers["WWW-Authenticate"] == oauth_server.challenge
    oauth_server.challenge = ""
    response = await send(session, "GET", oauth_server.url("/"), headers=bearer("unknown"))
    assert response.status == 401
    assert "WWW-Authenticate" not in response.headers


async def test_one_token_can_be_revoked(oauth_server: OAuthServer, session: ClientSession) -> None:
    """`revoke` revokes only that token, and ignores an unknown one."""
    revoked, kept = await new_token(session, oauth_server), await new_token(session, oauth_server)
    oauth_server.revoke(revoked)
    oauth_server.revoke("unknown")
    url = oauth_server.url("/")
    assert (await send(session, "GET", url, headers=bearer(revoked))).status == 401
    assert (await send(session, "GET", url, headers=bearer(kept))).status == 200


@pytest.mark.parametrize("end", [OAuthServer.revoke_all, OAuthServer.expire_all])
async def test_all_tokens_can_be_revoked_or_expired(
    oauth_server: OAuthServer, session: ClientSession, end: object
) -> None:
    """Tokens issued after `revoke_all` or `expire_all` are valid."""
    old, url = await new_token(session, oauth_server), oauth_server.url("/")
    assert callable(end)
    end(oauth_server)
    assert (await send(session, "GET", url, headers=bearer(old))).status == 401
    new = await new_token(session, oauth_server)
    assert (await send(session, "GET", url, headers=bearer(new))).status == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_path_redirects_to_its_target(
    oauth_server: OAuthServer, session: ClientSession, status: int
) -> None:
    """`/redirect` uses the status and the location of its query."""
    headers = bearer(await new_token(session, oauth_server))
    params = {"to": oauth_server.other_url, "status": str(status)}
    response = await send(
        session, "GET", oauth_server.url("/redirect"), headers=headers, params=params
    )
    assert (response.status, response.headers["Location"]) == (status, oauth_server.other_url)


@pytest.mark.parametrize("params", [{}, {"to": "/x", "status": "200"}, {"to": "/x", "status": "a"}])
async def test_redirect_path_needs_target_and_redirect_status(
    oauth_server: OAuthServer, session: ClientSession, params: dict[str, str]
) -> None:
    """`/redirect` gets 400 without a target, or with another status."""
    headers = bearer(await new_token(session, oauth_server))
    url = oauth_server.url("/redirect")
    assert (await send(session, "GET", url, headers=headers, params=params)).status == 400


async def test_forbidden_path_names_the_missing_scope(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """403 with `insufficient_scope` (RFC 6750 §3.1) is not counted as a rejected token."""
    headers = bearer(await new_token(session, oauth_server))
    response = await send(session, "GET", oauth_server.url("/forbidden"), headers=headers)
    assert response.status == 403
    assert 'error="insufficient_scope", scope="admin"' in response.headers["WWW-Authenticate"]
    assert oauth_server.rejected_requests == 0


async def test_websocket_echoes_messages(oauth_server: OAuthServer, session: ClientSession) -> None:
    """Text and bytes are returned unchanged."""
    headers = bearer(await new_token(session, oauth_server))
    async with session.ws_connect(oauth_server.url("/ws"), headers=headers) as socket:
        await socket.send_str("text")
        assert await socket.receive_str() == "text"
        await socket.send_bytes(b"\xff")
        assert await socket.receive_bytes() == b"\xff"


async def test_websocket_handshake_needs_a_token(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Without a token the handshake gets 401."""
    with pytest.raises(WSServerHandshakeError) as failed:
        await session.ws_connect(oauth_server.url("/ws"))
    assert failed.value.status == 401


async def test_websocket_path_needs_a_handshake(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Another request to the path gets 426."""
    headers = bearer(await new_token(session, oauth_server))
    response = await send(session, "GET", oauth_server.url("/ws"), headers=headers)
    assert response.status == 426


async def test_other_origin_records_leaked_tokens(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """It responds with 200; `leaked` lists the requests with an `Authorization` header."""
    url = oauth_server.other_url + "/things"
    response = await send(session, "POST", url, data="x")
    assert (response.status, response.json["body"]) == (200, "x")
    assert oauth_server.leaked == []
    await send(session, "GET", url, headers=bearer("leaked"))
    assert [entry.method for entry in oauth_server.leaked] == ["GET"]
    assert oauth_server.other_requests == 2
    assert oauth_server.api_requests == 0
