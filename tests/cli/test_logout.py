"""Tests of `logout`: the tokens are revoked, and the login is deleted."""

import json
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from aioalf.testing import Fault, OAuthServer
from tests.cli.conftest import Person
from tests.cli.run_command import Run, run_program

LOGIN = ("login", "--client-id", "desktop", "--issuer")


def refresh_token_in(home: Path) -> str:
    """Return the refresh token of the stored login."""
    (file,) = home.rglob("tokens/*.json")
    token: str = json.loads(json.loads(file.read_text())["value"])["refresh_token"]
    return token


def is_accepted(server: OAuthServer, refresh_token: str) -> bool:
    """Return whether the server accepts a refresh token."""
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": "desktop",
    }
    try:
        with urlopen(server.token_endpoint, urlencode(form).encode()):  # noqa: S310 - the test server
            return True
    except HTTPError as error:
        with error:
            return b"invalid_grant" not in error.read()


def test_logout_revokes_and_deletes_the_login(
    server: OAuthServer, person: Person, run: Run, home: Path
) -> None:
    """The server rejects the refresh token afterwards, and no file of the login is left."""
    run(*LOGIN, server.issuer, "--scope", "read write")
    run("token", "--scope", "read")
    refresh_token = refresh_token_in(home)
    result = run("logout")
    assert (result.code, result.stdout) == (0, "")
    assert result.stderr == "Logged out of profile default.\n"
    assert not is_accepted(server, refresh_token)
    assert not list(home.rglob("*.json"))
    assert run("token").code == 3
    assert run("login").code == 2


def test_logout_in_another_process(server: OAuthServer, home: Path) -> None:
    """`logout` ends a login of another process."""
    run_program(*LOGIN, server.issuer)
    assert run_program("logout").code == 0
    assert run_program("request", "GET", server.url("/things")).code == 3


def test_failed_revocation_is_exit_code_1(
    server: OAuthServer, person: Person, run: Run, home: Path
) -> None:
    """The login is deleted, and the error says that its tokens may still be valid."""
    run(*LOGIN, server.issuer)
    server.faults["revocation"] = Fault.status(503)
    result = run("logout")
    assert (result.code, result.stdout) == (1, "")
    assert "deleted here, but could not be revoked, and may still be valid" in result.stderr
    assert not list(home.rglob("*.json"))


def test_logout_without_revocation_endpoint_only_deletes(
    server: OAuthServer, person: Person, run: Run, home: Path
) -> None:
    """Without a revocation endpoint, the login is only deleted."""
    result = run(
        *("login", "--client-id", "desktop", "--token-endpoint", server.token_endpoint),
        *("--authorization-endpoint", server.authorization_endpoint),
    )
    assert result.code == 0
    assert run("logout").code == 0
    assert not list(home.rglob("*.json"))


def test_revocation_endpoint_option_is_used(server: OAuthServer, person: Person, run: Run) -> None:
    """``--revocation-endpoint`` is used if the server has no metadata."""
    run(
        *("login", "--client-id", "desktop", "--token-endpoint", server.token_endpoint),
        *("--authorization-endpoint", server.authorization_endpoint),
        *("--revocation-endpoint", server.revocation_endpoint),
    )
    assert run("logout").code == 0
    assert [exchange.path for exchange in server.log].count("/revoke")


def test_logout_without_a_login_is_not_an_error(run: Run) -> None:
    """The message says that the profile is not logged in."""
    result = run("logout", "--profile", "work")
    assert (result.code, result.stderr) == (0, "Profile work is not logged in.\n")


def test_damaged_profile_is_deleted_with_exit_code_1(
    server: OAuthServer, person: Person, run: Run, home: Path
) -> None:
    """Its tokens cannot be revoked, and the error says so."""
    run(*LOGIN, server.issuer)
    (home / "default" / "profile.json").write_text("{")
    result = run("logout")
    assert (result.code, result.stdout) == (1, "")
    assert "is damaged" in result.stderr
    assert result.stderr.endswith("the tokens were deleted but not revoked\n")
    assert run("logout").code == 0
    assert not list(home.rglob("*.json"))


@pytest.mark.parametrize("content", ['{"level": 3}', "{", '["format"]'])
def test_files_of_other_programs_are_not_deleted(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    """A directory with the names of a profile's files is left alone if the content differs."""
    files = ["profile.json", f"tokens/{'0' * 64}.json", "tokens/sword.json", "other-scopes/a.json"]
    paths = [tmp_path / "game" / file for file in files]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.chdir(tmp_path)
    result = run("logout", "--home", ".", "--profile", "game")
    assert (result.code, result.stderr) == (0, "Profile game is not logged in.\n")
    assert {path.read_text() for path in paths} == {content}
