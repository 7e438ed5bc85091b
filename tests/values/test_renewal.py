"""When a token is renewed, as arithmetic."""

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
    ("lifetime", "chance", "begins_before_expiry"),
    [
        (1, 0, 1 / 3),
        (30, 0, 10),
        (HOUR, 0, 300),
        (HOUR, 0.5, 250),
        (DAY, 0, 300),
        (YEAR, 0, 300),
    ],
)
def test_the_window_fits_the_lifetime(
    lifetime: float, chance: float, begins_before_expiry: float
) -> None:
    """A third of a short life, five minutes of a long one, and part of that left to chance."""
    begins_at = Renewal().begins_at(lifetime, 1000 + lifetime, chance)
    assert 1000 + lifetime - begins_at == pytest.approx(begins_before_expiry)


@pytest.mark.rule("R075", "R076")
@given(lifetime=LIFETIMES, chance=CHANCES, window=st.floats(min_value=0.001, max_value=2 * YEAR))
def test_renewal_begins_late_in_a_life_and_never_after_it(
    lifetime: float, chance: float, window: float
) -> None:
    """Not on every request of a token that lives shorter than the window, and not too late."""
    begins_at = Renewal(before_expiry=window).begins_at(lifetime, lifetime, chance)
    assert lifetime * 2 / 3 <= begins_at * (1 + 1e-9)
    assert begins_at < lifetime


@pytest.mark.rule("R075")
def test_a_fleet_spreads_its_renewals() -> None:
    """A hundred clients with the same token begin over a third of the window, evenly."""
    begins = [Renewal().begins_at(HOUR, HOUR, i / 100) for i in range(100)]
    assert max(begins) - min(begins) == pytest.approx(99)
    assert len({round(begin) for begin in begins}) == 100


@given(lifetime=LIFETIMES, chance=CHANCES)
def test_a_window_of_zero_switches_it_off(lifetime: float, chance: float) -> None:
    """Then a token is renewed when it has expired."""
    assert Renewal(before_expiry=0).begins_at(lifetime, lifetime, chance) == lifetime


@pytest.mark.rule("R023")
def test_a_token_that_does_not_expire_is_not_renewed() -> None:
    """It is used until it is refused."""
    assert Renewal().begins_at(None, math.inf, 0) == math.inf


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, True, "5", None])
@pytest.mark.parametrize("name", ["before_expiry", "failure_backoff"])
def test_what_is_no_number_of_seconds_is_refused(name: str, value: object) -> None:
    """The error names the option."""
    with pytest.raises(TokenConfigurationError, match=name):
        Renewal(**{name: value})  # type: ignore[arg-type]


def test_the_defaults_are_those_that_are_documented() -> None:
    """Five minutes ahead, and a second after what failed."""
    assert (Renewal().before_expiry, Renewal().failure_backoff) == (300, 1)


@pytest.mark.parametrize("name", ["before_expiry", "failure_backoff"])
def test_an_error_names_the_option_that_cannot_work(name: str) -> None:
    """Else a caller with both would have to guess."""
    with pytest.raises(TokenConfigurationError, match=f"^{name} must be"):
        Renewal(**{name: -1})
