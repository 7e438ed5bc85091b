"""Names of packages that are imported on first use."""

import subprocess
import sys
from types import ModuleType

import pytest

import aioalf.client_auth
import aioalf.grants.device_code
import aioalf.grants.jwt_bearer
from aioalf._lazy_exports import lazy_exports

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


def test_modules_are_found_too() -> None:
    """The module of an export, and one that is named, but no other."""
    find, names = lazy_exports(
        "aioalf.grants", {"DeviceCode": "device_code"}, submodules=["jwt_bearer"]
    )
    assert find("device_code") is aioalf.grants.device_code
    assert find("jwt_bearer") is aioalf.grants.jwt_bearer
    assert find("DeviceCode") is aioalf.grants.DeviceCode
    assert {"DeviceCode", "jwt_bearer"} <= set(names())
    with pytest.raises(AttributeError, match="no attribute 'implicit_'"):
        find("implicit_")


def test_modules_of_the_exports_are_attributes() -> None:
    """As in a package that imports its modules itself."""
    program = "import aioalf; print(aioalf.grants.DeviceCode.__name__, aioalf.errors.__name__)"
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert ran.stdout == "DeviceCode aioalf.errors\n"
