"""OAuth errors in the forms of real servers: error code, description, and masked data."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioalf._auth_server.error_response import masked_members, read_oauth_error
from aioalf._auth_server.response import read_form
from aioalf._auth_server.server_rules import ResponseReader, ServerRules
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf.client_auth import ClientSecretBasic, Credentials
from aioalf.errors import OAuthError, TokenError, TokenHTTPError, TokenResponseError
from aioalf.testing import Fault, OAuthServer

Members = Mapping[str, object]

FORMS: dict[str, tuple[Members, str | None, str | None]] = {
    "standard": (
        {"error": "invalid_grant", "error_description": "gone"},
        "invalid_grant",
        "gone",
    ),
    "zoom": (
        {"reason": "Invalid Token!", "error": "invalid_grant"},
        "invalid_grant",
        "Invalid Token!",
    ),
    "facebook": (
        {"error": {"message": "no", "type": "OAuthException", "code": 190}},
        "OAuthException",
        "no",
    ),
    "google": (
        {"error": {"code": 403, "message": "denied", "status": "PERMISSION_DENIED"}},
        "PERMISSION_DENIED",
        "denied",
    ),
    "home connect": (
        {"error": {"key": "invalid_token", "description": "no"}},
        "invalid_token",
        "no",
    ),
    "fitbit": (
        {"errors": [{"errorType": "invalid_grant", "message": "Refresh token invalid"}]},
        "invalid_grant",
        "Refresh token invalid",
    ),
    "strava": (
        {"message": "Bad Request", "errors": [{"field": "refresh_token", "code": "invalid"}]},
        "invalid",
        "Bad Request",
    ),
    "hubspot": (
        {"status": "BAD_REFRESH_TOKEN", "message": "missing"},
        "BAD_REFRESH_TOKEN",
        "missing",
    ),
    "twitch": ({"status": 400, "message": "Invalid refresh token"}, None, "Invalid refresh token"),
    "onelogin": (
        {"status": {"error": True, "code": 401, "type": "Unauthorized", "message": "Auth"}},
        "Unauthorized",
        "Auth",
    ),
    "apigee": (
        {"ErrorCode": "invalid_client", "Error": "ClientId is Invalid"},
        "invalid_client",
        "ClientId is Invalid",
    ),
    "apigee fault": (
        {"fault": {"faultstring": "no", "detail": {"errorcode": "oauth.v2.Invalid"}}},
        "oauth.v2.Invalid",
        "no",
    ),
    "problem details": ({"type": "about:blank", "status": 400, "detail": "no"}, None, "no"),
}


@pytest.mark.rule("R029")
@pytest.mark.parametrize(("members", "code", "description"), FORMS.values(), ids=FORMS.keys())
def test_error_is_read_in_the_form_of_the_server(
    members: Members, code: str | None, description: str | None
) -> None:
    """Code and description come from the members that the server uses."""
    error = read_oauth_error(members, is_success=False)
    assert (error.error, error.error_description) == (code, description)


@pytest.mark.parametrize("name", ["hubspot", "twitch", "onelogin", "apigee", "problem details"])
def test_response_with_status_200_is_an_error_only_with_an_error_member(name: str) -> None:
    """Words such as ``status`` have another meaning in a successful response."""
    assert read_oauth_error(FORMS[name][0]).error is None


@pytest.mark.rule("R030")
@pytest.mark.parametrize("name", ["standard", "facebook", "fitbit"])
def test_error_with_status_200_is_read(name: str) -> None:
    """GitHub, Slack and others report errors with status 200."""
    assert read_oauth_error(FORMS[name][0]).error == FORMS[name][1]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=8,
)
NAMES = st.sampled_from(["error", "errors", "status", "fault", "detail", "code", "message"])


@pytest.mark.rule("R031")
@settings(max_examples=50)
@given(st.dictionaries(NAMES | st.text(), JSON), st.booleans())
def test_any_members_are_read_and_masked(members: dict[str, Any], is_success: bool) -> None:  # noqa: FBT001 - from hypothesis
    """No value of any member causes an exception."""
    str(read_oauth_error(members, frozenset({"s3cret"}), is_success=is_success))
    json.dumps(masked_members(members, frozenset({"s3cret"})))


def test_deeply_nested_members_are_masked() -> None:
    """Beyond eight levels everything is masked."""
    value: object = "bottom"
    for _ in range(1000):
        value = {"x": value}
    assert "bottom" not in json.dumps(masked_members({"x": value}, frozenset()))


@pytest.mark.rule("R007", "R063")
def test_masked_members_show_no_secret() -> None:
    """Secrets of the request are masked anywhere, and values of sensitive members entirely."""
    members = {
        "error": "invalid_grant",
        "errors": [{"message": "Refresh token invalid: old-refresh-token", "n": 5}],
        "old-refresh-token": 1,
        "nested": {"refresh_token": "new", "ok": True, "list": ["a", "old-refresh-token"]},
        "id_token": "eyJ",
    }
    assert masked_members(members, frozenset({"old-refresh-token"})) == {
        "error": "invalid_grant",
        "errors": [{"message": "Refresh token invalid: ***", "n": 5}],
        "***": 1,
        "nested": {"refresh_token": "***", "ok": True, "list": ["a", "***"]},
        "id_token": "***",
    }


@pytest.mark.rule("R007")
@pytest.mark.parametrize("value", [{"value": "new"}, [["new"]], [{"a": 1}], "new", {}])
def test_value_of_a_sensitive_member_is_masked_entirely(value: object) -> None:
    """A token may be inside an object or a list."""
    for name in ("access_token", "Credentials", "client_secret"):
        assert masked_members({name: value}, frozenset()) == {name: "***"}
    assert masked_members({"refresh_token": None}, frozenset()) == {"refresh_token": None}


# Form-encoded bodies


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded; charset=utf-8", "text/plain"]
)
def test_form_encoded_response_is_read(content_type: str) -> None:
    """GitHub without an Accept header, and old Facebook, answer with a form."""
    read = read_form(b"access_token=gho_1&scope=repo%2Cgist&token_type=bearer", content_type)
    assert read == {"access_token": "gho_1", "scope": "repo,gist", "token_type": "bearer"}


@pytest.mark.rule("R031")
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"access_token=a", "text/html"),
        (b"access_token=a", ""),
        (b"access_token=a&access_token=b", "text/plain"),
        (b"access_token", "text/plain"),
        (b"access_token=%ff", "text/plain"),
        (b"\xff=a", "text/plain"),
        (b"a=b", "text/plain"),
        (b"", "text/plain"),
        (b"&".join(b"a%d=1" % n for n in range(200)), "text/plain"),
    ],
)
def test_other_body_is_no_form(body: bytes, content_type: str) -> None:
    """A page, a repeated parameter or a body without token and error is not read."""
    assert read_form(body, content_type) is None


# Rules of a server


def endpoint_with(server: OAuthServer, rules: ServerRules) -> TokenEndpoint:
    """Return the token endpoint of a server that has these rules."""
    credentials = Credentials("client-id", "secret")
    return TokenEndpoint(server.token_endpoint, credentials, ClientSecretBasic(), rules=rules)


async def error_of(server: OAuthServer, rules: ServerRules) -> TokenError:
    """Return the error of a refresh."""
    with pytest.raises(TokenError) as caught:
        await endpoint_with(server, rules).request(
            {"grant_type": "refresh_token", "refresh_token": "old-refresh-token"}
        )
    return caught.value


@pytest.mark.parametrize("status", [200, 400])
async def test_temporarily_unavailable_is_transient(oauth_server: OAuthServer, status: int) -> None:
    """The word says so, whatever the status is; ``server_error`` may also mean a wrong secret."""
    for word, is_transient in (("temporarily_unavailable", True), ("server_error", False)):
        oauth_server.token_fault = Fault.oauth_error(word, status=status)
        assert (await error_of(oauth_server, ServerRules())).is_transient is is_transient


@pytest.mark.rule("R045")
@pytest.mark.parametrize("word", ["login_required", "interaction_required", "consent_required"])
async def test_words_of_openid_connect_mean_sign_in_again(
    oauth_server: OAuthServer, word: str
) -> None:
    """Some servers refuse a refresh with them; the user can help (OpenID Connect §3.1.2.6)."""
    oauth_server.token_fault = Fault.oauth_error(word)
    assert (await error_of(oauth_server, ServerRules())).needs_sign_in


@pytest.mark.rule("R045")
@pytest.mark.parametrize("status", [200, 400, 403])
@pytest.mark.parametrize(
    "members", [{"error": "gone"}, {"error": "x", "error_description": "gone"}]
)
async def test_words_of_a_provider_mean_sign_in_again(
    oauth_server: OAuthServer, status: int, members: dict[str, str]
) -> None:
    """The code or the description of an error is compared with the provider's words."""
    oauth_server.token_fault = Fault.body(json.dumps(members).encode(), status=status)
    assert not (await error_of(oauth_server, ServerRules())).needs_sign_in
    error = await error_of(oauth_server, ServerRules(sign_in_again=frozenset({"gone"})))
    assert (error.needs_sign_in, error.is_transient) == (True, False)
    error = await error_of(oauth_server, ServerRules(try_later=frozenset({"gone"})))
    assert (error.needs_sign_in, error.is_transient) == (False, True)


@pytest.mark.rule("R029", "R063")
async def test_error_has_the_masked_data_of_the_response(oauth_server: OAuthServer) -> None:
    """`response_data` has all members, and `claims` those to pass on, without a secret."""
    members = {"error": "interaction_required", "claims": '{"x":1}', "seen": "old-refresh-token"}
    oauth_server.token_fault = Fault.body(json.dumps(members).encode(), status=400)
    error = await error_of(oauth_server, ServerRules())
    assert error.response_data == {**members, "seen": "***"}
    assert (error.claims, error.error) == ('{"x":1}', "interaction_required")
    assert TokenError("x").claims is None
    assert OAuthError("x", response_data={"claims": 5}).claims is None


async def test_response_of_another_form_has_no_data(oauth_server: OAuthServer) -> None:
    """A page of a gateway is in `response_text`."""
    oauth_server.token_fault = Fault.html("<h1>Bad gateway</h1>", status=502)
    error = await error_of(oauth_server, ServerRules())
    assert isinstance(error, TokenHTTPError)
    assert (error.response_data, error.error, error.is_transient) == (None, None, True)


def _unwrap(members: Mapping[str, object]) -> Mapping[str, object]:
    body: Any = members["body"]
    return {**body, "error": "invalid_grant"} if members["status"] else body


@pytest.mark.rule("R040", "R045")
async def test_response_reader_finds_nested_members(oauth_server: OAuthServer) -> None:
    """It serves sign-ins, refreshes and errors alike, as Withings needs it."""
    rules = ServerRules(read_response=_unwrap)
    body = {"access_token": "a", "refresh_token": "new"}
    oauth_server.token_fault = Fault.wrong_json({"status": 0, "body": body})
    token = await endpoint_with(oauth_server, rules).request({"grant_type": "x"})
    assert (token.access_token, token.refresh_token) == ("a", "new")
    oauth_server.token_fault = Fault.wrong_json({"status": 503, "body": {}})
    error = await error_of(oauth_server, rules)
    assert (error.error, error.needs_sign_in) == ("invalid_grant", True)


def _fail(members: Mapping[str, object]) -> Mapping[str, object]:
    raise KeyError(members["access_token"])


def _return_a_list(_: Mapping[str, object]) -> Any:
    return []


@pytest.mark.rule("R031")
@pytest.mark.parametrize(
    ("reader", "problem"), [(_fail, "raised KeyError"), (_return_a_list, "returned list")]
)
async def test_failing_response_reader_is_an_error(
    oauth_server: OAuthServer, reader: ResponseReader, problem: str
) -> None:
    """The error names the problem and shows no value; the server's own error comes first."""
    rules = ServerRules(read_response=reader)
    oauth_server.token_fault = Fault.wrong_json({"access_token": "granted-token"})
    error = await error_of(oauth_server, rules)
    assert isinstance(error, TokenResponseError)
    assert problem in str(error)
    assert "granted-token" not in repr(error)
    oauth_server.token_fault = Fault.oauth_error("invalid_grant")
    assert (await error_of(oauth_server, rules)).error == "invalid_grant"


async def test_parameters_and_headers_of_a_server_are_sent(oauth_server: OAuthServer) -> None:
    """Parameters of each token request, and of refreshes; the form's own values win."""
    rules = ServerRules(
        token_params={"action": "requesttoken", "grant_type": "never"},
        refresh_params={"redirect_uri": "http://localhost"},
        headers={"X-Version": "1"},
    )
    await endpoint_with(oauth_server, rules).request({"grant_type": "client_credentials"})
    await error_of(oauth_server, rules)
    first, second = oauth_server.log
    assert first.form == {"grant_type": "client_credentials", "action": "requesttoken"}
    assert (second.form["action"], second.form["redirect_uri"]) == (
        "requesttoken",
        "http://localhost",
    )
    assert (first.headers["X-Version"], second.headers["X-Version"]) == ("1", "1")


async def test_token_request_may_be_sent_as_json(oauth_server: OAuthServer) -> None:
    """Notion and Square want JSON. Empty values are left out as in a form."""
    oauth_server.token_fault = Fault.wrong_json({"access_token": "a"})
    endpoint = endpoint_with(oauth_server, ServerRules(sends_json=True))
    await endpoint.request({"grant_type": "client_credentials", "empty": ""})
    (request,) = oauth_server.log
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body.text or "") == {"grant_type": "client_credentials"}
