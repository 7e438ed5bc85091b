"""That the demo shows what went over the wire, and that its steps can fail."""

import asyncio
import re
import runpy
import signal
import subprocess
import sys
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from io import StringIO

import pytest

from aioalf import Client, TokenManager, __version__
from aioalf.__main__ import main
from aioalf._demo import Screen, run, service
from aioalf._demo.step import Check, Stage, Step, play
from aioalf._demo.wire import told
from aioalf.testing import Fault, OAuthServer
from tests.support.person import Person

COMMAND = [sys.executable, "-W", "error", "-m", "aioalf"]
STEP_OF = {step.act.__name__: step for step in service.STEPS}


class Terminal(StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        """Say that it is one."""
        return True


class Narrow(StringIO):
    """A stream of an encoding."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding."""
        return self._encoding


# What is shown


async def test_each_step_does_what_it_says() -> None:
    """Seven steps, each checked, none failed."""
    stream = StringIO()
    assert await run(Screen(stream, {}))
    shown = stream.getvalue()
    assert "✗" not in shown
    assert "7 of 7 steps" in shown
    assert re.findall(r"^\d  (.+)$", shown, re.MULTILINE) == [step.title for step in service.STEPS]


async def test_the_wire_is_shown_and_no_token_is_shown_whole() -> None:
    """A line has the receiver, the request, how it was authorized, and the answer."""
    stream = StringIO()
    await run(Screen(stream, {}), [STEP_OF["revocation"], STEP_OF["token_endpoint_down"]])
    shown = stream.getvalue()
    wire = [line.split() for line in shown.splitlines() if "→" in line]
    assert [words[-1] for words in wire] == ["401", "200", "200", "times"]
    assert wire[-1][-3:] == ["503", "3", "times"]
    assert [words[words.index("/token") - 1] for words in wire if "/token" in words] == ["POST"] * 2
    assert re.search(r"Bearer [\w-]{6}… ", shown)
    assert not re.search(r"[\w-]{32}", shown)
    assert "secret" not in shown
    assert "Y2xpZW50LWlkOnNlY3JldA" not in shown
    assert "logged: The token endpoint" in shown


async def test_equal_exchanges_with_the_api_are_one_line(
    oauth_server: OAuthServer,
) -> None:
    """Token requests stay where they were, unless one followed the other; requests are summed."""
    async with client_of(oauth_server) as client:
        await client.get(oauth_server.url("/things"))
        await client.get(oauth_server.url("/things"))
    log = oauth_server.log
    lines = told([log[0], log[0], log[1], log[2], log[0], log[1]])
    assert [(line.receiver, count) for line, count in lines] == [
        ("auth server", 2),
        ("API", 3),
        ("auth server", 1),
    ]


async def test_a_request_without_an_answer_is_shown_as_such(oauth_server: OAuthServer) -> None:
    """Where the server hung up there is no status."""

    async def hang_up(stage: Stage) -> Sequence[Check]:
        stage.server.token_fault = Fault.hang_up()
        return [Check("the caller got", await stage.get(), 200)]

    kept, shown = await played(Step("Hang up", "…", hang_up), oauth_server, client_of)
    assert not kept
    assert re.search(r"POST /token .* ---  3 times\n", shown)
    assert "✗ ended with: TokenConnectionError (No answer" in shown


# Steps that fail


def client_of(server: OAuthServer) -> Client:
    """The client that the demo shows."""
    return Client(server.client_id, server.client_secret, server.token_endpoint)


class ForgetfulManager(TokenManager):
    """Asks for a token each time, for each caller."""

    async def get_token(self) -> str:
        """Return a new token."""
        return (await self._fetch()).access_token


class BelievingManager(TokenManager):
    """Believes that a token lives for ever, and that the API is wrong to refuse it."""

    believed: str | None = None

    async def get_token(self) -> str:
        """Return the first token."""
        self.believed = self.believed or await super().get_token()
        return self.believed

    async def renew_token(self, rejected: str) -> str:
        """Return what was rejected."""
        return rejected


class ForgetfulClient(Client):
    """A client that caches nothing."""

    token_manager_class = ForgetfulManager


class BelievingClient(Client):
    """A client that renews nothing."""

    token_manager_class = BelievingManager


def forgetful(server: OAuthServer) -> Client:
    """A client that caches nothing."""
    return ForgetfulClient(server.client_id, server.client_secret, server.token_endpoint)


def believing(server: OAuthServer) -> Client:
    """A client that renews nothing."""
    return BelievingClient(server.client_id, server.client_secret, server.token_endpoint)


def raising(server: OAuthServer) -> Client:
    """A client that raises the token endpoint's error."""
    return Client(
        server.client_id, server.client_secret, server.token_endpoint, raise_token_errors=True
    )


async def played(
    step: Step, server: OAuthServer, client: Callable[[OAuthServer], Client]
) -> tuple[bool, str]:
    """Play one step with a client; whether it was kept, and what was shown."""
    stream = StringIO()
    stage = Stage(server, lambda: client(server))
    async with stage.client:
        (kept,) = await play([step], stage, Screen(stream, {}))
    return kept, stream.getvalue()


@pytest.mark.parametrize(
    ("name", "client", "found"),
    [
        ("cached_token", forgetful, "✗ token requests: 1, not 0"),
        ("many_at_once", forgetful, "✗ token requests: 100, not 1"),
        ("expiry", believing, "✗ the caller got: 401, not 200"),
        ("revocation", believing, "✗ the caller got: 401, not 200"),
        ("many_after_revocation", forgetful, "not 1"),
        ("token_endpoint_down", raising, "✗ ended with: TokenHTTPError"),
    ],
)
async def test_a_step_sees_a_client_that_does_not_do_what_it_says(
    oauth_server: OAuthServer, name: str, client: Callable[[OAuthServer], Client], found: str
) -> None:
    """A client that is wrong in the way the step is about makes the step fail."""
    kept, shown = await played(STEP_OF[name], oauth_server, client)
    assert not kept
    assert found in shown


async def test_the_first_request_sees_an_api_that_fails(oauth_server: OAuthServer) -> None:
    """What the caller got is part of what is checked."""
    oauth_server.api_fault = Fault.status(500)
    kept, shown = await played(STEP_OF["first_request"], oauth_server, client_of)
    assert not kept
    assert "✗ the caller got: 500, not 200" in shown


async def test_a_step_that_takes_too_long_has_failed(oauth_server: OAuthServer) -> None:
    """A step has a time limit."""

    async def wait(stage: Stage) -> Sequence[Check]:
        await asyncio.Event().wait()
        return stage.counted(tokens=0, requests=0)

    step = Step("Wait", "For ever.", wait, seconds=0.01)
    kept, shown = await played(step, oauth_server, client_of)
    assert not kept
    assert "✗ took: more than 0.01 seconds" in shown


async def test_a_server_is_as_before_after_a_step(oauth_server: OAuthServer) -> None:
    """Steps leave no setting of the server's changed, however they end."""
    for name in ("expiry", "token_endpoint_down"):
        await played(STEP_OF[name], oauth_server, raising)
    assert (oauth_server.expires_in, oauth_server.token_fault) == (3600, None)


# Where it is shown


def screen_on(stream: StringIO, **environment: str) -> str:
    """What a screen on this stream shows."""
    screen = Screen(stream, environment)
    screen.title("One → two…")
    screen.verdicts([("is so", True), ("is not", False)])
    return stream.getvalue()


PLAIN = "One → two…\n   ✓ is so   ✗ is not\n"


def test_a_terminal_gets_colours() -> None:
    """Titles are bold, marks green and red."""
    assert screen_on(Terminal(), TERM="xterm") == (
        "\x1b[1mOne → two…\x1b[0m\n   \x1b[32m✓\x1b[0m is so   \x1b[31m✗\x1b[0m is not\n"
    )


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_who_wants_no_colours_gets_none(environment: dict[str, str]) -> None:
    """`NO_COLOR` and a dumb terminal are plain text."""
    assert screen_on(Terminal(), **environment) == PLAIN


def test_what_is_no_terminal_gets_no_colours() -> None:
    """A pipe or a file is plain text."""
    assert screen_on(StringIO()) == PLAIN


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "unheard-of"])
def test_an_encoding_without_the_marks_gets_ascii(encoding: str) -> None:
    """What cannot be printed is said in ASCII."""
    assert screen_on(Narrow(encoding)) == "One -> two...\n   [ok] is so   [FAILED] is not\n"


# The command


def test_without_a_command_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """The commands are listed, and nothing is done."""
    assert main([]) == 0
    assert "demo" in capsys.readouterr().out


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints the package's."""
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"aio-alf {__version__}\n"


def test_a_step_that_does_not_hold_makes_the_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a server that does not revoke, two steps see no refusal."""

    def revoke_nothing(_: OAuthServer) -> None:
        """Leave all tokens good."""

    monkeypatch.setattr(OAuthServer, "revoke_all", revoke_nothing)
    assert main(["demo"]) == 1
    assert "✗ 5 of 7 steps" in capsys.readouterr().out


def test_ctrl_c_in_this_process_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interruption is no error of the program's."""

    async def interrupted(_: Screen) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("aioalf._demo.run", interrupted)
    assert main(["demo"]) == 130


def test_the_module_is_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m aioalf` ends with the exit code of `main`."""
    monkeypatch.setattr(sys, "argv", ["aioalf"])
    monkeypatch.delitem(sys.modules, "aioalf.__main__")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("aioalf", run_name="__main__", alter_sys=True)
    assert ended.value.code == 0


def test_the_demo_runs_as_a_program() -> None:
    """It ends in seconds with 0, and says nothing on standard error."""
    ended = subprocess.run(
        [*COMMAND, "demo"], capture_output=True, encoding="utf-8", timeout=30, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "7 of 7 steps" in ended.stdout


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let children take Ctrl-C, also where this process was started to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_the_demo_takes_ctrl_c() -> None:
    """It ends at once with 130, without a traceback."""
    with subprocess.Popen(
        [*COMMAND, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("1 "):
                break
        child.send_signal(signal.SIGINT)
        _, complaints = child.communicate(timeout=20)
    assert (child.returncode, complaints) == (130, "")


# The browser


def browse(decision: str) -> Callable[[str], bool]:
    """What opens a browser with a person at it, and comes back when the person is done."""

    async def visit(url: str) -> None:
        person = Person(decision)
        await person(url)
        await person.done()

    def open_browser(url: str) -> bool:
        asyncio.run(visit(url))
        return True

    return open_browser


def test_a_person_signs_in_in_the_browser(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One login serves all requests; the URL is printed for who sits elsewhere."""
    monkeypatch.setattr(webbrowser, "open", browse("sign-in"))
    assert main(["demo", "--browser"]) == 0
    shown = capsys.readouterr().out
    assert "✓ logins: 1" in shown
    assert "✓ logins: 0" in shown
    assert "2 of 2 steps" in shown
    assert "/token/authorize?response_type=token" in shown
    assert "access_token" not in shown
    assert Client.token_manager_class is TokenManager


def test_a_person_who_says_no_makes_the_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A login that was refused is not what the step says."""
    monkeypatch.setattr(webbrowser, "open", browse("cancel"))
    assert main(["demo", "--browser"]) == 1
    assert "✗ ended with: AccessDeniedError" in capsys.readouterr().out
