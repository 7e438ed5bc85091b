"""What a test may turn on a running server; every request looks anew.

Plain values; knows no HTTP.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aioalf.testing.faults import Fault

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""Any value that JSON can say."""


class Missing(enum.Enum):
    """The type of `MISSING`."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
"""Leaves ``expires_in`` out of token responses."""

REALM = "aioalf.testing"


@dataclass(kw_only=True, eq=False, repr=False)
class Settings:
    """The switches of `OAuthServer`: keywords of its constructor, and settable at any time."""

    expires_in: Json | Missing = 3600
    """Sent as it is, whatever it is; `MISSING` leaves it out. Above 0 (also as a numeric string)
    it is the token's life in seconds; a token with any other lives until it is revoked."""
    token_type: str = "Bearer"
    """Sent with each token."""
    challenge: str = f'Bearer realm="{REALM}", error="invalid_token"'
    """``WWW-Authenticate`` of the API's 401 to a token that it refuses; ``""`` sends none."""
    token_fault: Fault | None = None
    """What goes wrong at the token endpoint."""
    api_fault: Fault | None = None
    """What goes wrong at the API."""
    allow_body_secret: bool = False
    """Take ``client_id`` and ``client_secret`` from the form too (RFC 6749 §2.3.1)."""
    decode_basic: bool = True
    """Form-decode the parts of HTTP Basic as RFC 6749 §2.3.1 asks; some servers do not."""
    login_lifetime: float = 600.0
    """Seconds in which a login page may be answered."""


def take_token_fault(settings: Settings) -> Fault | None:
    """The fault that a token request meets, which is thereby spent once."""
    fault = settings.token_fault
    settings.token_fault = None if fault is None else fault.spent()
    return fault


def take_api_fault(settings: Settings) -> Fault | None:
    """The fault that an API request meets, which is thereby spent once."""
    fault = settings.api_fault
    settings.api_fault = None if fault is None else fault.spent()
    return fault
