"""The ways to get a token: one class a grant, each in a file of its own.

A grant is asked for a token with the authorization server in hand; it caches nothing and keeps no
state. Each is imported when it is first named: a program needs one of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aioalf.grants.authorization_code import AuthorizationCode
    from aioalf.grants.client_credentials import ClientCredentials
    from aioalf.grants.contract import Form, Grant, TokenSource
    from aioalf.grants.device_code import DeviceCode
    from aioalf.grants.jwt_bearer import JWTBearer
    from aioalf.grants.prompt import Prompt
    from aioalf.grants.refresh_token import RefreshToken
    from aioalf.grants.token_exchange import TokenExchange
    from aioalf.grants.token_types import ACCESS_TOKEN, ID_TOKEN, JWT, REFRESH_TOKEN, SAML1, SAML2
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


__all__ = (
    "ACCESS_TOKEN",
    "ID_TOKEN",
    "JWT",
    "REFRESH_TOKEN",
    "SAML1",
    "SAML2",
    "AuthorizationCode",
    "ClientCredentials",
    "DeviceCode",
    "Form",
    "Grant",
    "JWTBearer",
    "Prompt",
    "RefreshToken",
    "TokenExchange",
    "TokenSource",
)

_HOMES: Final = {
    **dict.fromkeys(
        ("ACCESS_TOKEN", "ID_TOKEN", "JWT", "REFRESH_TOKEN", "SAML1", "SAML2"), "token_types"
    ),
    **dict.fromkeys(("Form", "Grant", "TokenSource"), "contract"),
    "AuthorizationCode": "authorization_code",
    "ClientCredentials": "client_credentials",
    "DeviceCode": "device_code",
    "JWTBearer": "jwt_bearer",
    "Prompt": "prompt",
    "RefreshToken": "refresh_token",
    "TokenExchange": "token_exchange",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
