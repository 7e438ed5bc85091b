"""0.4.0's import path of `aioalf.implicit`."""

from aioalf.implicit import (
    OAuthImplicitTokenManager,
    OAuthImplictTokenManager,
    TokenStorage,
    use_implicit_flow,
)

__all__ = (
    "OAuthImplicitTokenManager",
    "OAuthImplictTokenManager",
    "TokenStorage",
    "use_implicit_flow",
)
