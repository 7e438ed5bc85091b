"""The protected API and the other origin."""

import hashlib

import pytest
from aiohttp import ClientSession, WSServerHandshakeError

from aioalf.testing import OAuthServer
from tests.testing.plain_client import bearer, new_token, send


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
async def test_the_api_says_what_arrived(
    oauth_server: OAuthServer, session: ClientSession, method: str
) -> None:
    """Any method and path answers method, path, query, type, body and the token's number."""
    await new_token(session, oauth_server)
    headers = bearer(await new_token(session, oauth_server)) | {"Content-Type": "text/plain"}
    url = oauth_server.url("/a%20b?x=1&x=%32")
    answered = await send(session, method, url, headers=headers, data="höhö")
    assert answered.json == {
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


async def test_head_is_answered_without_a_body(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """HEAD is the API's as well."""
    headers = bearer(await new_token(session, oauth_server))
    answered = await send(session, "HEAD", oauth_server.url("/"), headers=headers)
    assert (answered.status, answered.text) == (200, "")


@pytest.mark.parametrize("body", [b"\xff\x00", b"x" * 70_000, b"x" * 65_535 + "é".encode()])
async def test_a_body_that_is_no_short_text_comes_back_as_its_digest(
    oauth_server: OAuthServer, session: ClientSession, body: bytes
) -> None:
    """Large bodies and those that are not UTF-8 are told by length and SHA-256."""
    headers = bearer(await new_token(session, oauth_server))
    answered = await send(session, "POST", oauth_server.url("/"), headers=headers, data=body)
    digest = {"sha256": hashlib.sha256(body).hexdigest(), "length": len(body)}
    assert answered.json["body"] == digest
    assert oauth_server.log[-1].body.length == len(body)


async def test_without_a_token_the_challenge_names_no_error(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """401, and nothing but the scheme and the realm (RFC 6750 §3.1)."""
    answered = await send(session, "GET", oauth_server.url("/"))
    assert answered.status == 401
    assert answered.headers["WWW-Authenticate"] == 'Bearer realm="aioalf.testing"'


@pytest.mark.parametrize(
    "headers",
    [
        list(bearer("unknown").items()),
        list(bearer("").items()),
        [("Authorization", "Basic Y2xpZW50LWlkOnNlY3JldA==")],
    ],
    ids=["unknown", "empty", "not-bearer"],
)
async def test_a_token_that_does_not_count_is_refused(
    oauth_server: OAuthServer, session: ClientSession, headers: list[tuple[str, str]]
) -> None:
    """401 `invalid_token`."""
    answered = await send(session, "GET", oauth_server.url("/"), headers=headers)
    assert answered.status == 401
    assert 'error="invalid_token"' in answered.headers["WWW-Authenticate"]


async def test_two_authorization_headers_are_refused(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A request carries one token, even if both would count."""
    header = list(bearer(await new_token(session, oauth_server)).items())
    answered = await send(session, "GET", oauth_server.url("/"), headers=header * 2)
    assert answered.status == 401


async def test_the_challenge_can_be_another_or_none(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`challenge` is sent as it is; an empty one sends no header."""
    oauth_server.challenge = 'Bearer error="insufficient_user_authentication"'
    answered = await send(session, "GET", oauth_server.url("/"), headers=bearer("unknown"))
    assert answered.headers["WWW-Authenticate"] == oauth_server.challenge
    oauth_server.challenge = ""
    answered = await send(session, "GET", oauth_server.url("/"), headers=bearer("unknown"))
    assert answered.status == 401
    assert "WWW-Authenticate" not in answered.headers


async def test_one_token_can_be_revoked(oauth_server: OAuthServer, session: ClientSession) -> None:
    """`revoke` ends that token and no other; a token unknown to it is no error."""
    revoked, kept = await new_token(session, oauth_server), await new_token(session, oauth_server)
    oauth_server.revoke(revoked)
    oauth_server.revoke("unknown")
    url = oauth_server.url("/")
    assert (await send(session, "GET", url, headers=bearer(revoked))).status == 401
    assert (await send(session, "GET", url, headers=bearer(kept))).status == 200


@pytest.mark.parametrize("end", [OAuthServer.revoke_all, OAuthServer.expire_all])
async def test_all_tokens_can_be_ended_at_once(
    oauth_server: OAuthServer, session: ClientSession, end: object
) -> None:
    """`revoke_all` and `expire_all` end what was issued; what is issued after them counts."""
    old, url = await new_token(session, oauth_server), oauth_server.url("/")
    assert callable(end)
    end(oauth_server)
    assert (await send(session, "GET", url, headers=bearer(old))).status == 401
    new = await new_token(session, oauth_server)
    assert (await send(session, "GET", url, headers=bearer(new))).status == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_the_api_redirects_where_it_is_told(
    oauth_server: OAuthServer, session: ClientSession, status: int
) -> None:
    """`/redirect` answers with the status and the location of its query."""
    headers = bearer(await new_token(session, oauth_server))
    params = {"to": oauth_server.other_url, "status": str(status)}
    answered = await send(
        session, "GET", oauth_server.url("/redirect"), headers=headers, params=params
    )
    assert (answered.status, answered.headers["Location"]) == (status, oauth_server.other_url)


@pytest.mark.parametrize("params", [{}, {"to": "/x", "status": "200"}, {"to": "/x", "status": "a"}])
async def test_a_redirect_to_nowhere_is_a_bad_request(
    oauth_server: OAuthServer, session: ClientSession, params: dict[str, str]
) -> None:
    """`/redirect` needs a target, and takes no status that is none of a redirect."""
    headers = bearer(await new_token(session, oauth_server))
    url = oauth_server.url("/redirect")
    assert (await send(session, "GET", url, headers=headers, params=params)).status == 400


async def test_forbidden_names_the_scope_that_is_missing(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """403 `insufficient_scope` (RFC 6750 §3.1), which counts as no rejection of the token."""
    headers = bearer(await new_token(session, oauth_server))
    answered = await send(session, "GET", oauth_server.url("/forbidden"), headers=headers)
    assert answered.status == 403
    assert 'error="insufficient_scope", scope="admin"' in answered.headers["WWW-Authenticate"]
    assert oauth_server.rejected_requests == 0


async def test_the_websocket_echoes(oauth_server: OAuthServer, session: ClientSession) -> None:
    """Text and bytes come back as they were sent."""
    headers = bearer(await new_token(session, oauth_server))
    async with session.ws_connect(oauth_server.url("/ws"), headers=headers) as socket:
        await socket.send_str("text")
        assert await socket.receive_str() == "text"
        await socket.send_bytes(b"\xff")
        assert await socket.receive_bytes() == b"\xff"


async def test_the_websockets_handshake_needs_a_token(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """401 before any websocket is there."""
    with pytest.raises(WSServerHandshakeError) as failed:
        await session.ws_connect(oauth_server.url("/ws"))
    assert failed.value.status == 401


async def test_the_websockets_path_takes_nothing_else(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A request that is no handshake is told so."""
    headers = bearer(await new_token(session, oauth_server))
    answered = await send(session, "GET", oauth_server.url("/ws"), headers=headers)
    assert answered.status == 426


async def test_the_other_origin_tells_who_brought_it_a_token(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """It answers 200 to all, and `leaked` lists the requests with an `Authorization` header."""
    url = oauth_server.other_url + "/things"
    answered = await send(session, "POST", url, data="x")
    assert (answered.status, answered.json["body"]) == (200, "x")
    assert oauth_server.leaked == []
    await send(session, "GET", url, headers=bearer("leaked"))
    assert [exchange.method for exchange in oauth_server.leaked] == ["GET"]
    assert oauth_server.other_requests == 2
    assert oauth_server.api_requests == 0
