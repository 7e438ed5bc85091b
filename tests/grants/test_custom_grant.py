"""A grant that a user of the library writes: one class, and no other file has to know it."""

import base64
import json
import logging
import traceback
from urllib.parse import quote_plus

import pytest

from aioalf import Client, TokenConfigurationError, TokenError
from aioalf.caches import MemoryCache, TokenCache
from aioalf.grants import AuthorizationServer, Grant
from aioalf.grants.protocols import subject_digest
from aioalf.testing import Fault, OAuthServer
from aioalf.token import Token

OTP = "hunter2-/+é one-time"


class OneTimePassword(Grant):
    """Request a token for one user, with a parameter that the library does not know."""

    def __init__(self, user: str | None) -> None:
        self._user = user

    @property
    def name(self) -> str:
        """The name for cache keys and errors."""
        return "urn:example:one-time-password"

    @property
    def reserved_params(self) -> frozenset[str]:
        """The parameter that extra parameters must not replace."""
        return frozenset({"otp_secret"})

    @property
    def subject_key(self) -> str | None:
        """A digest of the user."""
        return None if self._user is None else subject_digest(self._user)

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Send the one-time password."""
        return await server.request({"grant_type": "client_credentials", "otp_secret": OTP})


def client_of(
    server: OAuthServer,
    user: str | None = "ada",
    *,
    cache: TokenCache | None = None,
    extra_params: dict[str, str] | None = None,
) -> Client:
    """Return a client with the custom grant."""
    return Client(
        server.client_id,
        server.client_secret,
        server.token_endpoint,
        grant=OneTimePassword(user),
        cache=cache,
        extra_params=extra_params,
        raise_token_errors=True,
    )


class MinimalGrant(Grant):
    """A grant with the one method that has no default."""

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Send the name of the grant only."""
        return await server.request({"grant_type": "client_credentials"})


async def test_custom_grant_needs_one_method(oauth_server: OAuthServer) -> None:
    """The defaults reserve no parameter, and refuse a cache because the subject is unknown."""
    grant = MinimalGrant()
    assert (grant.reserved_params, grant.subject_key) == (frozenset(), None)
    async with (
        Client("client-id", "secret", oauth_server.token_endpoint, grant=grant) as client,
        client.get(oauth_server.url("/things")) as response,
    ):
        assert response.status == 200


async def test_custom_grant_authorizes_requests(oauth_server: OAuthServer) -> None:
    """A client sends the parameters of the grant besides the extra parameters."""
    async with (
        client_of(oauth_server, extra_params={"tenant": "one"}) as client,
        client.get(oauth_server.url("/things")) as response,
    ):
        assert response.status == 200
    (request,) = [each for each in oauth_server.log if each.path == "/token"]
    assert (request.form["otp_secret"], request.form["tenant"]) == (OTP, "one")


@pytest.mark.rule("R081")
async def test_custom_grant_shares_a_cached_token_per_subject(oauth_server: OAuthServer) -> None:
    """Two clients of one user make one token request; another user has another token."""
    cache = MemoryCache()
    for user, requests in (("ada", 1), ("ada", 1), ("bob", 2)):
        async with (
            client_of(oauth_server, user, cache=cache) as client,
            client.get(oauth_server.url("/things")) as response,
        ):
            assert response.status == 200
        assert oauth_server.token_requests == requests


def test_custom_grant_without_a_subject_cannot_use_a_cache(oauth_server: OAuthServer) -> None:
    """Two users could share a token."""
    said = "cache cannot be used with urn:example:one-time-password: its subject_key is None"
    with pytest.raises(TokenConfigurationError, match=said):
        client_of(oauth_server, None, cache=MemoryCache())


def test_reserved_parameter_of_a_custom_grant_is_refused(oauth_server: OAuthServer) -> None:
    """An extra parameter of a client or a derived client cannot replace the one of the grant."""
    said = "extra_params cannot set otp_secret: the client or its grant sets it"
    with pytest.raises(TokenConfigurationError, match=said):
        client_of(oauth_server, extra_params={"tenant": "one", "otp_secret": "x"})
    with pytest.raises(TokenConfigurationError, match=said):
        client_of(oauth_server).with_options(extra_params={"otp_secret": "x"})


ECHOES = {
    "plain": OTP,
    "JSON": json.dumps(OTP),
    "URL-encoded": quote_plus(OTP),
    "base64": base64.b64encode(OTP.encode()).decode(),
}


@pytest.mark.rule("R007", "R063")
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES.keys())
@pytest.mark.parametrize("status", [200, 400, 500])
async def test_secret_of_a_custom_grant_is_in_no_error_or_log(
    oauth_server: OAuthServer, echo: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that echoes the parameter does not bring it into an error, a traceback or a log."""
    caplog.set_level(logging.DEBUG)
    words = dict.fromkeys(("error_description", "error_uri", "token_type"), f"got {echo}")
    answers = [json.dumps({"error": "invalid_grant", **words}), f"<p>{echo}</p>"]
    answers += [json.dumps({"access_token": "a b", "token_type": echo})]
    for answer in answers:
        oauth_server.token_fault = Fault.body(answer.encode(), status=status)
        async with client_of(oauth_server) as client:
            with pytest.raises(TokenError) as caught:
                await client.get(oauth_server.url("/things"))
        error = caught.value
        fields = {name: value for name, value in vars(error).items() if name != "response"}
        shown = f"{error} {error!r} {fields} {''.join(traceback.format_exception(error))}"
        assert "hunter2" not in shown + caplog.text
        assert echo not in shown + caplog.text
