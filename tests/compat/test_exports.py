"""The names that the package exports."""

import pytest

import aioalf


def test_package_lists_its_names_and_has_no_others() -> None:
    """`dir()` shows all exported names, and an unknown name is an AttributeError."""
    assert set(aioalf.__all__) <= set(dir(aioalf))
    with pytest.raises(AttributeError, match="has no attribute 'Password'"):
        _ = aioalf.Password  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
