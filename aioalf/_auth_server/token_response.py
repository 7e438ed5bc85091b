"""Reads a token response: takes its members, returns a `Token` or raises `TokenResponseError`.

Sends nothing. Any value of any member must be handled (RFC 6749 §5.1). An unusual but
harmless value is accepted with one warning.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Final, NamedTuple, cast

from aioalf._auth_server.expiry import EXPIRES_IN, ExpiryMembers, read_expiry
from aioalf._auth_server.granted_scope import GrantedScope, ScopeRules, read_scope
from aioalf._hidden_repr import MaskedDict, MaskedStr
from aioalf._masking import mask_secrets, printable
from aioalf._syntax import is_sendable, is_visible_ascii, number_or_type, read_lifetime
from aioalf.errors import TokenConfigurationError, TokenResponseError
from aioalf.token import Token

logger: logging.Logger = logging.getLogger(__name__)

_READ: Final = frozenset({"access_token", "token_type", "expires_in", "scope", "refresh_token"})

_NOT_BEARER: Final = frozenset({"dpop", "mac", "n_a"})
"""Types of token that no API accepts in a Bearer header (RFC 6749 §7.1, RFC 8693 §2.2.1)."""

_MAX_NAMES: Final = 12

_MAX_DEPTH: Final = 50
"""The levels of a member of ``Token.extra``. Much deeper ones could not be stored or read again."""


class ResponsePolicy(NamedTuple):
    """The requested scope, and how to read what a response says or leaves out.

    `scope` is None if no scope was requested. `wanted_scope` is the scope of the client: a refresh
    requests only what was granted of it. `default_expires_in`, in seconds, replaces a lifetime
    that is unknown. `require_scope` refuses a token with less scope than requested.
    `is_interactive` says that a user signs in, so a token must not be thrown away.
    `token_types` are words for Bearer that this server uses.
    """

    scope: frozenset[str] | None = None
    wanted_scope: frozenset[str] | None = None
    default_expires_in: float | None = None
    require_scope: bool = False
    is_interactive: bool = False
    scope_rules: ScopeRules = ScopeRules()
    token_types: frozenset[str] = frozenset()
    expiry: ExpiryMembers = EXPIRES_IN

    def of(
        self, scope: frozenset[str] | None, wanted_scope: frozenset[str] | None = None
    ) -> "ResponsePolicy":
        """Return the same policy for another requested scope."""
        return self._replace(scope=scope, wanted_scope=wanted_scope)


DEFAULT_POLICY: Final = ResponsePolicy()


def read_default_expires_in(value: float | None) -> int | None:
    """Return a user's option. Raises TokenConfigurationError if it is not a number of seconds."""
    try:
        return read_lifetime(value)
    except ValueError:
        raise TokenConfigurationError(
            "default_expires_in must be a finite number of seconds, 0 or more, "
            f"not {number_or_type(value)}"
        ) from None


class Warnings:
    """Logs each kind of warning about a server's responses once."""

    __slots__ = ("_logged",)

    def __init__(self) -> None:
        self._logged: tuple[str, ...] = ()

    def log(self, kind: str, message: str) -> None:
        """Log a message, unless one of the same kind was logged."""
        if kind not in self._logged:
            self._logged += (kind,)
            logger.warning("%s", message)


def read_token(
    members: Mapping[str, object] | None,
    expected: ResponsePolicy | None = None,
    *,
    sent_at: float | None = None,
    sent_on: datetime | None = None,
    secrets: frozenset[str] = frozenset(),
    warnings: Warnings | None = None,
) -> Token:
    """Return the token in the members of a response; None means that the body is not an object.

    `sent_at` and `sent_on` are the times of the request, as in `Token`. Raises TokenResponseError
    that says what is missing; it never shows a token or one of the `secrets`.
    """
    expected = expected or ResponsePolicy()
    if not isinstance(members, Mapping):
        raise TokenResponseError("the response is not a JSON object")
    members = MaskedDict(members)  # error reports show local variables
    if problem := _token_problem(members, secrets):
        raise TokenResponseError(problem)
    reader = _Reader(members, expected, secrets, warnings or Warnings())
    token_type = reader.token_type()
    granted = reader.granted_scope()
    extra = reader.extra()
    if token_type is not None:
        extra["token_type"] = token_type
    return Token(
        str(members["access_token"]),
        reader.lifetime(datetime.now(UTC) if sent_on is None else sent_on),
        refresh_token=read_refresh_token(members.get("refresh_token")),
        scope=granted.scope,
        missing_scope=granted.missing,
        extra=extra,
        sent_at=sent_at,
        sent_on=sent_on,
    )


def read_refresh_token(value: object) -> str | None:
    """Return a refresh token, None if the value could not be sent in a request."""
    return MaskedStr(value) if isinstance(value, str) and is_sendable(value) else None


def _token_problem(members: Mapping[str, object], secrets: frozenset[str]) -> str:
    value = members.get("access_token")
    if is_visible_ascii(value):
        return ""
    if value is None or value == "":
        first = islice(members, _MAX_NAMES)
        names = [printable(mask_secrets(str(name), secrets), 40) for name in first]
        shown = ", ".join(names) + (", …" if len(members) > _MAX_NAMES else "")
        return f"no access_token in the response; it has {shown or 'no members'}"
    if not isinstance(value, str):
        return "the access_token in the response is not text"
    return (
        "the access_token in the response is not a valid header value: it has characters that are "
        "not visible ASCII (RFC 6749 App. A.12)"
    )


def check_scope(token: Token, expected: ResponsePolicy) -> None:
    """Raise TokenResponseError if a stored token has less scope than the policy requires."""
    if expected.require_scope and token.missing_scope:
        raise TokenResponseError(f"The stored token is refused: {_too_little(token.missing_scope)}")


def _too_little(missing: frozenset[str], secrets: frozenset[str] = frozenset()) -> str:
    return (
        f"the server granted less scope than requested: {_shown(missing, secrets)} is missing, and "
        "require_scope=True refuses such a token; request less, or log out and grant more at the "
        "next sign-in"
    )


def _shown(scope: frozenset[str], secrets: frozenset[str]) -> str:
    return printable(mask_secrets(" ".join(sorted(scope)), secrets))


def _is_shallow(value: object, depth: int = _MAX_DEPTH) -> bool:
    inner: Iterable[object] = ()
    if isinstance(value, Mapping):
        inner = cast("Mapping[str, object]", value).values()
    elif isinstance(value, list):
        inner = cast("list[object]", value)
    return depth >= 0 and all(_is_shallow(each, depth - 1) for each in inner)


class _Reader:
    """Reads the members besides the access token."""

    def __init__(
        self,
        members: Mapping[str, object],
        expected: ResponsePolicy,
        secrets: frozenset[str],
        warnings: Warnings,
    ) -> None:
        self._members = members
        self._expected = expected
        self._secrets = secrets
        self._warn = warnings.log

    def lifetime(self, sent_on: datetime) -> int | None:
        try:
            lifetime = read_expiry(self._members, self._expected.expiry, sent_on)
        except ValueError as problem:
            self._warn("expiry", f"The lifetime of a token is unknown: {problem}")
            lifetime = None
        if lifetime == 0 and self._expected.is_interactive:
            lifetime = None  # a server means "never", and a user must not sign in each time
        return read_lifetime(self._expected.default_expires_in) if lifetime is None else lifetime

    def token_type(self) -> str | None:
        """Return the type if it is another word for Bearer."""
        value = self._members.get("token_type")
        if value is None or (isinstance(value, str) and value.lower() in {"bearer", ""}):
            return None
        word = value if isinstance(value, str) else type(value).__name__
        shown = printable(repr(mask_secrets(word, self._secrets)), 40)
        if word.lower() in _NOT_BEARER:
            raise TokenResponseError(
                f"token_type {shown} in the response is not Bearer: such a token must not be sent "
                "as a Bearer token (RFC 6749 §7.1)"
            )
        if word not in self._expected.token_types:
            self._warn("token_type", f"A token of token_type {shown} is used as a Bearer token")
        return word

    def extra(self) -> dict[str, object]:
        others = [each for each in self._members.items() if each[0] not in _READ]
        extra = MaskedDict({name: value for name, value in others if _is_shallow(value)})
        if len(extra) < len(others):
            self._warn("depth", "Members of a token response that are nested too deep are left out")
        return extra

    def granted_scope(self) -> GrantedScope:
        expected = self._expected
        granted = read_scope(
            self._members.get("scope"),
            expected.scope,
            expected.scope_rules,
            expected.wanted_scope,
        )
        if granted is None:
            self._warn("scope", "The granted scope is unknown: scope in a response is not text")
            return GrantedScope(expected.scope)
        if granted.missing:
            if expected.require_scope:
                raise TokenResponseError(_too_little(granted.missing, self._secrets))
            names = _shown(granted.missing, self._secrets)
            self._warn("missing", f"The server granted less scope than requested: without {names}")
        return granted
