"""Tests of ``demo`` without options: its output, and that each step can fail."""

import ast
import asyncio
import os
import pty
import re
import runpy
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from aioalf import Client, TokenManager, __version__
from aioalf.__main__ import main, parser
from aioalf._demo import NEXT, Screen, run, service, sign_in
from aioalf._demo.screen import MAX_COLUMNS, MIN_COLUMNS
from aioalf._demo.step import Check, Demo, Step, run_steps
from aioalf._demo.wire import lines_of
from aioalf.testing import Fault, OAuthServer

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


@pytest.fixture(scope="module")
def printed_by_columns() -> dict[int, str]:
    """Run the demo on a wide and on a narrow screen at the same time; return what they show."""
    streams = {MAX_COLUMNS: StringIO(), MIN_COLUMNS: StringIO()}

    async def run_on_both() -> list[bool]:
        screens = [Screen(stream, {}) for stream in streams.values()]
        for screen, columns in zip(screens, streams, strict=True):
            screen.columns = columns
        return await asyncio.gather(*map(run, screens))

    assert asyncio.run(run_on_both()) == [True, True]
    return {columns: stream.getvalue() for columns, stream in streams.items()}


@pytest.fixture
def printed(printed_by_columns: dict[int, str]) -> str:
    """Return what the demo prints on a screen with 80 columns."""
    return printed_by_columns[MAX_COLUMNS]


def test_all_steps_pass(printed: str) -> None:
    """Eight steps are run, and each one passes."""
    assert "✗" not in printed
    assert "8 of 8 steps" in printed
    assert re.findall(r"^\d  (.+)$", printed, re.MULTILINE) == [
        step.title for step in service.STEPS
    ]


async def test_requests_are_printed_without_secrets() -> None:
    """A line has receiver, request, authorization and status; tokens are shortened."""
    stream = StringIO()
    await run(Screen(stream, {}), [STEP_OF["revocation"], STEP_OF["token_endpoint_down"]])
    printed = stream.getvalue()
    wire = [line.split() for line in printed.splitlines() if "→" in line]
    statuses = [next(word for word in words if word.isdigit()) for words in wire]
    assert statuses == ["401", "200", "200", "503"]
    assert "503" in wire[-1]
    assert wire[-1][-2:] == ["3", "times"]
    assert [words[words.index("/token") - 1] for words in wire if "/token" in words] == ["POST"] * 2
    assert re.search(r"Bearer [\w-]{6}…\n", printed)
    assert not re.search(r"[\w-]{32}", printed)
    assert "secret" not in printed
    assert "Y2xpZW50LWlkOnNlY3JldA" not in printed


async def test_warnings_are_printed(oauth_server: OAuthServer) -> None:
    """Warnings that the library logs are part of the output, not of stderr."""

    async def fail(demo: Demo) -> Sequence[Check]:
        demo.server.token_fault = Fault.status(503)
        return [Check("status", await demo.get(), 503)]

    passed, printed = await run_step(Step("Fail", "…", "…", fail), oauth_server, make_client)
    assert passed
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

    passed, printed = await run_step(Step("Hang up", "…", "…", hang_up), oauth_server, make_client)
    assert not passed
    assert re.search(r"POST /token  ---  Basic, client_credentials  3 times\n", printed)
    assert "✗ raised: TokenConnectionError (No response" in printed


# Failing steps


def make_client(server: OAuthServer, **options: Any) -> Client:
    """Return the client that the demo uses."""
    return Client(server.client_id, server.client_secret, server.token_endpoint, **options)


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


def uncached(server: OAuthServer, **options: Any) -> Client:
    """Return a client that caches no token."""
    return UncachedClient(server.client_id, server.client_secret, server.token_endpoint, **options)


def no_renewal(server: OAuthServer, **options: Any) -> Client:
    """Return a client that renews no token."""
    return NoRenewalClient(server.client_id, server.client_secret, server.token_endpoint, **options)


def quiet(server: OAuthServer, **_: Any) -> Client:
    """Return a client that returns the response of the token endpoint instead of an error."""
    return Client(server.client_id, server.client_secret, server.token_endpoint)


async def run_step(
    step: Step, server: OAuthServer, client: Callable[..., Client]
) -> tuple[bool, str]:
    """Run one step with a client; return whether it passed, and what was printed."""
    stream = StringIO()
    demo = Demo(server, partial(client, server))
    async with demo.client:
        (passed,) = await run_steps([step], demo, Screen(stream, {}))
    return passed, stream.getvalue()


@pytest.mark.parametrize(
    ("name", "client", "expected"),
    [
        ("cached_token", uncached, "✗ token requests: 1, expected 0"),
        ("concurrent_requests", uncached, "✗ token requests: 1"),  # a busy server causes more
        ("renewal_ahead", uncached, "✗ answered during the renewal: False"),
        ("expiry", no_renewal, "✗ status: 401, expected 200"),
        ("revocation", no_renewal, "✗ status: 401, expected 200"),
        ("concurrent_after_revocation", uncached, "expected 1"),
        ("token_endpoint_down", quiet, "✗ callers: 503, expected TokenHTTPError 503"),
    ],
)
async def test_broken_client_fails_its_step(
    oauth_server: OAuthServer, name: str, client: Callable[..., Client], expected: str
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

    step = Step("Wait", "…", "…", wait, timeout=0.01)
    passed, printed = await run_step(step, oauth_server, make_client)
    assert not passed
    assert "✗ took: more than 0.01 seconds" in printed


async def test_steps_restore_the_server_settings(oauth_server: OAuthServer) -> None:
    """Steps restore the settings of the server even if they fail."""
    for name, client in (("expiry", no_renewal), ("token_endpoint_down", quiet)):
        passed, _ = await run_step(STEP_OF[name], oauth_server, client)
        assert not passed
    assert (oauth_server.expires_in, oauth_server.token_fault) == (3600, None)


# Terminals


def printed_on(stream: StringIO, **environment: str) -> str:
    """Return what a screen writes to this stream."""
    screen = Screen(stream, environment)
    screen.title("One → two…")
    screen.checks([("passed", True), ("failed", False)])
    return stream.getvalue()


PLAIN = "One → two…\n   ✓ passed  ✗ failed\n"


@pytest.mark.parametrize("columns", [MAX_COLUMNS, MIN_COLUMNS])
def test_lines_fit_the_terminal(printed_by_columns: dict[int, str], columns: int) -> None:
    """No line is longer than the terminal, not even one with a request."""
    lines = printed_by_columns[columns].splitlines()
    assert max(map(len, lines)) <= columns
    assert sum("→" in line for line in lines) > 10


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
async def test_long_checks_and_requests_fit_the_terminal(
    oauth_server: OAuthServer, encoding: str
) -> None:
    """Long details, paths and values get lines of their own."""

    async def request_long_path(demo: Demo) -> Sequence[Check]:
        url = demo.server.url(f"/{'path' * 30}")
        async with demo.client.post(url, data={"grant_type": "a" * 40}) as response:
            return [Check("status", response.status, 200), Check("text", "wo…d " * 40, "")]

    stream = EncodedOutput(encoding)
    screen = Screen(stream, {})
    screen.columns = MIN_COLUMNS
    demo = Demo(oauth_server, partial(make_client, oauth_server))
    async with demo.client:
        await run_steps([Step("Long " * 30, "…", "…", request_long_path)], demo, screen)
    printed = stream.getvalue()
    assert max(map(len, printed.splitlines())) <= MIN_COLUMNS
    printed = printed.replace("->", "→").replace("...", "…").replace("[FAILED]", "✗")
    assert re.search(r"→ API +POST /path\w+…  200\n {7}Bearer \S{6}…,\n {7}a{40}\n", printed)
    assert "✗ text: wo…d" in printed


def test_each_step_shows_its_lines_of_python(printed: str) -> None:
    """The lines of Python are printed before the requests that they cause."""
    for step in service.STEPS:
        after_title = printed.partition(f"  {step.title}\n")[2]
        assert f">>> {step.code.splitlines()[0]}\n" in after_title.partition("→")[0]
    assert "\n   ... grant" not in printed


@pytest.mark.parametrize("step", [*service.STEPS, *sign_in.BROWSER_STEPS, *sign_in.DEVICE_STEPS])
def test_lines_of_python_are_valid_and_short(step: Step) -> None:
    """They can be compiled, and fit the narrowest terminal with their prompt."""
    compile(step.code, step.title, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert max(map(len, step.code.splitlines())) <= MIN_COLUMNS - len("   >>> ")


async def test_times_show_the_renewal_in_the_background(oauth_server: OAuthServer) -> None:
    """The request is answered before the renewal ends, and each event has its time."""
    passed, printed = await run_step(STEP_OF["renewal_ahead"], oauth_server, make_client)
    assert passed
    times = [float(text) for text in re.findall(r"^   (\d\.\d\d) s  ", printed, re.MULTILINE)]
    assert len(times) == 5
    assert times == sorted(times)
    answered, arrived = times[1], times[3]
    assert arrived - answered >= service.RENEWAL_TAKES - 0.1


def test_next_commands_exist(printed: str) -> None:
    """The demo ends with commands to try next, and each one can be run."""
    for command in NEXT:
        assert f"   {command}  " in printed.partition("What to try next")[2]
        program, *arguments = command.split()
        assert program == parser().prog
        if "--help" not in arguments:
            parser().parse_args(arguments)


@pytest.mark.parametrize(("available", "used"), [(40, 60), (70, 70), (200, 80)])
def test_width_of_the_terminal_is_used(available: int, used: int) -> None:
    """A terminal with 60 to 80 columns gets lines of its own length."""
    terminal, program = pty.openpty()
    try:
        termios.tcsetwinsize(program, (24, available))
        with os.fdopen(program, "w", encoding="utf-8") as stream:
            assert Screen(stream, {}).columns == used
    finally:
        os.close(terminal)


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
    assert "✗ 6 of 8 steps" in capsys.readouterr().out


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
    # pytest rewrites the modules of its plugins, and runpy cannot run these.
    finders = [each for each in sys.meta_path if type(each).__name__ != "AssertionRewritingHook"]
    monkeypatch.setattr(sys, "meta_path", finders)
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
    assert "8 of 8 steps" in result.stdout


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
