"""What is remembered of a login, and what is taken for none."""

import json
from pathlib import Path

import pytest
from platformdirs import user_state_path

from aioalf._cli.profiles import (
    CODE,
    DEVICE,
    SERVICE,
    Profile,
    Profiles,
    read_profile,
    write_profile,
)
from aioalf.errors import CacheError, LoginRequiredError, TokenConfigurationError
from aioalf.grants import AuthorizationCode, ClientCredentials, DeviceCode

FULL = Profile(
    client_id="desktop",
    grant=DEVICE,
    issuer="https://id.example.com",
    endpoints={"revocation_endpoint": "https://id.example.com/revoke"},
    scope=("read", "write"),
    resource=("https://api.example.com",),
    audience="things",
    ports=(8400, 8410),
    client_auth="client_secret_post",
    has_secret=True,
    secret_file="/run/secrets/desktop",
    private_key="/run/secrets/key",
    key_id="k1",
    algorithm="PS256",
)


@pytest.mark.parametrize("profile", [Profile(client_id="a"), FULL], ids=["least", "full"])
def test_a_profile_is_read_as_it_was_written(profile: Profile) -> None:
    """All of it."""
    assert read_profile(write_profile(profile)) == profile


@pytest.mark.parametrize(
    "change",
    [
        {"format": "another"},
        {"version": 2},
        {"further": 1},
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
        {"ports": [1]},
        {"ports": ["1", "2"]},
        {"client_auth": "telepathy"},
        {"has_secret": None},
        {"secret_file": 1},
        {"private_key": 1},
        {"key_id": ""},
        {"algorithm": []},
    ],
    ids=str,
)
def test_what_is_not_exactly_a_profile_is_none(change: dict[str, object]) -> None:
    """Nothing of it is used."""
    members = json.loads(write_profile(FULL))
    assert read_profile(json.dumps({**members, **change}).encode()) is None
    for name in change.keys() & members.keys():
        del members[name]
        assert read_profile(json.dumps(members).encode()) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000], ids=repr)
def test_any_other_bytes_are_none(content: bytes) -> None:
    """Empty, cut off, binary or hostile."""
    assert read_profile(content) is None


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-a", ".a", "a b", "a\n", "a" * 65, "ä"])
def test_a_name_that_is_none_makes_nothing(tmp_path: Path, name: str) -> None:
    """It would be a path elsewhere, an option, or hidden."""
    profiles = Profiles(tmp_path / "home")
    with pytest.raises(TokenConfigurationError, match="letters"):
        profiles.prepare(name)
    assert not profiles.home.exists()


def test_the_home_is_the_users_state_unless_another_is_given() -> None:
    """As the system has it."""
    assert Profiles().home == user_state_path("aio-alf", appauthor=False)
    assert Profiles("~/x").home == Path.home() / "x"


def test_a_home_of_nobody_is_refused() -> None:
    """It would be a directory called so, wherever one is."""
    with pytest.raises(TokenConfigurationError, match="~no-such-user/x is in no user's home"):
        Profiles("~no-such-user/x")


def test_a_home_that_others_can_write_to_is_not_used(tmp_path: Path) -> None:
    """Who can change a profile chooses where secrets go."""
    profiles = Profiles(tmp_path / "home")
    profiles.prepare("default")
    profiles.save("default", FULL)
    (profiles.home / "default").chmod(0o777)
    with pytest.raises(CacheError, match=r"directory of logins .* others can write to it"):
        profiles.load("default")


def test_forgetting_leaves_locks_alone(tmp_path: Path) -> None:
    """Somebody may wait for one; all else is gone, and to forget nothing is no error."""
    profiles = Profiles(tmp_path / "home")
    profiles.forget("default")
    profiles.prepare("default")
    profiles.save("default", FULL)
    for directory in ("tokens", "further"):
        (profiles.path("default") / directory).mkdir()
        for name in ("a.json", "a.lock"):
            (profiles.path("default") / directory / name).touch()
    profiles.forget("default")
    left = [path.name for path in profiles.home.rglob("*") if path.is_file()]
    assert left == ["a.lock"] * 2
    with pytest.raises(LoginRequiredError, match="Nobody is logged in as profile default"):
        profiles.load("default")


def test_the_grants_are_named_as_the_package_names_them() -> None:
    """Their names are in the keys of what is kept."""
    assert tuple(grant.name for grant in (AuthorizationCode, DeviceCode, ClientCredentials)) == (
        CODE,
        DEVICE,
        SERVICE,
    )
