"""Reads a token response: takes its members, returns a `Token` or raises `TokenResponseError`.

Also reads ``expires_in``, which other endpoints send in the same form. Does no I/O and reads no
clock. Any value of any member must be handled (RFC 6749 §5.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple, cast

from aioalf._masked_values import MaskedStr
from aioalf._redaction import mask_secrets, printable
from aioalf._syntax import is_b64token, is_sendable, read_lifetime
from aioalf.errors import TokenConfigurationError, TokenResponseError
from aioalf.token import Token

_READ: Final = frozenset({"access_token", "token_type", "expires_in", "scope", "refresh_token"})


class ResponsePolicy(NamedTuple):
    """The requested scope, and how to read a response that leaves something out.

    `scope` is None if no scope was requested. `default_expires_in`, in seconds, replaces an absent
    ``expires_in``. `allow_narrower_scope` accepts a token with less scope than requested.
    """

    scope: frozenset[str] | None = None
    default_expires_in: float | None = None
    allow_narrower_scope: bool = False

    def of(self, scope: frozenset[str] | None) -> ResponsePolicy:
        """Return the same policy for another requested scope."""
        return self._replace(scope=scope)


def response_policy(
    default_expires_in: float | None, *, allow_narrower_scope: bool
) -> ResponsePolicy:
    """Return a policy from a user's options.

    Raises TokenConfigurationError if `default_expires_in` is not a number of seconds.
    """
    try:
        lifetime = read_lifetime(default_expires_in)
    except ValueError:
        raise TokenConfigurationError("default_expires_in must be a number of seconds") from None
    return ResponsePolicy(default_expires_in=lifetime, allow_narrower_scope=allow_narrower_scope)


def read_token(
    members: Mapping[str, object] | None,
    expected: ResponsePolicy | None = None,
    *,
    sent_at: float | None = None,
    sent_on: datetime | None = None,
    secrets: frozenset[str] = frozenset(),
) -> Token:
    """Return the token in the members of a response; None stands for a body that is not an object.

    `sent_at` and `sent_on` are the times of the request, as in `Token`. Raises TokenResponseError
    that names the invalid member; it never shows a token or one of the `secrets`.
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
        token_type=_token_type(members.get("token_type"), secrets),
        refresh_token=read_refresh_token(members.get("refresh_token")),
        scope=granted,
        extra={name: value for name, value in members.items() if name not in _READ},
        sent_at=sent_at,
        sent_on=sent_on,
    )


def read_expires_in(value: object) -> int | None:
    """Return the ``expires_in`` of a response in whole seconds, None if it is absent.

    Servers send a number, or a string with a number in it, also with spaces around it. Raises
    ValueError as `read_lifetime`.
    """
    return read_lifetime(value.strip(" ") if isinstance(value, str) else value)


def read_refresh_token(value: object) -> str | None:
    """Return a refresh token, None if the value could not be sent in a request."""
    return MaskedStr(value) if isinstance(value, str) and is_sendable(value) else None


def _token_problem(value: object) -> str:
    if value is None or value == "":
        return "no access_token in the response"
    if not isinstance(value, str):
        return "the access_token in the response is not text"
    return "the access_token in the response is not a valid header value (RFC 6750 §2.1)"


def _lifetime(value: object, expected: ResponsePolicy) -> int | None:
    try:
        lifetime = read_expires_in(value)
    except ValueError as error:
        raise TokenResponseError(f"{error} in the response") from None
    return read_lifetime(expected.default_expires_in) if lifetime is None else lifetime


def _token_type(value: object, secrets: frozenset[str]) -> str:
    # The project page promises to accept a response with access_token and expires_in alone.
    if value is None or (isinstance(value, str) and value.lower() == "bearer"):
        return "Bearer"
    shown = repr(mask_secrets(value, secrets)) if isinstance(value, str) else type(value).__name__
    raise TokenResponseError(
        f"token_type {printable(shown, 40)} in the response is not Bearer: another type of token "
        "must not be sent as a Bearer token (RFC 6749 §7.1)"
    )


def _granted(value: object, expected: ResponsePolicy) -> frozenset[str] | None:
    if value is None:
        return expected.scope
    granted = _scope_values(value)
    missing = (expected.scope or frozenset()) - granted
    if missing and not expected.allow_narrower_scope:
        lacking = printable(" ".join(sorted(missing)))
        raise TokenResponseError(
            f"the server granted less scope than requested: {lacking} is missing from scope; "
            "request less, or pass allow_narrower_scope=True"
        )
    return granted


def _scope_values(value: object) -> frozenset[str]:
    # Some servers send a JSON list instead of a string with spaces.
    values = cast("list[object]", value) if isinstance(value, list) else str(value).split(" ")
    if not isinstance(value, str | list) or not all(isinstance(word, str) for word in values):
        raise TokenResponseError("scope in the response is not text")
    return frozenset(map(str, values)) - {""}
