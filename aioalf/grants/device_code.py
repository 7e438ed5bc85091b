"""The device authorization grant: a person signs in on a device of their own (RFC 8628).

The device code is shown to nobody.
"""

from __future__ import annotations

import asyncio

from aioalf._callbacks import call_user_function
from aioalf.errors import (
    AccessDeniedError,
    LoginTimeoutError,
    TokenConfigurationError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.grants._device_response import Device, read_device
from aioalf.grants._interactive import check_timeout, client_id_of, run_while_showing
from aioalf.grants._prompt import ShowPrompt, print_prompt
from aioalf.grants.protocols import AuthorizationServer
from aioalf.token import Token

_SLOWER = 5
"""Seconds that ``slow_down`` adds, for good (§3.5)."""


class DeviceCode:
    """Have a person sign in on another device, and ask until they have.

    ``prompt`` is called with a `Prompt` to be shown, in a thread if it is a plain function; what it
    does may take as long as the login. By default page and code are written to standard error, with
    a QR code where the terminal can and ``aio-alf[cli]`` is installed. ``timeout``, in seconds, is
    for who does not want to wait as long as the server would.
    """

    name = "urn:ietf:params:oauth:grant-type:device_code"
    can_begin = True
    keeps_refresh_token = True

    def __init__(self, prompt: ShowPrompt | None = None, timeout: float | None = None) -> None:
        if not (prompt is None or callable(prompt)):
            raise TokenConfigurationError("prompt must be a function that is called with a Prompt")
        self._prompt = prompt or print_prompt
        self._timeout = check_timeout(timeout)

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """Return the token of a new login.

        Raises AccessDeniedError for a no, LoginTimeoutError when nobody came in time, and the
        TokenError of whatever else goes wrong.
        """
        clock = asyncio.get_running_loop().time
        begun = clock()
        client_id_of(endpoint)  # or there is nobody to sign in to
        await endpoint.url_of("token_endpoint")  # or somebody would sign in for nothing
        form = endpoint.asked.form()
        device = read_device(await endpoint.post("device_authorization_endpoint", form))
        limit: float = device.prompt.expires_in
        if self._timeout is not None:
            limit = min(limit, self._timeout)
        showing = call_user_function("prompt", self._prompt, device.prompt)
        return await run_while_showing(showing, _poll(endpoint, self.name, device, begun + limit))


async def _poll(
    endpoint: AuthorizationServer, grant_type: str, device: Device, deadline: float
) -> Token:
    """Ask as often as the server lets, until the person has decided (§3.4, §3.5)."""
    clock, interval, pause = asyncio.get_running_loop().time, device.interval, 0.0
    while clock() + max(interval, pause) < deadline:
        await asyncio.sleep(max(interval, pause))
        try:
            return await endpoint.request(
                {"grant_type": grant_type, "device_code": device.device_code}
            )
        except TokenError as error:
            interval, pause = _next_interval(error, interval), _asked_pause(error)
    raise LoginTimeoutError(
        "Nobody signed in before the code expired, or the time limit was reached: start again"
    )


def _next_interval(error: TokenError, interval: float) -> float:
    """Return how long to wait from now on. Raises what ends the waiting."""
    if _is_out_of_reach(error):
        return interval * 2
    word = error.error if isinstance(error, TokenHTTPError | TokenResponseError) else None
    match word:  # which GitHub, for one, sends with a status of 200
        case "authorization_pending":
            return interval
        case "slow_down":
            return interval + _SLOWER
        case "expired_token":
            raise LoginTimeoutError("Nobody signed in before the code expired: start again")
        case "access_denied":
            raise AccessDeniedError(
                "The person, or the server's policy, said no (access_denied)", error=word
            )
        case _:
            raise error


def _is_out_of_reach(error: TokenError) -> bool:
    # A server that fails without a word of OAuth has not answered the question.
    if isinstance(error, TokenHTTPError) and error.error is None:
        status = error.response_status or 0
        return status == 429 or status >= 500
    return isinstance(error, TokenConnectionError) and error.is_transient


def _asked_pause(error: TokenError) -> float:
    return (isinstance(error, TokenHTTPError) and error.retry_after) or 0.0
