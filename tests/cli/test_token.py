"""Tests of `token`: it prints a valid access token and nothing else."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aioalf.testing import MISSING, Fault, OAuthServer
from tests.cli.conftest import Person
from tests.cli.run_command import Run, age_tokens

LOGIN = ("login", "--client-id", "desktop", "--issuer")
SERVICE = ("login", "--client-credentials", "--client-id", "service", "--issuer")


def test_token_is_printed_alone(server: OAuthServer, person: Person, run: Run) -> None:
    """Stdout has one line, stderr is empty, and the stored token is used."""
    run(*LOGIN, server.issuer)
    result = run("token")
    assert (result.code, result.stderr) == (0, "")
    (line,) = result.stdout.splitlines()
    assert server.log[-1].path == "/token"
    assert run("token").stdout.splitlines() == [line]
    assert server.token_requests == 1


def test_json_describes_the_token(
    server: OAuthServer, person: Person, run: Run, home: Path
) -> None:
    """The JSON has type, expiry and scope, and never the refresh token."""
    run(*LOGIN, server.issuer, "--scope", "write read")
    result = run("token", "--json")
    described = json.loads(result.stdout)
    assert described.keys() == {"access_token", "token_type", "expires_in", "expires_on", "scope"}
    assert (described["token_type"], described["scope"]) == ("Bearer", "read write")
    assert 3500 < described["expires_in"] <= 3600
    left = datetime.fromisoformat(described["expires_on"]) - datetime.now(UTC)
    assert 3500 < left.total_seconds() <= 3600
    (file,) = (home / "default" / "tokens").glob("*.json")
    refresh_token = json.loads(json.loads(file.read_text())["value"])["refresh_token"]
    assert refresh_token
    assert refresh_token not in result.stdout


def test_json_has_null_for_unknown_values(server: OAuthServer, person: Person, run: Run) -> None:
    """A token without expiry and scope has null for both."""
    server.expires_in = MISSING
    run(*LOGIN, server.issuer)
    described = json.loads(run("token", "--json").stdout)
    assert [described[name] for name in ("expires_in", "expires_on", "scope")] == [None, None, None]


@pytest.mark.parametrize(("lifetime", "early", "late"), [(3600, 3530, 15), (30, 15, 10)])
def test_token_about_to_expire_is_renewed(
    server: OAuthServer,
    person: Person,
    run: Run,
    home: Path,
    lifetime: int,
    early: float,
    late: float,
) -> None:
    """A printed token is valid for a minute, or for a third of a shorter lifetime."""
    server.expires_in = lifetime
    run(*LOGIN, server.issuer)
    first = run("token").stdout
    age_tokens(home, early)
    assert run("token").stdout == first
    age_tokens(home, late)
    assert run("token").stdout != first
    assert (server.logins, server.token_requests) == (1, 2)


def test_valid_token_is_printed_if_the_renewal_fails(
    server: OAuthServer, person: Person, run: Run, home: Path
) -> None:
    """Once the token has expired, the error is printed instead."""
    run(*LOGIN, server.issuer)
    age_tokens(home, 3570)
    server.token_fault = Fault.status(503)
    assert run("token").code == 0
    age_tokens(home, 30)
    result = run("token")
    assert (result.code, result.stdout) == (1, "")
    assert "503" in result.stderr
    server.token_fault = None
    assert run("token").code == 0
    assert server.logins == 1


def test_revoked_login_is_exit_code_3(
    server: OAuthServer, person: Person, run: Run, home: Path
) -> None:
    """The error has the command to log in again to the same profile."""
    run(*LOGIN, server.issuer, "--profile", "work")
    age_tokens(home, 4000)
    server.revoke_refresh_tokens()
    for _ in range(2):
        result = run("token", "--profile", "work")
        assert (result.code, result.stdout) == (3, "")
        assert "log in with `aioalf login --profile work`" in result.stderr
    assert server.logins == 1


@pytest.mark.parametrize("command", [("token",), ("request", "GET", "https://api.example.com/")])
def test_missing_login_is_exit_code_3(run: Run, home: Path, command: tuple[str, ...]) -> None:
    """The error has the command to log in, and no file is created."""
    result = run(*command)
    assert (result.code, result.stdout) == (3, "")
    assert result.stderr == (
        "Error: Profile default is not logged in: log in with `aioalf login "
        "--issuer URL --client-id ID`\n"
    )
    assert not home.exists()


def test_damaged_profile_is_exit_code_3(
    server: OAuthServer, person: Person, run: Run, home: Path
) -> None:
    """The error names the file, and a login with all options replaces it."""
    run(*LOGIN, server.issuer)
    (home / "default" / "profile.json").write_text("{")
    result = run("token")
    assert result.code == 3
    assert f"{home / 'default' / 'profile.json'} is damaged" in result.stderr
    assert run("login").code == 2
    assert run(*LOGIN, server.issuer).code == 0


# Other scopes


def test_login_gives_tokens_of_narrower_scope(
    server: OAuthServer, person: Person, run: Run
) -> None:
    """Each is stored for later; the token and scope of the login stay unchanged."""
    run(*LOGIN, server.issuer, "--scope", "read write admin")
    full = run("token", "--json").stdout
    for scope in ("read", "write admin", "read"):
        described = json.loads(run("token", "--json", "--scope", scope).stdout)
        assert set(described["scope"].split()) == set(scope.split())
    assert (
        json.loads(run("token", "--json").stdout)["access_token"]
        == json.loads(full)["access_token"]
    )
    assert (server.logins, server.token_requests) == (1, 3)
    server.revoke_all()
    assert json.loads(run("request", "GET", server.url("/")).stdout)["scope"] == "read write admin"
    assert server.logins == 1


def stored_login(home: Path) -> dict[str, Any]:
    """Return the stored login."""
    (file,) = home.rglob("tokens/*.json")
    record: dict[str, Any] = json.loads(json.loads(file.read_text())["value"])
    return record


def test_tokens_of_narrower_scope_are_stored_together(
    server: OAuthServer, person: Person, run: Run, home: Path
) -> None:
    """They are stored in the cache entry of the login, and survive its renewal."""
    run(*LOGIN, server.issuer, "--scope", "read write admin")
    read, write = (run("token", "--scope", scope).stdout.strip() for scope in ("read", "write"))
    server.revoke_all()
    assert run("request", "GET", server.url("/things")).code == 0
    assert {each["access_token"] for each in stored_login(home)["derived"].values()} == {
        read,
        write,
    }
    assert run("token", "--scope", "read").stdout.strip() == read
    assert run("token", "--scope", "write").stdout.strip() == write
    assert (server.logins, server.token_requests) == (1, 4)


def test_refresh_token_rotated_for_a_narrower_scope_is_stored(
    server: OAuthServer, person: Person, run: Run, home: Path
) -> None:
    """The old refresh token is no longer valid, and using it again would end the login."""
    run(*LOGIN, server.issuer, "--scope", "read write")
    first = stored_login(home)["refresh_token"]
    for scope in ("read", "write"):
        assert run("token", "--scope", scope).code == 0
    assert stored_login(home)["refresh_token"] not in {None, first}
    server.revoke_all()
    assert run("request", "GET", server.url("/things")).code == 0
    assert (server.logins, server.token_requests) == (1, 4)


def test_scope_outside_the_login_is_exit_code_3(
    server: OAuthServer, person: Person, run: Run
) -> None:
    """The error names the missing scopes."""
    run(*LOGIN, server.issuer, "--scope", "read")
    result = run("token", "--scope", "read", "--scope", "write admin")
    assert (result.code, result.stdout) == (3, "")
    assert "The login does not have the scope admin write" in result.stderr
    assert server.token_requests == 1


def test_narrower_scope_of_a_revoked_login_is_exit_code_3(
    server: OAuthServer, person: Person, run: Run
) -> None:
    """The rejected refresh token is deleted."""
    run(*LOGIN, server.issuer, "--scope", "read write")
    server.revoke_refresh_tokens()
    for _ in range(2):
        result = run("token", "--scope", "read")
        assert (result.code, result.stdout) == (3, "")
        assert "log in with" in result.stderr


def test_client_credentials_get_tokens_of_any_scope(
    server: OAuthServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each token is stored, and fetched with the client secret."""
    monkeypatch.setenv("AIOALF_CLIENT_SECRET_DEFAULT", "s3cret-of-service")
    run(*SERVICE, server.issuer, "--scope", "read")
    tokens = {run("token", "--scope", "write").stdout for _ in range(2)}
    assert len(tokens | {run("token").stdout}) == 2
    assert server.token_requests == 2
