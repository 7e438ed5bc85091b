"""Failures of commands: exit codes, error messages, Ctrl-C and closed streams."""

import io
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import aioalf
from aioalf.__main__ import main
from aioalf._cli.login_options import make_grant
from aioalf._cli.profiles import AUTHORIZATION_CODE, CLIENT_CREDENTIALS, DEVICE_CODE, Profile
from aioalf._cli.terminal import Terminal
from aioalf.errors import TokenConnectionError
from aioalf.testing import Fault, OAuthServer
from aioalf.token import Token
from tests.cli.conftest import Person
from tests.cli.run_command import Run

LOGIN = ("login", "--client-id", "desktop", "--issuer")


@pytest.fixture
def logged_in(server: OAuthServer, person: Person, run: Run) -> OAuthServer:
    """The server, after a login."""
    assert run(*LOGIN, server.issuer).code == 0
    return server


def test_help_is_printed_to_stdout(run: Run) -> None:
    """``--help`` exits with 0 and writes to standard output."""
    result = run("token", "--help")
    assert (result.code, result.stderr) == (0, "")
    assert "Usage: aioalf token [OPTIONS]" in result.stdout


def test_ctrl_c_is_exit_code_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C exits with 130 and prints nothing."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("aioalf._cli.profiles.Profiles.load", interrupted)
    result = run("token")
    assert (result.code, result.stdout, result.stderr) == (130, "", "")


def test_ctrl_c_before_the_command_starts_is_exit_code_130(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C exits with 130 even before the command has started."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("aioalf._cli.run", interrupted)
    result = run("token")
    assert (result.code, result.stdout, result.stderr) == (130, "", "")


@pytest.fixture
def sigint_ignored() -> Iterator[None]:
    """Ignore SIGINT, as a background job of a shell does."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("sigint_ignored")
def test_ignored_sigint_stays_ignored(logged_in: OAuthServer, run: Run) -> None:
    """A process that ignores SIGINT still ignores it after a response was written."""
    assert run("request", "GET", logged_in.url("/things")).code == 0
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.parametrize("command", [("request", "GET", "{}"), ("demo",)])
def test_closed_pipe_is_exit_code_1_without_a_message(
    command: tuple[str, ...],
    logged_in: OAuthServer,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    """If the reader of stdout stops reading, nothing is printed, not even at interpreter exit."""
    capsysbinary.readouterr()
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as stdout:  # noqa: PTH123 - a file descriptor has no path
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main([each.format(logged_in.url("/things")) for each in command]) == 1
        monkeypatch.undo()
    assert capsysbinary.readouterr().err == b""


def test_closed_stderr_keeps_the_exit_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A command ends normally if stderr is closed or its reader is gone."""
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["token"]) == 3
    sys.stderr.close()
    reader, writer = os.pipe()
    os.close(reader)
    with io.TextIOWrapper(io.FileIO(writer, "w"), write_through=True) as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setattr(sys, "stdout", None)
        assert main(["token"]) == 1
        monkeypatch.undo()


def test_log_warnings_are_printed_as_messages(logged_in: OAuthServer, run: Run, home: Path) -> None:
    """A log warning about a damaged cache file is printed before the error."""
    (file,) = home.rglob("tokens/*.json")
    file.write_text("{")
    result = run("token")
    assert result.code == 3
    warning, error = result.stderr.splitlines()
    assert warning.startswith("Warning: The token cache file ")
    assert error.endswith("log in with `aioalf login`")


def test_token_that_expires_during_a_failed_renewal_is_not_printed(
    logged_in: OAuthServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the renewal fails and the old token has expired meanwhile, the error is printed."""
    results: list[Token | Exception] = [Token("a", 0), TokenConnectionError("No response")]

    class FakeLogin:
        def __init__(self, *_: object, **__: object) -> None:
            """Accept the arguments of `Login`."""

        async def token(self, *_: object) -> Token:
            outcome = results.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

    monkeypatch.setattr("aioalf._cli.client_factory.Login", FakeLogin)
    result = run("token")
    assert (result.code, result.stdout, result.stderr) == (1, "", "Error: No response\n")


@pytest.mark.parametrize("grant", [AUTHORIZATION_CODE, DEVICE_CODE, CLIENT_CREDENTIALS])
def test_login_uses_the_grant_of_the_profile(grant: str) -> None:
    """The grant for a new sign-in is the one that the profile names."""
    profile = Profile(client_id="a", grant=grant)
    assert make_grant(profile, Terminal(sys.stderr), open_browser=False).name == grant


def test_unexpected_exceptions_are_raised(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that no command expects is raised with its traceback."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("aioalf._cli.profiles.Profiles.load", fail)
    with pytest.raises(ZeroDivisionError):
        run("token")


# Missing packages


def test_missing_package_of_the_extra_is_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error names the missing package and how to install it."""
    for name in [name for name in sys.modules if name.startswith("aioalf._cli")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(aioalf, "_cli")
    monkeypatch.setitem(sys.modules, "click", None)
    assert main(["login"]) == 2
    assert 'login needs the package click: pip install "aio-alf[cli]"' in capsys.readouterr().err


def test_other_missing_modules_are_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A missing module that the extra would not install is raised."""
    monkeypatch.delattr(aioalf, "_cli")
    monkeypatch.setitem(sys.modules, "aioalf._cli", None)
    with pytest.raises(ModuleNotFoundError):
        main(["login"])


def test_endless_redirects_are_exit_code_1(logged_in: OAuthServer, run: Run) -> None:
    """A request fails after ten redirects."""
    logged_in.api_fault = Fault.redirect("/again")
    result = run("request", "GET", logged_in.url("/again"))
    assert (result.code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: The request could not be sent")
