"""What can go wrong with logins, logouts and caches: few clients have any.

TokenError
├── AuthorizationError              the answer in the browser was no
│   ├── AccessDeniedError           … by the person or by policy
│   ├── AuthorizationServerError    … the server failed
│   └── TemporarilyUnavailableError … the server is overloaded or in maintenance
├── LoginRequiredError              the refresh token was refused, and there is no other way
├── ScopeNotGrantedError            more was asked of a login than it was granted
├── LoginTimeoutError               nobody finished the login in time
├── ListenerError                   the redirect listener found no port
├── RevocationError                 what was logged out of may count still at the server
└── CacheError                      the token cache could not be read, written or locked

It knows nothing of HTTP libraries and of event loops.
"""

from __future__ import annotations

from typing import Final

from aioalf.errors import AnsweredError, TokenError


class AuthorizationError(AnsweredError):
    """The authorization server's answer in the browser was an error (RFC 6749 §4.1.2.1, §4.2.2.1).

    ``error`` is its code, ``error_description`` and ``error_uri`` its words, None without.
    """


class AccessDeniedError(AuthorizationError):
    """``access_denied``: the person, or the server's policy, said no."""


class AuthorizationServerError(AuthorizationError):
    """``server_error``: the authorization server failed; another try may succeed."""


class TemporarilyUnavailableError(AuthorizationError):
    """``temporarily_unavailable``: the server is overloaded or in maintenance; try later."""


class LoginRequiredError(TokenError):
    """The refresh token was refused for good, and the grant cannot begin anew by itself.

    ``__cause__`` is the server's refusal. Somebody has to log in, or to give another token
    (RFC 6749 §5.2).
    """


class ScopeNotGrantedError(TokenError):
    """A derived client asks for scope that its login was not granted (RFC 6749 §6).

    ``missing`` is that scope. Nothing was sent: the client that it was derived from has to ask for
    it when somebody logs in.
    """

    def __init__(self, message: str, missing: frozenset[str] = frozenset()) -> None:
        super().__init__(message)
        self.missing = missing


class LoginTimeoutError(TokenError):
    """Nobody finished the login within its time limit."""


class ListenerError(TokenError):
    """The redirect listener could not have a port of the range it was given."""


class RevocationError(TokenError):
    """A token was forgotten, but could not be revoked: it may count still (RFC 7009 §2.2.1).

    ``__cause__`` has the reason.
    """


class CacheError(TokenError):
    """The token cache could not be read, written or locked; ``__cause__`` has the reason.

    What it held before, it holds still. The message says what to do about it.
    """


AUTHORIZATION_ERRORS: Final[dict[str, type[AuthorizationError]]] = {
    "access_denied": AccessDeniedError,
    "server_error": AuthorizationServerError,
    "temporarily_unavailable": TemporarilyUnavailableError,
}
