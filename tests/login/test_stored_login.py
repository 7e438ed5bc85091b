"""A token as a cache keeps it: read back as it was, judged by the wall clock, or not at all."""

import json
import math
import pickle
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf._login.stored_login import StoredLogin, read_stored_login, write_stored_login
from aioalf._syntax import MAX_LIFETIME
from aioalf.token import Token

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
RECORD = StoredLogin(TOKEN, "the-refresh-token", "https://id.example.com", {"alf1-a": OTHER})
WRITTEN = write_stored_login(RECORD)


def read(text: str, now: datetime = NOW, monotonic: float = 70.0) -> StoredLogin | None:
    """Read a record in a process whose monotonic clock stands at 70."""
    return read_stored_login(text, now=now, monotonic=monotonic)


def read_well(text: str, now: datetime = NOW, monotonic: float = 70.0) -> StoredLogin:
    """Read a text that is a record."""
    record = read(text, now, monotonic)
    assert record is not None
    return record


def members_of(record: StoredLogin) -> tuple[object, ...]:
    """What a record holds, without the monotonic clock."""
    derived = {name: members_of_token(token) for name, token in record.derived.items()}
    return (*members_of_token(record.token), record.refresh_token, record.issuer, derived)


def members_of_token(token: Token) -> tuple[object, ...]:
    """What a token holds, without the monotonic clock."""
    return (
        *(token.access_token, token.token_type, token.expires_in, token.expires_on),
        *(token.scope, token.extra),
    )


def changed(**members: object) -> str:
    """The written record with other members."""
    return json.dumps({**json.loads(WRITTEN), **members})


def test_a_record_comes_back_as_it_was() -> None:
    """Token, refresh token, issuer; a deadline on this process's clock."""
    record = read_well(WRITTEN)
    assert members_of(record) == members_of(RECORD)
    assert record.token.deadline == 70.0 + 3600


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
    st.builds(StoredLogin, TOKENS, TEXT, TEXT, st.dictionaries(st.text("ab1-"), TOKENS, max_size=2))
)
def test_any_record_comes_back(record: StoredLogin) -> None:
    """Whatever a server put into it, at any time, as far as JSON has a form for it."""
    if "inf" in repr([token.extra for token in record.derived.values()]):
        record = StoredLogin(record.token, record.refresh_token, record.issuer)
    finite = {name: value for name, value in record.token.extra.items() if "inf" not in repr(value)}
    read_back = read_well(write_stored_login(record), NOW + 70 * YEAR)
    if finite == record.token.extra:
        assert members_of(read_back) == members_of(record)
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
def test_what_is_left_of_a_lifetime_is_told_by_the_wall_clock(
    later: timedelta, left: float
) -> None:
    """A token that waited has less; one from the future, by a clock set back, has no more."""
    token = read_well(WRITTEN, NOW + later).token
    assert token.deadline == pytest.approx(70.0 + left)
    assert token.expires_on == min(NOW, NOW + later) + HOUR


@pytest.mark.rule("R025")
def test_a_clock_set_back_is_not_trusted_again_and_again() -> None:
    """Once written anew, the record ends by the clock as it is now."""
    early = NOW - timedelta(days=400)
    again = read_well(write_stored_login(read_well(WRITTEN, early)), early + HOUR)
    assert again.token.deadline == pytest.approx(70.0)


def test_an_expired_token_keeps_its_refresh_token() -> None:
    """The token is not valid, and what renews it is there."""
    record = read_well(WRITTEN, NOW + 2 * HOUR, time.monotonic())
    assert (record.token.is_valid(), record.refresh_token) == (False, "the-refresh-token")


def test_a_lifetime_that_is_not_known_stays_so() -> None:
    """Such a token is used until it is refused, whatever the clock says."""
    text = write_stored_login(StoredLogin(Token("a", None)))
    for now in (NOW, NOW + 10_000 * HOUR):
        token = read_well(text, now).token
        assert (token.expires_in, token.expires_on, token.deadline) == (None, None, math.inf)


def test_times_of_other_zones_are_understood() -> None:
    """A token asked for by a local clock is written and read in UTC."""
    zone = timezone(timedelta(hours=5, minutes=30))
    token = Token("a", 3600, sent_on=NOW.astimezone(zone))
    text = write_stored_login(StoredLogin(token))
    assert json.loads(text)["expires_on"] == "2026-05-01T13:00:00+00:00"
    assert read_well(changed(expires_on="2026-05-01T18:30:00+05:30")).token.expires_on == NOW + HOUR


@pytest.mark.parametrize("value", [math.nan, math.inf, [math.nan], b"x", object(), {1, 2}])
def test_what_json_has_no_form_for_is_left_out(value: object) -> None:
    """The rest is kept: a login is not lost to one odd member of a response."""
    token = Token("a", 60, extra={"odd": value, "good": 1}, sent_on=NOW)
    record = read_well(write_stored_login(StoredLogin(token, "r")))
    assert (dict(record.token.extra), record.refresh_token) == ({"good": 1}, "r")


@pytest.mark.parametrize(
    "token",
    [Token(), Token("a b", 60), Token("a\r\nb", 60), Token("a", 60, token_type="mac")],
    ids=["empty", "space", "lines", "mac"],
)
def test_a_token_that_could_not_be_read_again_is_not_written(token: Token) -> None:
    """The caller is told, instead of a login being lost in silence."""
    with pytest.raises(ValueError, match="only a Bearer token that a header may carry"):
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
@pytest.mark.parametrize("members", ODD, ids=str)
def test_a_member_that_is_odd_makes_it_no_record(members: dict[str, object]) -> None:
    """Nothing is guessed: who wrote that did not write the rest as we do."""
    assert read(changed()) is not None
    assert read(changed(**members)) is None


@pytest.mark.parametrize("name", sorted(json.loads(WRITTEN)))
def test_a_member_that_is_missing_makes_it_no_record(name: str) -> None:
    """Each of them is needed."""
    members = json.loads(WRITTEN)
    del members[name]
    assert read(json.dumps(members)) is None


@pytest.mark.rule("R080")
@pytest.mark.parametrize("length", range(0, len(WRITTEN), 7))
def test_a_text_that_was_cut_off_is_no_record(length: int) -> None:
    """Wherever it was cut."""
    assert read(WRITTEN[:length]) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", "[]", "{}", "5", '"a"', "\ud800", WRITTEN + WRITTEN, "[" * 100_000),
        WRITTEN.replace("[1,null", "[NaN,null"),
        WRITTEN.replace("[1,null", "[-Infinity,null"),
        WRITTEN.replace("[1,null", "[" + "[" * 100_000),
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_a_text_of_another_kind_is_no_record(text: str) -> None:
    """Whatever it is, None comes out and no error."""
    assert read(text) is None


@pytest.mark.rule("R080")
@given(st.text() | JSON.map(json.dumps))
def test_any_text_is_a_record_or_none(text: str) -> None:
    """Nothing that was not written as one is taken for one."""
    assert read(text) is None


@given(st.sampled_from(sorted(json.loads(WRITTEN))), JSON)
def test_any_value_of_a_member_is_understood_or_refused(name: str, value: object) -> None:
    """A record that is read has a token that can be used in a header."""
    record = read(changed(**{name: value}))
    assert record is None or (record.token.access_token and record.token.token_type == "Bearer")


def test_a_record_shows_no_secret() -> None:
    """Not in its text, and not in a pickle."""
    assert "the-" not in repr(RECORD)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(RECORD)
