"""OAuth 2.0 for aiohttp: a client session whose requests are always authorized."""

from typing import TYPE_CHECKING

from aioalf._lazy_exports import lazy_exports

if TYPE_CHECKING:
    from aioalf.client import Client
    from aioalf.client_auth import ClientSecretBasic
    from aioalf.errors import (
        AccessDeniedError,
        AuthorizationError,
        AuthorizationServerError,
        CacheError,
        InsecureTransportWarning,
        ListenerError,
        LoginRequiredError,
        LoginTimeoutError,
        MetadataError,
        OAuthError,
        RevocationError,
        ScopeNotGrantedError,
        SignInResponseError,
        TemporarilyUnavailableError,
        TokenConfigurationError,
        TokenConnectionError,
        TokenError,
        TokenHTTPError,
        TokenResponseError,
    )
    from aioalf.httpclient import HTTPRequest
    from aioalf.manager import TokenManager
    from aioalf.middleware import OAuth2Middleware
    from aioalf.renewal import Renewal
    from aioalf.retry import Retry
    from aioalf.token import Token

__version__ = "1.0.0.dev0"

__all__ = (
    "AccessDeniedError",
    "AuthorizationError",
    "AuthorizationServerError",
    "CacheError",
    "Client",
    "ClientSecretBasic",
    "HTTPRequest",
    "InsecureTransportWarning",
    "ListenerError",
    "LoginRequiredError",
    "LoginTimeoutError",
    "MetadataError",
    "OAuth2Middleware",
    "OAuthError",
    "Renewal",
    "Retry",
    "RevocationError",
    "ScopeNotGrantedError",
    "SignInResponseError",
    "TemporarilyUnavailableError",
    "Token",
    "TokenConfigurationError",
    "TokenConnectionError",
    "TokenError",
    "TokenHTTPError",
    "TokenManager",
    "TokenResponseError",
)

if not TYPE_CHECKING:  # pragma: no branch - type checkers know the names anyway
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "Client": "client",
            "ClientSecretBasic": "client_auth",
            "HTTPRequest": "httpclient",
            "OAuth2Middleware": "middleware",
            "Renewal": "renewal",
            "Retry": "retry",
            "Token": "token",
            "TokenManager": "manager",
            **{name: "errors" for name in __all__ if name.endswith(("Error", "Warning"))},
        },
        ("caches", "grants", "providers"),
    )
