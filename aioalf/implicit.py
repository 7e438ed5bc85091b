"""The implicit flow: `use_implicit_flow` and the storages for its token (RFC 6749 §4.2).

Kept for programs written for 0.4.0. New programs use the authorization code grant with PKCE
(RFC 9700 §2.1.2, RFC 8252 §8.2). The code is in `aioalf.implicit_manager`, 0.4.0's module.
"""

from aioalf._implicit_storage import Storage, TokenStorage
from aioalf.implicit_manager import (
    OAuthImplicitTokenManager,
    OAuthImplictTokenManager,
    use_implicit_flow,
)

__all__ = (
    "OAuthImplicitTokenManager",
    "OAuthImplictTokenManager",
    "Storage",
    "TokenStorage",
    "use_implicit_flow",
)
