"""Reading a token response: bytes in, a `Token` or a `TokenError` out.

No I/O and no clock: the times come with the call. Any bytes may be given (RFC 6749 §5.1, §5.2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple, cast

from aioalf._redaction import error_words, mask_secrets, printable
from aioalf._syntax import is_b64token, is_sendable, read_lifetime
from aioalf.errors import TokenConfigurationError, TokenResponseError
from aioalf.token import Token

_READ: Final = frozenset({"access_token", "token_type", "expires_in", "scope", "refresh_token"})


class ResponsePolicy:
    """What was asked for, and what to make of what an answer leaves out.

    ``scope`` is the scope of the request, None for none; ``default_expires_in`` in seconds stands for
    an absent ``expires_in``; ``allow_narrower_scope`` takes a token with less than was asked for.
    """

    def __init__(
        self,
        scope: frozenset[str] | None = None,
        default_expires_in: float | None = None,
        *,
        allow_narrower_scope: bool = False,
    ) -> None:
        self.scope: frozenset[str] | None = scope
        self.default_expires_in: float | None = default_expires_in
        self.allow_narrower_scope: bool = allow_narrower_scope

    def of(self, scope: frozenset[str] | None) -> ResponsePolicy:
        """Return the same for a request with another scope."""
        return ResponsePolicy(
            scope, self.default_expires_in, allow_narrower_scope=self.allow_narrower_scope
        )


def response_policy(
    default_expires_in: float | None, *, allow_narrower_scope: bool
) -> ResponsePolicy:
    """Return it as a caller gives it. Raises TokenConfigurationError for what is no lifetime."""
    try:
        lifetime = read_lifetime(default_expires_in)
    except ValueError:
        raise TokenConfigurationError("default_expires_in must be a number of seconds") from None
    return ResponsePolicy(default_expires_in=lifetime, allow_narrower_scope=allow_narrower_scope)


class OAuthErrorFields(NamedTuple):
    """The members of an OAuth error object, each None when absent or not text (RFC 6749 §5.2)."""

    error: str | None = None
    error_description: str | None = None
    error_uri: str | None = None

    def __str__(self) -> str:
        words = [error_words(word) for word in (self.error, self.error_description) if word]
        return ": ".join(words)


def read_object(body: bytes) -> dict[str, object] | None:
    """Return the JSON object in a body, None when it holds anything else."""
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def read_oauth_error(
    members: Mapping[str, object], credentials: frozenset[str] = frozenset()
) -> OAuthErrorFields:
    """Return the error members of a response, without the client's credentials."""

    def text(name: str) -> str | None:
        value = members.get(name)
        return mask_secrets(value, credentials) if isinstance(value, str) and value else None

    return OAuthErrorFields(text("error"), text("error_description"), text("error_uri"))


def read_token(
    members: Mapping[str, object] | None,
    expected: ResponsePolicy | None = None,
    *,
    sent_at: float | None = None,
    sent_on: datetime | None = None,
) -> Token:
    """Return the token that a response's members describe; None is a body that is no object.

    Raises TokenResponseError naming the member that is wrong, never the value of a token.
    """
    expected = expected or ResponsePolicy()
    if not isinstance(members, Mapping):
        raise TokenResponseError("the response is not a JSON object")
    access_token = members.get("access_token")
    if not is_b64token(access_token):
        raise TokenResponseError(_token_problem(access_token))
    granted = _granted(members.get("scope"), expected)
    return Token(
        str(access_token),
        _lifetime(members.get("expires_in"), expected),
        token_type=_token_type(members.get("token_type")),
        refresh_token=read_refresh_token(members.get("refresh_token")),
        scope=granted,
        extra={name: value for name, value in members.items() if name not in _READ},
        sent_at=sent_at,
        sent_on=sent_on,
    )


def _token_problem(value: object) -> str:
    if value is None or value == "":
        return "no access_token in the response"
    if not isinstance(value, str):
        return "the access_token in the response is not text"
    return "the access_token in the response is none that a header may carry (RFC 6750 §2.1)"


def read_refresh_token(value: object) -> str | None:
    """Return a refresh token, None for what is none that could be sent."""
    return value if isinstance(value, str) and is_sendable(value) else None


def _lifetime(value: object, expected: ResponsePolicy) -> int | None:
    try:
        lifetime = read_lifetime(value)
    except ValueError as error:
        raise TokenResponseError(f"{error} in the response") from None
    return read_lifetime(expected.default_expires_in) if lifetime is None else lifetime


def _token_type(value: object) -> str:
    # The members that are promised on the project page are access_token and expires_in alone.
    if value is None or (isinstance(value, str) and value.lower() == "bearer"):
        return "Bearer"
    raise TokenResponseError(
        f"token_type {printable(repr(value), 40)} in the response is not Bearer: such a token must "
        "not be used without knowing how (RFC 6749 §7.1)"
    )


def _granted(value: object, expected: ResponsePolicy) -> frozenset[str] | None:
    if value is None:
        return expected.scope
    granted = _scope_values(value)
    missing = (expected.scope or frozenset()) - granted
    if missing and not expected.allow_narrower_scope:
        lacking = printable(" ".join(sorted(missing)))
        raise TokenResponseError(
            f"the server granted less than was asked for: {lacking} is missing from scope; "
            "ask for less, or pass allow_narrower_scope=True"
        )
    return granted


def _scope_values(value: object) -> frozenset[str]:
    # Some servers send a JSON list where the standard has one string with spaces.
    values = cast("list[object]", value) if isinstance(value, list) else str(value).split(" ")
    if not isinstance(value, str | list) or not all(isinstance(word, str) for word in values):
        raise TokenResponseError("scope in the response is not text")
    return frozenset(map(str, values)) - {""}
