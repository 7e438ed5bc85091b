"""Requests to endpoints other than the token endpoint."""

import ssl
from collections.abc import Mapping

import pytest

from aioalf import TokenManager
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf.client_auth import ClientSecretBasic, Credentials, MutableForm
from aioalf.errors import TokenResponseError
from aioalf.grants import DeviceCode
from aioalf.providers import Provider
from aioalf.retry import Retry
from aioalf.testing import Fault, OAuthServer
from tests.auth_server.token_requests import CertificateAuth


async def test_endpoint_may_exist_for_mutual_tls_only(
    oauth_server: OAuthServer,
) -> None:
    """A client without a certificate does not have an endpoint that is only an alias."""
    only_alias = {"mtls_endpoint_aliases": {"revocation_endpoint": "https://mtls.example/r"}}
    members = {"issuer": oauth_server.issuer, **only_alias}
    oauth_server.faults["metadata"] = Fault.wrong_json(members)
    certified = CertificateAuth(ssl.create_default_context())
    for client_auth, expected in ((ClientSecretBasic(), False), (certified, True)):
        endpoint = TokenEndpoint(
            None, Credentials("id", "secret"), client_auth, issuer=oauth_server.issuer
        )
        assert await endpoint.has("revocation_endpoint") is expected
        assert not await endpoint.has("introspection_endpoint")
        if expected:
            assert str(await endpoint.url_of("revocation_endpoint")) == "https://mtls.example/r"


async def test_response_of_another_endpoint_must_be_an_object(oauth_server: OAuthServer) -> None:
    """A response that is not a JSON object has no members."""
    url = f"{oauth_server.issuer}/introspect"
    credentials = Credentials(oauth_server.client_id, oauth_server.client_secret)
    endpoint = TokenEndpoint(
        None, credentials, ClientSecretBasic(), endpoints={"introspection_endpoint": url}
    )
    oauth_server.faults["introspection"] = Fault.wrong_json(["active"])
    with pytest.raises(
        TokenResponseError, match=r"without a usable response: it is not a JSON object$"
    ):
        await endpoint.post("introspection_endpoint", {"token": "any"})


@pytest.mark.rule("R030")
async def test_error_of_another_endpoint_may_have_status_200(oauth_server: OAuthServer) -> None:
    """The error says what the server reports, not which member is missing."""
    oauth_server.faults["device_authorization"] = Fault.wrong_json(
        {"error": "device_flow_disabled", "error_description": "Enable it"}
    )
    manager = TokenManager(
        None, oauth_server.client_id, "", issuer=oauth_server.issuer, grant=DeviceCode()
    )
    with pytest.raises(TokenResponseError, match="device_flow_disabled: Enable it") as caught:
        await manager.get_token()
    assert caught.value.error == "device_flow_disabled"
    assert caught.value.response_data is not None


async def test_transient_revocation_failure_is_retried(
    oauth_server: OAuthServer,
) -> None:
    """The `Retry` of the endpoint applies to revocation."""
    credentials = Credentials(oauth_server.client_id, oauth_server.client_secret)
    endpoint = TokenEndpoint(
        None,
        credentials,
        ClientSecretBasic(),
        endpoints={"revocation_endpoint": f"{oauth_server.issuer}/revoke"},
        retry=Retry(attempts=5, wait_initial=0),
    )
    oauth_server.faults["revocation"] = Fault.status(503).times(4)
    await endpoint.revoke("token-of-mine", "access_token")
    assert oauth_server.requests["revocation"] == 5


class RecordingAuth(ClientSecretBasic):
    """Records the audience that a signed assertion would have."""

    def __init__(self) -> None:
        super().__init__()
        self.audiences: list[str] = []

    async def authenticate(
        self, credentials: Credentials, form: MutableForm, audience: str
    ) -> Mapping[str, str]:
        """Authenticate by HTTP Basic."""
        self.audiences.append(audience)
        return await super().authenticate(credentials, form, audience)


@pytest.mark.parametrize("has_token_endpoint", [True, False])
async def test_audience_of_an_assertion_without_an_issuer(
    oauth_server: OAuthServer, *, has_token_endpoint: bool
) -> None:
    """It is the token endpoint (RFC 7523 §3); a client that knows none uses the requested one."""
    token_endpoint = oauth_server.token_endpoint if has_token_endpoint else None
    recorder, url = RecordingAuth(), oauth_server.introspection_endpoint
    endpoint = TokenEndpoint(
        token_endpoint,
        Credentials(oauth_server.client_id, oauth_server.client_secret),
        recorder,
        endpoints={"introspection_endpoint": url},
    )
    assert await endpoint.post("introspection_endpoint", {"token": "any"}) == {"active": False}
    assert recorder.audiences == [token_endpoint or url]


async def test_response_reader_reads_token_responses_only(oauth_server: OAuthServer) -> None:
    """It is not called with the members of an introspection response."""

    def read(_members: Mapping[str, object]) -> Mapping[str, object]:
        return {"access_token": "abc", "expires_in": 60}

    manager = TokenManager(
        None,
        oauth_server.client_id,
        oauth_server.client_secret,
        provider=Provider(
            "example",
            endpoints={
                "token_endpoint": oauth_server.token_endpoint,
                "introspection_endpoint": oauth_server.introspection_endpoint,
            },
            read_response=read,
        ),
    )
    async with manager:
        assert (await manager.get_token()) == "abc"
        assert await manager.introspect("unknown") == {"active": False}
