"""What the package exports."""

import pytest

import aioalf


def test_the_names_of_the_package_are_shown_and_no_other_is_found() -> None:
    """Whether they were imported before or not."""
    assert set(aioalf.__all__) <= set(dir(aioalf))
    with pytest.raises(AttributeError, match="has no attribute 'Password'"):
        _ = aioalf.Password  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
