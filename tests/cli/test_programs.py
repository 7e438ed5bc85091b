"""The commands as programs: one starts after another, two at once, and Ctrl-C at any moment."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aioalf.testing import Fault, OAuthServer
from tests.cli.browser import visit
from tests.cli.calls import PROGRAM, age, program, start

LOGIN = ("login", "--client-id", "desktop", "--issuer")


def read_until(stream: "subprocess.Popen[bytes]", pattern: str) -> str:
    """Read what a program says until it has said this; the first group of it."""
    assert stream.stderr is not None
    said = ""
    for line in stream.stderr:
        said += line.decode()
        found = re.search(pattern, said)
        if found is not None:
            return found[1]
    pytest.fail(f"it only said: {said}")


def test_who_has_logged_in_stays_logged_in(server: OAuthServer) -> None:
    """Programs that start later use the login: nobody signs in twice."""
    assert program(*LOGIN, server.issuer).code == 0
    token = program("token").out.strip()
    answer = program("request", "POST", server.url("/things"), "--json", "@-", sent=b'{"a": 1}')
    assert (answer.code, answer.said) == (0, "")
    assert json.loads(answer.out)["body"] == '{"a": 1}'
    assert server.log[-1].headers["Authorization"] == f"Bearer {token}"
    assert (server.logins, server.token_requests) == (1, 1)


def test_a_person_signs_in_on_another_device(server: OAuthServer) -> None:
    """Page and code are shown, without a control character; nothing else is needed here."""
    with start(*LOGIN, server.issuer, "--device") as child:
        server.approve(read_until(child, r"enter the code  (\S+)\n"))
        out, said = child.communicate(timeout=20)
    assert (child.returncode, out) == (0, b"")
    assert b"Waiting for you to sign in (Ctrl-C ends it)" in said
    assert b"Logged in as profile default." in said
    assert b"\x1b" not in said
    assert b"\r" not in said
    assert program("token").code == 0
    assert (server.logins, server.token_requests >= 1) == (1, True)


def test_a_no_on_another_device_is_exit_code_4(server: OAuthServer) -> None:
    """It is said who said no."""
    with start(*LOGIN, server.issuer, "--device") as child:
        server.deny(read_until(child, r"enter the code  (\S+)\n"))
        _, said = child.communicate(timeout=20)
    assert child.returncode == 4
    assert b"Error: The person, or the server's policy, said no" in said


def test_a_code_that_nobody_entered_is_exit_code_3(server: OAuthServer) -> None:
    """The login has to be started again."""
    server.device_code_lifetime = 1
    ended = program(*LOGIN, server.issuer, "--device")
    assert ended.code == 3
    assert "Error: Nobody signed in before the code expired" in ended.said


def test_without_a_browser_the_page_is_opened_by_hand(
    server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its URL is whole on a line of its own; no browser is started."""
    monkeypatch.setenv("BROWSER", "false %s")
    with start(*LOGIN, server.issuer, "--no-browser") as child:
        visit("sign-in", read_until(child, r"\n    (http://\S+)\n"))
        child.communicate(timeout=20)
    assert child.returncode == 0


def test_two_processes_renew_a_token_once(server: OAuthServer, home: Path) -> None:
    """Both have the new one, and the login lives on."""
    program(*LOGIN, server.issuer)
    age(home, 3600)
    with start("token") as one, start("token") as other:
        tokens = {child.communicate(timeout=20) for child in (one, other)}
    assert len(tokens) == 1
    assert (one.returncode, other.returncode) == (0, 0)
    assert (server.logins, server.token_requests) == (1, 2)


# Ctrl-C, and who stops reading


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("option", ["--device", "--no-browser"])
def test_ctrl_c_ends_a_login(server: OAuthServer, home: Path, option: str) -> None:
    """At once, with 130, without a traceback, and without a profile."""
    with start(*LOGIN, server.issuer, option) as child:
        read_until(child, "(Waiting)")
        child.send_signal(signal.SIGINT)
        out, said = child.communicate(timeout=20)
    assert (child.returncode, out, said) == (130, b"", b"")
    assert not list(home.rglob("*.json"))


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_a_login_while_the_browser_is_open(
    server: OAuthServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A text browser keeps its caller waiting; the command does not wait for it."""
    left = tmp_path / "left"
    os.mkfifo(left)
    browser = f"import sys; sys.stderr.write('opened\\n'); open('{left}')"
    monkeypatch.setenv("BROWSER", shlex.join([sys.executable, "-c", browser]) + " %s")
    with start(*LOGIN, server.issuer) as child:
        read_until(child, "(opened)")
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 130
        left.open("w").close()
        _, said = child.communicate(timeout=20)
    assert said == b""


@pytest.fixture
def large(server: OAuthServer) -> str:
    """The URL of more than a pipe holds; somebody is logged in."""
    program(*LOGIN, server.issuer)
    server.api_fault = Fault.body(b"x" * 2**20)
    return server.url("/large")


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_a_request_that_nobody_reads(large: str) -> None:
    """A pipe that is full holds up nothing but the body."""
    with start("request", "GET", large) as child:
        assert child.stdout is not None
        assert child.stdout.read(1) == b"x"
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 130
        assert child.stderr is not None
        assert child.stderr.read() == b""


def test_who_reads_no_further_ends_a_request(large: str) -> None:
    """With 1, and without a word, as `head` expects."""
    with start("request", "GET", large) as child:
        assert child.stdout is not None
        assert child.stdout.read(1) == b"x"
        child.stdout.close()
        assert child.stderr is not None
        assert (child.stderr.read(), child.wait(20)) == (b"", 1)


# What is installed


@pytest.mark.parametrize(
    ("missing", "command"), [("click", "login"), ("click", "logout"), ("platformdirs", "token")]
)
def test_without_the_extra_it_is_said_what_to_install(missing: str, command: str) -> None:
    """And how, in one sentence."""
    ended = without(missing, command)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f'Error: {command} needs the package {missing}: pip install "aio-alf[cli]"\n'
    )


def test_without_the_extra_help_version_and_demo_work() -> None:
    """They need aiohttp alone."""
    for option, shown in (("--help", "login"), ("--version", "aio-alf"), ("demo", "7 of 7")):
        ended = without("click", option)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert shown in ended.stdout


def without(package: str, command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command where a package is not installed."""
    run = f"import sys; sys.modules[{package!r}] = None; from aioalf.__main__ import main; "
    return subprocess.run(
        [*PROGRAM[:-2], "-c", f"{run}sys.exit(main([{command!r}]))"],
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
