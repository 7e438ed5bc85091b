"""The faults of ``--fault``: a table of their names, and the parser of the option."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast, get_args

from aioalf.testing import Endpoint, Fault

_SLOW: Final = 3.0
"""Seconds: long enough to be noticed, and shorter than the timeouts of clients."""

_OAUTH_ERRORS: Final = (
    "access_denied",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
)
"""RFC 6749 §4.1.2.1 and §5.2."""

NAMED_FAULTS: Final[Mapping[str, Fault]] = {
    "hang-up": Fault.hang_up(),
    "html": Fault.html(),
    "slow": Fault.slow(_SLOW),
    "too-many-requests": Fault.too_many_requests(),
    "truncated": Fault.truncated(),
    "wrong-json": Fault.wrong_json(),
    **{
        error: Fault.oauth_error(error, status=401 if error == "invalid_client" else 400)
        for error in _OAUTH_ERRORS
    },
}


def parse_fault(text: str) -> tuple[Endpoint, Fault]:
    """Return the endpoint and the fault of ``ENDPOINT=STATUS|NAME``.

    Raises ValueError that lists the valid names.
    """
    endpoint, _, name = text.partition("=")
    endpoints = get_args(Endpoint)
    if endpoint not in endpoints:
        raise ValueError(
            f"--fault {text!r} names no endpoint: use one of {', '.join(endpoints)}, as in "
            "token=503"
        )
    return cast("Endpoint", endpoint), _fault(name)


def _fault(name: str) -> Fault:
    if name in NAMED_FAULTS:
        return NAMED_FAULTS[name]
    if name.isdecimal() and len(name) == 3 and 200 <= int(name) <= 599:
        return Fault.status(int(name))
    raise ValueError(
        f"--fault knows no fault {name!r}: use an HTTP status from 200 to 599, or one of "
        f"{', '.join(NAMED_FAULTS)}"
    )
