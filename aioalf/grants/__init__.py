"""Grants: one class per way to get a token, each in its own file.

A grant requests a token from the authorization server it is given. It caches nothing and keeps no
state.
"""

from aioalf.grants._prompt import Prompt
from aioalf.grants.authorization_code import AuthorizationCode
from aioalf.grants.client_credentials import ClientCredentials
from aioalf.grants.device_code import DeviceCode
from aioalf.grants.jwt_bearer import JWTBearer
from aioalf.grants.protocols import AuthorizationServer, Form, Grant
from aioalf.grants.refresh_token import RefreshToken
from aioalf.grants.token_exchange import (
    ACCESS_TOKEN,
    ID_TOKEN,
    JWT,
    REFRESH_TOKEN,
    SAML1,
    SAML2,
    TokenExchange,
)

__all__ = (
    "ACCESS_TOKEN",
    "ID_TOKEN",
    "JWT",
    "REFRESH_TOKEN",
    "SAML1",
    "SAML2",
    "AuthorizationCode",
    "AuthorizationServer",
    "ClientCredentials",
    "DeviceCode",
    "Form",
    "Grant",
    "JWTBearer",
    "Prompt",
    "RefreshToken",
    "TokenExchange",
)
