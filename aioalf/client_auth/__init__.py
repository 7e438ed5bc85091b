"""How a client proves who it is to the authorization server: one class a method.

A method is imported when it is asked for: a program needs one of them, if any.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from aioalf.client_auth.contract import ClientAuth, FormInMaking
from aioalf.credentials import ClientSecret, Credentials

if TYPE_CHECKING:
    from aioalf.client_auth.basic import ClientSecretBasic
    from aioalf.client_auth.keys import PrivateKey, Signer
    from aioalf.client_auth.post import ClientSecretPost
    from aioalf.client_auth.private_key_jwt import PrivateKeyJWT
    from aioalf.client_auth.public import PublicClient
    from aioalf.client_auth.secret_file import SecretFile
    from aioalf.client_auth.secret_jwt import ClientSecretJWT
    from aioalf.client_auth.tls import TLSClientAuth
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


__all__ = (
    "ClientAuth",
    "ClientSecret",
    "ClientSecretBasic",
    "ClientSecretJWT",
    "ClientSecretPost",
    "Credentials",
    "FormInMaking",
    "PrivateKey",
    "PrivateKeyJWT",
    "PublicClient",
    "SecretFile",
    "Signer",
    "TLSClientAuth",
)

_HOMES: Final = {
    "ClientSecretBasic": "basic",
    "ClientSecretJWT": "secret_jwt",
    "ClientSecretPost": "post",
    "PrivateKey": "keys",
    "PrivateKeyJWT": "private_key_jwt",
    "PublicClient": "public",
    "SecretFile": "secret_file",
    "Signer": "keys",
    "TLSClientAuth": "tls",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
