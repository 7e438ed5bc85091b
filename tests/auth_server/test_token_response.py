"""Reading a token response: any bytes are a token or an error."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioalf._auth_server.response import read_oauth_error, read_object
from aioalf._auth_server.token_response import ResponsePolicy, read_token
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
    assert not set(text) & set(" \r\n\t:,")


def test_valid_response_is_a_token() -> None:
    """All members of RFC 6749 §5.1 are read."""
    sent_on = datetime(2024, 5, 6, tzinfo=UTC)
    token = read_token(response_with(scope="b a"), sent_on=sent_on)
    assert (token.access_token, token.token_type, token.expires_in) == ("abc", "Bearer", 3600)
    assert token.scope == frozenset({"a", "b"})
    assert token.expires_on == sent_on + timedelta(hours=1)


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
@pytest.mark.parametrize("value", ["abc def", "abc\r\nX: y", "abc\n", " abc", "abc\0", "é", "a=b"])
def test_access_token_that_is_not_a_header_value_is_an_error(value: str) -> None:
    """The access token is rejected before it is sent, and is not shown."""
    with pytest.raises(TokenResponseError, match="not a valid header value") as caught:
        read_token(response_with(access_token=value))
    assert value not in str(caught.value)


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
@pytest.mark.parametrize("value", ["mac", "N_A", "DPoP", "", "Bearer ", 5, True, ["Bearer"], {}])
def test_other_token_type_is_an_error(value: object) -> None:
    """A token of another type must not be sent as a Bearer token."""
    with pytest.raises(TokenResponseError, match="is not Bearer"):
        read_token(response_with(token_type=value))


def test_long_token_type_is_cut_in_the_error() -> None:
    """The error shows only the beginning of a long token type."""
    with pytest.raises(TokenResponseError) as caught:
        read_token(response_with(token_type="x" * 1000))
    shown = str(caught.value).removeprefix("token_type ").partition(" in the response")[0]
    assert shown == "'" + "x" * 39 + "… (1002 characters)"


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


@pytest.mark.rule("R024")
@pytest.mark.parametrize(
    "value", ["", "abc", -1, "-1", math.nan, math.inf, "1e400", True, False, [], [3600], {}]
)
def test_invalid_expires_in_is_an_error(value: object) -> None:
    """A token with an invalid lifetime is not used."""
    with pytest.raises(TokenResponseError, match=r"expires_in is .* in the response"):
        read_token(response_with(expires_in=value))


@pytest.mark.rule("R024")
@pytest.mark.parametrize("text", ["1e400", "-1e400", "NaN", "Infinity", "-Infinity"])
def test_infinite_expires_in_is_an_error(text: str) -> None:
    """Python's JSON parser accepts infinity and NaN; they are not lifetimes."""
    members = read_object(f'{{"access_token": "abc", "expires_in": {text}}}'.encode())
    with pytest.raises(TokenResponseError, match="expires_in"):
        read_token(members)


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
        ("a b \t\n", {"a", "b", "\t\n"}),
        (["a", "b", ""], {"a", "b"}),
        ("a b c", {"a", "b", "c"}),
    ],
)
def test_granted_scope_is_read(value: object, granted: set[str]) -> None:
    """The scope may be text or a list, in any order, and may hold more than requested."""
    token = read_token(response_with(scope=value), ResponsePolicy(frozenset({"a", "b"})))
    assert token.scope == frozenset(granted)


@pytest.mark.rule("R027")
@pytest.mark.parametrize("asked", [None, frozenset({"a"})])
def test_absent_scope_means_the_requested_scope(asked: frozenset[str] | None) -> None:
    """A response without scope grants the requested scope (RFC 6749 §5.1)."""
    assert read_token(GOOD, ResponsePolicy(asked)).scope == asked


@pytest.mark.rule("R027", "R028")
@pytest.mark.parametrize("value", ["a", "", "A b", "ab", ["a"], []])
def test_narrower_scope_is_an_error_unless_allowed(value: object) -> None:
    """The error names the missing scope; ``allow_narrower_scope`` accepts the token."""
    asked = frozenset({"a", "b"})
    with pytest.raises(TokenResponseError, match=r"granted less .* missing from scope"):
        read_token(response_with(scope=value), ResponsePolicy(asked))
    token = read_token(response_with(scope=value), ResponsePolicy(asked, allow_narrower_scope=True))
    assert token.scope is not None
    assert not token.scope >= asked


@pytest.mark.parametrize("value", [5, True, {}, {"a": 1}, [5], ["a", None], [["a"]]])
def test_scope_that_is_not_text_is_an_error(value: object) -> None:
    """A scope of another type cannot be compared with the requested scope."""
    with pytest.raises(TokenResponseError, match="scope in the response is not text"):
        read_token(response_with(scope=value))


@pytest.mark.rule("R031")
@pytest.mark.parametrize(
    "members",
    [
        response_with(access_token="secret-token", token_type="mac"),
        response_with(access_token="secret-token", expires_in="x"),
        response_with(access_token="secret-token", scope=5),
        response_with(access_token="secret token"),
        response_with(access_token=["secret-token"]),
        response_with(access_token="abc", refresh_token="secret-token", expires_in=-1),
    ],
)
def test_error_does_not_show_a_token(members: dict[str, object]) -> None:
    """The error names the invalid member, and shows no token."""
    with pytest.raises(TokenResponseError) as caught:
        read_token(members, ResponsePolicy(frozenset({"x"})))
    assert "secret" not in f"{caught.value!r} {caught.value}"


@pytest.mark.rule("R007")
@pytest.mark.parametrize("secret", ["hunter2-otp", "hunter2-" + "x" * 60, 'hunter2-"\\\x07'])
def test_token_type_that_echoes_a_secret_is_masked(secret: str) -> None:
    """A secret of the request is masked before a long token type is cut."""
    for token_type in (secret, f"type {secret}", [secret], {secret: secret}):
        with pytest.raises(TokenResponseError, match="is not Bearer") as caught:
            read_token(response_with(token_type=token_type), secrets=frozenset({secret}))
        assert "hunter2" not in str(caught.value)
