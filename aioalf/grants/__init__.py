"""Grants: one class per way to get a token, each in its own file.

A grant requests a token from the authorization server it is given. It caches nothing and keeps no
state.
"""

from typing import TYPE_CHECKING

from aioalf._lazy_exports import lazy_exports
from aioalf.grants.client_credentials import ClientCredentials
from aioalf.grants.protocols import AuthorizationServer, Form, Grant

if TYPE_CHECKING:
    from aioalf.grants._prompt import Prompt
    from aioalf.grants.authorization_code import AuthorizationCode
    from aioalf.grants.device_code import DeviceCode
    from aioalf.grants.jwt_bearer import JWTBearer
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
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "AuthorizationCode": "authorization_code",
            "DeviceCode": "device_code",
            "JWTBearer": "jwt_bearer",
            "Prompt": "_prompt",
            "RefreshToken": "refresh_token",
            "TokenExchange": "token_exchange",
            **dict.fromkeys(
                ("ACCESS_TOKEN", "ID_TOKEN", "JWT", "REFRESH_TOKEN", "SAML1", "SAML2"),
                "token_exchange",
            ),
        },
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
