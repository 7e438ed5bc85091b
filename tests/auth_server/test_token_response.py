"""Reading a token response: whatever the bytes, a token or an error."""

import json
import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioalf._auth_server.token_response import (
    OAuthErrorFields,
    ResponsePolicy,
    read_oauth_error,
    read_object,
    read_token,
)
from aioalf._syntax import MAX_LIFETIME
from aioalf.errors import TokenResponseError
from aioalf.token import Token
from tests.support.identity import in_ascii

GOOD: dict[str, object] = {"access_token": "abc", "token_type": "Bearer", "expires_in": 3600}


def response_with(**members: object) -> dict[str, object]:
    """A good response, but for these members."""
    return {**GOOD, **members}


@pytest.mark.rule("R031")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'["access_token", "abc"]',
        b'"abc"',
        b"5",
        b"true",
        b'{"access_token": "abc"',
        b"{'access_token': 'abc'}",
        b"<html>access_token</html>",
        b"access_token=abc&expires_in=3600",
        b'{"access_token": "\xff"}',
        json.dumps(GOOD).encode("utf-16"),
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"expires_in": ' + b"9" * 5_000 + b"}",
        b" " * 2**21,
        b"\x00" * 2**21,
    ],
    ids=lambda body: in_ascii(body[:20]),
)
def test_a_body_that_is_no_object_is_none(body: bytes) -> None:
    """Empty, cut, nested, not JSON, not UTF-8, of another shape: all are told from a token."""
    begin = time.process_time()
    assert read_object(body) is None
    assert time.process_time() - begin < 2


def test_a_body_may_begin_with_a_byte_order_mark() -> None:
    """Some servers write one (RFC 8259 §8.1 lets a reader ignore it)."""
    assert read_object(b"\xef\xbb\xbf" + json.dumps(GOOD).encode()) == GOOD


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
    """Whether a body is a token; anything but a token or the one error fails the test."""
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
    """No body raises anything else."""
    is_read(body)


@pytest.mark.rule("R020", "R031")
@settings(max_examples=50)
@given(JSON)
def test_any_json_is_a_token_or_an_error(value: object) -> None:
    """No JSON raises anything else, and none becomes a token without a member of that name."""
    assert not is_read(json.dumps(value).encode()) or "access_token" in str(value)


@pytest.mark.rule("R031")
@settings(max_examples=50)
@given(MEMBERS)
def test_any_members_are_a_token_or_an_error(members: dict[str, object]) -> None:
    """Each known member may be of any type."""
    is_read(json.dumps(members).encode())


@pytest.mark.rule("R032", "R051")
@given(st.text() | st.text("abc \r\n\t=:,"))
def test_a_token_that_is_read_cannot_split_a_header(text: str) -> None:
    """What becomes a token has no space, no line end, and nothing but visible ASCII."""
    try:
        token = read_token(response_with(access_token=text))
    except TokenResponseError:
        return
    assert token.access_token == text
    assert text.isascii()
    assert not set(text) & set(" \r\n\t:,")


def test_a_good_response_is_a_token() -> None:
    """All that the standard names is read."""
    sent_on = datetime(2024, 5, 6, tzinfo=UTC)
    token = read_token(response_with(scope="b a"), sent_on=sent_on)
    assert (token.access_token, token.token_type, token.expires_in) == ("abc", "Bearer", 3600)
    assert token.scope == frozenset({"a", "b"})
    assert token.expires_on == sent_on + timedelta(hours=1)


@pytest.mark.rule("R021")
def test_access_token_and_expires_in_suffice() -> None:
    """The two members that the project page promises are a token: its type is Bearer."""
    token = read_token({"access_token": "abc", "expires_in": 3600})
    assert (token.token_type, token.is_valid()) == ("Bearer", True)


@pytest.mark.rule("R020")
@pytest.mark.parametrize("value", [None, "", 5, True, ["abc"], {"a": "b"}, 1.5])
def test_an_access_token_that_is_none_is_an_error(value: object) -> None:
    """Missing, empty or not text: there is no token, and the error says which."""
    problem = "access_token .* is not text" if value else "no access_token"
    with pytest.raises(TokenResponseError, match=problem):
        read_token(response_with(access_token=value))


@pytest.mark.rule("R020")
def test_a_missing_access_token_is_an_error() -> None:
    """The message says what is missing."""
    with pytest.raises(TokenResponseError, match="no access_token"):
        read_token({"expires_in": 3600})


@pytest.mark.rule("R020", "R031")
@pytest.mark.parametrize("members", [None, [], "abc", 5])
def test_what_is_no_mapping_is_an_error(members: object) -> None:
    """A subclass's hook may return whatever a server sent."""
    with pytest.raises(TokenResponseError, match="not a JSON object"):
        read_token(members)  # type: ignore[arg-type]


@pytest.mark.rule("R032")
@pytest.mark.parametrize("value", ["abc def", "abc\r\nX: y", "abc\n", " abc", "abc\0", "é", "a=b"])
def test_a_token_that_no_header_may_carry_is_an_error(value: str) -> None:
    """It is refused before it can be sent, and not shown."""
    with pytest.raises(TokenResponseError, match="header") as caught:
        read_token(response_with(access_token=value))
    assert value not in str(caught.value)


@pytest.mark.rule("R032")
def test_a_long_token_is_read() -> None:
    """The size of a token has no limit of ours."""
    assert read_token(response_with(access_token="x" * 100_000)).access_token == "x" * 100_000


@pytest.mark.rule("R022")
@pytest.mark.parametrize("value", ["bearer", "BEARER", "Bearer", "bEaReR"])
def test_the_case_of_the_type_does_not_matter(value: str) -> None:
    """However the server writes it, the header says Bearer."""
    assert read_token(response_with(token_type=value)).token_type == "Bearer"


@pytest.mark.rule("R021")
@pytest.mark.parametrize("value", ["mac", "N_A", "DPoP", "", "Bearer ", 5, True, ["Bearer"], {}])
def test_a_token_of_another_type_is_an_error(value: object) -> None:
    """A token that is to be used in another way is not sent as Bearer."""
    with pytest.raises(TokenResponseError, match="is not Bearer"):
        read_token(response_with(token_type=value))


def test_no_more_of_a_type_is_shown_than_helps() -> None:
    """A server may send anything."""
    with pytest.raises(TokenResponseError) as caught:
        read_token(response_with(token_type="x" * 1000))
    shown = str(caught.value).removeprefix("token_type ").partition(" in the response")[0]
    assert shown == "'" + "x" * 39 + "… (1002 characters)"


@pytest.mark.rule("R021")
def test_a_null_type_means_bearer() -> None:
    """Null says as little as nothing."""
    assert read_token(response_with(token_type=None)).token_type == "Bearer"


@pytest.mark.rule("R024")
@pytest.mark.parametrize(
    ("value", "seconds"),
    [(3600, 3600), ("3600", 3600), (3600.5, 3600), (0, 0), (1e12, MAX_LIFETIME)],
)
def test_a_lifetime_may_be_a_number_or_digits(value: object, seconds: int) -> None:
    """What servers send is understood, and the very long is clamped."""
    assert read_token(response_with(expires_in=value)).expires_in == seconds


@pytest.mark.rule("R024")
@pytest.mark.parametrize(
    "value", ["", "abc", -1, "-1", math.nan, math.inf, "1e400", True, False, [], [3600], {}]
)
def test_a_lifetime_that_is_nonsense_is_an_error(value: object) -> None:
    """A token of unknown age is not used by accident."""
    with pytest.raises(TokenResponseError, match=r"expires_in is .* in the response"):
        read_token(response_with(expires_in=value))


@pytest.mark.rule("R024")
@pytest.mark.parametrize("text", ["1e400", "-1e400", "NaN", "Infinity", "-Infinity"])
def test_numbers_that_python_reads_but_json_lacks_are_errors(text: str) -> None:
    """What the reader lets through as infinite, or as no number, is no lifetime."""
    members = read_object(f'{{"access_token": "abc", "expires_in": {text}}}'.encode())
    with pytest.raises(TokenResponseError, match="expires_in"):
        read_token(members)


@pytest.mark.rule("R023")
@pytest.mark.parametrize(
    "members", [{"access_token": "a"}, {"access_token": "a", "expires_in": None}]
)
def test_an_unknown_lifetime_may_be_given_a_default(members: Mapping[str, object]) -> None:
    """Without one it stays unknown; with one it is that; what the server says comes first."""
    assert read_token(members).expires_in is None
    assert read_token(members, ResponsePolicy(default_expires_in=60)).expires_in == 60
    assert read_token(GOOD, ResponsePolicy(default_expires_in=60)).expires_in == 3600


@pytest.mark.rule("R011", "R026")
def test_unknown_members_are_kept_and_a_refresh_token_is_not() -> None:
    """What a server adds is at hand in `extra`; a refresh token is not for client credentials."""
    token = read_token(response_with(refresh_token="rrr", id_token="iii", deep={"a": [1]}))
    assert dict(token.extra) == {"id_token": "iii", "deep": {"a": [1]}}


@pytest.mark.parametrize("value", ["", 5, None, ["r"], "half a character: \ud800"])
def test_a_refresh_token_that_could_not_be_sent_is_none(value: object) -> None:
    """The access token serves without it; the grant begins anew where another is needed."""
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
def test_what_was_asked_for_and_more_is_granted(value: object, granted: set[str]) -> None:
    """The token tells what it may do, in any order, as text or as a list."""
    token = read_token(response_with(scope=value), ResponsePolicy(frozenset({"a", "b"})))
    assert token.scope == frozenset(granted)


@pytest.mark.rule("R027")
@pytest.mark.parametrize("asked", [None, frozenset({"a"})])
def test_no_scope_in_the_response_means_what_was_asked(asked: frozenset[str] | None) -> None:
    """Silence grants what was asked for."""
    assert read_token(GOOD, ResponsePolicy(asked)).scope == asked


@pytest.mark.rule("R027", "R028")
@pytest.mark.parametrize("value", ["a", "", "A b", "ab", ["a"], []])
def test_less_than_was_asked_for_is_an_error_unless_allowed(value: object) -> None:
    """The error says what is lacking; who can live with it says so beforehand."""
    asked = frozenset({"a", "b"})
    with pytest.raises(TokenResponseError, match=r"granted less .* missing from scope"):
        read_token(response_with(scope=value), ResponsePolicy(asked))
    token = read_token(response_with(scope=value), ResponsePolicy(asked, allow_narrower_scope=True))
    assert token.scope is not None
    assert not token.scope >= asked


@pytest.mark.parametrize("value", [5, True, {}, {"a": 1}, [5], ["a", None], [["a"]]])
def test_a_scope_that_is_no_text_is_an_error(value: object) -> None:
    """Nobody can tell what such a token may do."""
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
def test_no_token_of_a_refused_response_is_shown(members: dict[str, object]) -> None:
    """The error names the member that is wrong, and shows nothing secret."""
    with pytest.raises(TokenResponseError) as caught:
        read_token(members, ResponsePolicy(frozenset({"x"})))
    assert "secret" not in f"{caught.value!r} {caught.value}"


@pytest.mark.rule("R029")
def test_the_members_of_an_error_are_read() -> None:
    """Code, description and URI, each as the server wrote it."""
    words = read_oauth_error({"error": "e", "error_description": "d", "error_uri": "u"})
    assert words == OAuthErrorFields("e", "d", "u")
    assert str(words) == "e: d"


@pytest.mark.rule("R029")
@pytest.mark.parametrize("value", [None, "", 5, True, ["e"], {}])
def test_a_member_of_an_error_that_is_no_text_is_none(value: object) -> None:
    """A field holds what a server said, or None."""
    words = read_oauth_error({"error": value, "error_description": value, "error_uri": value})
    assert words == OAuthErrorFields()
    assert str(words) == ""


@pytest.mark.rule("R029")
def test_an_error_is_escaped_in_messages_and_kept_in_fields() -> None:
    """A log line cannot be forged by what a server sends; the field is what it sent."""
    words = read_oauth_error({"error": "e\r\n", "error_description": '"ä"'})
    assert (words.error, words.error_description) == ("e\r\n", '"ä"')
    assert str(words) == r"e\r\n: \"\xe4\""


@pytest.mark.rule("R007")
def test_an_error_does_not_repeat_the_credentials() -> None:
    """A server that echoes what it was sent does not bring it into an error."""
    members = {"error": "e", "error_description": "unknown client my-client with s3cret-word"}
    words = read_oauth_error(members, frozenset({"my-client", "s3cret-word"}))
    assert words.error_description == "unknown client *** with ***"
