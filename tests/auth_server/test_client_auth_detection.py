"""HTTP Basic or the form: the client finds out if neither the caller nor metadata says it."""

import asyncio
import json
import logging
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

from aioalf._auth_server.endpoints import ServerOptions
from aioalf._auth_server.request_params import TokenRequestParams
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf.client_auth import ClientSecretBasic, ClientSecretPost, Credentials, SecretFile
from aioalf.errors import OAuthError, TokenError, TokenHTTPError, TokenResponseError
from aioalf.grants import AuthorizationCode, RefreshToken
from aioalf.manager import TokenManager
from aioalf.renewal import Renewal
from aioalf.retry import Retry
from aioalf.testing import MISSING, Fault, OAuthServer
from aioalf.token import Token
from tests.support.person import Person
from tests.support.raw_server import RawServer, answer

SECRET = "a secret: with 100%"
FORM = {"grant_type": "client_credentials"}
REFUSED = Fault.oauth_error("invalid_client", status=401)
UNLISTED = {"token_endpoint_auth_methods_supported": MISSING}
AUTHORIZATION = {
    "client_id": "client",
    "response_type": "code",
    "redirect_uri": "http://127.0.0.1/callback",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}
SIGNS = {"Basic": b"Authorization: Basic", "form": b"client_secret="}
TOKEN = answer(b'{"access_token": "abc", "expires_in": 60}')


def refused(error: str = "invalid_client", status: str = "401 Unauthorized") -> bytes:
    """Return an error response."""
    return answer(json.dumps({"error": error}).encode(), status=status)


class ScriptedServer(RawServer):
    """Sends one response after another."""

    def __init__(self, *responses: bytes) -> None:
        super().__init__()
        self._responses = iter(responses)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pieces = (next(self._responses),)
        await super()._serve(reader, writer)

    def ways(self) -> list[str]:
        """Return how each request authenticated."""
        return [
            "+".join(way for way, sign in SIGNS.items() if sign in request)
            for request in self.requests
        ]


@pytest.fixture
async def server(oauth_server: OAuthServer) -> OAuthServer:
    """A server whose client must send its secret in the form."""
    oauth_server.add_client("client", SECRET, auth_methods=["client_secret_post"])
    return oauth_server


def endpoint_of(server: OAuthServer, **options: Any) -> TokenEndpoint:
    """Return an endpoint that knows the URLs of the server, but not its metadata."""
    names = ("pushed_authorization_request", "device_authorization", "revocation", "introspection")
    urls = {f"{name}_endpoint": str(getattr(server, f"{name}_endpoint")) for name in names}
    credentials = Credentials("client", options.pop("secret", SECRET))
    settings: dict[str, Any] = {"retry": Retry(attempts=1), "endpoints": urls, **options}
    url = settings.pop("url", server.token_endpoint)
    return TokenEndpoint(url, credentials, settings.pop("client_auth", None), **settings)


def manager_of(server: OAuthServer, **options: Any) -> TokenManager:
    """Return a manager without retries and backoff."""
    settings: dict[str, Any] = {
        "retry": Retry(attempts=1),
        "renewal": Renewal(failure_backoff=0),
        **options,
    }
    return TokenManager(server.token_endpoint, "client", SECRET, **settings)


def ways(server: OAuthServer) -> list[str]:
    """Return how each request authenticated, and forget the requests."""
    seen = [
        "+".join(
            way
            for way, is_used in {
                "Basic": "Authorization" in request.headers,
                "form": "client_secret" in request.form,
            }.items()
            if is_used
        )
        for request in server.log
        if request.server == "authorization" and request.method == "POST"
    ]
    server.log.clear()
    return seen


async def refusal(request: Awaitable[object]) -> OAuthError:
    """Return the error of a request that the server answers with an error."""
    with pytest.raises(OAuthError) as caught:
        await request
    return caught.value


# Which method is sent


@pytest.mark.rule("R005", "R008")
async def test_form_is_tried_after_basic_and_remembered(server: OAuthServer) -> None:
    """Each request has one authentication; the form is used for all later requests."""
    endpoint = endpoint_of(server)
    assert (await endpoint.request(FORM)).is_valid()
    assert ways(server) == ["Basic", "form"]
    other = endpoint.with_request_params(TokenRequestParams("things"))
    for each in (endpoint, other):
        assert (await each.request(FORM)).is_valid()
    assert ways(server) == ["form", "form"]


@pytest.mark.rule("R008")
@pytest.mark.parametrize("status", [200, 400, 401, 403])
async def test_invalid_client_is_recognised_with_each_status(
    oauth_server: OAuthServer, status: int
) -> None:
    """Servers send the error with different statuses, also with 200."""
    oauth_server.allow_body_secret = True
    oauth_server.add_client("client", SECRET)
    oauth_server.token_fault = Fault.oauth_error("invalid_client", status=status).times(1)
    assert (await endpoint_of(oauth_server).request(FORM)).is_valid()
    assert ways(oauth_server) == ["Basic", "form"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault.oauth_error("invalid_request"),
        Fault.oauth_error("unauthorized_client", status=401),
        Fault.oauth_error("incorrect_client_credentials", status=200),
        Fault.oauth_error("bad_client_secret", status=200),
        Fault.oauth_error("invalid_client", status=500),
        Fault.status(401, "invalid_client"),
        Fault.hang_up(),
    ],
    ids=str,
)
async def test_other_failures_do_not_send_the_secret_in_another_way(
    server: OAuthServer, fault: Fault
) -> None:
    """Only `invalid_client` says that the server did not accept the client authentication."""
    server.token_fault = fault
    with pytest.raises(TokenError):
        await endpoint_of(server).request(FORM)
    assert ways(server) == ["Basic"]


async def test_token_with_an_error_member_is_accepted(server: OAuthServer) -> None:
    """A response with a token is no refusal."""
    server.token_fault = Fault.wrong_json({"access_token": "abc", "error": "invalid_client"})
    assert (await endpoint_of(server).request(FORM)).access_token == "abc"
    assert ways(server) == ["Basic"]


@pytest.mark.rule("R008")
@pytest.mark.parametrize("method", [ClientSecretBasic(), ClientSecretPost()])
async def test_chosen_method_is_the_only_one(
    server: OAuthServer, method: ClientSecretBasic | ClientSecretPost
) -> None:
    """The secret is never sent in a way that the caller did not choose."""
    server.token_fault = REFUSED
    error = await refusal(endpoint_of(server, client_auth=method).request(FORM))
    assert "both" not in str(error)
    assert len(ways(server)) == 1


@pytest.mark.rule("R008")
@pytest.mark.parametrize("listed", [["client_secret_basic"], ["client_secret_post"]])
async def test_methods_in_metadata_are_the_only_ones(
    server: OAuthServer, listed: list[str]
) -> None:
    """A server that lists its methods is not sent the secret in another way."""
    server.changes["metadata"] = {"token_endpoint_auth_methods_supported": listed}
    server.token_fault = REFUSED
    endpoint = endpoint_of(server, url=None, issuer=server.issuer)
    await refusal(endpoint.request(FORM))
    assert len(ways(server)) == 1


async def test_methods_in_given_metadata_are_the_only_ones(server: OAuthServer) -> None:
    """They need no request, so they count for a configured endpoint as well."""
    server.token_fault = REFUSED
    listed = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    metadata = {"issuer": server.issuer, **listed}
    endpoint = endpoint_of(server, options=ServerOptions(metadata=metadata))
    await refusal(endpoint.request(FORM))
    assert ways(server) == ["form"]


async def test_metadata_without_methods_leaves_the_choice(server: OAuthServer) -> None:
    """Many servers publish metadata that does not list their methods."""
    server.changes["metadata"] = UNLISTED
    assert (await endpoint_of(server, url=None, issuer=server.issuer).request(FORM)).is_valid()
    assert ways(server) == ["Basic", "form"]


@pytest.mark.rule("R008")
@pytest.mark.parametrize(
    "body",
    [b'{"ErrorCode": "invalid_client"}', b'{"errors": [{"errorType": "invalid_client"}]}'],
)
async def test_refusal_in_another_member_starts_the_detection(body: bytes) -> None:
    """Some servers, such as those behind Apigee, do not have the code in ``error``."""
    async with ScriptedServer(answer(body, status="401 Unauthorized"), TOKEN) as server:
        endpoint = TokenEndpoint(server.url, Credentials("client", SECRET), None, retry=Retry(1))
        assert (await endpoint.request(FORM)).is_valid()
    assert server.ways() == ["Basic", "form"]


@pytest.mark.rule("R008")
async def test_no_metadata_is_requested_for_a_configured_token_endpoint(
    server: OAuthServer,
) -> None:
    """Neither a slow nor a missing document delays the token: the method is detected."""
    server.faults["metadata"] = Fault.status(503)
    endpoint = endpoint_of(server, issuer=server.issuer)
    assert (await endpoint.request(FORM)).is_valid()
    assert server.requests["metadata"] == 0
    assert ways(server) == ["Basic", "form"]


@pytest.mark.parametrize("body", [b"<h1>Maintenance</h1>", b'{"status": 503}', b""])
async def test_success_without_a_token_does_not_end_the_detection(body: bytes) -> None:
    """A page about maintenance does not show that the server accepted the client."""
    async with ScriptedServer(answer(body), refused(), TOKEN) as server:
        endpoint = TokenEndpoint(server.url, Credentials("client", SECRET), None, retry=Retry(1))
        with pytest.raises(TokenResponseError):
            await endpoint.request(FORM)
        assert (await endpoint.request(FORM)).is_valid()
    assert server.ways() == ["Basic", "Basic", "form"]


@pytest.mark.parametrize("error", [{"code": 190}, ["invalid_client"], 5, None, True], ids=str)
@pytest.mark.parametrize("status", [200, 400])
async def test_error_that_is_not_text_is_no_refusal(
    server: OAuthServer, error: object, status: int
) -> None:
    """Some servers send an object as `error`: the caller gets a TokenError of one request."""
    body = json.dumps({"error": error}).encode()
    server.token_fault = Fault.body(body, status=status)
    with pytest.raises(OAuthError):
        await endpoint_of(server).request(FORM)
    assert ways(server) == ["Basic"]


# Failures of both


@pytest.mark.rule("R007", "R029", "R033")
async def test_error_names_both_methods_if_both_are_refused(server: OAuthServer) -> None:
    """The error is the server's last one, and shows no secret."""
    error = await refusal(endpoint_of(server, secret="a wrong secret").request(FORM))
    assert isinstance(error, TokenHTTPError)
    assert str(error).startswith(
        "Client authentication by HTTP Basic and in the form were both refused: The token endpoint"
    )
    assert (error.error, error.response_status) == ("invalid_client", 401)
    assert error.response is not None
    assert error.response.status == 401
    assert "a wrong secret" not in f"{error} {error.response_text}"
    assert ways(server) == ["Basic", "form"]


@pytest.mark.parametrize(
    "name", ["token_endpoint", "introspection_endpoint", "device_authorization_endpoint"]
)
async def test_two_refusals_with_status_200_are_an_error(server: OAuthServer, name: str) -> None:
    """A response with `invalid_client` is never taken for a success."""
    for endpoint in ("token", "introspection", "device_authorization"):
        server.faults[endpoint] = Fault.oauth_error("invalid_client", "unknown", status=200)
    error = await refusal(endpoint_of(server).post(name, {"token": "x"}))
    assert error.error == "invalid_client"
    assert "by HTTP Basic and in the form were both refused: The" in str(error)
    assert "invalid_client: unknown" in str(error)


async def test_other_error_of_the_second_request_is_raised_with_the_refusal() -> None:
    """Otherwise a wrong secret would look like a request without the Authorization header."""
    async with ScriptedServer(refused(), refused("invalid_request"), refused(), TOKEN) as server:
        endpoint = TokenEndpoint(server.url, Credentials("client", SECRET), None, retry=Retry(1))
        error = await refusal(endpoint.request(FORM))
        assert str(error).startswith(
            "Client authentication by HTTP Basic was refused, and the request with the secret in "
            "the form failed: The token endpoint"
        )
        assert error.error == "invalid_request"
        assert (await endpoint.request(FORM)).is_valid()
    assert server.ways() == ["Basic", "form", "Basic", "form"]  # the failure taught nothing


async def test_wrong_secret_can_be_corrected_without_a_restart(
    server: OAuthServer, tmp_path: Path
) -> None:
    """While no method succeeded, each request starts the detection again."""
    file = tmp_path / "secret"
    file.write_text("wrong")
    endpoint = endpoint_of(server, secret=SecretFile(file))
    await refusal(endpoint.request(FORM))
    file.write_text(SECRET)
    assert (await endpoint.request(FORM)).is_valid()
    assert ways(server) == ["Basic", "form", "Basic", "form"]


@pytest.mark.rule("R033")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_remembered_method_is_not_replaced(server: OAuthServer, method: str) -> None:
    """After a success, `invalid_client` means that the secret changed: one request is enough."""
    server.add_client("client", SECRET, auth_methods=[method])
    endpoint = endpoint_of(server)
    await endpoint.request(FORM)
    ways(server)
    server.token_fault = REFUSED.times(1)
    error = await refusal(endpoint.request(FORM))
    assert "both" not in str(error)
    assert (await endpoint.request(FORM)).is_valid()
    way = "Basic" if method == "client_secret_basic" else "form"
    assert ways(server) == [way, way]


async def test_outage_during_the_detection_is_retried() -> None:
    """The retry starts with HTTP Basic again, since neither method has succeeded."""
    outage = answer(b"", status="503 Busy")
    async with ScriptedServer(refused(), outage, refused(), TOKEN) as server:
        retry = Retry(attempts=2, wait_initial=0)
        endpoint = TokenEndpoint(server.url, Credentials("client", SECRET), None, retry=retry)
        assert (await endpoint.request(FORM, is_repeatable=True)).is_valid()
    assert server.ways() == ["Basic", "form", "Basic", "form"]


# Sign-ins and other endpoints


@pytest.mark.rule("R097", "R043")
async def test_code_and_refresh_token_are_sent_again_after_a_refusal(server: OAuthServer) -> None:
    """The server did not use them: the user signs in once."""
    person = Person()
    urls = {"authorization_endpoint": server.authorization_endpoint}
    manager = manager_of(
        server, grant=AuthorizationCode(open_browser=person), endpoints=urls, scope="things"
    )
    assert await manager.get_token()
    await person.done()
    exchanges = [seen for seen in server.log if "code" in seen.form]
    assert len({seen.form["code"] for seen in exchanges}) == 1
    assert [way for way in ways(server) if way] == ["Basic", "form"]
    await manager.reset_token()
    assert await manager.get_token()
    assert ways(server) == ["form"]
    assert server.granted == {"authorization_code": 1, "refresh_token": 1}
    assert server.logins == 1


@pytest.mark.rule("R097")
async def test_refresh_token_is_sent_again_after_a_refusal(server: OAuthServer) -> None:
    """A client that starts with a refresh token detects the method as well."""
    person = Person()
    urls = {"authorization_endpoint": server.authorization_endpoint}
    tokens: list[Token] = []
    first = manager_of(
        server,
        grant=AuthorizationCode(open_browser=person),
        endpoints=urls,
        on_token=tokens.append,
    )
    await first.get_token()
    await person.done()
    ways(server)
    again = manager_of(server, grant=RefreshToken(tokens[0].refresh_token or ""))
    assert await again.get_token()
    assert ways(server) == ["Basic", "form"]


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("pushed_authorization_request_endpoint", AUTHORIZATION),
        ("device_authorization_endpoint", {"scope": "things"}),
        ("introspection_endpoint", {"token": "x"}),
    ],
)
async def test_method_is_detected_at_each_endpoint(
    server: OAuthServer, name: str, form: dict[str, str]
) -> None:
    """A sign-in on a device, for instance, does not start at the token endpoint."""
    endpoint = endpoint_of(server)
    assert await endpoint.post(name, form)
    assert ways(server) == ["Basic", "form"]
    await endpoint.revoke("x", "access_token")
    await endpoint.request(FORM)
    assert ways(server) == ["form", "form"]  # other endpoints try it first


@pytest.mark.rule("R160")
async def test_each_endpoint_keeps_its_own_method(server: OAuthServer) -> None:
    """A revocation endpoint may accept HTTP Basic only, and a device endpoint anything."""
    server.faults["device_authorization"] = Fault.wrong_json({"device_code": "x"})
    server.faults["revocation"] = Fault.oauth_error("invalid_client", status=401).times(1)
    endpoint = endpoint_of(server)
    await endpoint.post("device_authorization_endpoint", {})
    assert ways(server) == ["Basic"]
    await endpoint.request(FORM)
    assert ways(server) == ["Basic", "form"]
    server.add_client("client", SECRET, auth_methods=["client_secret_basic"])
    await endpoint.revoke("x", "access_token")
    await endpoint.revoke("y", "access_token")
    assert ways(server) == ["form", "Basic", "Basic"]


@pytest.mark.rule("R008")
async def test_methods_listed_for_revocation_are_the_only_ones(server: OAuthServer) -> None:
    """A list in the metadata of one endpoint ends the detection there."""
    server.changes["metadata"] = {
        **UNLISTED,
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic"],
    }
    server.faults["revocation"] = REFUSED
    endpoint = endpoint_of(server, issuer=server.issuer, endpoints={})
    await endpoint.request(FORM)
    await refusal(endpoint.revoke("x", "access_token"))
    assert ways(server) == ["Basic", "form", "Basic"]


@pytest.mark.rule("R158")
async def test_poll_that_was_accepted_is_not_refused_again() -> None:
    """A device sends many requests before it gets a token: most of them use the right method."""
    pending = refused("authorization_pending", "400 Bad Request")
    async with ScriptedServer(refused(), pending, pending, TOKEN) as server:
        endpoint = TokenEndpoint(server.url, Credentials("client", SECRET), None, retry=Retry(1))
        for _ in range(2):
            assert (await refusal(endpoint.request(FORM))).error == "authorization_pending"
        assert (await endpoint.request(FORM)).is_valid()
    assert server.ways() == ["Basic", "form", "form", "form"]


async def test_poll_by_basic_does_not_end_the_detection() -> None:
    """A server may check the client only when it issues the token."""
    pending = refused("slow_down", "400 Bad Request")
    async with ScriptedServer(pending, refused(), TOKEN) as server:
        endpoint = TokenEndpoint(server.url, Credentials("client", SECRET), None, retry=Retry(1))
        await refusal(endpoint.request(FORM))
        assert (await endpoint.request(FORM)).is_valid()
    assert server.ways() == ["Basic", "Basic", "form"]


# Many callers


@pytest.mark.rule("R070")
async def test_callers_share_the_detection(server: OAuthServer) -> None:
    """Twenty callers cause two requests; a derived manager uses what was found."""
    manager = manager_of(server)
    await asyncio.gather(*(manager.get_token() for _ in range(20)))
    assert ways(server) == ["Basic", "form"]
    await manager.with_options(scope="other").get_token()
    assert ways(server) == ["form"]


async def test_concurrent_detections_agree(server: OAuthServer) -> None:
    """Managers that start at once each detect the method, and all keep the same one."""
    manager = manager_of(server)
    managers = [manager.with_options(scope=f"scope-{number}") for number in range(5)]
    await asyncio.gather(*(each.get_token() for each in managers))
    assert sorted(ways(server)) == ["Basic"] * 5 + ["form"] * 5
    for each in managers:
        await each.reset_token()
    await asyncio.gather(*(each.get_token() for each in managers))
    assert ways(server) == ["form"] * 5


async def test_detected_form_is_logged_once(
    server: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The line names the option that saves the extra request."""
    caplog.set_level(logging.INFO, logger="aioalf")
    endpoint = endpoint_of(server)
    for _ in range(2):
        await endpoint.request(FORM)
        await endpoint.revoke("x", "access_token")
    [line] = [record.getMessage() for record in caplog.records]
    assert line == (
        "The token endpoint does not accept client authentication by HTTP Basic, only in the form: "
        "pass client_auth=ClientSecretPost() to save a request"
    )
