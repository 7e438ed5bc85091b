"""What a device is told while it waits, and how the waiting ends; the next login is a new one."""

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
    """What was waited before each question, of which a thousandth is."""
    waits: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await real(seconds / 1000)

    hurried = SimpleNamespace(sleep=sleep, get_running_loop=asyncio.get_running_loop)
    monkeypatch.setattr("aioalf.grants.device_code.asyncio", hurried)
    return waits


class Television:
    """A screen, and somebody who says yes or no once the server has said a word so often."""

    def __init__(self, server: OAuthServer) -> None:
        self.prompts: list[Prompt] = []
        self.answer: Callable[[str], None] = server.approve
        self.after: dict[str, int] = {}
        self._server = server

    async def __call__(self, prompt: Prompt) -> None:
        """Show the prompt, and stay on until somebody has answered."""
        self.prompts.append(prompt)
        await self._server.reached(refused=self.after)
        self.answer(prompt.user_code)


@pytest.fixture
def television(scene: Scene) -> Television:
    """It, with the scene's client."""
    screen = Television(scene.server)
    scene.make(DeviceCode(screen))
    return screen


async def still_logs_in(scene: Scene) -> None:
    """See that the next login succeeds, and that its refresh token serves another client."""
    await scene.get()
    scene.server.revoke_all()
    scene.make(DeviceCode(lambda _: pytest.fail("somebody was asked")))
    await scene.get()
    assert scene.server.granted["refresh_token"] == 1


@pytest.mark.rule("R158")
async def test_authorization_pending(
    scene: Scene, waits: list[float], television: Television
) -> None:
    """It is asked again at the same pace, until the person has decided."""
    scene.server.device_slow_down = False
    television.after = {"authorization_pending": 3}
    await still_logs_in(scene)
    assert waits[:4] == [5, 5, 5, 5]
    assert len(television.prompts) == 1


@pytest.mark.rule("R158")
async def test_slow_down(scene: Scene, waits: list[float], television: Television) -> None:
    """Five seconds more each time, for good."""
    television.after = {"slow_down": 2}
    scene.server.changes["device_authorization"] = {"interval": 2}
    await still_logs_in(scene)
    said = [exchange for exchange in scene.server.log if "device_code" in exchange.form]
    assert scene.server.refused["slow_down"] >= 2
    assert waits[0] == waits[1] == 2  # the first question is never too early
    assert waits[2:] == [7 + 5 * number for number in range(len(said) - 2)]
    assert len(television.prompts) == 1


@pytest.mark.rule("R158")
async def test_expired_token(scene: Scene, waits: list[float], television: Television) -> None:
    """The code lived shorter than was said: the error says to start again, and that helps."""
    scene.server.device_code_lifetime = 0.0
    scene.server.changes["device_authorization"] = {"expires_in": 600}
    television.after = {"expired_token": 2}  # nobody
    await scene.fails(LoginTimeoutError, "before the code expired: start again")
    assert scene.server.refused == {"expired_token": 1}
    scene.server.device_code_lifetime = 600
    television.after = {}
    await still_logs_in(scene)
    first, second = television.prompts
    assert first.user_code != second.user_code


@pytest.mark.rule("R108", "R158")
async def test_access_denied(scene: Scene, waits: list[float], television: Television) -> None:
    """The no is an error of its own class, after which nothing is asked; then it is a yes."""
    scene.server.device_slow_down = False
    television.answer = scene.server.deny
    error = await scene.fails(AccessDeniedError, "said no")
    assert isinstance(error, AccessDeniedError)
    assert error.error == "access_denied"
    assert scene.server.refused["access_denied"] == 1
    television.answer = scene.server.approve
    await still_logs_in(scene)


@pytest.mark.rule("R158")
async def test_a_server_that_fails_while_a_device_waits(
    scene: Scene, waits: list[float], television: Television
) -> None:
    """It is asked half as often; the code counts still, and the person is asked once."""
    scene.server.device_slow_down = False
    scene.server.faults["token"] = Fault.hang_up().times(2)
    await still_logs_in(scene)
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
async def test_a_prompt_that_must_not_be_shown(
    scene: Scene, television: Television, members: dict[str, Any]
) -> None:
    """What a terminal or a browser would obey is shown to nobody; the error names the member."""
    scene.server.changes["device_authorization"] = members
    await scene.fails(TokenResponseError, f"without a usable {next(iter(members))}")
    assert not television.prompts
    assert scene.server.token_requests == 0


@pytest.mark.rule("R158")
@pytest.mark.parametrize("interval", [10**9, 2**80])
async def test_an_interval_that_outlives_the_code(
    scene: Scene, television: Television, interval: int
) -> None:
    """Nobody waits for years: it is said at once that the time is over."""
    scene.server.changes["device_authorization"] = {"interval": interval}
    television.after = {"slow_down": 1}
    async with asyncio.timeout(5):
        await scene.fails(LoginTimeoutError, "start again")


@pytest.mark.rule("R014")
async def test_a_device_authorization_that_redirects(scene: Scene, television: Television) -> None:
    """It is not followed: who the client is goes where it was configured to go."""
    fault = Fault.redirect(f"{scene.server.other_url}/device")
    scene.server.faults["device_authorization"] = fault
    await scene.fails(TokenHTTPError, "it redirects")
    assert scene.server.other_requests == 0
