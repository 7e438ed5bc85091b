"""Logging out: the server is told, and all is forgotten."""

import json
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

from aioalf.testing import Fault, OAuthServer
from tests.cli.calls import Call, program
from tests.cli.conftest import Person

LOGIN = ("login", "--client-id", "desktop", "--issuer")


def refresh_token_in(home: Path) -> str:
    """The refresh token of the login that is kept."""
    (file,) = home.rglob("tokens/*.json")
    token: str = json.loads(json.loads(file.read_text())["value"])["refresh_token"]
    return token


def is_taken(server: OAuthServer, refresh_token: str) -> bool:
    """Whether the server takes a refresh token."""
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": "desktop",
    }
    try:
        with urlopen(server.token_endpoint, urlencode(form).encode()):  # noqa: S310 - a test's
            return True
    except HTTPError as error:
        with error:
            return b"invalid_grant" not in error.read()


def test_a_login_is_revoked_and_forgotten(
    server: OAuthServer, person: Person, call: Call, home: Path
) -> None:
    """The server takes its refresh token no more, and nothing is left that names anything."""
    call(*LOGIN, server.issuer, "--scope", "read write")
    call("token", "--scope", "read")
    refresh_token = refresh_token_in(home)
    ended = call("logout")
    assert (ended.code, ended.out) == (0, "")
    assert ended.said == "Logged out of profile default.\n"
    assert not is_taken(server, refresh_token)
    assert not list(home.rglob("*.json"))
    assert call("token").code == 3
    assert call("login").code == 2


def test_a_program_logs_out(server: OAuthServer, home: Path) -> None:
    """What other programs kept."""
    program(*LOGIN, server.issuer)
    assert program("logout").code == 0
    assert program("request", "GET", server.url("/things")).code == 3


def test_a_server_that_cannot_be_told_is_exit_code_1(
    server: OAuthServer, person: Person, call: Call, home: Path
) -> None:
    """It is forgotten here all the same, and said that the server may know it still."""
    call(*LOGIN, server.issuer)
    server.faults["revocation"] = Fault.status(503)
    ended = call("logout")
    assert (ended.code, ended.out) == (1, "")
    assert "forgotten here, but not revoked, and may still be valid" in ended.said
    assert not list(home.rglob("*.json"))


def test_a_server_without_revocation_is_not_asked(
    server: OAuthServer, person: Person, call: Call, home: Path
) -> None:
    """There is nothing to tell it."""
    ended = call(
        *("login", "--client-id", "desktop", "--token-endpoint", server.token_endpoint),
        *("--authorization-endpoint", server.authorization_endpoint),
    )
    assert ended.code == 0
    assert call("logout").code == 0
    assert not list(home.rglob("*.json"))


def test_the_endpoint_for_it_may_be_given(server: OAuthServer, person: Person, call: Call) -> None:
    """For a server without metadata."""
    call(
        *("login", "--client-id", "desktop", "--token-endpoint", server.token_endpoint),
        *("--authorization-endpoint", server.authorization_endpoint),
        *("--revocation-endpoint", server.revocation_endpoint),
    )
    assert call("logout").code == 0
    assert [exchange.path for exchange in server.log].count("/revoke")


def test_who_is_not_logged_in_is_logged_out(call: Call) -> None:
    """That is no error."""
    ended = call("logout", "--profile", "work")
    assert (ended.code, ended.said) == (0, "Nobody is logged in as profile work.\n")


def test_a_damaged_profile_is_forgotten(
    server: OAuthServer, person: Person, call: Call, home: Path
) -> None:
    """With the tokens beside it, which nobody can revoke now: that is said, and no success."""
    call(*LOGIN, server.issuer)
    (home / "default" / "profile.json").write_text("{")
    ended = call("logout")
    assert (ended.code, ended.out) == (1, "")
    assert "is damaged" in ended.said
    assert ended.said.endswith("the tokens are forgotten, but not revoked\n")
    assert call("logout").code == 0
    assert not list(home.rglob("*.json"))
