"""The lifetime of a token in its response, in the forms that servers use. Pure.

RFC 6749 §5.1 has ``expires_in`` in seconds; some servers send it as text, in milliseconds, or send
the time of the expiry.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal

from aioalf._syntax import read_lifetime

ExpiryUnit = Literal["seconds", "milliseconds", "epoch", "epoch_milliseconds", "iso"]
"""A lifetime, the time since 1970, or a date and time of ISO 8601."""

ExpiryMembers = Mapping[str, ExpiryUnit]
"""The members of a response that hold the expiry, in the order in which they are tried."""

EXPIRES_IN: Final[ExpiryMembers] = {"expires_in": "seconds"}

UNITS: Final[frozenset[ExpiryUnit]] = frozenset(
    {"seconds", "milliseconds", "epoch", "epoch_milliseconds", "iso"}
)


def read_expires_in(value: object) -> int | None:
    """Return the ``expires_in`` of a response in whole seconds, None if it is absent.

    Servers send a number, or a string with a number in it, also with spaces around it. Raises
    ValueError as `read_lifetime`.
    """
    return read_lifetime(value.strip() if isinstance(value, str) else value)


def read_expiry(members: Mapping[str, object], names: ExpiryMembers, now: datetime) -> int | None:
    """Return the lifetime in whole seconds from `now`, None if the response does not have it.

    Raises ValueError that names the member, if a value is not a lifetime.
    """
    for name, unit in names.items():
        value = members.get(name)
        if value is None or value == "":
            continue
        try:
            return _seconds(value, unit, now)
        except (ValueError, OverflowError):
            raise ValueError(f"{name} in the response is not a lifetime") from None
    return None


def _seconds(value: object, unit: ExpiryUnit, now: datetime) -> int | None:
    if unit == "seconds":
        return read_expires_in(value)
    if unit == "iso":
        at = datetime.fromisoformat(str(value).strip())
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return read_lifetime((at - now).total_seconds())
    number = _number(value) / (1000 if unit.endswith("milliseconds") else 1)
    return read_lifetime(number - now.timestamp() if unit.startswith("epoch") else number)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("not a number")  # noqa: TRY004 - a wrong value, not a wrong call
    return float(value)
