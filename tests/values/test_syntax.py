"""Tests of the grammar of single values: scope, lifetimes, tokens, Retry-After."""

import math
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf._syntax import (
    MAX_LIFETIME,
    check_seconds,
    is_sendable,
    is_visible_ascii,
    join_scope,
    read_lifetime,
    read_retry_after,
    scope_set,
)
from aioalf.errors import TokenConfigurationError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.rule("R012", "R016")
@pytest.mark.parametrize(
    ("scope", "sent"),
    [
        (None, ""),
        ("", ""),
        ([], ""),
        ("read", "read"),
        ("read write", "read write"),
        ("  read \t\n write ", "read write"),
        (["read", "write"], "read write"),
        (("write", "read"), "write read"),
        (["read write", "admin"], "read write admin"),
        (["read", "read"], "read"),
        ({"write", "read"}, "read write"),
        (frozenset({"b", "a"}), "a b"),
        ({"read": True}, "read"),
    ],
    ids=[
        *("none", "empty", "empty list", "word", "words", "spaces", "list", "tuple"),
        *("words in list", "repeated", "set", "frozenset", "mapping"),
    ],
)
def test_scope_is_joined_with_single_spaces(scope: str | Collection[str] | None, sent: str) -> None:
    """Each value is sent once; without values the scope is empty."""
    assert join_scope(scope) == sent


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        *((5, "int"), (object(), "object"), (b"read", "bytes")),
        *(([1], "list of int"), ([None], "list of NoneType"), (["", b"b"], "list of '' and bytes")),
        ({1, "a"}, "set of int and str"),
    ],
    ids=["int", "object", "bytes", "ints", "none", "mixed", "set"],
)
def test_scope_of_other_types_is_refused(scope: object, found: str) -> None:
    """A wrong type is reported when the client is created, and named."""
    problem = f"scope must be a string or a collection of strings, not {found}$"
    with pytest.raises(TokenConfigurationError, match=problem):
        join_scope(scope)  # type: ignore[arg-type]


@pytest.mark.rule("R028")
def test_scope_is_a_case_sensitive_set() -> None:
    """The order of scope values does not matter, their case does; no scope is None."""
    assert scope_set("a b") == scope_set("b a") != scope_set("A b")
    assert scope_set("") is None


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
        pytest.param(10**400, MAX_LIFETIME, id="10**400"),
        pytest.param("9" * 300, MAX_LIFETIME, id="300 nines"),
    ],
)
def test_lifetime_is_read_from_numbers_and_strings(sent: object, seconds: int | None) -> None:
    """Fractions are dropped, and very long lifetimes are reduced."""
    assert read_lifetime(sent) == seconds


@pytest.mark.rule("R024")
@pytest.mark.parametrize(
    "sent",
    [
        *("", "abc", " 1", "1 ", "1e3", "-1", "+1", "0x10", "1_000", "\u0661", "1.", ".5", "60s"),
        pytest.param("9" * 301, id="301 nines"),
        *("NaN", "Infinity", -1, -0.5, math.nan, math.inf, -math.inf, True, False),
        *([], [60], {}, b"1"),
    ],
)
def test_invalid_lifetime_is_an_error(sent: object) -> None:
    """Anything but a finite, non-negative number is refused."""
    with pytest.raises(ValueError, match=r"^expires_in is "):
        read_lifetime(sent)


@pytest.mark.rule("R024")
@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary())
def test_any_lifetime_is_seconds_or_a_value_error(sent: object) -> None:
    """No value gives a negative or too long lifetime, or another error."""
    try:
        seconds = read_lifetime(sent)
    except ValueError:
        return
    assert seconds is None or 0 <= seconds <= MAX_LIFETIME


@pytest.mark.rule("R032", "R051")
@pytest.mark.parametrize(
    "token",
    [
        *("a", "a-._~+/9==", "eyJ.eyJ.sig", "00D!x", "00D!AQ.x", "a|b", "1|2", "v^1#i", "v^1.1#i"),
        *("a%2F", 'a"', '"a",b', "="),
        pytest.param("x" * 100_000, id="long"),
    ],
)
def test_visible_ascii_is_a_valid_token(token: str) -> None:
    """Tokens of real servers contain more characters than RFC 6750 permits."""
    assert is_visible_ascii(token)


@pytest.mark.rule("R032", "R051")
@pytest.mark.parametrize(
    "value",
    ["", " ", "a b", "a\r\nX: 1", "a\n", "a\t", "ä", "a\0", "a\x7f", "\x7f", None, 1, b"abc"],
)
def test_other_values_are_not_visible_ascii(value: object) -> None:
    """Spaces, control characters, other alphabets and other types are refused."""
    assert not is_visible_ascii(value)


@pytest.mark.parametrize(
    ("text", "expected"), [("a", True), ("ü€", True), ("", False), ("\ud800", False)]
)
def test_sendable_text_is_not_empty_and_utf8(text: str, *, expected: bool) -> None:
    """JSON may contain lone surrogates, which UTF-8 cannot encode."""
    assert is_sendable(text) is expected


@pytest.mark.parametrize(
    ("value", "found"),
    [
        *((-1, "-1"), (math.nan, "nan"), (math.inf, "inf"), (True, "True")),
        *(("5", "str"), (["5"], "list of str"), (None, "None")),
    ],
)
def test_error_for_invalid_seconds_names_option_and_value(value: object, found: str) -> None:
    """The user sees which option is wrong; text is not shown, since it may be a secret."""
    with pytest.raises(TokenConfigurationError) as caught:
        check_seconds("timeout", value)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"timeout must be a finite number of seconds, 0 or more, not {found}"
    )


@pytest.mark.rule("R033")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0),
        (" 120 ", 120),
        pytest.param("9" * 400, 9_999_999_999, id="400 nines"),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0),
        ("Thu, 01 Jan 2026 00:01:00", 60),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("Thu, 99 Jan 2026 00:01:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, expected: float | None) -> None:
    """Both forms of RFC 9110 §10.2.3 are read; an invalid header is ignored."""
    assert read_retry_after(value, NOW) == expected


@given(st.text())
def test_any_retry_after_is_seconds_or_none(value: str) -> None:
    """No header gives an error, or negative or infinite seconds."""
    seconds = read_retry_after(value, NOW)
    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))
