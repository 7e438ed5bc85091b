"""`CacheNote`: a message of one client to the others in a token cache, as JSON text.

A note says that the token endpoint failed, that a request will be retried, or that a user is
signing in. It holds no secret, and a text that is not a note is ignored. Pure: the caller passes
the current time.
"""

import json
import math
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from aioalf._masking import printable
from aioalf.errors import (
    AUTHORIZATION_ERRORS,
    AuthorizationError,
    LoginTimeoutError,
    MetadataError,
    OAuthError,
    SignInResponseError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)

MAX_SECONDS: Final = 60.0
"""A note never tells others to wait longer than this, whatever the clocks of two machines say."""

_MAX_MESSAGE: Final = 1000
"""The most characters of an error message that are read from a note."""

_KINDS: Final[dict[str, type[TokenError]]] = {
    kind.__name__: kind
    for kind in (
        *AUTHORIZATION_ERRORS.values(),
        *(AuthorizationError, LoginTimeoutError, MetadataError, TokenConnectionError),
        *(TokenHTTPError, TokenResponseError, SignInResponseError),
    )
}

_WORDS: Final = ("error", "error_description", "error_uri")


class NoteKind(StrEnum):
    """The event that a note reports."""

    FAILED = "failed"
    """No token was granted. Others raise the same error until the note ends."""

    RETRYING = "retrying"
    """A request failed. When the note ends, the first client that sees that repeats the request."""

    SIGNING_IN = "signing in"
    """A user is signing in. The client that asked the user renews the note until the sign-in
    ends."""


class CacheNote(NamedTuple):
    """A note. ``until`` is in seconds since the epoch, ``by`` names the process that wrote it."""

    kind: NoteKind
    until: float
    by: str
    attempt: int = 0
    """The number of requests so far, for `NoteKind.RETRYING`."""
    began: float = 0.0
    """When the first of these requests was sent, in seconds since the epoch."""
    failed: float = 0.0
    """When the last request failed, in seconds since the epoch, for `NoteKind.FAILED`."""
    failure: Mapping[str, object] = MappingProxyType({})
    """The error, for `NoteKind.FAILED`."""

    def seconds_left(self, now: float) -> float:
        """Return the seconds until the note ends; `now` is in seconds since the epoch."""
        return min(max(0.0, self.until - now), MAX_SECONDS)

    def is_credible(self, now: float) -> bool:
        """Return whether the note may be from the past if clocks differ by at most `MAX_SECONDS`.

        Otherwise a clock was set back, and others would wait until the old time is reached again.
        """
        written = self.failed if self.kind is NoteKind.FAILED else self.until - MAX_SECONDS
        return written <= now + MAX_SECONDS

    def error(self, now: float) -> TokenError:
        """Return the error in the note; `now` is in seconds since the epoch."""
        kind = _KINDS.get(str(self.failure.get("type")), TokenError)
        said = printable(str(self.failure.get("message")), _MAX_MESSAGE)
        message = (
            f"{said} (another client with the same token cache got this error; the next attempt is "
            f"possible in {math.ceil(self.seconds_left(now))} seconds)"
        )
        if not issubclass(kind, TokenHTTPError):
            error = kind(message)
        else:
            status = self.failure.get("status")
            error = kind(message, status if isinstance(status, int) else None)
        for name in _WORDS:
            if isinstance(value := self.failure.get(name), str):
                setattr(error, name, value)
        return error


def failure_note(error: Exception, now: float, pause: float, by: str) -> CacheNote:
    """Return a note about an error that has just occurred, without the response in the error."""
    message = str(error.args[0]) if error.args else ""  # str() of some errors has the response
    members: dict[str, object] = {"type": type(error).__name__, "message": message}
    if isinstance(error, OAuthError):
        members |= {name: getattr(error, name) for name in _WORDS}
    if isinstance(error, TokenHTTPError):
        members["status"] = error.response_status
    return CacheNote(NoteKind.FAILED, now + pause, by, failed=now, failure=members)


def write_note(note: CacheNote) -> str:
    return json.dumps({**note._asdict(), "failure": dict(note.failure)}, allow_nan=False)


def read_note(text: str | None, now: float) -> CacheNote | None:
    """Return the note in a text, or None if the text is not a note or not credible."""
    try:
        members = json.loads(text or "null")
        note = CacheNote(
            NoteKind(members["kind"]),
            float(members["until"]),
            str(members["by"]),
            int(members["attempt"]),
            float(members["began"]),
            float(members["failed"]),
            dict(members["failure"]),
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    # Python's JSON accepts NaN and Infinity. A negative number of requests would allow endless
    # retries.
    is_valid = note.attempt >= 0 and all(map(math.isfinite, (note.until, note.began, note.failed)))
    return note if is_valid and note.is_credible(now) else None
