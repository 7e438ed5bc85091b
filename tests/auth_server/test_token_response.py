"""Reading a token response: any bytes are a token or an error."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioalf._auth_server.error_response import read_oauth_error
from aioalf._auth_server.expiry import UNITS, ExpiryUnit
from aioalf._auth_server.granted_scope import ScopeRules
from aioalf._auth_server.response import read_object
from aioalf._auth_server.token_response import ResponsePolicy, Warnings, read_token
from aioalf._syntax import MAX_LIFETIME
from aioalf.errors import TokenResponseError
from aioalf.token import Token

GOOD: dict[str, object] = {"access_token": "abc", "token_type": "Bearer", "expires_in": 3600}


def response_with(**members: object) -> dict[str, object]:
    """Return the members of a valid response, with these changes."""
    return {**GOOD, **members}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=8,
)
MEMBERS = st.dictionaries(
    st.sampled_from([*GOOD, "scope", "error", "error_description", "error_uri", "refresh_token"])
    | st.text(),
    JSON | st.sampled_from(["bearer", "abc", "3600", "a b"]),
)


def is_read(body: bytes) -> bool:
    """Tell whether a body holds a token; another exception than TokenResponseError fails."""
    members = read_object(body)
    str(read_oauth_error(members or {}))
    try:
        token = read_token(members, ResponsePolicy(frozenset({"a"})))
    except TokenResponseError:
        return False
    assert isinstance(token, Token)
    return True


@pytest.mark.rule("R031")
@given(st.binary())
def test_any_bytes_are_a_token_or_an_error(body: bytes) -> None:
    """Random bytes never raise another exception."""
    is_read(body)


@pytest.mark.rule("R020", "R031")
@settings(max_examples=50)
@given(JSON)
def test_any_json_is_a_token_or_an_error(value: object) -> None:
    """Random JSON never raises another exception, and is a token only with an access_token."""
    assert not is_read(json.dumps(value).encode()) or "access_token" in str(value)


@pytest.mark.rule("R031")
@settings(max_examples=50)
@given(MEMBERS)
def test_any_members_are_a_token_or_an_error(members: dict[str, object]) -> None:
    """Members of any type never raise another exception."""
    is_read(json.dumps(members).encode())


@pytest.mark.rule("R032", "R051")
@given(st.text() | st.text("abc \r\n\t=:,"))
def test_access_token_cannot_split_a_header(text: str) -> None:
    """An accepted access token has only visible ASCII characters, no space and no line end."""
    try:
        token = read_token(response_with(access_token=text))
    except TokenResponseError:
        return
    assert token.access_token == text
    assert text.isascii()
    assert text.isprintable()
    assert " " not in text


def test_valid_response_is_a_token() -> None:
    """All members of RFC 6749 §5.1 are read."""
    sent_on = datetime(2024, 5, 6, tzinfo=UTC)
    token = read_token(response_with(scope="b a"), sent_on=sent_on)
    assert (token.access_token, token.token_type, token.expires_in) == ("abc", "Bearer", 3600)
    assert token.scope == frozenset({"a", "b"})
    assert token.expires_on == sent_on + timedelta(hours=1)


@pytest.mark.rule("R031")
@pytest.mark.parametrize("kind", ["list", "object"])
def test_deeply_nested_members_are_left_out(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """A cache could not store them, or not read them again, and the sign-in would be lost."""
    begin, end = {"list": ("[", "]"), "object": ('{"a":', "}")}[kind]

    def nested(depth: int) -> str:
        return f"{begin * depth}1{end * depth}"

    body = f'{{"access_token": "abc", "usual": {nested(50)}, "deep": {nested(51)}}}'
    token = read_token(read_object(body.encode()))
    assert set(token.extra) == {"usual"}
    assert "nested too deep are left out" in caplog.text


@pytest.mark.rule("R021")
def test_access_token_and_expires_in_suffice() -> None:
    """The two members that the project page names make a Bearer token."""
    token = read_token({"access_token": "abc", "expires_in": 3600})
    assert (token.token_type, token.is_valid()) == ("Bearer", True)


@pytest.mark.rule("R020")
@pytest.mark.parametrize("value", [None, "", 5, True, ["abc"], {"a": "b"}, 1.5])
def test_invalid_access_token_is_an_error(value: object) -> None:
    """The error says whether the access token is missing or not text."""
    problem = "access_token .* is not text" if value else "no access_token"
    with pytest.raises(TokenResponseError, match=problem):
        read_token(response_with(access_token=value))


@pytest.mark.rule("R020")
def test_missing_access_token_is_an_error() -> None:
    """The message names the missing member."""
    with pytest.raises(TokenResponseError, match="no access_token"):
        read_token({"expires_in": 3600})


@pytest.mark.rule("R020", "R031")
@pytest.mark.parametrize("members", [None, [], "abc", 5])
def test_members_that_are_not_a_mapping_are_an_error(members: object) -> None:
    """The hook of a subclass may return any value."""
    with pytest.raises(TokenResponseError, match="not a JSON object"):
        read_token(members)  # type: ignore[arg-type]


@pytest.mark.rule("R032")
@pytest.mark.parametrize(
    "value", ["abc def", "abc\r\nX: y", "abc\n", " abc", "abc\0", "é", "abc\x7f"]
)
def test_access_token_that_is_not_a_header_value_is_an_error(value: str) -> None:
    """The access token is rejected before it is sent, and is not shown."""
    with pytest.raises(TokenResponseError, match="not a valid header value") as caught:
        read_token(response_with(access_token=value))
    assert value not in str(caught.value)


@pytest.mark.rule("R032", "R051")
@pytest.mark.parametrize(
    "value", ["00D0!AQ.x", "Atza|Ib==", "v^1.1#i^1#r", "AA%2F%3Dbb", "a=b", "1:2"]
)
def test_access_token_may_be_any_visible_ascii(value: str) -> None:
    """Salesforce, Amazon, eBay and X use characters that RFC 6750 does not have."""
    assert read_token(response_with(access_token=value)).access_token == value


@pytest.mark.rule("R020")
def test_members_of_a_response_without_a_token_are_named() -> None:
    """A user's token at Slack is nested, for one. Values are not shown, and names are cut."""
    members = {"ok": True, "authed_user": {"access_token": "xoxp-1"}, "secret-name": 1}
    members |= {f"more{number}": 1 for number in range(20)} | {"x" * 99: 1}
    with pytest.raises(TokenResponseError) as caught:
        read_token(members, secrets=frozenset({"secret-name"}))
    assert "no access_token in the response; it has ok, authed_user, ***, more0" in str(
        caught.value
    )
    assert "xoxp" not in str(caught.value)
    with pytest.raises(TokenResponseError, match="it has no members"):
        read_token({})


@pytest.mark.rule("R032")
def test_long_access_token_is_read() -> None:
    """The size of an access token is not limited."""
    assert read_token(response_with(access_token="x" * 100_000)).access_token == "x" * 100_000


@pytest.mark.rule("R022")
@pytest.mark.parametrize("value", ["bearer", "BEARER", "Bearer", "bEaReR"])
def test_case_of_the_token_type_does_not_matter(value: str) -> None:
    """The token type is Bearer in whatever case the server writes it."""
    assert read_token(response_with(token_type=value)).token_type == "Bearer"


@pytest.mark.rule("R021")
@pytest.mark.parametrize("value", ["mac", "MAC", "N_A", "DPoP", "dpop"])
def test_token_that_is_not_for_bearer_is_an_error(value: object) -> None:
    """A token that is bound to a key, or is not an access token, is not sent as a Bearer token."""
    with pytest.raises(TokenResponseError, match="is not Bearer"):
        read_token(response_with(token_type=value))


@pytest.mark.rule("R021")
@pytest.mark.parametrize(
    "value", ["bot", "User Access Token", "BearerToken", "Bearer ", 5, True, ["Bearer"], {}]
)
def test_other_token_type_means_bearer(value: object, caplog: pytest.LogCaptureFixture) -> None:
    """Slack, eBay and Apigee use words of their own. One warning is logged, extra has the word."""
    warnings = Warnings()
    read_token(response_with(token_type=value), warnings=warnings)
    token = read_token(response_with(token_type=value), warnings=warnings)
    word = value if isinstance(value, str) else type(value).__name__
    assert (token.token_type, token.extra) == ("Bearer", {"token_type": word})
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"token_type {word!r} is used as a Bearer token" in caplog.text


@pytest.mark.rule("R021")
@pytest.mark.parametrize("value", ["", "bot"])
def test_known_token_type_is_no_reason_for_a_warning(
    value: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The words of a provider are expected, and an empty one means Bearer."""
    policy = ResponsePolicy(token_types=frozenset({"bot"}))
    assert read_token(response_with(token_type=value), policy).token_type == "Bearer"
    assert not caplog.records


def test_long_token_type_is_cut_in_the_warning(caplog: pytest.LogCaptureFixture) -> None:
    """The warning shows only the beginning of a long token type."""
    read_token(response_with(token_type="x" * 1000))
    assert "token_type '" + "x" * 39 + "… (1002 characters) is used" in caplog.text


@pytest.mark.rule("R021")
def test_null_token_type_means_bearer() -> None:
    """A null token type is the same as an absent one."""
    assert read_token(response_with(token_type=None)).token_type == "Bearer"


@pytest.mark.rule("R024")
@pytest.mark.parametrize(
    ("value", "seconds"),
    [(3600, 3600), ("3600", 3600), (" 3600 ", 3600), (3600.5, 3600), (0, 0), (1e12, MAX_LIFETIME)],
)
def test_expires_in_may_be_a_number_or_a_string(value: object, seconds: int) -> None:
    """A number and a string with a number are accepted, and a very long lifetime is cut."""
    assert read_token(response_with(expires_in=value)).expires_in == seconds


UNKNOWN: list[object] = [
    "abc",
    -1,
    "-1",
    math.nan,
    math.inf,
    "1e400",
    True,
    False,
    [],
    [3600],
    {},
    "Infinity",
]


@pytest.mark.rule("R024")
@pytest.mark.parametrize("value", UNKNOWN)
def test_lifetime_that_cannot_be_read_is_unknown(
    value: object, caplog: pytest.LogCaptureFixture
) -> None:
    """The token is used until an API rejects it, or as long as the caller's default says."""
    warnings, policy = Warnings(), ResponsePolicy(default_expires_in=60)
    assert read_token(response_with(expires_in=value), warnings=warnings).expires_in is None
    assert read_token(response_with(expires_in=value), policy, warnings=warnings).expires_in == 60
    assert caplog.text.count("The lifetime of a token is unknown: expires_in in the response") == 1


@pytest.mark.rule("R024")
@pytest.mark.parametrize("text", ["1e400", "-1e400", "NaN", "Infinity", "-Infinity"])
def test_infinite_lifetime_is_unknown(text: str) -> None:
    """Python's JSON parser accepts infinity and NaN; they are not lifetimes."""
    members = read_object(f'{{"access_token": "abc", "expires_in": {text}}}'.encode())
    assert read_token(members).expires_in is None


@pytest.mark.rule("R024")
def test_lifetime_of_zero_means_unknown_after_a_sign_in() -> None:
    """Mailchimp means "never"; a user must not be asked to sign in for each request."""
    interactive = ResponsePolicy(is_interactive=True)
    assert read_token(response_with(expires_in=0), interactive).expires_in is None
    assert read_token(response_with(expires_in=0)).expires_in == 0


SENT_ON = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EPOCH = SENT_ON.timestamp()


@pytest.mark.rule("R024")
@pytest.mark.parametrize(
    ("member", "unit", "value", "seconds"),
    [
        ("expires_in", "seconds", "3599", 3599),
        ("expires_in_sec", "seconds", 3600, 3600),
        ("expires_in", "milliseconds", 3_600_000, 3600),
        ("expires_in", "milliseconds", "3600000", 3600),
        ("expires_at", "epoch", EPOCH + 60, 60),
        ("expires_on", "epoch", str(EPOCH + 60), 60),
        ("expires_at", "epoch_milliseconds", int(EPOCH * 1000) + 60_000, 60),
        ("expires_at", "iso", "2026-01-02T03:05:05Z", 60),
        ("expires_at", "iso", "2026-01-02T05:05:05+02:00", 60),
        ("expires_at", "iso", "2026-01-02T03:05:05", 60),
    ],
)
def test_expiry_is_read_from_the_member_of_the_provider(
    member: str, unit: ExpiryUnit, value: object, seconds: int
) -> None:
    """Strava, Square, Zoho and others send the expiry in another member or another unit."""
    members = {"access_token": "abc", member: value}
    policy = ResponsePolicy(expiry={member: unit})
    assert read_token(members, policy, sent_on=SENT_ON).expires_in == seconds


@pytest.mark.rule("R024")
@pytest.mark.parametrize("unit", sorted(UNITS))
@pytest.mark.parametrize(
    "value", [*UNKNOWN, "2020-01-01T00:00:00Z", "9" * 400, "0001-01-01", 1e308]
)
def test_any_expiry_is_a_lifetime_or_unknown(unit: ExpiryUnit, value: object) -> None:
    """An expiry in the past, and any value of any type, makes no error."""
    policy = ResponsePolicy(expiry={"expires_at": unit})
    members = {"access_token": "abc", "expires_at": value}
    lifetime = read_token(members, policy, sent_on=SENT_ON).expires_in
    assert lifetime is None or 0 <= lifetime <= MAX_LIFETIME


@pytest.mark.rule("R024")
def test_first_member_with_an_expiry_is_read() -> None:
    """Absent and empty members are passed over."""
    policy = ResponsePolicy(expiry={"a": "seconds", "b": "seconds", "c": "seconds"})
    members = {"access_token": "abc", "a": None, "b": "", "c": 5}
    assert read_token(members, policy).expires_in == 5


@pytest.mark.rule("R023")
@pytest.mark.parametrize(
    "members", [{"access_token": "a"}, {"access_token": "a", "expires_in": None}]
)
def test_default_replaces_an_absent_expires_in(members: Mapping[str, object]) -> None:
    """Without a default the lifetime is unknown; the server's value overrides the default."""
    assert read_token(members).expires_in is None
    assert read_token(members, ResponsePolicy(default_expires_in=60)).expires_in == 60
    assert read_token(GOOD, ResponsePolicy(default_expires_in=60)).expires_in == 3600


@pytest.mark.rule("R011", "R026")
def test_unknown_members_are_in_extra() -> None:
    """`Token.extra` holds the members that are not read; the refresh token is not among them."""
    token = read_token(response_with(refresh_token="rrr", id_token="iii", deep={"a": [1]}))
    assert dict(token.extra) == {"id_token": "iii", "deep": {"a": [1]}}


@pytest.mark.parametrize("value", ["", 5, None, ["r"], "half a character: \ud800"])
def test_unusable_refresh_token_is_none(value: object) -> None:
    """A refresh token that could not be sent is dropped, and the access token is used."""
    token = read_token(response_with(refresh_token=value))
    assert (token.access_token, token.refresh_token) == (GOOD["access_token"], None)
    assert read_token(response_with(refresh_token="é")).refresh_token == "é"


@pytest.mark.rule("R027", "R028")
@pytest.mark.parametrize(
    ("value", "granted"),
    [
        ("a b", {"a", "b"}),
        (" b  a ", {"a", "b"}),
        ("a b \t\n", {"a", "b"}),
        ("a,b", {"a", "b"}),
        ("b, a", {"a", "b"}),
        ("a,b c,d", {"a", "b", "c", "d"}),
        (["a", "b", ""], {"a", "b"}),
        (["a", "b", 5, None], {"a", "b"}),
        (["a b", "c"], {"a", "b", "c"}),
        ("a b c", {"a", "b", "c"}),
    ],
)
def test_granted_scope_is_read(value: object, granted: set[str]) -> None:
    """The scope may be text or a list, in any order, and may hold more than requested."""
    token = read_token(response_with(scope=value), ResponsePolicy(frozenset({"a", "b"})))
    assert token.scope == frozenset(granted)


@pytest.mark.rule("R027")
@pytest.mark.parametrize("asked", [None, frozenset({"a"})])
@pytest.mark.parametrize("value", [None, "", []])
def test_absent_scope_means_the_requested_scope(
    asked: frozenset[str] | None, value: object
) -> None:
    """A response without scope grants the requested scope (RFC 6749 §5.1); so does an empty one."""
    token = read_token(response_with(scope=value), ResponsePolicy(asked, require_scope=True))
    assert (token.scope, token.missing_scope) == (asked, frozenset())


@pytest.mark.rule("R027", "R028")
@pytest.mark.parametrize("value", ["a", "A b", "ab", ["a"]])
def test_missing_scope_is_information(value: object, caplog: pytest.LogCaptureFixture) -> None:
    """The token says what is missing, and one warning is logged; ``require_scope`` refuses it."""
    asked, warnings = frozenset({"a", "b"}), Warnings()
    read_token(response_with(scope=value), ResponsePolicy(asked), warnings=warnings)
    token = read_token(response_with(scope=value), ResponsePolicy(asked), warnings=warnings)
    assert token.scope is not None
    assert token.missing_scope == asked - token.scope != frozenset()
    assert caplog.text.count("granted less scope than requested") == 1
    with pytest.raises(TokenResponseError, match=r"granted less .* is missing, and require_scope"):
        read_token(response_with(scope=value), ResponsePolicy(asked, require_scope=True))


@pytest.mark.rule("R027")
@pytest.mark.parametrize(
    "asked",
    ["openid", "profile", "email", "offline_access", ".default", "https://api.example/.default"],
)
def test_scope_that_servers_leave_out_is_not_missing(asked: str) -> None:
    """It belongs to the scope of the token, so that a refresh requests it again."""
    policy = ResponsePolicy(frozenset({"a", asked}), require_scope=True)
    token = read_token(response_with(scope="a"), policy)
    assert (token.scope, token.missing_scope) == (frozenset({"a", asked}), frozenset())


@pytest.mark.rule("R027")
@pytest.mark.parametrize(
    ("asked", "granted"),
    [("email", "long-email"), ("read_things", "write_things"), ("never", "a"), ("a,b", "a,b")],
)
def test_renamed_scope_is_not_missing(asked: str, granted: str) -> None:
    """A provider's rules say which scopes a granted scope includes, and which are never named."""
    rules = ScopeRules({"long-email": ["email"], "write_*": ["read_*"]}, {"never"})
    policy = ResponsePolicy(frozenset({asked}), require_scope=True, scope_rules=rules)
    token = read_token(response_with(scope=granted), policy)
    assert (token.scope, token.missing_scope) == (frozenset({asked, granted}), frozenset())


@pytest.mark.parametrize("value", [5, True, {}, {"a": 1}, [5], [None], [["a"]]])
def test_scope_that_is_not_text_is_ignored(value: object, caplog: pytest.LogCaptureFixture) -> None:
    """It says nothing, so the requested scope counts as granted. One warning is logged."""
    warnings, policy = Warnings(), ResponsePolicy(frozenset({"a"}))
    for _ in range(2):
        token = read_token(response_with(scope=value), policy, warnings=warnings)
        assert (token.scope, token.missing_scope) == (frozenset({"a"}), frozenset())
    assert caplog.text.count("scope in a response is not text") == 1


@pytest.mark.rule("R031")
@pytest.mark.parametrize(
    "members",
    [
        response_with(access_token="secret-token", token_type="mac"),
        response_with(access_token="secret token"),
        response_with(access_token=["secret-token"]),
        response_with(access_token="a b", refresh_token="secret-token"),
    ],
)
def test_error_does_not_show_a_token(members: dict[str, object]) -> None:
    """The error names the invalid member, and shows no token."""
    with pytest.raises(TokenResponseError) as caught:
        read_token(members, ResponsePolicy(frozenset({"x"})))
    assert "secret" not in f"{caught.value!r} {caught.value}"


@pytest.mark.rule("R007")
@pytest.mark.parametrize("secret", ["hunter2-otp", "hunter2-" + "x" * 60, 'hunter2-"\\\x07'])
def test_token_type_that_echoes_a_secret_is_masked(
    secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A secret of the request is masked before a long token type is cut."""
    for token_type in (secret, f"type {secret}", [secret], {secret: secret}):
        read_token(response_with(token_type=token_type), secrets=frozenset({secret}))
    assert caplog.text.count("is used as a Bearer token") == 4
    assert "hunter2" not in caplog.text
