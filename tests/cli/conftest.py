"""Fixtures: a server in its own thread, because each command runs its own event loop; a browser."""

import asyncio
import io
import os
import shlex
import sys
import threading
import webbrowser
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

import pytest

from aioalf.__main__ import main
from aioalf.testing import OAuthServer
from tests.cli.fake_browser import visit
from tests.cli.run_command import ROOT, CommandResult, Run

T = TypeVar("T")
ServerT = TypeVar("ServerT")


class Servers:
    """An event loop in a thread, with servers that are closed at the end of the test."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._stack = AsyncExitStack()

    def start(self, server: AbstractAsyncContextManager[ServerT]) -> ServerT:
        """Start a server."""
        return self._run(self._stack.enter_async_context(server))

    def close(self) -> None:
        """Close all servers, and the event loop."""
        self._run(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, call: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result(10)


@pytest.fixture
def servers() -> Iterator[Servers]:
    """The servers of a test."""
    servers = Servers()
    yield servers
    servers.close()


@pytest.fixture
def server(servers: Servers) -> OAuthServer:
    """A server with a public client ``desktop`` and a client with a secret, ``service``."""
    return servers.start(with_clients(OAuthServer(device_interval=1)))


def with_clients(server: OAuthServer) -> OAuthServer:
    """Add the clients of the fixture `server` to a server."""
    server.add_client("desktop")
    server.add_client("service", "s3cret-of-service")
    return server


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
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
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
def logged_in(server: OAuthServer, person: Person, run: Run) -> OAuthServer:
    """The server, after a login."""
    assert run("login", "--client-id", "desktop", "--issuer", server.issuer).code == 0
    return server


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
