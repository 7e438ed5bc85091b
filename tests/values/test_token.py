"""A token: what it shows, what it refuses, and the clocks it is judged by."""

import copy
import math
import pickle
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf._syntax import MAX_LIFETIME, is_b64token, read_lifetime
from aioalf.token import Token
from tests.support.clocks import Clock

SENT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def test_a_token_is_what_it_was_made_of() -> None:
    """Every argument can be read again."""
    token = Token(
        "abc", 60, scope=frozenset({"a"}), extra={"x": 1}, sent_on=SENT, refresh_token="def"
    )
    assert token.refresh_token == "def"
    assert (token.access_token, token.token_type, token.expires_in) == ("abc", "Bearer", 60)
    assert token.scope == frozenset({"a"})
    assert dict(token.extra) == {"x": 1}
    assert token.expires_on == SENT + timedelta(seconds=60)


def test_a_token_of_nothing_is_not_valid() -> None:
    """`Token()` stands for none: it is empty, and lived for no time."""
    assert (Token().access_token, Token().expires_in) == ("", 0)
    assert not Token().is_valid()
    assert not Token("", 3600).is_valid()


@pytest.mark.rule("R025")
def test_a_token_is_valid_for_its_lifetime(monkeypatch: pytest.MonkeyPatch) -> None:
    """Validity ends with the second, not before and not after."""
    clock = Clock(monkeypatch)
    token = Token("abc", 60)
    clock.advance(59.9)
    assert token.is_valid()
    clock.advance(0.1)
    assert not token.is_valid()


@pytest.mark.rule("R025")
def test_a_lifetime_counts_from_when_the_request_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that the answer took is time that the token has lost."""
    clock = Clock(monkeypatch)
    assert not Token("abc", 60, sent_at=clock.now - 60).is_valid()
    assert Token("abc", 60, sent_at=clock.now - 59).is_valid()


@pytest.mark.rule("R025")
@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_jump_of_the_wall_clock_changes_no_validity(jump: timedelta) -> None:
    """Somebody sets the machine's clock: a token in memory does not notice."""
    assert Token("abc", 60, sent_on=datetime.now(UTC) + jump).is_valid()
    assert not Token("abc", 0, sent_on=datetime.now(UTC) + jump).is_valid()


@pytest.mark.rule("R023")
def test_an_unknown_lifetime_says_so_and_does_not_end() -> None:
    """Without a lifetime there is no end to tell, and none to wait for."""
    token = Token("abc", None)
    assert (token.expires_in, token.expires_on) == (None, None)
    assert token.is_valid()


def test_the_end_is_told_in_utc() -> None:
    """`expires_on` is aware, so that no time zone can be guessed wrongly."""
    before = datetime.now(UTC)
    expires_on = Token("abc", 60).expires_on
    assert expires_on is not None
    assert expires_on.utcoffset() == timedelta()
    assert before <= expires_on - timedelta(seconds=60) <= datetime.now(UTC)


@pytest.mark.rule("R024")
@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        (None, None),
        (3600, 3600),
        ("3600", 3600),
        (3600.5, 3600),
        ("3600.5", 3600),
        (0, 0),
        ("0", 0),
        (0.9, 0),
        (1e12, MAX_LIFETIME),
        (10**400, MAX_LIFETIME),
        ("9" * 300, MAX_LIFETIME),
    ],
)
def test_a_lifetime_is_read_as_servers_send_it(sent: object, seconds: int | None) -> None:
    """Numbers and digits count, parts of seconds are dropped, and the very long is cut."""
    assert read_lifetime(sent) == seconds


@pytest.mark.rule("R024")
@pytest.mark.parametrize(
    "sent",
    [
        *(
            "",
            "abc",
            " 1",
            "1 ",
            "1e3",
            "-1",
            "+1",
            "0x10",
            "1_000",
            "\u0661",
            "1.",
            ".5",
            "9" * 301,
        ),
        *("NaN", "Infinity", -1, -0.5, math.nan, math.inf, -math.inf, True, False),
        *([], [60], {}, b"1"),
    ],
)
def test_a_lifetime_that_is_none_is_an_error(sent: object) -> None:
    """Nonsense is not guessed at."""
    with pytest.raises(ValueError, match=r"^expires_in is "):
        read_lifetime(sent)


@pytest.mark.rule("R024")
@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary())
def test_any_lifetime_is_seconds_or_an_error(sent: object) -> None:
    """There is no third way out."""
    try:
        seconds = read_lifetime(sent)
    except ValueError:
        return
    assert seconds is None or 0 <= seconds <= MAX_LIFETIME


@pytest.mark.rule("R024")
def test_the_longest_lifetime_is_a_date() -> None:
    """What is clamped can still be told in days and hours."""
    expires_on = Token("abc", 1e12, sent_on=SENT).expires_on
    assert expires_on is not None
    assert expires_on.year == 2092


@pytest.mark.rule("R063")
def test_a_token_does_not_show_itself() -> None:
    """Neither repr nor str nor a format string holds the token, nor what came with it."""
    token = Token("secret-token", 60, extra={"id_token": "secret-token"})
    assert "secret-token" not in f"{token!r} {token!s} {token}"


@pytest.mark.rule("R063")
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_token_is_not_pickled(protocol: int) -> None:
    """A secret does not slip into a file or a queue."""
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Token("abc", 60), protocol)


def test_a_token_does_not_change() -> None:
    """A value that many callers hold is the same for all."""
    token = Token("abc", 60, extra={"x": 1})
    with pytest.raises(AttributeError, match="does not change"):
        token.access_token = "other"
    with pytest.raises(AttributeError, match="does not change"):
        del token.access_token
    with pytest.raises(TypeError):
        token.extra["x"] = 2  # type: ignore[index]
    assert (token.access_token, token.extra["x"]) == ("abc", 1)


def test_what_was_given_may_change_afterwards() -> None:
    """The caller's mapping stays the caller's."""
    extra = {"x": 1}
    token = Token("abc", 60, extra=extra)
    extra["x"] = 2
    assert token.extra["x"] == 1


def test_a_copy_of_a_token_is_the_token() -> None:
    """What cannot change need not be copied."""
    token = Token("abc", 60)
    assert copy.copy(token) is token
    assert copy.deepcopy([token])[0] is token


@pytest.mark.rule("R032", "R051")
@pytest.mark.parametrize("token", ["a", "a-._~+/9==", "eyJ.eyJ.sig", "x" * 100_000])
def test_a_token_of_the_header_alphabet_may_be_sent(token: str) -> None:
    """What RFC 6750 permits is taken, at any length."""
    assert is_b64token(token)


@pytest.mark.rule("R032", "R051")
@pytest.mark.parametrize(
    "value", ["", "=", "a b", "a\r\nX: 1", "a\n", "a=b", 'a"', "ä", "a\0", "a,b", None, 1, b"abc"]
)
def test_a_token_that_no_header_may_carry_is_told(value: object) -> None:
    """Spaces, line ends and the like never reach a header."""
    assert not is_b64token(value)
