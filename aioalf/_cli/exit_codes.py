"""What a command ends with: the exit code and the sentence of each thing that can go wrong. Pure.

docs/cli.rst has the codes as a table.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from aiohttp import ClientError

from aioalf._cli.profiles import NoProfileError
from aioalf._redaction import printable
from aioalf.errors import (
    AccessDeniedError,
    InsecureTransportWarning,
    LoginRequiredError,
    LoginTimeoutError,
    ScopeNotGrantedError,
    TokenConfigurationError,
    TokenError,
)


class Exit(IntEnum):
    """The codes; those of a shell for a program that was called wrongly, and that Ctrl-C ended."""

    OK = 0
    FAILED = 1
    USAGE = 2
    LOGIN_REQUIRED = 3
    DENIED = 4
    INTERRUPTED = 130


class RequestFailedError(Exception):
    """The answer's status counts as a failure, for ``--fail`` says so, or it cannot be written."""


class Ending(NamedTuple):
    """How a command ended: its code, and what to tell the person."""

    code: Exit
    sentence: str


_CODES: tuple[tuple[type[Exception], Exit], ...] = (
    (AccessDeniedError, Exit.DENIED),
    (LoginRequiredError, Exit.LOGIN_REQUIRED),
    (LoginTimeoutError, Exit.LOGIN_REQUIRED),
    (ScopeNotGrantedError, Exit.LOGIN_REQUIRED),
    (TokenConfigurationError, Exit.USAGE),
    (InsecureTransportWarning, Exit.USAGE),
    (RequestFailedError, Exit.FAILED),
    (TokenError, Exit.FAILED),
)

EXPECTED: tuple[type[Exception], ...] = (
    *(kind for kind, _ in _CODES),
    ClientError,
    OSError,  # TimeoutError is one
)
"""What may happen to whoever calls a command; anything else is a mistake of ours."""


def ending_of(error: Exception, profile: str) -> Ending:
    """Return how a command ends that one of `EXPECTED` has ended."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), Exit.FAILED)
    login = "python -m aioalf login" + ("" if profile == "default" else f" --profile {profile}")
    if isinstance(error, NoProfileError):
        return Ending(code, f"{error}: log in with `{login} --issuer URL --client-id ID`")
    if isinstance(error, LoginRequiredError):
        return Ending(code, f"{error}: log in with `{login}`")
    if isinstance(error, ScopeNotGrantedError):
        missing = printable(" ".join(sorted(error.missing)))
        return Ending(
            code,
            f"The login has not the scope {missing}: log in with `{login} --scope ...`, and ask "
            "there for all that is needed",
        )
    if isinstance(error, ClientError | OSError) and not isinstance(error, TokenError):
        reason = str(error) or type(error).__name__
        return Ending(code, f"The request could not be made, or its answer not read: {reason}")
    return Ending(code, str(error))
