"""The errors that a login raises by itself. Must not know how tokens are requested or stored."""

from __future__ import annotations

from aioalf._masking import printable
from aioalf.errors import (
    LoginRequiredError,
    OAuthError,
    ScopeNotGrantedError,
    SignInResponseError,
    TokenError,
    TokenResponseError,
)


def login_required(refusal: OAuthError | None = None) -> LoginRequiredError:
    error = LoginRequiredError(
        "The refresh token is no longer valid: sign in again, or provide another refresh token"
    )
    if refusal is not None:
        error.error, error.error_description = refusal.error, refusal.error_description
        error.error_uri, error.response_data = refusal.error_uri, refusal.response_data
    return error


def scope_not_granted(missing: frozenset[str]) -> ScopeNotGrantedError:
    names = printable(" ".join(sorted(missing)))
    return ScopeNotGrantedError(
        f"The login was not granted the scope {names}, and a refresh cannot add any (RFC 6749 §6): "
        "request it with the client that with_options() was called on, and sign in again",
        missing,
    )


def after_sign_in(error: TokenError, *, is_kept: bool) -> TokenError:
    """Return the error to raise when a user has signed in, but the token request failed.

    With `is_kept`, the response had a refresh token, and the user need not sign in again.
    """
    if isinstance(error, TokenResponseError) and error.error is None:
        error = SignInResponseError(
            f"The sign-in is complete, but its token cannot be used: {error}",
            error.response_status,
            error.content_type,
        )
    error.pauses_sign_in = not is_kept
    return error
