"""Tests of stored logins: text is read unchanged, judged by the wall clock, or refused."""

import json
import math
import pickle
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf._login.cache_entry_format import StoredLogin, read_stored_login, write_stored_login
from aioalf._syntax import MAX_LIFETIME
from aioalf.token import Token
from tests.support.identity import in_ascii

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR, YEAR = timedelta(hours=1), timedelta(days=365)
TOKEN = Token(
    "the-access-token",
    3600,
    scope=frozenset({"read", "write"}),
    extra={"id_token": "the-id-token", "n": [1, None, {"a": True}]},
    sent_at=5000.0,
    sent_on=NOW,
)
OTHER = Token("another-access-token", 60, scope=frozenset({"read"}), sent_at=5000.0, sent_on=NOW)
STORED = StoredLogin(TOKEN, "the-refresh-token", "https://id.example.com", {"alf1-a": OTHER})
WRITTEN = write_stored_login(STORED)


def read(text: str, now: datetime = NOW, monotonic: float = 70.0) -> StoredLogin | None:
    """Read a text in a process whose monotonic clock is at 70."""
    return read_stored_login(text, now=now, monotonic=monotonic)


def read_valid(text: str, now: datetime = NOW, monotonic: float = 70.0) -> StoredLogin:
    """Read a text that is valid."""
    stored = read(text, now, monotonic)
    assert stored is not None
    return stored


def members_of(stored: StoredLogin) -> tuple[object, ...]:
    """Return the contents of a stored login, without the monotonic clock."""
    derived = {name: members_of_token(token) for name, token in stored.derived.items()}
    return (
        *members_of_token(stored.token),
        *(stored.refresh_token, stored.issuer, derived, stored.stored_on),
    )


def members_of_token(token: Token) -> tuple[object, ...]:
    """Return the contents of a token, without the monotonic clock."""
    return (
        *(token.access_token, token.token_type, token.expires_in, token.expires_on),
        *(token.scope, token.extra),
    )


def changed(**members: object) -> str:
    """Return the written text with other members."""
    return json.dumps({**json.loads(WRITTEN), **members})


def test_cache_format_is_read_unchanged() -> None:
    """The deadline is one of this process's clock."""
    stored = read_valid(WRITTEN)
    assert members_of(stored) == members_of(STORED)
    assert stored.token.deadline == 70.0 + 3600


WORDS = st.text("abcXYZ019-._~+/", min_size=1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
TOKENS = st.builds(
    Token,
    WORDS,
    st.none() | st.integers(0, MAX_LIFETIME),
    scope=st.none() | st.frozensets(st.text("ab:/é", min_size=1)),
    extra=st.dictionaries(st.text(), JSON, max_size=3),
    sent_at=st.floats(0, 1e9),
    sent_on=st.timedeltas(-20 * YEAR, 70 * YEAR).map(lambda since: NOW + since),
)
TEXT = st.none() | st.text(min_size=1)


@given(
    st.builds(
        StoredLogin,
        TOKENS,
        TEXT,
        TEXT,
        st.dictionaries(st.text("ab1-"), TOKENS, max_size=2),
        st.none() | st.datetimes(timezones=st.just(UTC)),
    )
)
def test_any_stored_login_is_read_unchanged(stored: StoredLogin) -> None:
    """Whatever the server put into it, at any time, if JSON can represent it."""
    if "inf" in repr([token.extra for token in stored.derived.values()]):
        stored = StoredLogin(stored.token, stored.refresh_token, stored.issuer)
    finite = {name: value for name, value in stored.token.extra.items() if "inf" not in repr(value)}
    read_back = read_valid(write_stored_login(stored), NOW + 70 * YEAR)
    if finite == stored.token.extra:
        assert members_of(read_back) == members_of(stored)
    assert read_back.token.extra.items() >= finite.items()


@pytest.mark.rule("R025")
@pytest.mark.parametrize(
    ("later", "left"),
    [
        (timedelta(0), 3600),
        (timedelta(seconds=1), 3599),
        (timedelta(seconds=3599.5), 0.5),
        (HOUR, 0),
        (timedelta(days=400), 3600 - 400 * 86400),
        (-timedelta(seconds=1), 3600),
        (-timedelta(days=400), 3600),
    ],
    ids=str,
)
def test_remaining_lifetime_follows_the_wall_clock(later: timedelta, left: float) -> None:
    """If the clock was set back, it is not longer than the lifetime."""
    token = read_valid(WRITTEN, NOW + later).token
    assert token.deadline == pytest.approx(70.0 + left)
    assert token.expires_on == min(NOW, NOW + later) + HOUR


@pytest.mark.rule("R025")
def test_clock_that_was_set_back_does_not_extend_a_lifetime_twice() -> None:
    """Once stored again, the token expires by the time of the new clock."""
    early = NOW - timedelta(days=400)
    again = read_valid(write_stored_login(read_valid(WRITTEN, early)), early + HOUR)
    assert again.token.deadline == pytest.approx(70.0)


def test_expired_token_keeps_its_refresh_token() -> None:
    """The token is not valid, but can be refreshed."""
    stored = read_valid(WRITTEN, NOW + 2 * HOUR, time.monotonic())
    assert (stored.token.is_valid(), stored.refresh_token) == (False, "the-refresh-token")


def test_unknown_lifetime_stays_unknown() -> None:
    """Such a token is used until an API rejects it, whatever the clock says."""
    text = write_stored_login(StoredLogin(Token("a", None)))
    for now in (NOW, NOW + 10_000 * HOUR):
        token = read_valid(text, now).token
        assert (token.expires_in, token.expires_on, token.deadline) == (None, None, math.inf)


def test_times_are_stored_in_utc_and_read_in_any_zone() -> None:
    """A token may have been requested by a local clock."""
    zone = timezone(timedelta(hours=5, minutes=30))
    token = Token("a", 3600, sent_on=NOW.astimezone(zone))
    text = write_stored_login(StoredLogin(token))
    assert json.loads(text)["expires_on"] == "2026-05-01T13:00:00+00:00"
    assert (
        read_valid(changed(expires_on="2026-05-01T18:30:00+05:30")).token.expires_on == NOW + HOUR
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, [math.nan], b"x", object(), {1, 2}])
def test_values_that_json_cannot_represent_are_left_out(value: object) -> None:
    """The rest is stored: one odd member of a response does not lose a login."""
    token = Token("a", 60, extra={"odd": value, "good": 1}, sent_on=NOW)
    stored = read_valid(write_stored_login(StoredLogin(token, "r")))
    assert (dict(stored.token.extra), stored.refresh_token) == ({"good": 1}, "r")


def test_login_without_an_access_token_can_be_stored() -> None:
    """A sign-in may yield a refresh token and no usable access token."""
    stored = read_valid(write_stored_login(StoredLogin(Token(), "r")))
    assert (stored.token.access_token, stored.token.is_valid()) == ("", False)
    assert stored.refresh_token == "r"


@pytest.mark.parametrize(
    "token",
    [Token("", 60), Token("a b", 60), Token("a\r\nb", 60), Token("a", 60, token_type="mac")],
    ids=["empty", "space", "lines", "mac"],
)
def test_token_that_could_not_be_read_again_is_not_written(token: Token) -> None:
    """The caller gets an error instead of losing the login silently."""
    with pytest.raises(ValueError, match="only Bearer tokens that are valid header values"):
        write_stored_login(StoredLogin(token, "r"))


ODD: list[dict[str, object]] = [
    {"version": 0},
    {"version": 2},
    {"version": "1"},
    {"version": True},
    {"version": 1.0},
    {"version": None},
    {"more": 1},
    {"access_token": None},
    {"access_token": ""},
    {"access_token": 5},
    {"access_token": "a b"},
    {"access_token": "a\r\nX: b"},
    {"token_type": "mac"},
    {"token_type": "bearer"},
    {"token_type": None},
    {"expires_in": None},
    {"expires_in": -1},
    {"expires_in": True},
    {"expires_in": 3600.0},
    {"expires_in": "3600"},
    {"expires_in": MAX_LIFETIME + 1},
    {"expires_on": None},
    {"expires_on": ""},
    {"expires_on": 1777638000},
    {"expires_on": "soon"},
    {"expires_on": "2026-05-01T13:00:00"},
    {"expires_on": "0001-01-01T00:00:00+00:00"},
    {"expires_on": "9999-12-31T23:59:59-23:59"},
    {"stored_on": 1777638000},
    {"stored_on": "soon"},
    {"stored_on": "2026-05-01T13:00:00"},
    {"scope": "read write"},
    {"scope": {"read": 1}},
    {"scope": ["read", 5]},
    {"scope": ["read", ""]},
    {"scope": ["read", "read"]},
    {"extra": None},
    {"extra": []},
    {"refresh_token": ""},
    {"refresh_token": 5},
    {"refresh_token": "half a character: \ud800"},
    {"refresh_token": ["r"]},
    {"issuer": ""},
    {"issuer": {}},
    {"derived": None},
    {"derived": []},
    {"derived": {"a": None}},
    {"derived": {"a": {}}},
    {"derived": {"a": {**json.loads(WRITTEN)["derived"]["alf1-a"], "more": 1}}},
    {"derived": {"a": {**json.loads(WRITTEN)["derived"]["alf1-a"], "access_token": "a b"}}},
    {"derived": {"a": {**json.loads(WRITTEN)["derived"]["alf1-a"], "expires_in": -1}}},
]


@pytest.mark.rule("R080")
@pytest.mark.parametrize("members", ODD, ids=in_ascii)
def test_invalid_member_makes_the_text_invalid(members: dict[str, object]) -> None:
    """No member is guessed: other software may have written the text."""
    assert read(changed()) is not None
    assert read(changed(**members)) is None


@pytest.mark.parametrize("name", sorted(json.loads(WRITTEN)))
def test_missing_member_makes_the_text_invalid(name: str) -> None:
    """All members are required."""
    members = json.loads(WRITTEN)
    del members[name]
    assert read(json.dumps(members)) is None


@pytest.mark.rule("R080")
@pytest.mark.parametrize("length", range(0, len(WRITTEN), 7))
def test_truncated_text_is_invalid(length: int) -> None:
    """Truncated at any position."""
    assert read(WRITTEN[:length]) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", "[]", "{}", "5", '"a"', "\ud800", WRITTEN + WRITTEN, "[" * 100_000),
        WRITTEN.replace("[1,null", "[NaN,null"),
        WRITTEN.replace("[1,null", "[-Infinity,null"),
        WRITTEN.replace("[1,null", "[" + "[" * 100_000),
    ],
    ids=lambda text: in_ascii(text[:20]),
)
def test_other_text_is_invalid(text: str) -> None:
    """The result is None, not an error."""
    assert read(text) is None


@pytest.mark.rule("R080")
@given(st.text() | JSON.map(json.dumps))
def test_any_other_text_is_invalid(text: str) -> None:
    """Only a written stored login can be read."""
    assert read(text) is None


@given(st.sampled_from(sorted(json.loads(WRITTEN))), JSON)
def test_any_value_of_a_member_is_read_or_refused(name: str, value: object) -> None:
    """The token of a valid text is a valid header value."""
    stored = read(changed(**{name: value}))
    assert stored is None or (stored.token.access_token and stored.token.token_type == "Bearer")


def test_cache_format_shows_no_secret() -> None:
    """Neither its `repr` nor a pickle contains one."""
    assert "the-" not in repr(STORED)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(STORED)
