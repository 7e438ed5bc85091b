"""Tests of the demo: its output, and that each step can fail."""

import asyncio
import re
import runpy
import signal
import subprocess
import sys
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from pathlib import Path

import pytest

from aioalf import Client, TokenManager, __version__
from aioalf.__main__ import main
from aioalf._demo import Screen, run, service
from aioalf._demo.step import Check, Demo, Step, run_steps
from aioalf._demo.wire import lines_of
from aioalf.testing import Fault, OAuthServer
from tests.support.person import Person

COMMAND = [sys.executable, "-W", "error", "-m", "aioalf"]
STEP_OF = {step.action.__name__: step for step in service.STEPS}


class TerminalOutput(StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


class EncodedOutput(StringIO):
    """A stream with an encoding."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding."""
        return self._encoding


# Output


async def test_all_steps_pass() -> None:
    """Seven steps are run, and each one passes."""
    stream = StringIO()
    assert await run(Screen(stream, {}))
    printed = stream.getvalue()
    assert "✗" not in printed
    assert "7 of 7 steps" in printed
    assert re.findall(r"^\d  (.+)$", printed, re.MULTILINE) == [
        step.title for step in service.STEPS
    ]


async def test_requests_are_printed_without_secrets() -> None:
    """A line has receiver, request, authorization and status; tokens are shortened."""
    stream = StringIO()
    await run(Screen(stream, {}), [STEP_OF["revocation"], STEP_OF["token_endpoint_down"]])
    printed = stream.getvalue()
    wire = [line.split() for line in printed.splitlines() if "→" in line]
    assert [words[-1] for words in wire] == ["401", "200", "200", "times"]
    assert wire[-1][-3:] == ["503", "3", "times"]
    assert [words[words.index("/token") - 1] for words in wire if "/token" in words] == ["POST"] * 2
    assert re.search(r"Bearer [\w-]{6}… ", printed)
    assert not re.search(r"[\w-]{32}", printed)
    assert "secret" not in printed
    assert "Y2xpZW50LWlkOnNlY3JldA" not in printed
    assert "logged: The token endpoint" in printed


async def test_equal_api_requests_share_a_line(
    oauth_server: OAuthServer,
) -> None:
    """Equal token requests share a line only if they follow each other."""
    async with make_client(oauth_server) as client:
        await client.get(oauth_server.url("/things"))
        await client.get(oauth_server.url("/things"))
    log = oauth_server.log
    lines = lines_of([log[0], log[0], log[1], log[2], log[0], log[1]])
    assert [(line.receiver, count) for line, count in lines] == [
        ("auth server", 2),
        ("API", 3),
        ("auth server", 1),
    ]


async def test_request_without_a_response_has_no_status(oauth_server: OAuthServer) -> None:
    """If the server closes the connection, dashes replace the status."""

    async def hang_up(demo: Demo) -> Sequence[Check]:
        demo.server.token_fault = Fault.hang_up()
        return [Check("status", await demo.get(), 200)]

    passed, printed = await run_step(Step("Hang up", "…", hang_up), oauth_server, make_client)
    assert not passed
    assert re.search(r"POST /token .* ---  3 times\n", printed)
    assert "✗ raised: TokenConnectionError (No response" in printed


# Failing steps


def make_client(server: OAuthServer) -> Client:
    """Return the client that the demo uses."""
    return Client(server.client_id, server.client_secret, server.token_endpoint)


class UncachedManager(TokenManager):
    """A manager that fetches a token for each call."""

    async def get_token(self) -> str:
        """Return a new token."""
        return (await self._fetch_token(is_ahead=False)).access_token


class NoRenewalManager(TokenManager):
    """A manager that never renews its token."""

    first_token: str | None = None

    async def get_token(self) -> str:
        """Return the first token."""
        self.first_token = self.first_token or await super().get_token()
        return self.first_token

    async def renew_token(self, rejected: str) -> str:
        """Return the rejected token."""
        return rejected


class UncachedClient(Client):
    """A client that caches no token."""

    token_manager_class = UncachedManager


class NoRenewalClient(Client):
    """A client that renews no token."""

    token_manager_class = NoRenewalManager


def uncached(server: OAuthServer) -> Client:
    """Return a client that caches no token."""
    return UncachedClient(server.client_id, server.client_secret, server.token_endpoint)


def no_renewal(server: OAuthServer) -> Client:
    """Return a client that renews no token."""
    return NoRenewalClient(server.client_id, server.client_secret, server.token_endpoint)


def raising(server: OAuthServer) -> Client:
    """Return a client that raises the error of the token endpoint."""
    return Client(
        server.client_id, server.client_secret, server.token_endpoint, raise_token_errors=True
    )


async def run_step(
    step: Step, server: OAuthServer, client: Callable[[OAuthServer], Client]
) -> tuple[bool, str]:
    """Run one step with a client; return whether it passed, and what was printed."""
    stream = StringIO()
    demo = Demo(server, lambda: client(server))
    async with demo.client:
        (passed,) = await run_steps([step], demo, Screen(stream, {}))
    return passed, stream.getvalue()


@pytest.mark.parametrize(
    ("name", "client", "expected"),
    [
        ("cached_token", uncached, "✗ token requests: 1, expected 0"),
        ("concurrent_requests", uncached, "✗ token requests: 100, expected 1"),
        ("expiry", no_renewal, "✗ status: 401, expected 200"),
        ("revocation", no_renewal, "✗ status: 401, expected 200"),
        ("concurrent_after_revocation", uncached, "expected 1"),
        ("token_endpoint_down", raising, "✗ raised: TokenHTTPError"),
    ],
)
async def test_broken_client_fails_its_step(
    oauth_server: OAuthServer, name: str, client: Callable[[OAuthServer], Client], expected: str
) -> None:
    """A client without the behaviour that a step shows fails the step."""
    passed, printed = await run_step(STEP_OF[name], oauth_server, client)
    assert not passed
    assert expected in printed


async def test_failing_api_fails_the_first_step(oauth_server: OAuthServer) -> None:
    """The status that the caller gets is checked."""
    oauth_server.api_fault = Fault.status(500)
    passed, printed = await run_step(STEP_OF["first_request"], oauth_server, make_client)
    assert not passed
    assert "✗ status: 500, expected 200" in printed


async def test_step_that_takes_too_long_fails(oauth_server: OAuthServer) -> None:
    """A step has a time limit."""

    async def wait(demo: Demo) -> Sequence[Check]:
        await asyncio.Event().wait()
        return demo.counter_checks(tokens=0, requests=0)

    step = Step("Wait", "…", wait, timeout=0.01)
    passed, printed = await run_step(step, oauth_server, make_client)
    assert not passed
    assert "✗ took: more than 0.01 seconds" in printed


async def test_steps_restore_the_server_settings(oauth_server: OAuthServer) -> None:
    """Steps restore the settings of the server even if they fail."""
    for name in ("expiry", "token_endpoint_down"):
        await run_step(STEP_OF[name], oauth_server, raising)
    assert (oauth_server.expires_in, oauth_server.token_fault) == (3600, None)


# Terminals


def printed_on(stream: StringIO, **environment: str) -> str:
    """Return what a screen writes to this stream."""
    screen = Screen(stream, environment)
    screen.title("One → two…")
    screen.checks([("passed", True), ("failed", False)])
    return stream.getvalue()


PLAIN = "One → two…\n   ✓ passed  ✗ failed\n"


def test_terminal_gets_colors() -> None:
    """Titles are bold, marks are green and red."""
    assert printed_on(TerminalOutput(), TERM="xterm") == (
        "\x1b[1mOne → two…\x1b[0m\n   \x1b[32m✓\x1b[0m passed  \x1b[31m✗\x1b[0m failed\n"
    )


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_no_color_and_dumb_terminals_get_plain_text(environment: dict[str, str]) -> None:
    """`NO_COLOR` and ``TERM=dumb`` remove styles."""
    assert printed_on(TerminalOutput(), **environment) == PLAIN


def test_other_streams_get_plain_text() -> None:
    """A pipe or a file gets no styles."""
    assert printed_on(StringIO()) == PLAIN


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "no-such-encoding"])
def test_encoding_without_the_marks_gets_ascii(encoding: str) -> None:
    """ASCII replaces marks that cannot be encoded."""
    assert printed_on(EncodedOutput(encoding)) == "One -> two...\n   [ok] passed  [FAILED] failed\n"


# The command


def test_help_is_printed_without_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The commands are listed."""
    assert main([]) == 0
    assert "demo" in capsys.readouterr().out


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints the version of the package."""
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"aio-alf {__version__}\n"


def test_failed_step_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If the server does not revoke tokens, two steps fail."""

    def revoke_nothing(_: OAuthServer) -> None:
        """Leave all tokens valid."""

    monkeypatch.setattr(OAuthServer, "revoke_all", revoke_nothing)
    assert main(["demo"]) == 1
    assert "✗ 5 of 7 steps" in capsys.readouterr().out


def test_keyboard_interrupt_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C exits without a traceback."""

    async def interrupted(_: Screen) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("aioalf._demo.run", interrupted)
    assert main(["demo"]) == 130


@pytest.mark.parametrize("is_current", [True, False])
def test_module_can_be_run(monkeypatch: pytest.MonkeyPatch, *, is_current: bool) -> None:
    """`python -m aioalf` exits with the code of `main`, and ignores the current directory."""
    monkeypatch.setattr(sys, "argv", ["aioalf"])
    first = str(Path.cwd()) if is_current else "/first"
    monkeypatch.setattr(sys, "path", [first, "/second", *sys.path])
    monkeypatch.delitem(sys.modules, "aioalf.__main__")
    with pytest.raises(SystemExit) as exited:
        runpy.run_module("aioalf", run_name="__main__", alter_sys=True)
    assert exited.value.code == 0
    assert sys.path[0] == ("/second" if is_current else "/first")


def test_demo_runs_as_a_subprocess() -> None:
    """It exits with 0 and prints nothing to stderr."""
    result = subprocess.run(
        [*COMMAND, "demo"], capture_output=True, encoding="utf-8", timeout=30, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "7 of 7 steps" in result.stdout


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let subprocesses receive SIGINT even if this process was started to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_the_demo() -> None:
    """It exits at once with 130, without a traceback."""
    with subprocess.Popen(
        [*COMMAND, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("1 "):
                break
        child.send_signal(signal.SIGINT)
        _, stderr = child.communicate(timeout=20)
    assert (child.returncode, stderr) == (130, "")


# The browser demo


def browser_opener(decision: str) -> Callable[[str], bool]:
    """Return a function that opens a browser, where a user submits a decision."""

    async def visit(url: str) -> None:
        person = Person(decision)
        await person(url)
        await person.done()

    def open_browser(url: str) -> bool:
        asyncio.run(visit(url))
        return True

    return open_browser


def test_browser_demo_shares_one_sign_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sign-in serves all requests, and the URL is printed."""
    monkeypatch.setattr(webbrowser, "open", browser_opener("sign-in"))
    assert main(["demo", "--browser"]) == 0
    printed = capsys.readouterr().out
    assert "✓ sign-ins: 1" in printed
    assert "✓ sign-ins: 0" in printed
    assert "2 of 2 steps" in printed
    assert "/token/authorize?response_type=token" in printed
    assert "access_token" not in printed
    assert Client.token_manager_class is TokenManager


def test_denied_sign_in_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A denied sign-in fails its step."""
    monkeypatch.setattr(webbrowser, "open", browser_opener("cancel"))
    assert main(["demo", "--browser"]) == 1
    assert "✗ raised: AccessDeniedError" in capsys.readouterr().out
