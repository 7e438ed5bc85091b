"""`StoredLogin`: the tokens of a login as JSON text for a token cache, with wall-clock times.

Pure: the caller passes the current time. Reading is strict, since a cache may hold any text: an
unexpected member makes the whole text invalid. Must not know caches.
"""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple, NoReturn, cast

from aioalf._hidden_repr import MaskedStr
from aioalf._syntax import MAX_LIFETIME, is_sendable, is_visible_ascii
from aioalf.token import Token

VERSION: Final = 1
"""The version of the format. Texts of other versions are invalid."""

_TOKEN_MEMBERS: Final = frozenset(
    {
        *("access_token", "token_type", "expires_in", "expires_on"),
        *("scope", "missing_scope", "extra"),
    }
)
_MEMBERS: Final = _TOKEN_MEMBERS | {*("version", "refresh_token", "issuer", "derived", "stored_on")}


class StoredLogin(NamedTuple):
    """The tokens of a login. ``repr`` does not show them, and they cannot be pickled.

    If there is only a refresh token, ``token`` is ``Token()``, which is empty and has expired.
    ``issuer`` is the issuer or the token endpoint: ``refresh_token`` may be sent to this server
    only (RFC 6749 §10.4). ``derived`` holds the tokens of derived clients by name. ``stored_on``
    is when the login was written (aware), which also makes each text unique.
    """

    token: Token
    refresh_token: str | None = None
    issuer: str | None = None
    derived: Mapping[str, Token] = MappingProxyType({})
    stored_on: datetime | None = None

    def __repr__(self) -> str:
        return f"<StoredLogin of {self.issuer}>"


def write_stored_login(stored: StoredLogin) -> str:
    """Return a login as text, which contains its tokens unencrypted.

    Members of ``extra`` that JSON cannot represent are left out. Raises ValueError for a token that
    could not be read again: its type is not Bearer, or it is not a valid header value.
    """
    members = {
        "version": VERSION,
        **_token_members(stored.token),
        "refresh_token": stored.refresh_token or None,
        "issuer": stored.issuer or None,
        "derived": {name: _token_members(token) for name, token in stored.derived.items()},
        "stored_on": stored.stored_on and stored.stored_on.astimezone(UTC).isoformat(),
    }
    return json.dumps(members, allow_nan=False, separators=(",", ":"))


def _token_members(token: Token) -> dict[str, object]:
    if not _is_usable(token.access_token, token.token_type, token.expires_in):
        raise ValueError("only Bearer tokens that are valid header values can be stored")
    return {
        "access_token": token.access_token,
        "token_type": token.token_type,
        "expires_in": token.expires_in,
        "expires_on": token.expires_on and token.expires_on.astimezone(UTC).isoformat(),
        "scope": None if token.scope is None else sorted(token.scope),
        "missing_scope": sorted(token.missing_scope),
        "extra": {name: value for name, value in token.extra.items() if _is_json(value)},
    }


def read_stored_login(text: str, *, now: datetime, monotonic: float) -> StoredLogin | None:
    """Return the login in a text, or None if the text is invalid.

    ``now`` (aware) and ``monotonic`` are the current time on both clocks. The deadline of a token
    follows from ``expires_on``, but is at most ``expires_in`` from now: the wall clock may have
    been set back since.
    """
    try:
        members = _parse(text)
        derived = _read_derived(members)
        return StoredLogin(
            _read_token(members, now, monotonic),
            _read_text(members, "refresh_token"),
            _read_text(members, "issuer"),
            {name: _read_token(each, now, monotonic) for name, each in derived.items()},
            _read_time(members, "stored_on"),
        )
    except (ValueError, OverflowError, RecursionError):
        return None


def is_damaged(text: str | None) -> bool:
    """Return whether no version of this package can have written the text."""
    if text is None:
        return False
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        return True
    return not (isinstance(members, dict) and "version" in members)


def ttl_of(stored: StoredLogin, subject_ttl: float | None) -> float | None:
    """Return the seconds for which a login is stored; None without a limit.

    A refresh token outlives the access tokens: it is stored for `subject_ttl` seconds.
    """
    lifetimes = [token.expires_in for token in (stored.token, *stored.derived.values())]
    if stored.refresh_token or None in lifetimes:
        return subject_ttl
    return max(each for each in lifetimes if each is not None)


def _parse(text: str) -> dict[str, object]:
    value = json.loads(text, parse_constant=_refuse_constant)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    members = cast("dict[str, object]", value)
    # Compare the text of the version: True and 1.0 equal 1.
    if members.keys() != _MEMBERS or repr(members["version"]) != repr(VERSION):
        raise ValueError("another version")
    return members


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _read_token(members: Mapping[str, object], now: datetime, monotonic: float) -> Token:
    access_token, token_type = members["access_token"], members["token_type"]
    lifetime, sent_on = _read_times(members, now)
    if not _is_usable(access_token, token_type, lifetime):
        raise ValueError("not a Bearer token")
    age = math.inf if lifetime is None else (now - sent_on).total_seconds()
    return Token(
        str(access_token),
        lifetime,
        scope=_read_words(members, "scope"),
        missing_scope=_read_words(members, "missing_scope") or frozenset(),
        extra=_read_object(members, "extra"),
        sent_at=monotonic - age,
        sent_on=sent_on,
    )


def _read_times(members: Mapping[str, object], now: datetime) -> tuple[int | None, datetime]:
    """Return the lifetime, and when the token was requested: now or earlier."""
    lifetime, expires_on = members["expires_in"], _read_time(members, "expires_on")
    if lifetime is None and expires_on is None:
        return None, now
    # type() instead of isinstance(): True is an int, too.
    if type(lifetime) is not int or not 0 <= lifetime <= MAX_LIFETIME or expires_on is None:
        raise ValueError("not a lifetime")
    return lifetime, min(now, expires_on - timedelta(seconds=lifetime))


def _read_time(members: Mapping[str, object], name: str) -> datetime | None:
    text = _read_text(members, name)
    if text is None:
        return None
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{name} has no time zone")
    return time.astimezone(UTC)


def _read_text(members: Mapping[str, object], name: str) -> str | None:
    value = members[name]
    if value is None:
        return None
    if isinstance(value, str) and is_sendable(value):
        return MaskedStr(value)
    raise ValueError(f"{name} is not a text")


def _read_words(members: Mapping[str, object], name: str) -> frozenset[str] | None:
    value = members[name]
    if value is None:
        return None
    words = cast("list[object]", value) if isinstance(value, list) else [None]
    scope = frozenset(word for word in words if isinstance(word, str) and word)
    if len(scope) != len(words):
        raise ValueError(f"{name} is not a list of unique words")
    return scope


def _read_object(members: Mapping[str, object], name: str) -> dict[str, object]:
    value = members[name]
    if not isinstance(value, dict):
        raise ValueError(f"{name} is not an object")
    return cast("dict[str, object]", value)


def _read_derived(members: Mapping[str, object]) -> dict[str, dict[str, object]]:
    tokens = _read_object(members, "derived")
    for each in tokens.values():
        if not isinstance(each, dict) or cast("object", each.keys()) != _TOKEN_MEMBERS:
            raise ValueError("derived holds something other than tokens")
    return cast("dict[str, dict[str, object]]", tokens)


def _is_usable(access_token: object, token_type: object, lifetime: object) -> bool:
    is_empty = access_token == "" and lifetime == 0
    return token_type == "Bearer" and (is_empty or is_visible_ascii(access_token))


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
