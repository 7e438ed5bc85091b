"""The names that the package exports, and the modules that importing it loads."""

import subprocess
import sys

import pytest

from aioalf import client_auth
from aioalf.client_auth import (
    ClientAuth,
    ClientSecretBasic,
    ClientSecretJWT,
    ClientSecretPost,
    PrivateKeyJWT,
    PublicClient,
)

METHODS: list[ClientAuth] = [
    ClientSecretBasic(),
    ClientSecretPost(),
    ClientSecretJWT(),
    PrivateKeyJWT("-----BEGIN …"),
    PublicClient(),
]


def modules_after(statement: str) -> set[str]:
    """Return the modules that a new process has loaded after `statement`."""
    program = f"import sys; {statement}; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return {name for name in run.stdout.split() if "client_auth" in name or "." not in name}


def test_importing_the_methods_does_not_import_joserfc() -> None:
    """The extra is imported when a JWT is signed."""
    names = ", ".join(client_auth.__all__)
    assert not modules_after(f"from aioalf.client_auth import {names}") & {"joserfc"}


def test_every_exported_name_exists() -> None:
    """Each name in `__all__` is an attribute and is listed by `dir`."""
    assert set(client_auth.__all__) <= set(dir(client_auth))
    for name in client_auth.__all__:
        assert getattr(client_auth, name) is not None


def test_unknown_name_raises_attribute_error() -> None:
    """The package raises AttributeError like any module."""
    with pytest.raises(AttributeError, match="no attribute 'ClientSecretSmoke'"):
        getattr(client_auth, "ClientSecretSmoke")  # noqa: B009 - type checkers would report the attribute


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.method)
def test_methods_have_their_registered_names(method: ClientAuth) -> None:
    """Methods have the names of server metadata (RFC 8414 §2); these need no certificate."""
    registered = {"client_secret_basic", "client_secret_post", "client_secret_jwt"}
    assert method.method in registered | {"private_key_jwt", "none"}
    assert method.ssl_context is None
