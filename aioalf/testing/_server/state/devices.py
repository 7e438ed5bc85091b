"""Devices that wait for a person: their codes, how often they ask, and what was decided.

RFC 8628. Reads one monotonic clock; knows nothing of requests, answers and pages.
"""

from __future__ import annotations

import math
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import Literal

from aioalf.testing._server.oauth_error import OAuthError
from aioalf.testing._server.state.authorizations import Authorization
from aioalf.testing.settings import Settings

_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, hence no words (§6.1)
_SLOWER_SECONDS = 5.0  # §3.5


@dataclass(slots=True)
class WaitingDevice:
    """One device; ``authorization`` has a user once somebody has said yes."""

    device_code: str = field(repr=False)
    user_code: str
    authorization: Authorization
    interval: float
    ends_at: float
    polled_at: float = -math.inf
    decision: Literal["approved", "denied"] | None = None


class DeviceStore:
    """The devices that have not got their token yet."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._devices: dict[str, WaitingDevice] = {}

    def begin(self, authorization: Authorization) -> WaitingDevice:
        """A device asks for a token that a person is to agree to."""
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
        """The device that shows this code and waits for a decision; dashes and case are free."""
        now = time.monotonic()
        for device in self._devices.values():
            is_open = device.decision is None and now < device.ends_at
            if is_open and _letters(device.user_code) == _letters(user_code):
                return device
        return None

    def approve(self, device: WaitingDevice, user: str) -> None:
        """Somebody has said yes."""
        device.authorization = replace(device.authorization, user=user)
        device.decision = "approved"

    def deny(self, device: WaitingDevice) -> None:
        """Somebody has said no."""
        device.decision = "denied"

    def poll(self, device_code: str, client_id: str) -> Authorization:
        """What was agreed to; OAuthError as long as nothing was, and when nothing will be."""
        device = self._devices.get(device_code)
        if device is None or device.authorization.client_id != client_id:
            raise OAuthError("invalid_grant", "The device code is unknown, or another client's.")
        now = time.monotonic()
        if now >= device.ends_at:
            raise OAuthError("expired_token", "Nobody has said yes or no in time.")
        if device.decision == "denied":
            raise OAuthError("access_denied", "The sign-in was refused.")
        if device.decision is None:
            raise self._not_yet(device, now)
        return self._devices.pop(device_code).authorization

    def _not_yet(self, device: WaitingDevice, now: float) -> OAuthError:
        is_too_fast = now - device.polled_at < device.interval
        device.polled_at = now
        if not is_too_fast or not self._settings.device_slow_down:
            return OAuthError("authorization_pending", "Nobody has said yes or no yet.")
        device.interval += _SLOWER_SECONDS
        return OAuthError("slow_down", f"Ask again in {device.interval:g} seconds.")


def _new_user_code() -> str:
    letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def _letters(user_code: str) -> str:
    return "".join(letter for letter in user_code.upper() if letter in _LETTERS)
