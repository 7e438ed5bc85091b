"""The secret in the form, and no secret at all."""

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
async def test_the_secret_is_in_the_form_alone(client_id: str, secret: str) -> None:
    """Whatever they hold, id and secret are parameters as they are, and no header is sent."""
    fields, form = await sent(ClientSecretPost(), Credentials(client_id, secret))
    assert (dict(fields), form) == ({}, {"client_id": client_id, "client_secret": secret})


async def test_an_empty_secret_is_left_out() -> None:
    """A parameter without a value is not sent (RFC 6749 §2.3.1, §3.2)."""
    assert await sent(ClientSecretPost(), Credentials("id", "")) == ({}, {"client_id": "id"})


@pytest.mark.rule("R009")
async def test_a_public_client_sends_its_id_alone() -> None:
    """A secret, were there one, stays where it is."""
    for secret in (None, "", "secret"):
        assert await sent(PublicClient(), Credentials("id", secret)) == ({}, {"client_id": "id"})


@pytest.mark.rule("R010")
@pytest.mark.parametrize("client_id", [None, ""])
async def test_an_id_is_needed(client_id: str | None) -> None:
    """The error names what is missing."""
    for method in (ClientSecretPost(), PublicClient()):
        with pytest.raises(TokenConfigurationError, match="Missing client_id"):
            await sent(method, Credentials(client_id, "secret"))


@pytest.mark.rule("R010")
async def test_a_secret_is_needed_in_the_form() -> None:
    """Without one the method to choose is another."""
    with pytest.raises(TokenConfigurationError, match="Missing client_secret"):
        await sent(ClientSecretPost(), Credentials("id", None))


@pytest.mark.rule("R005")
async def test_a_server_takes_the_secret_from_the_form(oauth_server: OAuthServer) -> None:
    """One that wants it there, and nowhere else."""
    oauth_server.add_client("in-form", "s€cret &+%", auth_methods=["client_secret_post"])
    endpoint = oauth_server.token_endpoint
    manager = TokenManager(endpoint, "in-form", "s€cret &+%", client_auth=ClientSecretPost())
    assert await manager.get_token()
    (seen,) = oauth_server.log
    assert "Authorization" not in seen.headers
    assert "client_secret" not in seen.query


@pytest.mark.rule("R009")
async def test_a_public_client_is_known_by_its_name() -> None:
    """Nothing else of it is sent."""
    async with RawServer(answer(b'{"access_token": "abc", "token_type": "Bearer"}')) as server:
        manager = TokenManager(server.url, "public/id", "secret", client_auth=PublicClient())
        assert await manager.get_token() == "abc"
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert b"authorization" not in head.lower()
    assert body == b"grant_type=client_credentials&client_id=public%2Fid"
