"""The command as a process: its text, its ports, its requests, and how it ends."""

import argparse
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aioalf.__main__ import main, parser
from aioalf._serve.run import make_server
from aioalf.testing._behaviours import BEHAVIOURS
from tests.cli.run_command import PROGRAM, ROOT, install_command
from tests.serve.plain_request import request
from tests.support.ports import free_port
from tests.testing.plain_client import basic

BROWSER = [sys.executable, str(ROOT / "tests" / "cli" / "fake_browser.py"), "sign-in"]


class Served:
    """A running ``aioalf serve`` and the text that it has printed."""

    def __init__(self, child: "subprocess.Popen[str]") -> None:
        self.child = child
        self.text = self.read_until("# Requests\n")
        self.issuer = self._url("Issuer")
        self.api = self._url("API")

    def read_until(self, end: str) -> str:
        """Return the lines up to the one with this end."""
        assert self.child.stdout is not None
        text = ""
        while not text.endswith(end):
            line = self.child.stdout.readline()
            assert line, f"the output ended after: {text}"
            text += line
        return text

    def next_line(self) -> str:
        """Return the next line about a request, without its time."""
        return re.sub(r"^\d\d:\d\d:\d\d  ", "", self.read_until("\n").strip())

    def block(self, title: str) -> str:
        """Return the lines below a title, up to the next title."""
        return self.text.partition(f"\n# {title}")[2].partition("\n")[2].partition("\n# ")[0]

    def _url(self, name: str) -> str:
        found = re.search(rf"^  {name} +(\S+)", self.text, re.MULTILINE)
        assert found is not None, self.text
        return found[1]


@contextmanager
def serve(*options: str) -> Iterator[Served]:
    """Run the command on free ports unless the options name others."""
    command = [*PROGRAM, "serve", "--port", "0", "--api-port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield Served(child)
        finally:
            child.kill()


def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment with the command ``aioalf``, a browser, and no proxy."""
    command = install_command(tmp_path)
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return {
        **kept,
        "AIOALF_HOME": str(tmp_path / "home"),
        "BROWSER": f"{shlex.join(BROWSER)} %s",
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_server_with_exit_code_0(number: signal.Signals) -> None:
    """The ports are closed, and nothing is printed to standard error."""
    command = [*PROGRAM, "serve", "--port", "0", "--api-port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        served = Served(child)
        child.send_signal(number)
        stdout, stderr = child.communicate(timeout=20)
    assert (child.returncode, stdout, stderr) == (0, "Stopped.\n", "")
    with pytest.raises(urllib.error.URLError):
        request(served.issuer)


def run_in_shell(script: str, tmp_path: Path) -> str:
    """Run a script and return its standard output."""
    return subprocess.run(
        ["/bin/sh", "-ec", script],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
        timeout=40,
        check=True,
    ).stdout


def test_printed_commands_run_as_they_are(tmp_path: Path) -> None:
    """The token request, the sign-in, the API request and the Python program succeed."""
    with serve() as served:
        assert max(map(len, served.text.splitlines())) <= 80
        curl = shlex.split(served.block("Request a token").replace("\\\n", ""))
        assert curl[:5] == ["curl", "-u", "client-id:secret", "-d", "grant_type=client_credentials"]
        status, _ = request(curl[5], basic(), curl[4])
        assert (status, served.next_line()) == (
            200,
            "auth  200  POST /token  client_credentials, client-id",
        )
        shown = run_in_shell(served.block("Sign in, and send"), tmp_path)
        assert json.loads(shown)["client_id"] == "desktop"
        served.read_until("200  GET  /things  with a token\n")
        program = tmp_path / "program.py"
        program.write_text(served.block("Send a request to the API from Python"))
        shown = run_in_shell(shlex.join([sys.executable, str(program)]), tmp_path)
        assert "'client_id': 'client-id'" in shown


def test_requests_are_printed_without_secrets() -> None:
    """A token, a secret and a query are not printed."""
    with serve() as served:
        _, token = request(f"{served.issuer}/token", basic(), "grant_type=client_credentials")
        served.next_line()
        headers = {"Authorization": f"Bearer {json.loads(token)['access_token']}"}
        assert request(f"{served.api}?key=hunter2", headers)[0] == 200
        assert served.next_line() == "api   200  GET  /things  with a token"
        assert request(served.api)[0] == 401
        assert served.next_line() == "api   401  GET  /things  invalid_token: without a token"


def test_options_change_the_server() -> None:
    """Users, lifetime and faults can be set, and the text names users and faults."""
    options = ("--user", "Ada", "--user", "Zoë", "--expires-in", "60", "--fault", "api=503")
    with serve(*options, "--fault", "metadata=html") as served:
        assert re.search("Users +Ada, Zo\\\\xeb\n", served.text)
        assert re.search("Faults +api=503, metadata=html\n", served.text)
        _, token = request(f"{served.issuer}/token", basic(), "grant_type=client_credentials")
        assert json.loads(token)["expires_in"] == 60
        assert request(served.api)[0] == 503
        page = request(f"{served.issuer}/.well-known/openid-configuration")
        assert page[1].startswith("<!doctype html>")


def test_provider_program_signs_in(tmp_path: Path) -> None:
    """With --behaves-like, the printed program uses the provider with the URLs of the server."""
    with serve("--behaves-like", "github", "--sign-in", "Ada") as served:
        assert re.search("Behaves like +github\n", served.text)
        assert re.search("Users +Ada, who is already signed in\n", served.text)
        program = tmp_path / "program.py"
        program.write_text(served.block("Send a request to the API from Python"))
        browser = "import sys, urllib.request as u; u.urlopen(sys.argv[1]).close()"
        browse = shlex.join([sys.executable, "-c", browser])
        script = f"export BROWSER={shlex.quote(browse + ' %s')}\n{sys.executable} {program}"
        assert "'user': 'Ada'" in run_in_shell(script, tmp_path)


def test_chosen_port_in_use_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    """The error names the port and the options."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["serve", "--port", str(port), "--api-port", str(free_port())]) == 1
    stdout, stderr = capsys.readouterr()
    assert stdout == ""
    assert stderr.startswith(f"Error: Port {port} of 127.0.0.1 is in use")
    assert stderr.endswith("(see --port and --api-port)\n")


def test_closed_pipe_ends_the_server() -> None:
    """If the reader of the output stops reading, the server ends without a traceback."""
    command = [*PROGRAM, "serve", "--port", "0", "--api-port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        served = Served(child)
        assert child.stdout is not None
        child.stdout.close()
        assert request(served.api)[0] == 401
        assert child.wait(20) == 1
        assert child.stderr is not None
        assert child.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fault", "token=burn"), "knows no fault 'burn'"),
        (("--fault", "tokens=503"), "'tokens=503' names no endpoint"),
        (("--behaves-like", "nonsense"), "no provider 'nonsense': use one of airtable"),
    ],
)
def test_unknown_name_is_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, str], message: str
) -> None:
    """The error lists the valid names."""
    assert main(["serve", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [("--port", "65536"), ("--expires-in", "0"), ("--port", "x")])
def test_invalid_number_is_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, str]
) -> None:
    """The error names the valid range."""
    with pytest.raises(SystemExit) as exited:
        main(["serve", *arguments])
    assert exited.value.code == 2
    assert re.search(r"expected a number from \d to \d+", capsys.readouterr().err)


@pytest.mark.parametrize("provider", BEHAVIOURS)
def test_every_provider_can_be_chosen(provider: str) -> None:
    """The server gets the behaviour and the lifetime of the provider."""
    server = make_server(options_of("--behaves-like", provider))
    assert server.behaviour is BEHAVIOURS[provider]
    assert server.expires_in == BEHAVIOURS[provider].options.get("expires_in", 3600)


def test_lifetime_overrides_the_provider() -> None:
    """Even the default lifetime of servers does, if it is given."""
    options = options_of("--behaves-like", "github", "--expires-in", "3600")
    assert make_server(options).expires_in == 3600


def options_of(*arguments: str) -> argparse.Namespace:
    """Return the parsed options of the command."""
    return parser().parse_args(["serve", *arguments])
