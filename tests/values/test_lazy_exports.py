"""Names of packages that are imported on first use."""

import subprocess
import sys
from types import ModuleType

import pytest

import aioalf.client_auth
import aioalf.grants

PACKAGES = [aioalf.client_auth, aioalf.grants]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_each_exported_name_is_found(package: ModuleType) -> None:
    """The names in ``__all__`` are attributes, and ``dir()`` lists them before their first use."""
    names: set[str] = set(package.__all__)
    assert names <= set(dir(package))
    assert all(hasattr(package, name) for name in names)


def test_unknown_name_is_an_attribute_error() -> None:
    """The message is Python's own."""
    with pytest.raises(AttributeError) as caught:
        _ = aioalf.grants.Typo  # type: ignore[attr-defined]
    assert str(caught.value) == "module 'aioalf.grants' has no attribute 'Typo'"


def test_import_of_the_package_imports_no_grant_for_people() -> None:
    """A service needs neither the grants for people nor the code for refresh tokens and keys."""
    program = "import sys, aioalf; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    loaded = set(ran.stdout.split())
    assert "aioalf.manager" in loaded
    assert not loaded & {
        *("aioalf.grants.authorization_code", "aioalf._login.login", "aioalf._browser"),
        "aioalf.client_auth.private_key_jwt",
    }
