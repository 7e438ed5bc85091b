"""All errors and warnings of the package.

TokenError                              base class: no token is available
├── TokenConfigurationError             options are missing or invalid (also a ValueError)
├── TokenConnectionError                no response (also an aiohttp.ClientConnectionError)
├── MetadataError                       the issuer's metadata is unavailable or invalid
├── OAuthError                          base class: the members of an OAuth error response
│   ├── TokenHTTPError                  the server responded with a status other than 2xx
│   ├── TokenResponseError              the server responded with 2xx, but without a usable token
│   │   └── SignInResponseError         the same, after a user had signed in
│   └── AuthorizationError              the authorization response in the browser was an error
│       ├── AccessDeniedError           the user or the server's policy denied the request
│       ├── AuthorizationServerError    the authorization server failed
│       └── TemporarilyUnavailableError the authorization server is overloaded or in maintenance
├── LoginRequiredError                  the refresh token was refused: a new sign-in is needed
├── LoginTimeoutError                   the user did not finish the sign-in in time
├── ScopeNotGrantedError                a derived client requests scope that was not granted
├── ListenerError                       no port is free for the loopback listener
├── RevocationError                     a token could not be revoked at a logout
└── CacheError                          the token cache failed, or another client held it too long
InsecureTransportWarning                tokens will be sent over plain HTTP (a UserWarning)

`str` and `repr` of an error never contain a secret. The module must not import event loops or
perform I/O.
"""

import copy
from collections.abc import Mapping
from typing import Final, Self, TypedDict, Unpack

from aiohttp import ClientConnectionError, ClientResponse

from aioalf._masking import excerpt
from aioalf._retryable_statuses import is_retryable

_SIGN_IN_AGAIN: Final = frozenset(
    {"invalid_grant", "login_required", "interaction_required", "consent_required"}
)
"""Error codes that only a user can help with (RFC 6749 §5.2, OpenID Connect Core §3.1.2.6)."""


class TokenError(Exception):
    """Raised when no valid token is available; base class of all errors of this package.

    The request that needed the token was not sent. If an API rejected the token with 401 and it
    could not be renewed, the error is raised instead of returning that response.

    Attributes:
        is_transient: Whether the same request may succeed later: the server was unreachable, busy
            or failing.
        needs_sign_in: Whether only a new sign-in can help, because the refresh token is no longer
            valid.
        pauses_sign_in: Whether a user was asked to sign in without success, and is not asked
            again for a minute.
        error: The error code of the server, for example ``invalid_client``, or None.
        error_description: The server's explanation, or None.
        error_uri: The address of a page about the error, or None.
        response_data: The members of the server's error response, with secrets masked, or None.
    """

    is_transient: bool = False
    needs_sign_in: bool = False
    pauses_sign_in: bool = False
    error: str | None = None
    error_description: str | None = None
    error_uri: str | None = None
    response_data: Mapping[str, object] | None = None

    @property
    def claims(self) -> str | None:
        """The ``claims`` of the error response, or None.

        Microsoft Entra ID sends them with ``interaction_required``: pass them on in the
        authorization request (OpenID Connect Core §5.5).
        """
        claims = (self.response_data or {}).get("claims")
        return claims if isinstance(claims, str) else None


class TokenConfigurationError(TokenError, ValueError):
    """Raised when options are missing, invalid or contradict each other."""


class TokenConnectionError(TokenError, ClientConnectionError):
    """Raised when the authorization server cannot be reached or does not respond.

    The connection was refused, reset or timed out, or its certificate is not trusted. The original
    error is in ``__cause__``. It is also an `aiohttp.ClientConnectionError`, so code that catches
    `aiohttp.ClientError` around a request catches it too. ``is_transient`` is False, for example,
    if the server's certificate is not trusted.
    """

    def __init__(self, message: str, *, is_transient: bool = True) -> None:
        super().__init__(message)
        self.is_transient = is_transient


class MetadataError(TokenError):
    """Raised when an issuer's metadata cannot be fetched or is invalid (RFC 8414 §3.2, §3.3)."""


class OAuthErrorMembers(TypedDict, total=False):
    """The members of an OAuth error response, as keyword arguments (RFC 6749 §4.1.2.1, §5.2)."""

    error: str | None
    error_description: str | None
    error_uri: str | None
    response_data: Mapping[str, object] | None


class OAuthError(TokenError):
    """Base class of errors with the members of an error response (RFC 6749 §4.1.2.1, §5.2)."""

    def __init__(
        self,
        message: str,
        *,
        error: str | None = None,
        error_description: str | None = None,
        error_uri: str | None = None,
        response_data: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.error = error
        self.error_description = error_description
        self.error_uri = error_uri
        self.response_data = response_data
        self.needs_sign_in: bool = error in _SIGN_IN_AGAIN


class TokenHTTPError(OAuthError):
    """Raised when the authorization server responds with a status other than 2xx (RFC 6749 §5.2).

    ``str`` shows the error code and its description, or else an excerpt of the response body, but
    never a token.

    Attributes:
        response_status: The HTTP status, or None.
        response_text: The response body, truncated, with the secrets of the request masked, or
            None.
        response: The response itself, its body already read and masked, or None.
        retry_after: The seconds of the ``Retry-After`` header (RFC 9110 §10.2.3), or None.
    """

    def __init__(
        self,
        message: str,
        response_status: int | None = None,
        response_text: str | None = None,
        *,
        response: ClientResponse | None = None,
        retry_after: float | None = None,
        **members: Unpack[OAuthErrorMembers],
    ) -> None:
        super().__init__(message, **members)
        self.response_status = response_status
        self.response_text = response_text
        self.response = response
        self.retry_after = retry_after
        self.is_transient: bool = is_retryable(response_status)

    def __str__(self) -> str:
        text = super().__str__()
        if self.response_status is not None:
            text = f"{text}, StatusCode: {self.response_status}"
        if self.response_text and not self.error_description:  # the message has the description
            text = f"{text}, Body: {excerpt(self.response_text)}"
        return text

    def __copy__(self) -> Self:
        duplicate = self.__class__(*self.args)
        duplicate.__dict__.update(self.__dict__)
        duplicate.response = copy.copy(self.response)
        return duplicate

    def __reduce__(self) -> tuple[object, ...]:
        # A response holds a connection and cannot be pickled.
        return (self.__class__, self.args, {**self.__dict__, "response": None})


class TokenResponseError(OAuthError):
    """Raised when a 2xx response of the authorization server holds no usable token (RFC 6749 §5.1).

    Attributes:
        response_status: The HTTP status, or None.
        content_type: The ``Content-Type`` header of the response, or None.
    """

    def __init__(
        self,
        message: str,
        response_status: int | None = None,
        content_type: str | None = None,
        **members: Unpack[OAuthErrorMembers],
    ) -> None:
        super().__init__(message, **members)
        self.response_status = response_status
        self.content_type = content_type
        self._replacement: _HiddenText | None = None

    def hold_replacement(self, refresh_token: str) -> None:
        """Keep the new refresh token of the unusable response."""
        self._replacement = _HiddenText(refresh_token)

    def take_replacement(self) -> str | None:
        """Return the refresh token of `hold_replacement` and forget it, or return None.

        The error and its copies share it: only the first call returns it.
        """
        replacement, self._replacement = self._replacement, None
        if replacement is None:
            return None
        refresh_token, replacement.text = replacement.text, None
        return refresh_token


class SignInResponseError(TokenResponseError):
    """Raised when a user has signed in, but the response holds no usable token.

    A refresh token in the response is kept and used by the next request. Without one, a user is
    not asked again for a minute.
    """


class _HiddenText:
    """A text that does not appear in ``repr`` and is left out of a pickle."""

    def __init__(self, text: str | None = None) -> None:
        self.text = text

    def __reduce__(self) -> tuple[object, ...]:
        return (_HiddenText, ())


class AuthorizationError(OAuthError):
    """Raised for an error response in the browser (RFC 6749 §4.1.2.1, §4.2.2.1).

    Also raised, with None as ``error``, if a response is from another server (RFC 9207) or for
    another sign-in (OpenID Connect Core §3.1.3.7). The error codes that need different reactions
    have their own subclasses.
    """

    pauses_sign_in: bool = True


class AccessDeniedError(AuthorizationError):
    """Raised for ``access_denied``: the user or the server's policy denied the request."""


class AuthorizationServerError(AuthorizationError):
    """Raised for ``server_error``: the authorization server failed; a later attempt may succeed."""

    is_transient: bool = True


class TemporarilyUnavailableError(AuthorizationError):
    """Raised for ``temporarily_unavailable``: the server is overloaded or in maintenance."""

    is_transient: bool = True


AUTHORIZATION_ERRORS: Final[dict[str, type[AuthorizationError]]] = {
    "access_denied": AccessDeniedError,
    "server_error": AuthorizationServerError,
    "temporarily_unavailable": TemporarilyUnavailableError,
}
"""The error classes of the codes of an authorization response (RFC 6749 §4.1.2.1)."""


class LoginRequiredError(TokenError):
    """Raised when the refresh token is no longer valid and the grant cannot start a new sign-in.

    Sign in again, or provide another refresh token. If this call met the server's refusal, it is in
    ``__cause__``, and this error has its code, description and further members (RFC 6749 §5.2).
    """

    needs_sign_in: bool = True


class LoginTimeoutError(TokenError):
    """Raised when the user does not finish the sign-in within its time limit."""

    pauses_sign_in: bool = True


class ScopeNotGrantedError(TokenError):
    """Raised when a derived client requests scope that its login was not granted (RFC 6749 §6).

    No request was sent. Request the scope with the client that signs in.

    Attributes:
        missing: The scope values that were not granted.
    """

    def __init__(self, message: str, missing: frozenset[str] = frozenset()) -> None:
        super().__init__(message)
        self.missing = missing


class ListenerError(TokenError):
    """Raised when the loopback listener cannot bind any port of the configured range."""


class RevocationError(TokenError):
    """Raised when a logout could not revoke a token (RFC 7009 §2.2.1).

    The token was deleted here, but may be valid at the server until it expires. The reason is in
    ``__cause__``.
    """


class CacheError(TokenError):
    """Raised when the token cache fails, or when another client has been busy for too long.

    The contents of the cache are unchanged. The message says what to do; if the operating system or
    a store reported an error, it is the ``__cause__``.
    """


class InsecureTransportWarning(UserWarning):
    """Issued before tokens or secrets are sent to another machine by plain HTTP (RFC 6749 §1.6)."""
