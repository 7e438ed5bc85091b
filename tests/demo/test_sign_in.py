"""Tests of ``demo --browser``, ``--device`` and ``--implicit``, with a scripted user."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
import webbrowser
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from aioalf import Client, TokenManager
from aioalf.__main__ import main
from aioalf._demo import Screen, run_on_device, sign_in
from aioalf._demo.screen import MAX_COLUMNS
from tests.support.person import Person

COMMAND = [sys.executable, "-W", "error", "-m", "aioalf", "demo"]
SECRETS = re.compile(r"[\w-]{24}")
"""Tokens, codes, verifiers and states are longer than any word of the demo."""


def browser_opener(decision: str, *, is_open: bool = True) -> Callable[[str], bool]:
    """Return a function that opens a browser, where a user submits a decision.

    With `is_open=False` it reports that there is no browser. The user then opens the URL elsewhere.
    """

    async def visit(url: str) -> None:
        person = Person(decision)
        await person(url)
        await person.done()

    def open_browser(url: str) -> bool:
        asyncio.run(visit(url))
        return is_open

    return open_browser


class UserWithCode(StringIO):
    """A terminal that a user reads: enters the code on the page that is shown."""

    def __init__(self, decision: str) -> None:
        super().__init__()
        self._decision = decision
        self._tasks: list[asyncio.Task[None]] = []

    def write(self, text: str) -> int:
        """Start to enter the code as soon as the URL of the page appears."""
        if text.startswith("http"):
            user_code = re.findall(r"The code is (\S+)\.", self.getvalue())[-1]
            form = {"user_code": user_code, "username": "Ada", "decision": self._decision}
            entering = asyncio.to_thread(submit, text.strip(), form)
            self._tasks.append(asyncio.create_task(entering))
        return super().write(text)

    async def done(self) -> None:
        """Wait until the code was entered."""
        await asyncio.gather(*self._tasks)


def submit(url: str, form: dict[str, str]) -> None:
    """Send a form as a browser does."""
    with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode(), timeout=5):  # noqa: S310 - the test server
        pass


def check_lines(printed: str) -> None:
    """Check that no line is too long or shows a secret, except the URL to open."""
    lines = [line for line in printed.splitlines() if not line.startswith("http")]
    assert max(map(len, lines)) <= MAX_COLUMNS
    assert not SECRETS.search("\n".join(lines).replace("-" * 24, ""))


# In the browser


@pytest.mark.parametrize("is_open", [True, False], ids=["browser", "no browser"])
def test_browser_demo_shares_one_sign_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, is_open: bool
) -> None:
    """One sign-in serves all requests; the tokens are refreshed, cached and revoked."""
    monkeypatch.setattr(webbrowser, "open", browser_opener("sign-in", is_open=is_open))
    assert main(["demo", "--browser"]) == 0
    printed, errors = capsys.readouterr()
    assert errors == ""
    check_lines(printed)
    assert "✓ sign-ins: 1" in printed
    assert printed.count("✓ sign-ins: 0") == 2
    assert "4 of 4 steps" in printed
    (url,) = re.findall(r"^http\S+$", printed, re.MULTILINE)
    assert {"response_type=code", "code_challenge_method=S256"} <= set(re.split("[?&]", url))
    assert "authorization_code, PKCE verifier" in printed
    assert "You have 3 minutes. Ctrl-C ends the demo." in printed


@pytest.mark.parametrize("option", ["--browser", "--implicit"])
def test_denied_sign_in_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    """A denied sign-in fails its step, and the demo does not ask again."""
    opened: list[str] = []

    def deny(url: str) -> bool:
        opened.append(url)
        return browser_opener("cancel")(url)

    monkeypatch.setattr(webbrowser, "open", deny)
    assert main(["demo", option]) == 1
    printed = capsys.readouterr().out
    assert "✗ raised: AccessDeniedError" in printed
    assert re.search(r"✗ 0 of \d steps", printed)
    assert len(opened) == 1


@pytest.mark.parametrize("option", ["--browser", "--implicit"])
def test_sign_in_has_a_time_limit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    """If the user does not sign in in time, the demo ends with exit code 1."""
    monkeypatch.setattr("aioalf._demo.sign_in.TIMEOUT", 0.2)
    monkeypatch.setattr("aioalf._demo.implicit.TIMEOUT", 0.2)

    def open_nothing(_: str) -> bool:
        return True

    monkeypatch.setattr(webbrowser, "open", open_nothing)
    assert main(["demo", option]) == 1
    assert "✗ raised: LoginTimeoutError" in capsys.readouterr().out


# With a code


@pytest.mark.usefixtures("fast_device")
async def test_device_demo_shares_one_sign_in() -> None:
    """One code serves all requests; the tokens are refreshed, cached and revoked."""
    terminal = UserWithCode("approve")
    assert await run_on_device(Screen(terminal, {}))
    await terminal.done()
    printed = terminal.getvalue()
    check_lines(printed)
    assert len(re.findall(r"The code is [A-Z]{4}-[A-Z]{4}\. Open this page", printed)) == 1
    assert "✓ sign-ins: 1" in printed
    assert "4 of 4 steps" in printed
    assert re.search(r"POST /token +200  device_code", printed)


@pytest.mark.usefixtures("fast_device")
async def test_denied_device_fails_its_step() -> None:
    """A denied request is an error of the first step, and the demo does not show another code."""
    terminal = UserWithCode("deny")
    assert not await run_on_device(Screen(terminal, {}))
    await terminal.done()
    assert "✗ raised: AccessDeniedError" in terminal.getvalue()
    assert terminal.getvalue().count("The code is") == 1


class Terminal(UserWithCode):
    """A terminal that can show a QR code."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """Return True."""
        return True


@pytest.mark.usefixtures("fast_device")
async def test_terminal_shows_a_qr_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """If segno is installed, the page with the code is also a QR code."""
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal("approve")
    assert await run_on_device(Screen(terminal, {"NO_COLOR": "1"}), sign_in.DEVICE_STEPS[:1])
    await terminal.done()
    drawn = [line for line in terminal.getvalue().splitlines() if "█" in line]
    assert len(drawn) > 10


# With the implicit flow of 0.4.0


def test_implicit_demo_shares_one_sign_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sign-in serves all requests, and the URL is printed."""
    monkeypatch.setattr(webbrowser, "open", browser_opener("sign-in"))
    assert main(["demo", "--implicit"]) == 0
    printed = capsys.readouterr().out
    check_lines(printed)
    assert "✓ sign-ins: 1" in printed
    assert "✓ sign-ins: 0" in printed
    assert "2 of 2 steps" in printed
    assert "/token/authorize?response_type=token" in printed
    assert "access_token" not in printed
    assert Client.token_manager_class is TokenManager


# As a program


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("option", ["--browser", "--device", "--implicit"])
def test_ctrl_c_ends_the_wait_for_the_user(option: str, tmp_path: Path) -> None:
    """The program ends at once with 130 and without a traceback, even if its browser is open."""
    browser = tmp_path / "browser"
    browser.write_text("#!/bin/sh\nexec sleep 5 >/dev/null 2>&1\n")
    browser.chmod(0o755)
    with subprocess.Popen(
        [*COMMAND, option],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "BROWSER": f"{browser} %s"},
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("http"):
                break
        child.send_signal(signal.SIGINT)
        _, stderr = child.communicate(timeout=4)
    assert (child.returncode, stderr) == (130, "")


def test_only_one_kind_of_sign_in_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """The options exclude each other."""
    with pytest.raises(SystemExit, match="2"):
        main(["demo", "--browser", "--device"])
    assert "not allowed with" in capsys.readouterr().err
