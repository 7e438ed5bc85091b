"""The names that the package exports."""

from types import ModuleType

import pytest

import aioalf
import aioalf.testing


def test_package_lists_its_names_and_has_no_others() -> None:
    """`dir()` shows all exported names, and an unknown name is an AttributeError."""
    assert set(aioalf.__all__) <= set(dir(aioalf))
    with pytest.raises(AttributeError, match="has no attribute 'Password'"):
        _ = aioalf.Password  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("module", [aioalf, aioalf.testing])
def test_unknown_special_name_is_not_exported(module: ModuleType) -> None:
    """Python itself looks for special names, and gets the usual error."""
    with pytest.raises(
        AttributeError, match=rf"'{module.__name__}' has no attribute '__wrapped__'"
    ):
        _ = module.__wrapped__


def test_replaced_export_stays_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of a user can replace an export, even if another name is imported later."""

    class FakeClient:
        """Replaces the client."""

    monkeypatch.setattr(aioalf, "Client", FakeClient)
    assert not hasattr(aioalf, "no_such_name")
    assert vars(aioalf)["Client"] is FakeClient
