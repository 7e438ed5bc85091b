"""Token exchange (RFC 8693), and where a token is for (RFC 8707)."""

import pytest
from aiohttp import ClientSession

from aioalf.testing import OAuthServer
from tests.testing.code_flow import new_code, post, redeem, refresh, signed_in
from tests.testing.plain_client import (
    CLIENT_CREDENTIALS,
    Answered,
    bearer,
    new_token,
    refusal,
    send,
)

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
THINGS, OTHERS = "https://api.example.com/things", "https://api.example.com/others"


async def exchange(
    session: ClientSession, server: OAuthServer, subject_token: str, **more: str
) -> Answered:
    """Exchange a token; what is empty is left out."""
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": subject_token,
        "subject_token_type": ACCESS_TOKEN,
        **more,
    }
    sent = {name: value for name, value in form.items() if value}
    return await post(session, server.token_endpoint, sent)


async def arrived(session: ClientSession, server: OAuthServer, token: object) -> dict[str, object]:
    """What the API says of a token."""
    return (await send(session, "GET", server.url("/"), headers=bearer(str(token)))).json


async def test_a_persons_token_becomes_another_one_for_the_same_person(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """With `issued_token_type` and without a refresh token (§2.2.1)."""
    subject = (await signed_in(session, oauth_server))["access_token"]
    answered = await exchange(
        session, oauth_server, subject, scope="read", audience="things", resource=THINGS
    )
    assert answered.status == 200
    assert answered.json["issued_token_type"] == ACCESS_TOKEN
    assert "refresh_token" not in answered.json
    seen = await arrived(session, oauth_server, answered.json["access_token"])
    assert (seen["user"], seen["scope"], seen["actor"]) == ("Ada", "read", None)
    assert (seen["audience"], seen["resources"]) == (["things"], [THINGS])
    assert oauth_server.granted[TOKEN_EXCHANGE] == 1


async def test_a_clients_token_speaks_for_the_client(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Where no person is behind a token, the client is its subject."""
    subject = await new_token(session, oauth_server)
    answered = await exchange(session, oauth_server, subject)
    seen = await arrived(session, oauth_server, answered.json["access_token"])
    assert seen["user"] == "client-id"


async def test_tokens_from_elsewhere_can_be_made_known(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A subject and an actor, each of a type."""
    oauth_server.add_subject_token("id-token-of-grace", "Grace", token_type=ID_TOKEN)
    oauth_server.add_subject_token("token-of-a-robot", "robot")
    answered = await exchange(
        session,
        oauth_server,
        "id-token-of-grace",
        subject_token_type=ID_TOKEN,
        actor_token="token-of-a-robot",
        actor_token_type=ACCESS_TOKEN,
        requested_token_type=ACCESS_TOKEN,
    )
    seen = await arrived(session, oauth_server, answered.json["access_token"])
    assert (seen["user"], seen["actor"]) == ("Grace", "robot")


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
async def test_what_is_no_exchange_is_an_invalid_request(
    oauth_server: OAuthServer, session: ClientSession, changed: dict[str, str]
) -> None:
    """Tokens and their types come in pairs, and are known here (§2.1, §2.2.2)."""
    known = await new_token(session, oauth_server)
    answered = await exchange(session, oauth_server, **{"subject_token": known, **changed})
    assert refusal(answered) == (400, "invalid_request")


async def test_several_resources_can_be_asked_for(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`resource` and `audience` may be repeated (RFC 8707 §2, RFC 8693 §2.1)."""
    form = [*CLIENT_CREDENTIALS.items(), ("resource", THINGS), ("resource", OTHERS)]
    form += [("audience", "one"), ("audience", "two")]
    answered = await post(session, oauth_server.token_endpoint, form)
    seen = await arrived(session, oauth_server, answered.json["access_token"])
    assert (seen["resources"], seen["audience"]) == ([THINGS, OTHERS], ["one", "two"])


@pytest.mark.parametrize("resource", ["things", "/things", THINGS + "#x", "https://[::1", "https:"])
async def test_a_resource_is_an_absolute_uri(
    oauth_server: OAuthServer, session: ClientSession, resource: str
) -> None:
    """Anything else is an `invalid_target` (RFC 8707 §2)."""
    form = {**CLIENT_CREDENTIALS, "resource": resource}
    answered = await post(session, oauth_server.token_endpoint, form)
    assert refusal(answered) == (400, "invalid_target")


@pytest.mark.parametrize("name", ["resource", "audience"])
async def test_a_server_can_know_what_tokens_are_for(
    oauth_server: OAuthServer, session: ClientSession, name: str
) -> None:
    """Outside of `resources` all is an `invalid_target`."""
    oauth_server.resources = [THINGS]
    url = oauth_server.token_endpoint
    assert (await post(session, url, {**CLIENT_CREDENTIALS, name: THINGS})).status == 200
    answered = await post(session, url, {**CLIENT_CREDENTIALS, name: OTHERS})
    assert refusal(answered) == (400, "invalid_target")


async def test_an_invalid_resource_is_told_in_the_redirect(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A refusal of the login page goes to the client (RFC 8707 §2.1)."""
    with pytest.raises(KeyError, match="code"):
        await new_code(session, oauth_server, resource="things")


async def test_a_code_for_some_resources_gives_tokens_for_each(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The token request chooses of those that were granted, and the refresh others (§2.2)."""
    code = await new_code(session, oauth_server, resource=THINGS)
    first = (await redeem(session, oauth_server, code, resource=THINGS)).json
    seen = await arrived(session, oauth_server, first["access_token"])
    assert seen["resources"] == [THINGS]
    value = str(first["refresh_token"])
    wrong = await refresh(session, oauth_server, value, resource=OTHERS)
    assert refusal(wrong) == (400, "invalid_target")
    assert (await refresh(session, oauth_server, value, resource=THINGS)).status == 200


async def test_a_code_for_no_resource_gives_a_token_for_any(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Where nothing was said at first, the token request may say it."""
    code = await new_code(session, oauth_server)
    token = (await redeem(session, oauth_server, code, resource=THINGS)).json
    assert (await arrived(session, oauth_server, token["access_token"]))["resources"] == [THINGS]
