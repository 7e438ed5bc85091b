"""Tests of `Renewal`: when a token is renewed ahead of its expiry."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf.errors import TokenConfigurationError
from aioalf.renewal import Renewal

HOUR, DAY, YEAR = 3600.0, 86_400.0, 31_536_000.0
LIFETIMES = st.floats(min_value=1, max_value=YEAR)
CHANCES = st.floats(min_value=0, max_value=1, exclude_max=True)


@pytest.mark.rule("R074")
@pytest.mark.parametrize(
    ("lifetime", "chance", "seconds_ahead"),
    [
        (1, 0, 1 / 3),
        (30, 0, 10),
        (HOUR, 0, 300),
        (HOUR, 0.5, 250),
        (DAY, 0, 300),
        (YEAR, 0, 300),
    ],
)
def test_renewal_starts_a_third_of_the_lifetime_or_five_minutes_ahead(
    lifetime: float, chance: float, seconds_ahead: float
) -> None:
    """A third of a short lifetime, five minutes of a long one, and a part of that is random."""
    begins_at = Renewal().begins_at(lifetime, 1000 + lifetime, chance)
    assert 1000 + lifetime - begins_at == pytest.approx(seconds_ahead)


@pytest.mark.rule("R075", "R076")
@given(
    lifetime=LIFETIMES, chance=CHANCES, before_expiry=st.floats(min_value=0.001, max_value=2 * YEAR)
)
def test_renewal_starts_in_the_last_third_and_before_expiry(
    lifetime: float, chance: float, before_expiry: float
) -> None:
    """A `before_expiry` longer than the lifetime does not renew the token on every request."""
    begins_at = Renewal(before_expiry=before_expiry).begins_at(lifetime, lifetime, chance)
    assert lifetime * 2 / 3 <= begins_at * (1 + 1e-9)
    assert begins_at < lifetime


@pytest.mark.rule("R075")
def test_clients_with_the_same_token_renew_at_different_times() -> None:
    """The renewals of a hundred clients are spread evenly over a third of `before_expiry`."""
    begins = [Renewal().begins_at(HOUR, HOUR, i / 100) for i in range(100)]
    assert max(begins) - min(begins) == pytest.approx(99)
    assert len({round(begin) for begin in begins}) == 100


@given(lifetime=LIFETIMES, chance=CHANCES)
def test_before_expiry_zero_renews_only_expired_tokens(lifetime: float, chance: float) -> None:
    """The renewal starts when the token expires."""
    assert Renewal(before_expiry=0).begins_at(lifetime, lifetime, chance) == lifetime


@pytest.mark.rule("R023")
def test_token_without_lifetime_is_not_renewed() -> None:
    """It is used until an API rejects it."""
    assert Renewal().begins_at(None, math.inf, 0) == math.inf


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, True, "5", None])
@pytest.mark.parametrize("name", ["before_expiry", "failure_backoff"])
def test_invalid_seconds_are_refused(name: str, value: object) -> None:
    """The error names the option."""
    with pytest.raises(TokenConfigurationError, match=name):
        Renewal(**{name: value})  # type: ignore[arg-type]


def test_defaults_are_as_documented() -> None:
    """Five minutes ahead of expiry, and one second after a failure."""
    assert (Renewal().before_expiry, Renewal().failure_backoff) == (300, 1)


@pytest.mark.parametrize("name", ["before_expiry", "failure_backoff"])
def test_error_starts_with_the_name_of_the_option(name: str) -> None:
    """The user sees which of the options is wrong."""
    with pytest.raises(TokenConfigurationError, match=f"^{name} must be"):
        Renewal(**{name: -1})


def test_renewal_is_immutable_and_shows_its_values() -> None:
    """Managers may share one."""
    renewal = Renewal(before_expiry=60)
    assert repr(renewal) == "Renewal(before_expiry=60, failure_backoff=1.0)"
    with pytest.raises(AttributeError):
        renewal.before_expiry = 5  # type: ignore[misc]
