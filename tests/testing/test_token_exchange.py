"""Token exchange (RFC 8693) and resource indicators (RFC 8707)."""

import pytest
from aiohttp import ClientSession

from aioalf.testing import OAuthServer
from tests.testing.code_flow import new_code, post, redeem, refresh, signed_in
from tests.testing.plain_client import (
    CLIENT_CREDENTIALS,
    ReadResponse,
    bearer,
    error_of,
    new_token,
    send,
)

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
THINGS, OTHERS = "https://api.example.com/things", "https://api.example.com/others"


async def exchange_token(
    session: ClientSession, server: OAuthServer, subject_token: str, **more: str
) -> ReadResponse:
    """Exchange a token; empty parameters are left out."""
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": subject_token,
        "subject_token_type": ACCESS_TOKEN,
        **more,
    }
    sent = {name: value for name, value in form.items() if value}
    return await post(session, server.token_endpoint, sent)


async def api_response(
    session: ClientSession, server: OAuthServer, token: object
) -> dict[str, object]:
    """Return the response of the API to a request with the token."""
    return (await send(session, "GET", server.url("/"), headers=bearer(str(token)))).json


async def test_exchanged_token_has_the_same_user(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The response has `issued_token_type` and no refresh token (§2.2.1)."""
    subject = (await signed_in(session, oauth_server))["access_token"]
    response = await exchange_token(
        session, oauth_server, subject, scope="read", audience="things", resource=THINGS
    )
    assert response.status == 200
    assert response.json["issued_token_type"] == ACCESS_TOKEN
    assert "refresh_token" not in response.json
    described = await api_response(session, oauth_server, response.json["access_token"])
    assert (described["user"], described["scope"], described["actor"]) == ("Ada", "read", None)
    assert (described["audience"], described["resources"]) == (["things"], [THINGS])
    assert oauth_server.granted[TOKEN_EXCHANGE] == 1


async def test_subject_of_a_client_token_is_the_client(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A token without a user has the client as its subject."""
    subject = await new_token(session, oauth_server)
    response = await exchange_token(session, oauth_server, subject)
    described = await api_response(session, oauth_server, response.json["access_token"])
    assert described["user"] == "client-id"


async def test_foreign_tokens_can_be_added(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Subject token and actor token can be of other issuers."""
    oauth_server.add_subject_token("id-token-of-grace", "Grace", token_type=ID_TOKEN)
    oauth_server.add_subject_token("token-of-a-robot", "robot")
    response = await exchange_token(
        session,
        oauth_server,
        "id-token-of-grace",
        subject_token_type=ID_TOKEN,
        actor_token="token-of-a-robot",
        actor_token_type=ACCESS_TOKEN,
        requested_token_type=ACCESS_TOKEN,
    )
    described = await api_response(session, oauth_server, response.json["access_token"])
    assert (described["user"], described["actor"]) == ("Grace", "robot")


@pytest.mark.parametrize(
    "changed",
    [
        {"subject_token": "unknown"},
        {"subject_token": ""},
        {"subject_token_type": ""},
        {"subject_token_type": ID_TOKEN},
        {"actor_token": "alone"},
        {"actor_token_type": ACCESS_TOKEN},
        {"actor_token": "unknown", "actor_token_type": ACCESS_TOKEN},
        {"requested_token_type": ID_TOKEN},
    ],
    ids=str,
)
async def test_invalid_token_exchange_is_an_invalid_request(
    oauth_server: OAuthServer, session: ClientSession, changed: dict[str, str]
) -> None:
    """Tokens must be known, and sent with their type (§2.1, §2.2.2)."""
    known = await new_token(session, oauth_server)
    response = await exchange_token(session, oauth_server, **{"subject_token": known, **changed})
    assert error_of(response) == (400, "invalid_request")


async def test_several_resources_can_be_requested(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`resource` and `audience` can be repeated (RFC 8707 §2, RFC 8693 §2.1)."""
    form = [*CLIENT_CREDENTIALS.items(), ("resource", THINGS), ("resource", OTHERS)]
    form += [("audience", "one"), ("audience", "two")]
    response = await post(session, oauth_server.token_endpoint, form)
    described = await api_response(session, oauth_server, response.json["access_token"])
    assert (described["resources"], described["audience"]) == ([THINGS, OTHERS], ["one", "two"])


@pytest.mark.parametrize("resource", ["things", "/things", THINGS + "#x", "https://[::1", "https:"])
async def test_resource_must_be_an_absolute_uri(
    oauth_server: OAuthServer, session: ClientSession, resource: str
) -> None:
    """Other values get `invalid_target` (RFC 8707 §2)."""
    form = {**CLIENT_CREDENTIALS, "resource": resource}
    response = await post(session, oauth_server.token_endpoint, form)
    assert error_of(response) == (400, "invalid_target")


@pytest.mark.parametrize("name", ["resource", "audience"])
async def test_accepted_resources_can_be_limited(
    oauth_server: OAuthServer, session: ClientSession, name: str
) -> None:
    """Values that are not in `resources` get `invalid_target`."""
    oauth_server.resources = [THINGS]
    url = oauth_server.token_endpoint
    assert (await post(session, url, {**CLIENT_CREDENTIALS, name: THINGS})).status == 200
    response = await post(session, url, {**CLIENT_CREDENTIALS, name: OTHERS})
    assert error_of(response) == (400, "invalid_target")


async def test_invalid_resource_is_reported_in_the_redirect(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The login page sends the error to the client (RFC 8707 §2.1)."""
    with pytest.raises(KeyError, match="code"):
        await new_code(session, oauth_server, resource="things")


async def test_token_request_can_choose_from_the_granted_resources(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Other resources get `invalid_target`, in a refresh too (§2.2)."""
    code = await new_code(session, oauth_server, resource=THINGS)
    first = (await redeem(session, oauth_server, code, resource=THINGS)).json
    described = await api_response(session, oauth_server, first["access_token"])
    assert described["resources"] == [THINGS]
    value = str(first["refresh_token"])
    wrong = await refresh(session, oauth_server, value, resource=OTHERS)
    assert error_of(wrong) == (400, "invalid_target")
    assert (await refresh(session, oauth_server, value, resource=THINGS)).status == 200


async def test_token_request_can_name_a_resource_first(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """If the authorization request named no resource, the token request can."""
    code = await new_code(session, oauth_server)
    token = (await redeem(session, oauth_server, code, resource=THINGS)).json
    assert (await api_response(session, oauth_server, token["access_token"]))["resources"] == [
        THINGS
    ]
