"""The commands as processes: they share a login, run concurrently, and end on Ctrl-C."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from aioalf.__main__ import COMMANDS, OWN_COMMANDS, main, parser
from aioalf.testing import Fault, OAuthServer
from tests.cli.fake_browser import visit
from tests.cli.run_command import (
    PROGRAM,
    ROOT,
    age_tokens,
    install_command,
    run_program,
    start_program,
)

LOGIN = ("login", "--client-id", "desktop", "--issuer")


def read_until(stream: "subprocess.Popen[bytes]", pattern: str) -> str:
    """Read stderr until it matches a pattern; return the first group."""
    assert stream.stderr is not None
    text = ""
    for line in stream.stderr:
        text += line.decode()
        found = re.search(pattern, text)
        if found is not None:
            return found[1]
    pytest.fail(f"not found in: {text}")


def test_login_is_shared_by_later_processes(server: OAuthServer) -> None:
    """Processes that start later use the stored token, without another sign-in."""
    assert run_program(*LOGIN, server.issuer).code == 0
    token = run_program("token").stdout.strip()
    response = run_program(
        "request", "POST", server.url("/things"), "--json", "@-", stdin=b'{"a": 1}'
    )
    assert (response.code, response.stderr) == (0, "")
    assert json.loads(response.stdout)["body"] == '{"a": 1}'
    assert server.log[-1].headers["Authorization"] == f"Bearer {token}"
    assert (server.logins, server.token_requests) == (1, 1)


def test_device_login(server: OAuthServer) -> None:
    """The URL and the code are printed without control characters."""
    with start_program(*LOGIN, server.issuer, "--device") as child:
        server.approve(read_until(child, r"enter the code  (\S+)\n"))
        stdout, stderr = child.communicate(timeout=20)
    assert (child.returncode, stdout) == (0, b"")
    assert b"Waiting for you to sign in (press Ctrl-C to cancel)" in stderr
    assert b"Logged in as profile default." in stderr
    assert b"\x1b" not in stderr
    assert b"\r" not in stderr
    assert run_program("token").code == 0
    assert (server.logins, server.token_requests >= 1) == (1, True)


def test_denied_device_login_is_exit_code_4(server: OAuthServer) -> None:
    """The error says that the user or the server denied access."""
    with start_program(*LOGIN, server.issuer, "--device") as child:
        server.deny(read_until(child, r"enter the code  (\S+)\n"))
        _, stderr = child.communicate(timeout=20)
    assert child.returncode == 4
    assert b"Error: The sign-in was refused, by the user or by the server" in stderr


def test_expired_device_code_is_exit_code_3(server: OAuthServer) -> None:
    """If no one enters the code in time, the login has to be repeated."""
    server.device_code_lifetime = 1
    result = run_program(*LOGIN, server.issuer, "--device")
    assert result.code == 3
    assert "Error: The user did not sign in before the code expired" in result.stderr


def test_no_browser_prints_the_url(server: OAuthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The full URL is on its own line, and no browser is started."""
    monkeypatch.setenv("BROWSER", "false %s")
    with start_program(*LOGIN, server.issuer, "--no-browser") as child:
        visit("sign-in", read_until(child, r"\n    (http://\S+)\n"))
        child.communicate(timeout=20)
    assert child.returncode == 0


def test_two_processes_renew_a_token_once(server: OAuthServer, home: Path) -> None:
    """Both print the new token, and the login stays valid."""
    run_program(*LOGIN, server.issuer)
    age_tokens(home, 3600)
    with start_program("token") as one, start_program("token") as other:
        tokens = {child.communicate(timeout=20) for child in (one, other)}
    assert len(tokens) == 1
    assert (one.returncode, other.returncode) == (0, 0)
    assert (server.logins, server.token_requests) == (1, 2)


# Ctrl-C and closed pipes


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("option", ["--device", "--no-browser"])
def test_ctrl_c_ends_a_login(server: OAuthServer, home: Path, option: str) -> None:
    """Ctrl-C exits with 130, without a traceback and without a profile."""
    with start_program(*LOGIN, server.issuer, option) as child:
        read_until(child, "(Waiting)")
        child.send_signal(signal.SIGINT)
        stdout, stderr = child.communicate(timeout=20)
    assert (child.returncode, stdout, stderr) == (130, b"", b"")
    assert not list(home.rglob("*.json"))


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_a_login_while_the_browser_is_open(
    server: OAuthServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A text browser blocks until the user quits it, but the command does not wait for it."""
    left = tmp_path / "left"
    os.mkfifo(left)
    browser = f"import sys; sys.stderr.write('opened\\n'); open('{left}')"
    monkeypatch.setenv("BROWSER", shlex.join([sys.executable, "-c", browser]) + " %s")
    with start_program(*LOGIN, server.issuer) as child:
        read_until(child, "(opened)")
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 130
        left.open("w").close()
        _, stderr = child.communicate(timeout=20)
    assert stderr == b""


def test_login_ends_before_a_browser_that_stays_open(
    server: OAuthServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The message is shown while the browser is open, and the command does not wait for it."""
    seen, left = tmp_path / "seen", tmp_path / "left"
    os.mkfifo(seen)
    os.mkfifo(left)
    sign_in = shlex.join([sys.executable, str(ROOT / "tests" / "cli" / "fake_browser.py")])
    browser = tmp_path / "browser"
    browser.write_text(f"cat {seen}\n{sign_in} sign-in $1\nexec >/dev/null 2>&1\ncat {left}\n")
    monkeypatch.setenv("BROWSER", f"/bin/sh {browser} %s")
    with start_program(*LOGIN, server.issuer) as child:
        read_until(child, "(Waiting for you to sign in)")
        seen.open("w").close()
        stdout, stderr = child.communicate(timeout=20)
        left.open("w").close()  # waits until the browser reads it
    assert (child.returncode, stdout) == (0, b"")
    assert stderr.startswith(b"Logged in as profile default.")


def test_request_shows_a_spinner_on_a_terminal(server: OAuthServer) -> None:
    """It is shown on stderr after a second until the API responds; stdout gets only the body."""
    run_program(*LOGIN, server.issuer)
    server.api_fault = Fault.slow(1.6)
    terminal, stderr = os.openpty()
    command = [*PROGRAM, "request", "GET", server.url("/things")]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=environment) as child:
        os.close(stderr)
        stdout, _ = child.communicate(timeout=20)
    shown = read_terminal(terminal)
    assert child.returncode == 0
    assert json.loads(stdout)["path"] == "/things"
    assert "Waiting for the response, 1 s" in shown
    assert "Waiting for the response, 0 s" not in shown
    assert shown.endswith("\r\x1b[K")


def read_terminal(terminal: int) -> str:
    """Return what was written to a terminal, and close it."""
    written = b""
    with open(terminal, "rb", buffering=0) as reader, suppress(OSError):  # EIO is the end
        while chunk := reader.read(4096):
            written += chunk
    return written.decode()


@pytest.fixture
def large(server: OAuthServer) -> str:
    """Log in, and return the URL of a response that is larger than a pipe buffer."""
    run_program(*LOGIN, server.issuer)
    server.api_fault = Fault.body(b"x" * 2**20)
    return server.url("/large")


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_a_blocked_write(large: str) -> None:
    """Ctrl-C works while the command waits for the reader of a full pipe."""
    with start_program("request", "GET", large) as child:
        assert child.stdout is not None
        assert child.stdout.read(1) == b"x"
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 130
        assert child.stderr is not None
        assert child.stderr.read() == b""


def test_closed_pipe_ends_a_request(large: str) -> None:
    """The exit code is 1 and nothing is printed, as `head` expects."""
    with start_program("request", "GET", large) as child:
        assert child.stdout is not None
        assert child.stdout.read(1) == b"x"
        child.stdout.close()
        assert child.stderr is not None
        assert (child.stderr.read(), child.wait(20)) == (b"", 1)


# The current directory


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory with files that have the names of modules and fail when imported."""
    directory = tmp_path / "hostile"
    (directory / "aioalf").mkdir(parents=True)
    for name in ("click", "platformdirs", "webbrowser"):
        (directory / f"{name}.py").write_text(f"raise SystemExit('{name} was imported')")
    monkeypatch.chdir(directory)
    return directory


def test_module_imports_no_package_of_the_extra_from_the_current_directory(
    hostile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m` itself would search the current directory first."""
    # A folder without __init__.py would win over an editable installation.
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (hostile / "aioalf" / "_cli.py").write_text("raise SystemExit('_cli was imported')")
    result = run_program("token")
    assert (result.code, result.stderr.split(":")[0]) == (3, "Error"), result.stderr


def test_command_imports_nothing_from_the_current_directory(hostile: Path) -> None:
    """The installed command runs the installed package, even beside a package of its name."""
    for name in ("__init__", "__main__"):
        (hostile / "aioalf" / f"{name}.py").write_text("raise SystemExit('aioalf was imported')")
    command = install_command(hostile.parent)
    result = subprocess.run([command, "token"], capture_output=True, timeout=30, check=False)
    assert (result.returncode, result.stderr[:6]) == (3, b"Error:"), result.stderr


def test_module_works_in_a_deleted_directory(hostile: Path) -> None:
    """The current directory cannot be determined then."""
    shutil.rmtree(hostile)
    assert run_program("token").code == 3


# Missing packages


@pytest.mark.parametrize(
    ("missing", "command"), [*(("click", name) for name in COMMANDS), ("platformdirs", "token")]
)
def test_missing_extra_says_what_to_install(missing: str, command: str) -> None:
    """One sentence names the missing package and the pip command."""
    result = run_without(missing, command)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        f'Error: {command} needs the package {missing}: pip install "aio-alf[cli]"\n'
    )


def test_without_the_extra_help_version_and_demo_work() -> None:
    """``--help``, ``--version`` and ``demo`` need only aiohttp."""
    for option, shown in (("--help", "login"), ("--version", "aio-alf"), ("demo", "8 of 8")):
        result = run_without("click", option)
        assert (result.returncode, result.stderr) == (0, "")
        assert shown in result.stdout


def test_without_the_extra_serve_works() -> None:
    """It needs only aiohttp, so its options are read."""
    result = run_without("click", "serve", "--fault", "token=burn")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: --fault knows no fault 'burn'")


# Help


@pytest.mark.parametrize("command", ["", *COMMANDS, *OWN_COMMANDS])
def test_help_fits_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """The help of the program and of each command has no wider line."""
    monkeypatch.setenv("COLUMNS", "80")
    with suppress(SystemExit):  # raised by argparse
        main([*command.split(), "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].lower().startswith(f"usage: aioalf {command}".rstrip())
    assert max(map(len, lines)) <= 80


def test_help_lists_the_commands_in_two_groups() -> None:
    """The first group names the extra that it needs."""
    groups = parser().format_help().split("\n\n")
    with_extra, without = (
        next(group for group in groups if group.startswith(title))
        for title in ("sign in and send requests", "try it on this machine")
    )
    assert 'pip install "aio-alf[cli]"' in with_extra
    assert [line.split()[0] for line in with_extra.splitlines()[1:]] == [*COMMANDS]
    assert [line.split()[0] for line in without.splitlines()[1:]] == [*OWN_COMMANDS]


def run_without(package: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command with a package made impossible to import."""
    run = f"import sys; sys.modules[{package!r}] = None; from aioalf.__main__ import main; "
    return subprocess.run(
        [*PROGRAM[:-2], "-c", f"{run}sys.exit(main({[*arguments]!r}))"],
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
