"""The log lines of a client at DEBUG, which show its users what it does."""

import logging

import pytest

from aioalf import Client, Renewal, TokenManager
from aioalf.caches import MemoryCache
from aioalf.testing import OAuthServer


def messages_of(caplog: pytest.LogCaptureFixture) -> str:
    """Return the messages below the logger "aioalf", and forget them."""
    records = [record for record in caplog.records if record.name.startswith("aioalf")]
    text = "\n".join(record.getMessage() for record in records)
    caplog.clear()
    return text


@pytest.mark.rule("R007")
async def test_debug_log_explains_each_step(
    oauth_server: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Token request, answer, rejected token, repeated request, and cached token; no secret."""
    caplog.set_level(logging.DEBUG, "aioalf")
    cache = MemoryCache()
    arguments = ("app", "s3cret-of-mine", oauth_server.token_endpoint)
    oauth_server.add_client("app", "s3cret-of-mine")
    async with Client(*arguments, cache=cache) as client:
        for _ in range(2):
            async with client.get(oauth_server.url("/things")) as response:
                assert response.status == 200
            oauth_server.revoke_all()
    text = messages_of(caplog)
    assert "s3cret" not in text
    headers = [each.headers.get("Authorization", "") for each in oauth_server.log]
    assert not [value for value in headers if value.split()[-1] in text]
    for words in (
        "Sending a request to the token endpoint",
        "The token endpoint",
        "The API rejected the token: it is renewed, and the request is repeated",
    ):
        assert words in text
    async with Client(*arguments, cache=cache) as client, client.get(oauth_server.url("/things")):
        assert "A token of the token cache is used" in messages_of(caplog)


async def test_renewal_ahead_of_expiry_is_logged(
    oauth_server: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise a token request would appear without a reason."""
    caplog.set_level(logging.DEBUG, "aioalf")
    oauth_server.expires_in = 1
    renewal = Renewal(before_expiry=300)
    manager = TokenManager(oauth_server.token_endpoint, "client-id", "secret", renewal=renewal)
    async with manager:
        await manager.get_token()
        manager._renew_at = 0.0  # noqa: SLF001 - instead of waiting
        assert manager.cached_token() is not None
    assert "The token is renewed ahead of its expiry" in messages_of(caplog)
