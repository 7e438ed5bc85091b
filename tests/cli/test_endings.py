"""How commands end that do not end well, in this process."""

import io
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import aioalf
from aioalf.__main__ import main
from aioalf._cli.login_options import grant_of
from aioalf._cli.profiles import CODE, DEVICE, SERVICE, Profile
from aioalf._cli.terminal import Terminal
from aioalf.errors import TokenConnectionError
from aioalf.testing import Fault, OAuthServer
from aioalf.token import Token
from tests.cli.calls import Call
from tests.cli.conftest import Person

LOGIN = ("login", "--client-id", "desktop", "--issuer")


@pytest.fixture
def logged_in(server: OAuthServer, person: Person, call: Call) -> OAuthServer:
    """The server, somebody logged in."""
    assert call(*LOGIN, server.issuer).code == 0
    return server


def test_help_is_no_failure(call: Call) -> None:
    """It is on standard output."""
    ended = call("token", "--help")
    assert (ended.code, ended.said) == (0, "")
    assert "Usage: python -m aioalf token [OPTIONS]" in ended.out


def test_ctrl_c_is_exit_code_130(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """At whatever moment, and nothing is said."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("aioalf._cli.profiles.Profiles.load", interrupted)
    ended = call("token")
    assert (ended.code, ended.out, ended.said) == (130, "", "")


def test_ctrl_c_while_importing_is_exit_code_130(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may come before there is anything to do."""

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("aioalf._cli.run", interrupted)
    ended = call("token")
    assert (ended.code, ended.out, ended.said) == (130, "", "")


@pytest.fixture
def ignoring() -> Iterator[None]:
    """Be deaf to Ctrl-C, as what a shell starts in the background is."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ignoring")
def test_who_ignores_ctrl_c_goes_on_ignoring_it(logged_in: OAuthServer, call: Call) -> None:
    """Also while a body is written."""
    assert call("request", "GET", logged_in.url("/things")).code == 0
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.parametrize("command", [("request", "GET", "{}"), ("demo",)])
def test_who_reads_no_further_is_no_reason_to_complain(
    command: tuple[str, ...],
    logged_in: OAuthServer,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    """What is left goes nowhere, also when the program ends."""
    capsysbinary.readouterr()
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as stdout:  # noqa: PTH123 - a descriptor has no path
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main([each.format(logged_in.url("/things")) for each in command]) == 1
        monkeypatch.undo()
    assert capsysbinary.readouterr().err == b""


def test_a_command_that_nobody_can_hear_ends_as_it_should(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Standard error may be closed, or its reader gone while standard output is closed."""
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


def test_warnings_of_the_package_are_sentences(
    logged_in: OAuthServer, call: Call, home: Path
) -> None:
    """What is wrong with what is kept is said, and so is what to do."""
    (file,) = home.rglob("tokens/*.json")
    file.write_text("{")
    ended = call("token")
    assert ended.code == 3
    warning, error = ended.said.splitlines()
    assert warning.startswith("Warning: The token cache file ")
    assert error.endswith("log in with `python -m aioalf login`")


def test_a_token_that_ended_while_it_was_renewed_in_vain_is_not_handed_out(
    logged_in: OAuthServer, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failure is said instead."""
    answers: list[Token | Exception] = [Token("a", 0), TokenConnectionError("No answer")]

    class Waiting:
        def __init__(self, *_: object, **__: object) -> None:
            """Take what the real one takes."""

        async def token(self, *_: object) -> Token:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

    monkeypatch.setattr("aioalf._cli.client_factory.Login", Waiting)
    ended = call("token")
    assert (ended.code, ended.out, ended.said) == (1, "", "Error: No answer\n")


@pytest.mark.parametrize("grant", [CODE, DEVICE, SERVICE])
def test_a_profile_logs_in_with_its_grant(grant: str) -> None:
    """The one that is in its keys."""
    profile = Profile(client_id="a", grant=grant)
    assert grant_of(profile, Terminal(sys.stderr), in_browser=False).name == grant


def test_a_mistake_of_ours_is_not_hidden(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody expects is raised."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("aioalf._cli.profiles.Profiles.load", fail)
    with pytest.raises(ZeroDivisionError):
        call("token")


# What is installed


def test_a_missing_package_of_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one sentence, with exit code 2."""
    for name in [name for name in sys.modules if name.startswith("aioalf._cli")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(aioalf, "_cli")
    monkeypatch.setitem(sys.modules, "click", None)
    assert main(["login"]) == 2
    assert 'login needs the package click: pip install "aio-alf[cli]"' in capsys.readouterr().err


def test_another_package_that_is_missing_is_a_mistake_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The extra would not help."""
    monkeypatch.delattr(aioalf, "_cli")
    monkeypatch.setitem(sys.modules, "aioalf._cli", None)
    with pytest.raises(ModuleNotFoundError):
        main(["login"])


def test_redirects_without_end_are_exit_code_1(logged_in: OAuthServer, call: Call) -> None:
    """They are followed ten times."""
    logged_in.api_fault = Fault.redirect("/again")
    ended = call("request", "GET", logged_in.url("/again"))
    assert (ended.code, ended.out) == (1, "")
    assert ended.said.startswith("Error: The request could not be made")
