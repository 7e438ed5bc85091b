"""OAuth 2 for aiohttp: a session that is always authorized."""

from typing import TYPE_CHECKING

from aioalf.client import Client
from aioalf.errors import (
    InsecureTransportWarning,
    MetadataError,
    NoAnswerError,
    TokenConfigurationError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.httpclient import HTTPRequest
from aioalf.manager import TokenManager
from aioalf.renewal import Renewal
from aioalf.token import Token

if TYPE_CHECKING:
    from aioalf.client_auth import ClientSecretBasic
    from aioalf.login_errors import (
        AccessDeniedError,
        AuthorizationError,
        AuthorizationServerError,
        CacheError,
        ListenerError,
        LoginRequiredError,
        LoginTimeoutError,
        RevocationError,
        ScopeNotGrantedError,
        TemporarilyUnavailableError,
    )
    from aioalf.middleware import OAuth2Middleware
    from aioalf.retry import Retry
else:

    def __getattr__(name: str) -> object:
        # A client can be made without these: they are imported when they are first named.
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - as above

        homes = {"ClientSecretBasic": "client_auth", "OAuth2Middleware": "middleware"}
        home = {**homes, "Retry": "retry"}.get(name, "login_errors")
        value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


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
