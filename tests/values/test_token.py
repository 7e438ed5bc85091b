"""Tests of `Token`: its attributes, its validity on two clocks, and that it shows no secret."""

import copy
import pickle
import time
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest

from aioalf.token import Token, _find_expiry_clock
from tests.support.clocks import Clock

SENT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def test_arguments_become_attributes() -> None:
    """Every argument can be read again."""
    token = Token(
        "abc", 60, scope=frozenset({"a"}), extra={"x": 1}, sent_on=SENT, refresh_token="def"
    )
    assert token.refresh_token == "def"
    assert (token.access_token, token.token_type, token.expires_in) == ("abc", "Bearer", 60)
    assert token.scope == frozenset({"a"})
    assert dict(token.extra) == {"x": 1}
    assert token.expires_on == SENT + timedelta(seconds=60)


def test_token_without_access_token_is_not_valid() -> None:
    """`Token()` is an empty token with a lifetime of 0."""
    assert (Token().access_token, Token().expires_in) == ("", 0)
    assert not Token().is_valid()
    assert not Token("", 3600).is_valid()


@pytest.mark.rule("R025")
def test_token_is_valid_until_its_lifetime_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It expires neither earlier nor later."""
    clock = Clock(monkeypatch)
    token = Token("abc", 60)
    clock.advance(59.9)
    assert token.is_valid()
    clock.advance(0.1)
    assert not token.is_valid()


@pytest.mark.rule("R025")
def test_lifetime_starts_when_the_request_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time until the response arrives is part of the lifetime."""
    clock = Clock(monkeypatch)
    assert not Token("abc", 60, sent_at=clock.now - 60).is_valid()
    assert Token("abc", 60, sent_at=clock.now - 59).is_valid()


@pytest.mark.rule("R025")
@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)], ids=str)
def test_setting_the_wall_clock_does_not_change_validity(jump: timedelta) -> None:
    """In memory, the monotonic clock decides."""
    assert Token("abc", 60, sent_on=datetime.now(UTC) + jump).is_valid()
    assert not Token("abc", 0, sent_on=datetime.now(UTC) + jump).is_valid()


@pytest.mark.rule("R025")
def test_token_expires_while_the_machine_is_suspended(monkeypatch: pytest.MonkeyPatch) -> None:
    """An earlier suspension does not count."""
    clock = Clock(monkeypatch)
    clock.suspend(7200)
    token = Token("abc", 60, sent_at=clock.now)
    clock.suspend(59.9)
    assert token.is_valid()
    clock.suspend(0.1)
    assert not token.is_valid()
    assert Token("abc", 60).is_valid()


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_expiry_clock_runs(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    """Each platform has such a clock: on Windows, it is `time.monotonic`."""
    monkeypatch.setattr("sys.platform", platform)
    clock = _find_expiry_clock()
    before = clock()
    assert 0 <= clock() - before < 10


def test_expiry_clock_is_monotonic_if_the_kernel_has_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Some sandboxes refuse the clock."""
    monkeypatch.setattr("time.clock_gettime", Mock(side_effect=OSError))
    assert _find_expiry_clock() is time.monotonic


@pytest.mark.rule("R023")
def test_token_with_unknown_lifetime_does_not_expire() -> None:
    """Without `expires_in` there is no `expires_on`, and the token stays valid."""
    token = Token("abc", None)
    assert (token.expires_in, token.expires_on) == (None, None)
    assert token.is_valid()


def test_expires_on_is_in_utc() -> None:
    """It is an aware datetime."""
    before = datetime.now(UTC)
    expires_on = Token("abc", 60).expires_on
    assert expires_on is not None
    assert expires_on.utcoffset() == timedelta()
    assert before <= expires_on - timedelta(seconds=60) <= datetime.now(UTC)


@pytest.mark.rule("R024")
def test_longest_lifetime_is_a_date() -> None:
    """A longer lifetime is reduced, so that `expires_on` does not overflow."""
    expires_on = Token("abc", 1e12, sent_on=SENT).expires_on
    assert expires_on is not None
    assert expires_on.year == 2092


def test_invalid_lifetime_is_refused() -> None:
    """`expires_in` is checked like in a token response."""
    with pytest.raises(ValueError, match=r"^expires_in is negative$"):
        Token("abc", -1)


@pytest.mark.rule("R063")
def test_text_of_a_token_does_not_contain_it() -> None:
    """Neither `repr` nor `str` nor a format string shows the token or other members."""
    token = Token("secret-token", 60, extra={"id_token": "secret-token"})
    assert "secret-token" not in f"{token!r} {token!s} {token}"


def test_repr_shows_type_expiry_and_scope() -> None:
    """These help with debugging and are not secret."""
    token = Token("abc", 60, scope=frozenset({"a"}), sent_on=SENT)
    assert repr(token) == (
        "<Token Bearer expires_on=2024-05-06 07:09:09+00:00 scope=frozenset({'a'})>"
    )


@pytest.mark.rule("R063")
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_token_cannot_be_pickled(protocol: int) -> None:
    """A secret does not get into a file or a queue by accident."""
    with pytest.raises(TypeError, match="Token holds a secret, so it is not pickled"):
        pickle.dumps(Token("abc", 60), protocol)


def test_token_is_immutable() -> None:
    """Callers that share a token cannot change it for each other."""
    token = Token("abc", 60, extra={"x": 1})
    with pytest.raises(AttributeError, match="access_token cannot be set"):
        token.access_token = "other"
    with pytest.raises(AttributeError, match="access_token cannot be deleted"):
        delattr(token, "access_token")
    with pytest.raises(TypeError):
        token.extra["x"] = 2  # type: ignore[index]
    assert (token.access_token, token.extra["x"]) == ("abc", 1)


def test_token_keeps_a_copy_of_extra() -> None:
    """Changing the mapping afterwards does not change the token."""
    extra = {"x": 1}
    token = Token("abc", 60, extra=extra)
    extra["x"] = 2
    assert token.extra["x"] == 1


def test_copy_of_a_token_is_the_token() -> None:
    """Immutable objects need no copies."""
    token = Token("abc", 60)
    assert copy.copy(token) is token
    assert copy.deepcopy([token])[0] is token
