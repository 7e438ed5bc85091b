"""The client secret in the form, and public clients."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf.client_auth import ClientSecretPost, Credentials, PublicClient
from aioalf.errors import TokenConfigurationError
from aioalf.manager import TokenManager
from aioalf.testing import OAuthServer
from tests.client_auth.proofs import sent
from tests.support.raw_server import RawServer, answer

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1)


@pytest.mark.rule("R005", "R008")
@given(TEXTS, TEXTS)
async def test_secret_is_sent_only_in_the_form(client_id: str, secret: str) -> None:
    """Any id and secret are added to the form unchanged, and no header is sent."""
    headers, form = await sent(ClientSecretPost(), Credentials(client_id, secret))
    assert (dict(headers), form) == ({}, {"client_id": client_id, "client_secret": secret})


async def test_empty_secret_is_left_out() -> None:
    """Parameters without a value are not sent (RFC 6749 §2.3.1, §3.2)."""
    assert await sent(ClientSecretPost(), Credentials("id", "")) == ({}, {"client_id": "id"})


@pytest.mark.rule("R009")
async def test_public_client_sends_only_its_id() -> None:
    """A public client does not send its secret, even if there is one."""
    for secret in (None, "", "secret"):
        assert await sent(PublicClient(), Credentials("id", secret)) == ({}, {"client_id": "id"})


@pytest.mark.rule("R010")
@pytest.mark.parametrize("client_id", [None, ""])
async def test_client_id_is_required(client_id: str | None) -> None:
    """The error says that the client id is missing."""
    for method in (ClientSecretPost(), PublicClient()):
        with pytest.raises(TokenConfigurationError, match="Missing client_id"):
            await sent(method, Credentials(client_id, "secret"))


@pytest.mark.rule("R010")
async def test_client_secret_post_requires_a_secret() -> None:
    """A client without a secret needs another method."""
    with pytest.raises(TokenConfigurationError, match="Missing client_secret"):
        await sent(ClientSecretPost(), Credentials("id", None))


@pytest.mark.rule("R005")
async def test_server_accepts_secret_in_the_form(oauth_server: OAuthServer) -> None:
    """The secret is in the form, and neither in a header nor in the URL."""
    oauth_server.add_client("in-form", "s€cret &+%", auth_methods=["client_secret_post"])
    endpoint = oauth_server.token_endpoint
    manager = TokenManager(endpoint, "in-form", "s€cret &+%", client_auth=ClientSecretPost())
    assert await manager.get_token()
    (seen,) = oauth_server.log
    assert "Authorization" not in seen.headers
    assert "client_secret" not in seen.query


@pytest.mark.rule("R009")
async def test_public_client_sends_its_id_in_the_form() -> None:
    """The request has the client id in its form and no Authorization header."""
    async with RawServer(answer(b'{"access_token": "abc", "token_type": "Bearer"}')) as server:
        manager = TokenManager(server.url, "public/id", "secret", client_auth=PublicClient())
        assert await manager.get_token() == "abc"
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert b"authorization" not in head.lower()
    assert body == b"grant_type=client_credentials&client_id=public%2Fid"
