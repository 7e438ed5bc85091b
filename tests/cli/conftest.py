"""Fixtures: a server in its own thread, because each command runs its own event loop; a browser."""

import asyncio
import io
import os
import shlex
import signal
import sys
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from aioalf.__main__ import main
from aioalf.testing import OAuthServer
from tests.cli.fake_browser import visit
from tests.cli.run_command import ROOT, CommandResult, Run


@pytest.fixture
def server() -> Iterator[OAuthServer]:
    """A server with a public client ``desktop`` and a client with a secret, ``service``."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = OAuthServer(device_interval=1)
    server.add_client("desktop")
    server.add_client("service", "s3cret-of-service")
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    yield server
    asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The directory of all profiles, in a clean environment."""
    path = tmp_path / "home"
    browser = shlex.join(
        [sys.executable, str(ROOT / "tests" / "cli" / "fake_browser.py"), "sign-in"]
    )
    monkeypatch.setenv("AIOALF_HOME", str(path))
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    for name in ("AIOALF_CLIENT_ID", "AIOALF_CLIENT_SECRET", "AIOALF_PROFILE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return path


def content_of(home: Path) -> str:
    """Return the content of all files below a directory."""
    return "\n".join(path.read_text() for path in home.rglob("*") if path.is_file())


class Person:
    """A user of the browser of this process: the decision, and the URLs that were opened."""

    def __init__(self) -> None:
        self.decision = "sign-in"
        self.opened: list[str] = []

    def open(self, url: str) -> bool:
        """Open a URL and submit the decision."""
        self.opened.append(url)
        visit(self.decision, url)
        return True


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    """The user of the browser of this process."""
    person = Person()
    monkeypatch.setattr(webbrowser, "open", person.open)
    return person


@pytest.fixture
def run(capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run a command in this process."""

    def run_main(*arguments: str) -> CommandResult:
        capsysbinary.readouterr()
        with patch.dict(os.environ):  # a command in a process of its own changes its own copy
            code = main(arguments)
        stdout, stderr = capsysbinary.readouterr()
        return CommandResult(code, stdout.decode(errors="surrogateescape"), stderr.decode())

    return run_main


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let subprocesses receive SIGINT even if this process was started to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
