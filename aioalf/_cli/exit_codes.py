"""The exit code and the error message for each way a command can fail. No I/O.

docs/reference/cli.rst lists the exit codes.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from aiohttp import ClientError

from aioalf._cli.profiles import DEFAULT_PROFILE, NoProfileError
from aioalf._masking import printable
from aioalf.errors import (
    AccessDeniedError,
    InsecureTransportWarning,
    LoginRequiredError,
    LoginTimeoutError,
    ScopeNotGrantedError,
    TokenConfigurationError,
    TokenError,
)


class ExitCode(IntEnum):
    """The exit codes. 2 and 130 are the usual ones for wrong usage and for Ctrl-C."""

    OK = 0
    FAILED = 1
    USAGE = 2
    LOGIN_REQUIRED = 3
    DENIED = 4
    INTERRUPTED = 130


class RequestFailedError(Exception):
    """The response could not be written, or has a status that ``--fail`` makes an error."""


class Failure(NamedTuple):
    """The exit code of a failed command, and the message for the user."""

    code: ExitCode
    message: str


_CODES: tuple[tuple[type[Exception], ExitCode], ...] = (
    (AccessDeniedError, ExitCode.DENIED),
    (LoginRequiredError, ExitCode.LOGIN_REQUIRED),
    (LoginTimeoutError, ExitCode.LOGIN_REQUIRED),
    (ScopeNotGrantedError, ExitCode.LOGIN_REQUIRED),
    (TokenConfigurationError, ExitCode.USAGE),
    (InsecureTransportWarning, ExitCode.USAGE),
    (RequestFailedError, ExitCode.FAILED),
    (TokenError, ExitCode.FAILED),
)

EXPECTED_ERRORS: tuple[type[Exception], ...] = (
    *(error_class for error_class, _ in _CODES),
    ClientError,
    OSError,  # includes TimeoutError
)
"""Errors that are reported as one sentence. Any other exception is a bug and is not caught."""


def failure_of(error: Exception, profile: str) -> Failure:
    """Return the exit code and message for one of `EXPECTED_ERRORS`."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)
    option = "" if profile == DEFAULT_PROFILE else f" --profile {profile}"
    login = f"aioalf login{option}"
    if isinstance(error, NoProfileError):
        return Failure(code, f"{error}: log in with `{login} --issuer URL --client-id ID`")
    if isinstance(error, LoginRequiredError):
        return Failure(code, f"{error}: log in with `{login}`")
    if isinstance(error, ScopeNotGrantedError):
        missing = printable(" ".join(sorted(error.missing)))
        return Failure(
            code,
            f"The login does not have the scope {missing}: log in with `{login} --scope ...`, and "
            "list every scope that you need",
        )
    if isinstance(error, ClientError | OSError) and not isinstance(error, TokenError):
        reason = str(error) or type(error).__name__
        return Failure(code, f"The request could not be sent, or its response not read: {reason}")
    return Failure(code, str(error))
