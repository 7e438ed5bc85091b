"""A token as a token cache keeps it: JSON text, by the wall clock.

Pure: the clocks' times come with the call. Reading is strict, for the text may come from anywhere;
whatever is odd is no record. It knows nothing of caches.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn, cast

from aioalf._syntax import MAX_LIFETIME, is_b64token, is_sendable
from aioalf.token import Token

VERSION: Final = 1
"""Of the text's form; a text of another version is no record."""

_OF_A_TOKEN: Final = frozenset(
    {"access_token", "token_type", "expires_in", "expires_on", "scope", "extra"}
)
_MEMBERS: Final = _OF_A_TOKEN | {"version", "refresh_token", "issuer", "derived"}


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """What was granted: a token, the refresh token that came with it, and who issued both.

    ``issuer`` is the issuer or the token endpoint, the only one that ``refresh_token`` may be sent
    to (RFC 6749 §10.4). ``derived`` are tokens that were got with that for something else, by what
    that is. ``repr`` shows no secret, and it cannot be pickled.
    """

    token: Token
    refresh_token: str | None = field(default=None, repr=False)
    issuer: str | None = None
    derived: Mapping[str, Token] = field(default_factory=dict[str, Token])


def write_stored_login(record: StoredLogin) -> str:
    """Return the record as text, which holds its secrets in the clear.

    Members of ``extra`` that JSON has no form for are left out. Raises ValueError for a token that
    could not be read again: one that is no Bearer token, or that no header may carry.
    """
    members = {
        "version": VERSION,
        **_members_of(record.token),
        "refresh_token": record.refresh_token or None,
        "issuer": record.issuer or None,
        "derived": {name: _members_of(token) for name, token in record.derived.items()},
    }
    return json.dumps(members, allow_nan=False, separators=(",", ":"))


def _members_of(token: Token) -> dict[str, object]:
    if not _is_usable(token.access_token, token.token_type):
        raise ValueError("only a Bearer token that a header may carry (RFC 6750 §2.1) is kept")
    return {
        "access_token": token.access_token,
        "token_type": token.token_type,
        "expires_in": token.expires_in,
        "expires_on": token.expires_on and token.expires_on.astimezone(UTC).isoformat(),
        "scope": None if token.scope is None else sorted(token.scope),
        "extra": {name: value for name, value in token.extra.items() if _is_json(value)},
    }


def read_stored_login(text: str, *, now: datetime, monotonic: float) -> StoredLogin | None:
    """Return the record in a text, None where the text is not exactly one.

    ``now``, aware, and ``monotonic`` are one moment on the two clocks. The token's deadline is what
    is left of its lifetime by the wall clock: nothing, once it has expired; never more than
    ``expires_in`` from now, where that clock was set back meanwhile.
    """
    try:
        return _read(_object_in(text), now, monotonic)
    except (ValueError, OverflowError, RecursionError):
        return None


def _read(members: Mapping[str, object], now: datetime, monotonic: float) -> StoredLogin:
    read = _Members(members)
    derived = {
        name: _token(_Members(each), now, monotonic) for name, each in read.derived().items()
    }
    token = _token(read, now, monotonic)
    return StoredLogin(token, read.text("refresh_token"), read.text("issuer"), derived)


def _token(read: _Members, now: datetime, monotonic: float) -> Token:
    lifetime, sent_on = read.times(now)
    age = (now - sent_on).total_seconds()
    return Token(
        read.access_token(),
        lifetime,
        scope=read.scope(),
        extra=read.extra(),
        sent_at=monotonic - age,
        sent_on=sent_on,
    )


class _Members:
    """The members of a record, each of its kind or a ValueError."""

    def __init__(self, members: Mapping[str, object]) -> None:
        self._members = members

    def access_token(self) -> str:
        access_token = self._members["access_token"]
        if not _is_usable(access_token, self._members["token_type"]):
            raise ValueError("no Bearer token")
        return str(access_token)

    def derived(self) -> dict[str, Mapping[str, object]]:
        value = self._members["derived"]
        if not isinstance(value, dict):
            raise ValueError("derived is no object")  # noqa: TRY004 - a text's value
        tokens = cast("dict[str, object]", value)
        for each in tokens.values():
            if not isinstance(each, dict) or cast("dict[str, object]", each).keys() != _OF_A_TOKEN:
                raise ValueError("derived holds something that is no token")
        return cast("dict[str, Mapping[str, object]]", tokens)

    def text(self, name: str) -> str | None:
        value = self._members[name]
        if value is None or (isinstance(value, str) and is_sendable(value)):
            return value
        raise ValueError(f"{name} is no text")

    def times(self, now: datetime) -> tuple[int | None, datetime]:
        """The lifetime, and when its token was asked for: never later than now."""
        lifetime, expires_on = self._members["expires_in"], self.text("expires_on")
        if lifetime is None and expires_on is None:
            return None, now
        # `type`, for True is an int.
        if type(lifetime) is not int or not 0 <= lifetime <= MAX_LIFETIME or expires_on is None:
            raise ValueError("no lifetime")
        expires = datetime.fromisoformat(expires_on)
        if expires.tzinfo is None:
            raise ValueError("expires_on has no time zone")
        return lifetime, min(now, expires.astimezone(UTC) - timedelta(seconds=lifetime))

    def scope(self) -> frozenset[str] | None:
        value = self._members["scope"]
        if value is None:
            return None
        words = cast("list[object]", value) if isinstance(value, list) else [None]
        scope = frozenset(word for word in words if isinstance(word, str) and word)
        if len(scope) != len(words):
            raise ValueError("scope is no list of different words")
        return scope

    def extra(self) -> Mapping[str, object]:
        value = self._members["extra"]
        if not isinstance(value, dict):
            raise ValueError("extra is no object")  # noqa: TRY004 - a text's value
        return cast("dict[str, object]", value)


def _object_in(text: str) -> dict[str, object]:
    value = json.loads(text, parse_constant=_refuse)
    if not isinstance(value, dict):
        raise ValueError("no object")  # noqa: TRY004 - a text's value
    members = cast("dict[str, object]", value)
    # True is 1, and so is 1.0: no version of ours.
    if members.keys() != _MEMBERS or repr(members["version"]) != repr(VERSION):
        raise ValueError("no record of this version")
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _is_usable(access_token: object, token_type: object) -> bool:
    return token_type == "Bearer" and is_b64token(access_token)  # noqa: S105 - a type


def _is_json(value: object) -> bool:
    write: Callable[..., str] = json.dumps
    try:
        write(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
