"""Client authentication methods: how the client proves its identity to the authorization server."""

from typing import TYPE_CHECKING

from aioalf._lazy_exports import lazy_exports
from aioalf.client_auth.basic import ClientSecretBasic
from aioalf.client_auth.credentials import ClientSecret, Credentials
from aioalf.client_auth.post import ClientSecretPost
from aioalf.client_auth.protocols import ClientAuth, MutableForm
from aioalf.client_auth.public import PublicClient

if TYPE_CHECKING:
    from aioalf.client_auth._signing_key import PrivateKey, Signer
    from aioalf.client_auth.client_assertion import ClientAssertion
    from aioalf.client_auth.private_key_jwt import PrivateKeyJWT
    from aioalf.client_auth.secret_file import SecretFile
    from aioalf.client_auth.secret_jwt import ClientSecretJWT
    from aioalf.client_auth.tls import TLSClientAuth
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "ClientAssertion": "client_assertion",
            "ClientSecretJWT": "secret_jwt",
            "PrivateKey": "_signing_key",
            "PrivateKeyJWT": "private_key_jwt",
            "SecretFile": "secret_file",
            "Signer": "_signing_key",
            "TLSClientAuth": "tls",
        },
    )

__all__ = (
    "ClientAssertion",
    "ClientAuth",
    "ClientSecret",
    "ClientSecretBasic",
    "ClientSecretJWT",
    "ClientSecretPost",
    "Credentials",
    "MutableForm",
    "PrivateKey",
    "PrivateKeyJWT",
    "PublicClient",
    "SecretFile",
    "Signer",
    "TLSClientAuth",
)
