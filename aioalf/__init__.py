"""OAuth 2 for aiohttp: a session that is always authorized."""

from typing import TYPE_CHECKING

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
    NoAnswerError,
    RevocationError,
    ScopeNotGrantedError,
    TemporarilyUnavailableError,
    TokenConfigurationError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.httpclient import HTTPRequest
from aioalf.manager import TokenManager
from aioalf.renewal import Renewal
from aioalf.retry import Retry
from aioalf.token import Token

if TYPE_CHECKING:
    from aioalf.middleware import OAuth2Middleware
else:

    def __getattr__(name: str) -> object:
        # No client needs it to be imported: one way to send is enough.
        if name != "OAuth2Middleware":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from aioalf.middleware import OAuth2Middleware  # noqa: PLC0415 - see above

        globals()[name] = OAuth2Middleware
        return OAuth2Middleware


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
    "NoAnswerError",
    "OAuth2Middleware",
    "Renewal",
    "Retry",
    "RevocationError",
    "ScopeNotGrantedError",
    "TemporarilyUnavailableError",
    "Token",
    "TokenConfigurationError",
    "TokenError",
    "TokenHTTPError",
    "TokenManager",
    "TokenResponseError",
)
