"""Times that callers give, in seconds. Pure."""

from __future__ import annotations

import math

from aioalf.errors import TokenConfigurationError


def check_seconds(name: str, value: float) -> float:
    """Return the value. Raises TokenConfigurationError for what is no finite time from 0 up."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise TokenConfigurationError(f"{name} must be a finite number of seconds from 0 up")
    return value
