"""The names of the package, and what is imported for them."""

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
    """What a new process has imported after this."""
    program = f"import sys; {statement}; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return {name for name in run.stdout.split() if "client_auth" in name or "." not in name}


def test_a_method_is_imported_without_the_library() -> None:
    """That one comes when something is signed."""
    names = ", ".join(client_auth.__all__)
    assert not modules_after(f"from aioalf.client_auth import {names}") & {"joserfc"}


def test_every_name_is_there() -> None:
    """By attribute, by `dir`, and a second time."""
    assert set(client_auth.__all__) <= set(dir(client_auth))
    for name in [*client_auth.__all__, *client_auth.__all__]:
        assert getattr(client_auth, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="no attribute 'ClientSecretSmoke'"):
        getattr(client_auth, "ClientSecretSmoke")  # noqa: B009 - type checkers know that it is none


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.method)
def test_methods_go_by_their_registered_names(method: ClientAuth) -> None:
    """As a server's metadata lists them (RFC 8414 §2); a certificate has only one of them."""
    registered = {"client_secret_basic", "client_secret_post", "client_secret_jwt"}
    assert method.method in registered | {"private_key_jwt", "none"}
    assert method.ssl_context is None
