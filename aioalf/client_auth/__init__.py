"""Client authentication methods: how the client proves its identity to the authorization server."""

from aioalf.client_auth._signing_key import PrivateKey, Signer
from aioalf.client_auth.basic import ClientSecretBasic
from aioalf.client_auth.client_assertion import ClientAssertion
from aioalf.client_auth.credentials import ClientSecret, Credentials
from aioalf.client_auth.post import ClientSecretPost
from aioalf.client_auth.private_key_jwt import PrivateKeyJWT
from aioalf.client_auth.protocols import ClientAuth, MutableForm
from aioalf.client_auth.public import PublicClient
from aioalf.client_auth.secret_file import SecretFile
from aioalf.client_auth.secret_jwt import ClientSecretJWT
from aioalf.client_auth.tls import TLSClientAuth

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
