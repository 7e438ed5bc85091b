"""The device authorization grant: a user signs in on another device (RFC 8628).

The device code is a secret and is never shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, Literal

from aioalf._callbacks import call_user_function, run_while_showing
from aioalf._error_frames import hide_locals_on_error
from aioalf._retryable_statuses import is_retryable
from aioalf.client_auth.credentials import require_client_id
from aioalf.errors import (
    AccessDeniedError,
    LoginTimeoutError,
    TokenConfigurationError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
)
from aioalf.grants._device_response import Device, read_device, read_interval
from aioalf.grants._interactive import check_timeout, request_params_of
from aioalf.grants._prompt import ShowPrompt, print_prompt
from aioalf.grants.protocols import AuthorizationServer
from aioalf.token import Token

_SLOWER: Final = 5
"""Seconds that ``slow_down`` adds to the interval unless it names a longer one (§3.5)."""

_ANSWERS: Final[Mapping[str, Literal["pending", "slow down", "expired", "denied"]]] = {
    "authorization_pending": "pending",
    "slow_down": "slow down",
    "expired_token": "expired",
    "access_denied": "denied",
    "token_expired": "expired",  # GitHub
    "authorization_declined": "denied",  # Microsoft Entra ID
}
"""The errors that have a meaning here (§3.5). Any other ends the polling, and is raised."""


class DeviceCode:
    """Show a user code, and poll until the user has signed in on another device.

    Args:
        prompt: A function that shows the `Prompt` it is called with: a coroutine function, or a
            plain one that runs in a daemon thread. It may run until the user has signed in. Use
            a coroutine function to print: Python can abort if a thread prints while the program
            exits. By default, the page and the code are printed to standard error, with a QR code
            if the terminal can show it and ``aio-alf[cli]`` is installed.
        timeout: The time limit in seconds; None for the lifetime of the code.

    Raises:
        TokenConfigurationError: `prompt` is not a function, or `timeout` is not a positive number.
    """

    name = "urn:ietf:params:oauth:grant-type:device_code"
    can_begin = True
    is_interactive = True
    keeps_refresh_token = True
    reserved_params: frozenset[str] = frozenset({"device_code"})
    subject_key: str | None = ""

    @hide_locals_on_error
    def __init__(self, prompt: ShowPrompt | None = None, timeout: float | None = None) -> None:
        if not (prompt is None or callable(prompt)):
            raise TokenConfigurationError("prompt must be a function that is called with a Prompt")
        self._prompt = prompt or print_prompt
        self._timeout = check_timeout(timeout)

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Return the token of a new sign-in.

        Raises:
            AccessDeniedError: The user, or the server's policy, refused.
            LoginTimeoutError: The sign-in took too long.
            TokenError: Another failure.
        """
        clock = asyncio.get_running_loop().time
        begun = clock()
        # Report a configuration error before the user does anything.
        require_client_id(server.client_id)
        await server.url_of("token_endpoint")
        form = request_params_of(server)
        device = read_device(await server.post("device_authorization_endpoint", form))
        limit: float = device.prompt.expires_in
        if self._timeout is not None:
            limit = min(limit, self._timeout)
        showing = call_user_function("prompt", self._prompt, device.prompt)
        return await run_while_showing(showing, _poll(server, self.name, device, begun + limit))


async def _poll(
    server: AuthorizationServer, grant_type: str, device: Device, deadline: float
) -> Token:
    """Send token requests at the server's interval until the user has decided (§3.4, §3.5)."""
    clock, interval, pause = asyncio.get_running_loop().time, device.interval, 0.0
    while clock() + max(interval, pause) < deadline:
        await asyncio.sleep(max(interval, pause))
        try:
            return await server.request(
                {"grant_type": grant_type, "device_code": device.device_code}
            )
        except TokenError as error:
            interval, pause = _next_interval(error, interval), _retry_after(error)
    raise LoginTimeoutError(
        "The user did not sign in before the code expired, or before the timeout: start again"
    )


def _next_interval(error: TokenError, interval: float) -> float:
    """Return the seconds between requests from now on. Raises the error that ends the polling."""
    if _is_outage(error):
        return interval * 2
    # GitHub sends these errors with status 200. Twitch has the word as the description.
    words = (error.error, error.error_description)
    code = next((word for word in words if word in _ANSWERS), None)
    match _ANSWERS.get(code or ""):
        case "pending":
            return interval
        case "slow down":
            named = read_interval(error.response_data or {})
            return named if named > interval else interval + _SLOWER
        case "expired":
            raise LoginTimeoutError("The user did not sign in before the code expired: start again")
        case "denied":
            raise AccessDeniedError(
                f"The sign-in was refused, by the user or by the server ({code})", error=code
            )
        case _:
            raise error


def _is_outage(error: TokenError) -> bool:
    if isinstance(error, TokenHTTPError) and error.error is None:
        return is_retryable(error.response_status)
    return isinstance(error, TokenConnectionError) and error.is_transient


def _retry_after(error: TokenError) -> float:
    return (isinstance(error, TokenHTTPError) and error.retry_after) or 0.0
