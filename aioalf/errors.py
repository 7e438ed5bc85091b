"""What can go wrong on the way to a token.

TokenError                          any failure to get a token
├── TokenConfigurationError         what was configured cannot work (also a ValueError)
├── MetadataError                   what an issuer says of itself could not be had, or not believed
├── TokenConnectionError                   the endpoint was not reached, or did not answer
├── TokenResponseError              the endpoint answered 2xx, without a token that can be used
└── TokenHTTPError                  the endpoint answered with another status

Those of logins, logouts and caches are in `login_errors`. It knows nothing of HTTP libraries and of
event loops. Evidence is in fields; `str` shows no secret.
"""

from __future__ import annotations

import copy
from typing import Final, Self, TypedDict, Unpack

from aiohttp import ClientResponse

from aioalf._redaction import excerpt


class OAuthErrorMembers(TypedDict, total=False):
    """The members of an OAuth error, as keywords (RFC 6749 §4.1.2.1, §5.2)."""

    error: str | None
    error_description: str | None
    error_uri: str | None


class InsecureTransportWarning(UserWarning):
    """An ``http:`` URL of another machine is about to carry a secret or a token (RFC 6749 §1.6)."""


class TokenError(Exception):
    """No token could be had; the request it was for has not been sent."""


class TokenConfigurationError(TokenError, ValueError):
    """What was configured cannot work: something is missing, malformed or contradicts itself."""


class MetadataError(TokenError):
    """An issuer's metadata could not be had, or must not be believed (RFC 8414 §3.2, §3.3)."""


class TokenConnectionError(TokenError):
    """The token endpoint gave no answer: refused, reset, timed out; ``__cause__`` has the reason.

    ``is_transient`` is False where another try cannot help, as with a certificate that is not trusted.
    """

    def __init__(self, message: str, *, is_transient: bool = True) -> None:
        super().__init__(message)
        self.is_transient = is_transient


class _Hidden:
    """A text that no repr shows and no pickle holds."""

    def __init__(self, text: str | None = None) -> None:
        self.text = text

    def __reduce__(self) -> tuple[object, ...]:
        return (_Hidden, ())


class OAuthError(TokenError):
    """A server answered, with its reason in the standard's words (RFC 6749 §4.1.2.1, §5.2)."""

    def __init__(
        self,
        message: str,
        *,
        error: str | None = None,
        error_description: str | None = None,
        error_uri: str | None = None,
    ) -> None:
        super().__init__(message)
        self.error = error
        self.error_description = error_description
        self.error_uri = error_uri


class TokenResponseError(OAuthError):
    """The token endpoint answered 2xx, but with no token that can be used.

    ``response_status`` and ``content_type`` say what came; ``error``, ``error_description`` and
    ``error_uri`` hold the server's words where it had some (RFC 6749 §5.1, §5.2).
    """

    def __init__(
        self,
        message: str,
        response_status: int | None = None,
        content_type: str | None = None,
        **words: Unpack[OAuthErrorMembers],
    ) -> None:
        super().__init__(message, **words)
        self.response_status = response_status
        self.content_type = content_type

    _replacement: _Hidden | None = None

    def hold_replacement(self, refresh_token: str) -> None:
        """Hold the refresh token that came all the same, for who sent the one before it."""
        self._replacement = _Hidden(refresh_token)

    def take_replacement(self) -> str | None:
        """Return what is held, None for nothing; from then on nobody holds it."""
        held, self._replacement = self._replacement, None
        if held is None:
            return None
        text, held.text = held.text, None
        return text


class TokenHTTPError(OAuthError):
    """The token endpoint answered with a status that is not 2xx.

    ``response_status`` and ``response_text`` are what came, the text up to a cap and without the
    client's credentials; ``response`` is the response itself, its body read; ``retry_after`` is for
    how many seconds the server asks to be left alone (RFC 9110 §10.2.3), None when it does not say;
    ``error``, ``error_description`` and ``error_uri`` are the members of that name, where the body
    is an OAuth error (RFC 6749 §5.2). ``str`` shows an excerpt of the text, never a token.
    """

    def __init__(
        self,
        message: str,
        response_status: int | None = None,
        response_text: str | None = None,
        *,
        response: ClientResponse | None = None,
        retry_after: float | None = None,
        **words: Unpack[OAuthErrorMembers],
    ) -> None:
        super().__init__(message, **words)
        self.response_status = response_status
        self.response_text = response_text
        self.response = response
        self.retry_after = retry_after

    def __str__(self) -> str:
        text = super().__str__()
        if self.response_status is not None:
            text = f"{text}, StatusCode: {self.response_status}"
        if self.response_text:
            text = f"{text}, Body: {excerpt(self.response_text)}"
        return text

    def __copy__(self) -> Self:
        twin = self.__class__(*self.args)
        twin.__dict__.update(self.__dict__)
        twin.response = copy.copy(self.response)
        return twin

    def __reduce__(self) -> tuple[object, ...]:
        # A response holds a connection and cannot travel to another process; the rest can.
        state = {name: value for name, value in self.__dict__.items() if name != "response"}
        return (self.__class__, self.args, {**state, "response": None})


class AuthorizationError(OAuthError):
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
