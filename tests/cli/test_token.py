"""A token on standard output: that it is valid, alone, and no more than was asked for."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aioalf.testing import MISSING, Fault, OAuthServer
from tests.cli.calls import Call, age
from tests.cli.conftest import Person

LOGIN = ("login", "--client-id", "desktop", "--issuer")
SERVICE = ("login", "--client-credentials", "--client-id", "service", "--issuer")


def test_a_token_is_alone_on_its_line(server: OAuthServer, person: Person, call: Call) -> None:
    """Nothing else is written, and nobody is asked."""
    call(*LOGIN, server.issuer)
    ended = call("token")
    assert (ended.code, ended.said) == (0, "")
    (line,) = ended.out.splitlines()
    assert server.log[-1].path == "/token"
    assert call("token").out.splitlines() == [line]
    assert server.token_requests == 1


def test_json_says_what_is_known_of_the_token(
    server: OAuthServer, person: Person, call: Call, home: Path
) -> None:
    """Its type, seconds that are left, its end and scope, and never the refresh token."""
    call(*LOGIN, server.issuer, "--scope", "write read")
    ended = call("token", "--json")
    told = json.loads(ended.out)
    assert told.keys() == {"access_token", "token_type", "expires_in", "expires_on", "scope"}
    assert (told["token_type"], told["scope"]) == ("Bearer", "read write")
    assert 3500 < told["expires_in"] <= 3600
    left = datetime.fromisoformat(told["expires_on"]) - datetime.now(UTC)
    assert 3500 < left.total_seconds() <= 3600
    (file,) = (home / "default" / "tokens").glob("*.json")
    refresh_token = json.loads(json.loads(file.read_text())["value"])["refresh_token"]
    assert refresh_token
    assert refresh_token not in ended.out


def test_json_says_what_is_not_known(server: OAuthServer, person: Person, call: Call) -> None:
    """A token without a lifetime and a scope has null for both."""
    server.expires_in = MISSING
    call(*LOGIN, server.issuer)
    told = json.loads(call("token", "--json").out)
    assert [told[name] for name in ("expires_in", "expires_on", "scope")] == [None, None, None]


@pytest.mark.parametrize(("lifetime", "left_alone", "late"), [(3600, 3530, 15), (30, 15, 10)])
def test_a_token_that_ends_soon_is_renewed(
    server: OAuthServer,
    person: Person,
    call: Call,
    home: Path,
    lifetime: int,
    left_alone: float,
    late: float,
) -> None:
    """What is handed out is good for a minute, or for a third of a shorter life."""
    server.expires_in = lifetime
    call(*LOGIN, server.issuer)
    first = call("token").out
    age(home, left_alone)
    assert call("token").out == first
    age(home, late)
    assert call("token").out != first
    assert (server.logins, server.token_requests) == (1, 2)


def test_a_renewal_that_fails_leaves_a_token_that_is_good(
    server: OAuthServer, person: Person, call: Call, home: Path
) -> None:
    """It is handed out while it lasts; then the failure is said."""
    call(*LOGIN, server.issuer)
    age(home, 3570)
    server.token_fault = Fault.status(503)
    assert call("token").code == 0
    age(home, 30)
    ended = call("token")
    assert (ended.code, ended.out) == (1, "")
    assert "503" in ended.said
    server.token_fault = None
    assert call("token").code == 0
    assert server.logins == 1


def test_a_login_that_is_over_is_exit_code_3(
    server: OAuthServer, person: Person, call: Call
) -> None:
    """Where the refresh token is refused, it is said how to log in again, in that profile."""
    server.expires_in = 0
    call(*LOGIN, server.issuer, "--profile", "work")
    server.revoke_refresh_tokens()
    for _ in range(2):
        ended = call("token", "--profile", "work")
        assert (ended.code, ended.out) == (3, "")
        assert "log in with `python -m aioalf login --profile work`" in ended.said
    assert server.logins == 1


@pytest.mark.parametrize("command", [("token",), ("request", "GET", "https://api.example.com/")])
def test_without_a_login_the_exit_code_is_3(
    call: Call, home: Path, command: tuple[str, ...]
) -> None:
    """It is said how to log in, and nothing is made."""
    ended = call(*command)
    assert (ended.code, ended.out) == (3, "")
    assert ended.said == (
        "Error: Nobody is logged in as profile default: log in with `python -m aioalf login "
        "--issuer URL --client-id ID`\n"
    )
    assert not home.exists()


def test_a_damaged_profile_is_exit_code_3(
    server: OAuthServer, person: Person, call: Call, home: Path
) -> None:
    """The file is named, and a login with all options replaces it."""
    call(*LOGIN, server.issuer)
    (home / "default" / "profile.json").write_text("{")
    ended = call("token")
    assert ended.code == 3
    assert f"{home / 'default' / 'profile.json'} is damaged" in ended.said
    assert call("login").code == 2
    assert call(*LOGIN, server.issuer).code == 0


# Another scope


def test_a_login_gives_tokens_of_less_scope(
    server: OAuthServer, person: Person, call: Call
) -> None:
    """One each, kept for the next time; the login's own token and scope stay as they are."""
    call(*LOGIN, server.issuer, "--scope", "read write admin")
    whole = call("token", "--json").out
    for scope in ("read", "write admin", "read"):
        told = json.loads(call("token", "--json", "--scope", scope).out)
        assert set(told["scope"].split()) == set(scope.split())
    assert (
        json.loads(call("token", "--json").out)["access_token"] == json.loads(whole)["access_token"]
    )
    assert (server.logins, server.token_requests) == (1, 3)
    server.revoke_all()
    assert json.loads(call("request", "GET", server.url("/")).out)["scope"] == "read write admin"
    assert server.logins == 1


def kept_by(home: Path) -> dict[str, Any]:
    """The login that is kept, as the next command reads it."""
    (file,) = home.rglob("tokens/*.json")
    record: dict[str, Any] = json.loads(json.loads(file.read_text())["value"])
    return record


def test_tokens_of_other_scope_are_kept_beside_each_other(
    server: OAuthServer, person: Person, call: Call, home: Path
) -> None:
    """In the login's own entry, where every client finds them, also once that was renewed."""
    call(*LOGIN, server.issuer, "--scope", "read write admin")
    read, write = (call("token", "--scope", scope).out.strip() for scope in ("read", "write"))
    server.revoke_all()
    assert call("request", "GET", server.url("/things")).code == 0
    assert {each["access_token"] for each in kept_by(home)["derived"].values()} == {read, write}
    assert call("token", "--scope", "read").out.strip() == read
    assert call("token", "--scope", "write").out.strip() == write
    assert (server.logins, server.token_requests) == (1, 4)


def test_a_refresh_token_that_was_rotated_for_less_scope_is_the_logins(
    server: OAuthServer, person: Person, call: Call, home: Path
) -> None:
    """The one before counts no more, and used again it would end the login."""
    call(*LOGIN, server.issuer, "--scope", "read write")
    first = kept_by(home)["refresh_token"]
    for scope in ("read", "write"):
        assert call("token", "--scope", scope).code == 0
    assert kept_by(home)["refresh_token"] not in {None, first}
    server.revoke_all()
    assert call("request", "GET", server.url("/things")).code == 0
    assert (server.logins, server.token_requests) == (1, 4)


def test_a_scope_that_the_login_has_not_is_exit_code_3(
    server: OAuthServer, person: Person, call: Call
) -> None:
    """What is missing is named."""
    call(*LOGIN, server.issuer, "--scope", "read")
    ended = call("token", "--scope", "read", "--scope", "write admin")
    assert (ended.code, ended.out) == (3, "")
    assert "The login has not the scope admin write" in ended.said
    assert server.token_requests == 1


def test_less_scope_of_a_login_that_is_over_is_exit_code_3(
    server: OAuthServer, person: Person, call: Call
) -> None:
    """The refresh token is forgotten with the login that it was of."""
    call(*LOGIN, server.issuer, "--scope", "read write")
    server.revoke_refresh_tokens()
    for _ in range(2):
        ended = call("token", "--scope", "read")
        assert (ended.code, ended.out) == (3, "")
        assert "log in with" in ended.said


def test_a_service_gets_tokens_of_any_scope(
    server: OAuthServer, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs no more than its secret, and each token is kept."""
    monkeypatch.setenv("AIOALF_CLIENT_SECRET", "s3cret-of-service")
    call(*SERVICE, server.issuer, "--scope", "read")
    tokens = {call("token", "--scope", "write").out for _ in range(2)}
    assert len(tokens | {call("token").out}) == 2
    assert server.token_requests == 2
