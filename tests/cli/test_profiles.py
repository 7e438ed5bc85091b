"""Tests of stored profiles: the file format, the directories and deletion."""

import json
from pathlib import Path

import pytest
from platformdirs import user_state_path

from aioalf._cli.profiles import (
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    DEVICE_CODE,
    Profile,
    Profiles,
    parse_profile,
    serialize_profile,
)
from aioalf.errors import CacheError, LoginRequiredError, TokenConfigurationError
from aioalf.grants import AuthorizationCode, ClientCredentials, DeviceCode

FULL = Profile(
    client_id="desktop",
    grant=DEVICE_CODE,
    issuer="https://id.example.com",
    endpoints={"revocation_endpoint": "https://id.example.com/revoke"},
    scope=("read", "write"),
    resource=("https://api.example.com",),
    audience="things",
    redirect_ports=(8400, 8410),
    client_auth="client_secret_post",
    has_secret=True,
    client_secret_file="/run/secrets/desktop",
    private_key_file="/run/secrets/key",
    key_id="k1",
    algorithm="PS256",
)


@pytest.mark.parametrize("profile", [Profile(client_id="a"), FULL], ids=["minimal", "full"])
def test_profile_round_trip(profile: Profile) -> None:
    """Parsing a serialized profile returns an equal profile."""
    assert parse_profile(serialize_profile(profile)) == profile


@pytest.mark.parametrize(
    "change",
    [
        {"format": "another"},
        {"version": 2},
        {"unknown": 1},
        {"client_id": ""},
        {"client_id": None},
        {"grant": "password"},
        {"issuer": 1},
        {"endpoints": []},
        {"endpoints": {"token_endpoint": None}},
        {"scope": "read"},
        {"scope": [1]},
        {"resource": None},
        {"audience": ""},
        {"redirect_ports": [1]},
        {"redirect_ports": ["1", "2"]},
        {"client_auth": "unknown-method"},
        {"has_secret": None},
        {"client_secret_file": 1},
        {"private_key_file": 1},
        {"key_id": ""},
        {"algorithm": []},
    ],
    ids=str,
)
def test_invalid_members_are_rejected(change: dict[str, object]) -> None:
    """A missing, unknown or invalid member makes the whole file invalid."""
    members = json.loads(serialize_profile(FULL))
    assert parse_profile(json.dumps({**members, **change}).encode()) is None
    for name in change.keys() & members.keys():
        del members[name]
        assert parse_profile(json.dumps(members).encode()) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000], ids=repr)
def test_damaged_files_are_rejected(content: bytes) -> None:
    """Empty, truncated, binary and deeply nested content is invalid."""
    assert parse_profile(content) is None


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-a", ".a", "a b", "a\n", "a" * 65, "ä"])
def test_invalid_names_create_no_directory(tmp_path: Path, name: str) -> None:
    """A name cannot be a path, an option or a hidden file."""
    profiles = Profiles(tmp_path / "home")
    with pytest.raises(TokenConfigurationError, match="letters"):
        profiles.prepare(name)
    assert not profiles.home.exists()


def test_home_is_the_state_directory_by_default() -> None:
    """The default is the state directory of the user; another path is expanded."""
    assert Profiles().home == user_state_path("aio-alf", appauthor=False)
    assert Profiles("~/x").home == Path.home() / "x"


def test_home_of_an_unknown_user_is_rejected() -> None:
    """``~no-such-user`` does not become a relative path."""
    with pytest.raises(
        TokenConfigurationError, match="~no-such-user/x is in no user's home directory"
    ):
        Profiles("~no-such-user/x")


def test_home_that_others_can_write_to_is_rejected(tmp_path: Path) -> None:
    """Whoever can change a profile could redirect the secret to another server."""
    profiles = Profiles(tmp_path / "home")
    profiles.prepare("default")
    profiles.save("default", FULL)
    (profiles.home / "default").chmod(0o777)
    with pytest.raises(CacheError, match=r"profile directory .* others can write to it"):
        profiles.load("default")


def test_delete_keeps_lock_files_and_files_of_others(tmp_path: Path) -> None:
    """Profile and tokens are deleted; deleting a missing profile is not an error."""
    profiles = Profiles(tmp_path / "home")
    profiles.delete("default")
    profiles.prepare("default")
    profiles.save("default", FULL)
    key = "0" * 64
    for directory in ("tokens", "other-scopes"):
        (profiles.path("default") / directory).mkdir()
        for name in (f"{key}.json", f"{key}.lock", "notes.json"):
            (profiles.path("default") / directory / name).touch()
    profiles.delete("default")
    left = [path.name for path in profiles.home.rglob("*") if path.is_file()]
    assert sorted(left) == [f"{key}.lock"] * 2 + ["notes.json"] * 2
    with pytest.raises(LoginRequiredError, match="Profile default is not logged in"):
        profiles.load("default")


def test_grant_names_match_the_grant_classes() -> None:
    """The names are part of the cache keys."""
    assert tuple(grant.name for grant in (AuthorizationCode, DeviceCode, ClientCredentials)) == (
        AUTHORIZATION_CODE,
        DEVICE_CODE,
        CLIENT_CREDENTIALS,
    )
