"""A server in a thread of its own, for commands have loops of their own; a home; a person."""

import asyncio
import io
import shlex
import signal
import sys
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import pytest

from aioalf.__main__ import main
from aioalf.testing import OAuthServer
from tests.cli.browser import visit
from tests.cli.calls import ROOT, Call, Outcome


@pytest.fixture
def server() -> Iterator[OAuthServer]:
    """A server that knows a public client, ``desktop``, and one with a secret, ``service``."""
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
    """Where logins are kept, and an environment that says nothing else of them."""
    path = tmp_path / "home"
    browser = shlex.join([sys.executable, str(ROOT / "tests" / "cli" / "browser.py"), "sign-in"])
    monkeypatch.setenv("AIOALF_HOME", str(path))
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    for name in ("AIOALF_CLIENT_SECRET", "AIOALF_PROFILE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return path


class Person:
    """Who sits before this process's browser: what they decide, and the pages that were opened."""

    def __init__(self) -> None:
        self.decision = "sign-in"
        self.opened: list[str] = []

    def open(self, url: str) -> bool:
        """Open a page, and do there what was decided."""
        self.opened.append(url)
        visit(self.decision, url)
        return True


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    """A person before this process's browser."""
    person = Person()
    monkeypatch.setattr(webbrowser, "open", person.open)
    return person


@pytest.fixture
def call(capsysbinary: pytest.CaptureFixture[bytes]) -> Call:
    """Call a command in this process."""

    def call(*arguments: str) -> Outcome:
        capsysbinary.readouterr()
        code = main(arguments)
        out, said = capsysbinary.readouterr()
        return Outcome(code, out.decode(errors="surrogateescape"), said.decode())

    return call


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let children take Ctrl-C, also where this process was started to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
