"""A login that outlives one access token: refresh token, cache entry, derived clients, logout.

Clients without a refresh token and without a cache use nothing of it.
"""

from typing import TYPE_CHECKING

from aioalf._lazy_exports import lazy_exports

if TYPE_CHECKING:
    from aioalf._login.derived_login import DerivedLogin, shared_login
    from aioalf._login.login import Login
    from aioalf._login.logout import Logout
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "DerivedLogin": "derived_login",
            "Login": "login",
            "Logout": "logout",
            "shared_login": "derived_login",
        },
    )

__all__ = ("DerivedLogin", "Login", "Logout", "shared_login")
