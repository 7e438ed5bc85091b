"""The devices that wait for a user's decision: their codes, polling interval and state (RFC 8628).

Must not know requests, responses or pages.
"""

from __future__ import annotations

import math
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import Literal

from aioalf.testing._server.responses import OAuthError
from aioalf.testing._server.state.authorization import Authorization
from aioalf.testing.settings import Settings

_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # without vowels, so that no words appear (§6.1)
_SLOW_DOWN_SECONDS = 5.0  # §3.5


@dataclass
class WaitingDevice:
    """A device that has requested a token; ``authorization`` has a user after approval."""

    device_code: str = field(repr=False)
    user_code: str
    authorization: Authorization
    interval: float  # seconds
    expires_at: float  # monotonic clock
    polled_at: float = -math.inf
    decision: Literal["approved", "denied"] | None = None


class DeviceStore:
    """The devices that have not received their token yet."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._devices: dict[str, WaitingDevice] = {}

    def add(self, authorization: Authorization) -> WaitingDevice:
        """Create the codes for a device that requests a token."""
        device = WaitingDevice(
            secrets.token_urlsafe(32),
            _new_user_code(),
            authorization,
            self._settings.device_interval,
            time.monotonic() + self._settings.device_code_lifetime,
        )
        self._devices[device.device_code] = device
        return device

    def find(self, user_code: str) -> WaitingDevice | None:
        """Return the undecided device with this user code, ignoring case and dashes."""
        now = time.monotonic()
        for device in self._devices.values():
            is_open = device.decision is None and now < device.expires_at
            if is_open and _letters(device.user_code) == _letters(user_code):
                return device
        return None

    def approve(self, device: WaitingDevice, user: str) -> None:
        """Grant the device's request in the name of a user."""
        device.authorization = replace(device.authorization, user=user)
        device.decision = "approved"

    def deny(self, device: WaitingDevice) -> None:
        """Deny the device's request."""
        device.decision = "denied"

    def poll(self, device_code: str, client_id: str) -> Authorization:
        """Return the approved authorization and remove the device.

        Raises OAuthError while the user has not decided, and if no token will be issued.
        """
        device = self._devices.get(device_code)
        if device is None or device.authorization.client_id != client_id:
            raise OAuthError(
                "invalid_grant", "The device code is unknown or belongs to another client."
            )
        now = time.monotonic()
        if now >= device.expires_at:
            raise OAuthError("expired_token", "The device code has expired.")
        if device.decision == "denied":
            raise OAuthError("access_denied", "The user denied the request.")
        if device.decision is None:
            raise self._pending(device, now)
        return self._devices.pop(device_code).authorization

    def _pending(self, device: WaitingDevice, now: float) -> OAuthError:
        is_too_fast = now - device.polled_at < device.interval
        device.polled_at = now
        if not is_too_fast or not self._settings.device_slow_down:
            return OAuthError("authorization_pending", "The user has not decided yet.")
        device.interval += _SLOW_DOWN_SECONDS
        return OAuthError("slow_down", f"Poll every {device.interval:g} seconds at most.")


def _new_user_code() -> str:
    letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def _letters(user_code: str) -> str:
    return "".join(letter for letter in user_code.upper() if letter in _LETTERS)
