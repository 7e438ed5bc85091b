"""The HTTP statuses after which the same request may succeed later. Must not know errors."""

from __future__ import annotations

from typing import Final

_TOO_MANY_REQUESTS: Final = 429  # RFC 6585 §4
_SERVER_ERROR: Final = 500  # and greater statuses


def is_retryable(status: int | None) -> bool:
    return status is not None and (status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR)
