"""Tests of `status`: the state of each login, as text and as JSON."""

import json
from pathlib import Path

import pytest

from aioalf.testing import MISSING, OAuthServer
from tests.cli.conftest import Person
from tests.cli.run_command import Run, age_tokens


def log_in_service(server: OAuthServer, run: Run, tmp_path: Path) -> None:
    """Log in without a user, as profile ``service``."""
    (tmp_path / "secret").write_text("s3cret-of-service")
    client = ("--client-id", "service", "--client-secret-file", str(tmp_path / "secret"))
    options = ("--client-credentials", "--profile", "service", "--token-endpoint")
    assert run("login", *client, *options, server.token_endpoint).code == 0


def token_lines(run: Run) -> list[str]:
    """Return the state of each login."""
    lines = run("status").stdout.splitlines()
    return [line.removeprefix("  Token   ") for line in lines if line.startswith("  Token")]


def test_status_lists_every_profile(
    server: OAuthServer, person: Person, run: Run, tmp_path: Path
) -> None:
    """Profiles are sorted by name, and no server is contacted."""
    log_in_service(server, run, tmp_path)
    options = ("--scope", "read write", "--profile", "ada")
    run("login", "--issuer", server.issuer, "--client-id", "desktop", *options)
    before = len(server.log)
    result = run("status")
    assert (result.code, result.stderr) == (0, "")
    assert result.stdout == (
        f"ada\n"
        f"  Server  {server.issuer}\n"
        "  Client  desktop (sign-in in a browser)\n"
        "  Scope   read write\n"
        "  Token   valid for 59 min\n"
        "\n"
        "service\n"
        f"  Server  {server.token_endpoint}\n"
        "  Client  service (client credentials, no user)\n"
        "  Token   valid for 59 min\n"
    )
    assert len(server.log) == before


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (200_000, "2 days"),
        (100_000, "27 h"),
        (7_190, "119 min"),
        (110, "1.. s"),
    ],
)
def test_validity_is_in_the_largest_unit_of_which_there_are_two(
    server: OAuthServer, run: Run, tmp_path: Path, seconds: int, shown: str
) -> None:
    """Days, hours, minutes or seconds."""
    server.expires_in = seconds
    log_in_service(server, run, tmp_path)
    [line] = token_lines(run)
    assert line.replace("109", "1..").replace("108", "1..") == f"valid for {shown}"


def test_expired_login_can_be_renewed_or_needs_a_sign_in(
    server: OAuthServer, person: Person, run: Run, home: Path, tmp_path: Path
) -> None:
    """A refresh token or client credentials renew it; otherwise the user has to sign in."""
    log_in_service(server, run, tmp_path)
    login = ("login", "--issuer", server.issuer, "--client-id", "desktop", "--profile")
    run(*login, "refreshable")
    server.refresh_tokens = False
    run(*login, "used-up")
    age_tokens(home, 3600)
    assert token_lines(run) == [
        "expired, can be renewed",
        "expired, can be renewed",
        "not valid: sign in again with `aioalf login --profile used-up`",
    ]
    states = [each["state"] for each in json.loads(run("status", "--json").stdout)]
    assert states == ["expired", "expired", "login_required"]


def test_token_without_lifetime(server: OAuthServer, run: Run, tmp_path: Path) -> None:
    """Only the API knows how long it is valid."""
    server.expires_in = MISSING
    log_in_service(server, run, tmp_path)
    assert token_lines(run) == ["valid until the API rejects it"]
    [shown] = json.loads(run("status", "--json").stdout)
    assert (shown["state"], shown["expires_in"], shown["expires_on"]) == ("valid", None, None)


def test_json_has_no_secret(logged_in: OAuthServer, run: Run) -> None:
    """It has the settings and the expiry; unknown values are null."""
    token = json.loads(run("token", "--json").stdout)
    result = run("status", "--json")
    [shown] = json.loads(result.stdout)
    assert 0 <= token["expires_in"] - shown.pop("expires_in") <= 5
    assert shown == {
        "profile": "default",
        "state": "valid",
        "issuer": logged_in.issuer,
        "token_endpoint": None,
        "client_id": "desktop",
        "grant": "authorization_code",
        "scope": None,
        "expires_on": token["expires_on"],
    }
    assert token["access_token"] not in result.stdout


def test_no_login(run: Run, home: Path) -> None:
    """The text names the directory, and the JSON list is empty."""
    result = run("status")
    assert (result.code, result.stdout) == (0, "")
    assert result.stderr == f"No login is stored in {home}.\n"
    assert run("status", "--json").stdout == "[]\n"


def test_unreadable_files_need_a_login(logged_in: OAuthServer, run: Run, home: Path) -> None:
    """Deleted tokens need a sign-in, a damaged profile a new login; other files are ignored."""
    for file in home.rglob("tokens/*.json"):
        file.unlink()
    assert token_lines(run) == ["not valid: sign in again with `aioalf login`"]
    (home / "default" / "profile.json").write_text("{}")
    (home / ".hidden").mkdir()
    (home / ".hidden" / "profile.json").write_text("{}")
    assert run("status").stdout.startswith("default\n  Token   the profile cannot be read: log in")
    [shown] = json.loads(run("status", "--json").stdout)
    assert (shown["profile"], shown["state"], shown["client_id"]) == (
        "default",
        "login_required",
        None,
    )
