"""Errors while a device waits for the user. Afterwards a new sign-in succeeds."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from aioalf import AccessDeniedError, LoginTimeoutError, TokenHTTPError, TokenResponseError
from aioalf.grants import DeviceCode, Prompt
from aioalf.testing import MISSING, Fault, OAuthServer
from tests.robustness.bad_input.scene import Scene
from tests.support.identity import in_ascii


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds waited before each poll; really only a thousandth of them."""
    waits: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await real(seconds / 1000)

    fast = SimpleNamespace(sleep=sleep, get_running_loop=asyncio.get_running_loop)
    monkeypatch.setattr("aioalf.grants.device_code.asyncio", fast)
    return waits


class Television:
    """A screen, and a user who answers after the server has sent certain errors `after` times."""

    def __init__(self, server: OAuthServer) -> None:
        self.prompts: list[Prompt] = []
        self.answer: Callable[[str], None] = server.approve
        self.after: dict[str, int] = {}
        self._server = server

    async def __call__(self, prompt: Prompt) -> None:
        """Show the prompt until the user has answered."""
        self.prompts.append(prompt)
        await self._server.reached(refused=self.after)
        self.answer(prompt.user_code)


@pytest.fixture
def television(scene: Scene) -> Television:
    """A television with the client of the scene."""
    screen = Television(scene.server)
    scene.make(DeviceCode(screen))
    return screen


async def check_next_login(scene: Scene) -> None:
    """Check that the next sign-in succeeds, and that another client can use its refresh token."""
    # A user who refused is not asked again for a minute, unless the program wants to.
    await scene.client._token_manager.reset_token()  # type: ignore[misc]  # noqa: SLF001 - has no public name
    await scene.get()
    scene.server.revoke_all()
    scene.make(DeviceCode(lambda _: pytest.fail("the user was asked to sign in")))
    await scene.get()
    assert scene.server.granted["refresh_token"] == 1


@pytest.mark.rule("R158")
async def test_authorization_pending(
    scene: Scene, waits: list[float], television: Television
) -> None:
    """`authorization_pending`: polling continues at the same interval until the user decides."""
    scene.server.device_slow_down = False
    television.after = {"authorization_pending": 3}
    await check_next_login(scene)
    assert waits[:4] == [5, 5, 5, 5]
    assert len(television.prompts) == 1


@pytest.mark.rule("R158")
async def test_slow_down(scene: Scene, waits: list[float], television: Television) -> None:
    """`slow_down`: each one adds five seconds to the interval for all later polls."""
    television.after = {"slow_down": 2}
    scene.server.changes["device_authorization"] = {"interval": 2}
    await check_next_login(scene)
    polls = [exchange for exchange in scene.server.log if "device_code" in exchange.form]
    assert scene.server.refused["slow_down"] >= 2
    assert waits[0] == waits[1] == 2  # the first poll is never too early
    assert waits[2:] == [7 + 5 * number for number in range(len(polls) - 2)]
    assert len(television.prompts) == 1


@pytest.mark.rule("R158")
async def test_expired_token(scene: Scene, waits: list[float], television: Television) -> None:
    """`expired_token`: the error says to start again, and a new sign-in succeeds."""
    scene.server.device_code_lifetime = 0.0
    scene.server.changes["device_authorization"] = {"expires_in": 600}
    television.after = {"expired_token": 2}  # the user never answers
    await scene.fails(LoginTimeoutError, "before the code expired: start again")
    assert scene.server.refused == {"expired_token": 1}
    scene.server.device_code_lifetime = 600
    television.after = {}
    await check_next_login(scene)
    first, second = television.prompts
    assert first.user_code != second.user_code


@pytest.mark.rule("R108", "R158")
async def test_access_denied(scene: Scene, waits: list[float], television: Television) -> None:
    """`access_denied`: an error of its own class ends the polling; a new sign-in may succeed."""
    scene.server.device_slow_down = False
    television.answer = scene.server.deny
    error = await scene.fails(AccessDeniedError, "was refused")
    assert isinstance(error, AccessDeniedError)
    assert error.error == "access_denied"
    assert scene.server.refused["access_denied"] == 1
    television.answer = scene.server.approve
    await check_next_login(scene)


@pytest.mark.rule("R158")
async def test_server_failure_while_a_device_waits(
    scene: Scene, waits: list[float], television: Television
) -> None:
    """Connection failures double the interval; the device code stays valid."""
    scene.server.device_slow_down = False
    scene.server.faults["token"] = Fault.hang_up().times(2)
    await check_next_login(scene)
    assert waits[:3] == [5, 10, 20]
    assert len(television.prompts) == 1


@pytest.mark.rule("R159")
@pytest.mark.parametrize(
    "members",
    [
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": "file:///etc/passwd"},
        {"verification_uri": "https://id.example/\x1b]0;x\x07"},
        {"verification_uri": "https://xn--a/"},
        {"user_code": "\x1b[2J\x1b[H"},
        {"user_code": "AB\u202eCD"},
        {"user_code": MISSING},
        {"device_code": ["x"]},
        {"expires_in": "soon"},
        {"interval": {}},
    ],
    ids=in_ascii,
)
async def test_unsafe_prompt_is_not_shown(
    scene: Scene, television: Television, members: dict[str, Any]
) -> None:
    """Control characters and unsafe URLs are not shown; the error names the member."""
    scene.server.changes["device_authorization"] = members
    await scene.fails(TokenResponseError, f"without a usable {next(iter(members))}")
    assert not television.prompts
    assert scene.server.token_requests == 0


@pytest.mark.rule("R158")
@pytest.mark.parametrize("interval", [10**9, 2**80])
async def test_interval_longer_than_the_code_lives(
    scene: Scene, television: Television, interval: int
) -> None:
    """If the code expires before the next poll, the error is raised at once."""
    scene.server.changes["device_authorization"] = {"interval": interval}
    television.after = {"slow_down": 1}
    async with asyncio.timeout(5):
        await scene.fails(LoginTimeoutError, "start again")


@pytest.mark.rule("R014")
async def test_redirect_of_the_device_authorization_is_not_followed(
    scene: Scene, television: Television
) -> None:
    """Client credentials are sent only to the configured endpoint."""
    fault = Fault.redirect(f"{scene.server.other_url}/device")
    scene.server.faults["device_authorization"] = fault
    await scene.fails(TokenHTTPError, "it redirects")
    assert scene.server.other_requests == 0
