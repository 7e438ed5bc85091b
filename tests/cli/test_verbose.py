"""Tests of ``--verbose``: the shown requests and responses, and the secrets that are masked."""

import re
from pathlib import Path

import pytest

from aioalf.testing import Fault, OAuthServer
from tests.cli.run_command import Run
from tests.robustness.secrets.canaries import Canaries


def lines_of(stderr: str) -> list[str]:
    """Return the lines without headers that depend on the machine."""
    return [
        line
        for line in stderr.splitlines()
        if not re.match("[<>] (Accept|Connection|Content-|Date|Host|Server|User-Agent)", line)
    ]


def test_renewed_token_shows_three_requests(logged_in: OAuthServer, run: Run) -> None:
    """The rejected request, the token request with its form, and the repeated request."""
    logged_in.revoke_all()
    result = run("request", logged_in.url("/things"), "-v")
    assert result.code == 0
    shown = lines_of(result.stderr)
    metadata = shown.index("> GET /.well-known/oauth-authorization-server HTTP/1.1")
    token_request = shown.index("> POST /token HTTP/1.1")
    assert shown[:metadata] == [
        "> GET /things HTTP/1.1",
        "> Authorization: Bearer ***",
        ">",
        "< HTTP/1.1 401 Unauthorized",
        '< WWW-Authenticate: Bearer realm="aioalf.testing", error="invalid_token"',
        "<",
    ]
    assert shown[token_request:] == [
        "> POST /token HTTP/1.1",
        ">",
        "> grant_type=refresh_token&refresh_token=***&client_id=desktop",
        "< HTTP/1.1 200 OK",
        "< Cache-Control: no-store",
        "< Pragma: no-cache",
        "<",
        "> GET /things HTTP/1.1",
        "> Authorization: Bearer ***",
        ">",
        "< HTTP/1.1 200 OK",
        "<",
    ]


def test_values_that_may_be_secret_are_masked(logged_in: OAuthServer, run: Run) -> None:
    """Queries, cookies, headers with a sensitive name, and a token that is echoed."""
    token = run("token").stdout.strip()
    headers = {
        "Set-Cookie": "session=hunter2",
        "X-Api-Key": "hunter2",
        "X-Echo": f"got {token}",
        "X-Plain": "shown",
        "Location": "https://api.example.com/next?code=hunter2",
        "Content-Location": "http://[hunter2",
    }
    logged_in.api_fault = Fault.body(b"hunter2", headers=headers)
    options = ("-H", "Cookie: hunter2", "-H", "X-Auth: hunter2", "-H", "X-Other: shown")
    result = run("request", logged_in.url("/things?key=hunter2&empty=&hunter2"), *options, "-v")
    assert (result.code, result.stdout) == (0, "hunter2")
    assert "hunter2" not in result.stderr
    assert token not in result.stderr
    for line in (
        "> GET /things?key=***&empty=***&*** HTTP/1.1",
        "> Cookie: ***",
        "> X-Auth: ***",
        "> X-Other: shown",
        "< Set-Cookie: ***",
        "< X-Api-Key: ***",
        "< X-Echo: got ***",
        "< X-Plain: shown",
        "< Location: https://api.example.com/next?code=***",
        "< Content-Location: ***",
    ):
        assert line in result.stderr.splitlines()


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_no_secret_of_a_token_request_is_shown(
    server: OAuthServer, run: Run, tmp_path: Path, method: str
) -> None:
    """The client secret is masked in the header, in the form, and in a response that repeats it."""
    canaries = Canaries()
    secret = canaries.plant_token("client secret")
    (tmp_path / "secret").write_text(secret)
    server.add_client("service", secret, auth_methods=[method])
    client = ("--client-id", "service", "--client-secret-file", str(tmp_path / "secret"))
    at_server = ("--token-endpoint", server.token_endpoint, "--client-auth", method)
    assert run("login", "--client-credentials", *client, *at_server).code == 0
    canaries.add("access token", run("token").stdout.strip())
    server.revoke_all()
    echo = {"X-Echo": f"the secret is {secret}"}
    server.token_fault = Fault.body(b"{}", status=400, headers=echo)
    result = run("request", server.url("/things"), "--verbose")
    assert result.code == 1
    shown = result.stderr.splitlines()
    assert "> POST /token HTTP/1.1" in shown
    assert "< HTTP/1.1 400 Bad Request" in shown
    assert "< X-Echo: the secret is ***" in shown
    assert canaries.found_in(result.stderr) == []


def test_each_hop_of_a_redirect_is_shown(logged_in: OAuthServer, run: Run) -> None:
    """Another origin gets no token."""
    logged_in.api_fault = Fault.redirect(f"{logged_in.other_url}/elsewhere").times(1)
    shown = lines_of(run("request", logged_in.url("/things"), "--verbose").stderr)
    assert shown == [
        "> GET /things HTTP/1.1",
        "> Authorization: Bearer ***",
        ">",
        "< HTTP/1.1 307 Temporary Redirect",
        f"< Location: {logged_in.other_url}/elsewhere",
        "<",
        "> GET /elsewhere HTTP/1.1",
        ">",
        "< HTTP/1.1 200 OK",
        "<",
    ]


def test_control_characters_are_escaped(logged_in: OAuthServer, run: Run) -> None:
    """A header of a server cannot control the terminal."""
    logged_in.api_fault = Fault.body(b"", headers={"X-Name": "\x9b31m"})
    assert "< X-Name: \\x9b31m" in run("request", logged_in.url("/"), "-v").stderr
