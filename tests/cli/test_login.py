"""Tests of `login`: its requests, its stored tokens and its errors."""

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from aioalf._cli.cached_login import NewLoginCache
from aioalf._cli.client_factory import cache_key_of, log_in
from aioalf._cli.network import Network
from aioalf._cli.profiles import CLIENT_CREDENTIALS, Profile, Profiles
from aioalf._cli.terminal import Terminal
from aioalf._login.entry_claims import EntryClaims
from aioalf.grants import ClientCredentials, Prompt
from aioalf.testing import Fault, OAuthServer
from tests.cli.conftest import Person, content_of
from tests.cli.run_command import Run
from tests.client_auth.proofs import EC, jwk_of

SECRET = "s3cret-of-service"


def test_login_signs_in_in_the_browser(
    server: OAuthServer, person: Person, run: Run, home: Path
) -> None:
    """The URL is opened and printed, the login is stored, and stdout stays empty."""
    result = run("login", "--issuer", server.issuer, "--client-id", "desktop")
    assert (result.code, result.stdout) == (0, "")
    assert person.opened[0] in result.stderr
    assert f"stored in {home / 'default'}" in result.stderr
    assert "\x1b" not in result.stderr
    assert server.logins == 1


def test_stored_files_are_private(
    server: OAuthServer, person: Person, run: Run, home: Path
) -> None:
    """All directories have mode 0700 and all files 0600."""
    before = os.umask(0)
    try:
        run("login", "--issuer", server.issuer, "--client-id", "desktop")
        run("token", "--scope", "read")
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o777 for path in [home, *home.rglob("*")]}
    assert len(modes) > 5
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_options_reach_the_server(server: OAuthServer, person: Person, run: Run) -> None:
    """Scopes, resources, the audience and the redirect port are sent as given."""
    scopes = ("--scope", "read write", "--scope", "admin", "--audience", "things")
    resources = ("--resource", "https://a.example.com", "--resource", "https://b.example.com")
    ports = ("--redirect-ports", "38400-38499")
    assert (
        run(
            *("login", "--issuer", server.issuer, "--client-id", "desktop"),
            *scopes,
            *resources,
            *ports,
        ).code
        == 0
    )
    result = run("request", "GET", server.url("/things"))
    echo = json.loads(result.stdout)
    assert set(echo["scope"].split()) == {"read", "write", "admin"}
    assert echo["resources"] == ["https://a.example.com", "https://b.example.com"]
    assert echo["audience"] == ["things"]
    assert "redirect_uri=http%3A%2F%2F127.0.0.1%3A384" in person.opened[0]


def test_login_without_client_id_repeats_the_last_one(
    server: OAuthServer, person: Person, run: Run
) -> None:
    """Options override the stored settings."""
    run("login", "--issuer", server.issuer, "--client-id", "desktop", "--scope", "read")
    first = run("token").stdout
    assert run("login", "--scope", "read write").code == 0
    described = json.loads(run("token", "--json").stdout)
    assert described["scope"] == "read write"
    assert described["access_token"] != first.strip()
    assert server.logins == 2


@pytest.mark.usefixtures("fast_device")
def test_repeated_login_can_change_the_grant(
    server: OAuthServer, person: Person, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login can be repeated with --device, and with --browser again."""

    async def approve(_: Terminal, prompt: Prompt) -> None:
        server.approve(prompt.user_code)

    monkeypatch.setattr(Terminal, "show_prompt", approve)
    run("login", "--issuer", server.issuer, "--client-id", "desktop")
    assert run("login", "--device").code == 0
    assert len(person.opened) == 1
    assert run("login", "--browser").code == 0
    assert (len(person.opened), server.logins) == (2, 3)
    assert run("request", "GET", server.url("/things")).code == 0


def test_failed_login_keeps_the_old_one(server: OAuthServer, person: Person, run: Run) -> None:
    """If the user denies the second sign-in, the first login stays valid."""
    run("login", "--issuer", server.issuer, "--client-id", "desktop")
    first = run("token").stdout
    person.decision = "cancel"
    result = run("login")
    assert (result.code, result.stdout) == (4, "")
    assert "Error: The authorization server answered access_denied" in result.stderr
    assert run("token").stdout == first


def test_new_login_deletes_all_old_tokens(
    server: OAuthServer, person: Person, run: Run, home: Path
) -> None:
    """The old tokens, and tokens of other scopes derived from them, are deleted."""
    run("login", "--issuer", server.issuer, "--client-id", "desktop", "--scope", "read write")
    old = [run("token").stdout.strip(), run("token", "--scope", "read").stdout.strip()]
    run("login", "--issuer", server.issuer, "--client-id", "desktop")
    assert not any(token in content_of(home) for token in old)


async def test_last_of_two_concurrent_logins_wins(
    server: OAuthServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login replaces another one that was stored while its user signed in."""
    was_stored, store = asyncio.Event(), NewLoginCache.store

    async def store_and_notify(new: NewLoginCache, key: str, value: str, ttl: float | None) -> None:
        await store(new, key, value, ttl)
        was_stored.set()

    monkeypatch.setattr(NewLoginCache, "store", store_and_notify)
    profiles = Profiles(home)
    profiles.prepare("default")
    tokens = profiles.tokens("default")
    common = Profile(client_id="service", grant=CLIENT_CREDENTIALS, issuer=server.issuer)
    first, last = replace(common, scope=("read",)), replace(common, scope=("write",))
    async with EntryClaims(tokens, "default").claimed():  # held by the first login
        login = asyncio.create_task(
            log_in(last, SECRET, ClientCredentials(), profiles, "default", Network())
        )
        async with asyncio.timeout(10):
            await was_stored.wait()
        await tokens.set(cache_key_of(first), "token of the first login", None)
        profiles.save("default", first)
    await login
    assert profiles.load("default") == last
    assert await tokens.get(cache_key_of(first)) is None


def test_profiles_are_separate_logins(
    server: OAuthServer, person: Person, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two profiles of one client have separate tokens; an option or a variable selects one."""
    run("login", "--issuer", server.issuer, "--client-id", "desktop")
    run("login", "--issuer", server.issuer, "--client-id", "desktop", "--profile", "work")
    default, work = run("token").stdout, run("token", "--profile", "work").stdout
    assert default != work
    monkeypatch.setenv("AIOALF_PROFILE", "work")
    assert run("token").stdout == work


@pytest.mark.parametrize("option", ["--issuer", "--token-endpoint"])
def test_repeated_login_cannot_change_the_server(
    server: OAuthServer, person: Person, run: Run, option: str
) -> None:
    """The client and its secret belong to the first server, and nothing is sent to the other."""
    run("login", "--issuer", server.issuer, "--client-id", "desktop")
    before = len(server.log)
    result = run("login", option, f"{server.other_url}/token")
    assert (result.code, server.other_requests, len(server.log)) == (2, 0, before)
    assert "pass '--client-id' as well" in result.stderr


def test_login_works_without_metadata(server: OAuthServer, person: Person, run: Run) -> None:
    """Endpoint options replace the metadata of the server."""
    server.oauth_metadata = server.openid_metadata = False
    server.iss_parameter = False
    result = run(
        *("login", "--client-id", "desktop", "--token-endpoint", server.token_endpoint),
        *("--authorization-endpoint", server.authorization_endpoint),
    )
    assert result.code == 0
    assert run("request", "GET", server.url("/things")).code == 0


# Private keys


def test_private_key_file_is_read_by_each_command(
    server: OAuthServer, run: Run, home: Path, tmp_path: Path
) -> None:
    """Only the path of the key is stored, until another method is chosen."""
    file = tmp_path / "key"
    private = jwk_of(EC[256])
    file.write_text(json.dumps(private))
    server.add_client("gateway", public_key=EC[256].as_dict(private=False))
    key = ("--client-auth", "private_key_jwt", "--private-key-file", str(file))
    result = run(
        *("login", "--issuer", server.issuer, "--client-id", "gateway", "--client-credentials"),
        *(*key, "--key-id", "k1", "--algorithm", "ES256"),
    )
    assert result.code == 0
    assert f"The private key is not stored: each command reads it from {file}." in result.stderr
    assert "AIOALF_CLIENT_SECRET" not in result.stderr
    assert str(private["d"]) not in result.stderr + content_of(home)
    assert run("token", "--scope", "read").code == 0
    assert run("login").code == 0
    file.unlink()
    result = run("token", "--scope", "write")
    assert (result.code, result.stdout) == (2, "")
    assert f"The file {file} cannot be read" in result.stderr
    result = run("login", "--client-auth", "none")
    assert (result.code, result.stdout) == (1, "")
    assert "invalid_client" in result.stderr


# Errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing option '--client-id'"),
        (("--client-id", "a"), "Missing option '--issuer' or '--token-endpoint'"),
        (
            ("--client-id", "a", "--token-endpoint", "https://a.example.com/"),
            "Missing option '--issuer' or '--authorization-endpoint'",
        ),
        (
            ("--client-id", "a", "--token-endpoint", "https://a.example.com/", "--device"),
            "Missing option '--issuer' or '--device-authorization-endpoint'",
        ),
        (("--client-id", "a", "--issuer", "http://id.example.com"), "https"),
        (("--client-id", "a", "--issuer", "nonsense"), "issuer"),
        (
            (
                *("--client-id", "a", "--client-auth", "none", "--client-credentials"),
                *("--token-endpoint", "http://a.example.com/"),
            ),
            "is plain http",
        ),
        (
            ("--client-id", "a", "--issuer", "https://a.example.com", "--redirect-ports", "x"),
            "8400-8410",
        ),
        (
            ("--client-id", "a", "--issuer", "https://a.example.com", "--redirect-ports", "9-8"),
            "lower one first",
        ),
        (("--client-id", "a", "--client-auth", "unknown-method"), "unknown-method"),
        (
            ("--client-id", "a", "--client-auth", "private_key_jwt"),
            "'--private-key-file' require each other",
        ),
        (
            ("--client-id", "a", "--private-key-file", __file__),
            "'--private-key-file' require each other",
        ),
        (
            (
                *("--client-id", "a", "--issuer", "https://a.example.com", "--algorithm", "none"),
                *("--client-auth", "private_key_jwt", "--private-key-file", __file__),
            ),
            "ES256",
        ),
        (("--client-id", "a", "--client-secret-file", "/nowhere"), "/nowhere"),
        (("--client-id", "a", "--issuer", "https://a.example.com", "--profile", "../b"), "letters"),
        (("--client-secret", "a"), "No such option"),
    ],
)
def test_invalid_options_are_exit_code_2(
    run: Run, home: Path, arguments: tuple[str, ...], message: str
) -> None:
    """The error names the problem, and no profile is created."""
    result = run("login", *arguments)
    assert (result.code, result.stdout) == (2, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(home.rglob("*.json"))


def test_rejected_client_is_exit_code_1(server: OAuthServer, run: Run) -> None:
    """The server error is printed on one line with terminal escapes made harmless."""
    server.token_fault = Fault.body(
        json.dumps({"error": "invalid_client", "error_description": "\x1b[31mred\nhouse"}).encode(),
        status=401,
    )
    result = run(
        *("login", "--issuer", server.issuer, "--client-id", "service", "--client-credentials"),
        *("--client-auth", "none"),
    )
    assert (result.code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: The token endpoint ")
    assert "invalid_client" in result.stderr
    assert "\x1b" not in result.stderr
    assert result.stderr.count("\n") == 1


def test_unusable_home_is_reported_before_the_sign_in(
    server: OAuthServer, person: Person, run: Run, home: Path
) -> None:
    """A home below a file fails before the user is asked to sign in."""
    (home.parent / "file").touch()
    result = run(
        *("login", "--issuer", server.issuer, "--client-id", "desktop"),
        *("--home", str(home.parent / "file" / "home")),
    )
    assert (result.code, server.logins) == (1, 0)
    assert "there is a file in place of a directory" in result.stderr


@pytest.mark.parametrize(
    "name", ["profile.json", f"tokens/{'0' * 64}.json", f"other-scopes/{'0' * 64}.json"]
)
def test_login_does_not_use_a_directory_with_files_of_another_program(
    server: OAuthServer, person: Person, run: Run, home: Path, name: str
) -> None:
    """The error comes before the user is asked to sign in, and names the file.

    Otherwise `login` would replace the file, or `logout` delete it.
    """
    file = home / "default" / name
    file.parent.mkdir(parents=True)
    file.write_text('{"level": 3}')
    result = run("login", "--issuer", server.issuer, "--client-id", "desktop")
    assert (result.code, server.logins) == (2, 0)
    assert f"The file {file} is not a file of aioalf" in result.stderr
    assert file.read_text() == '{"level": 3}'


def test_login_that_cannot_be_stored_fails(
    server: OAuthServer, person: Person, run: Run, home: Path
) -> None:
    """If the tokens cannot be written, the command fails and creates no profile."""
    (home / "default").mkdir(parents=True)
    (home / "default" / "tokens").symlink_to(home)
    result = run("login", "--issuer", server.issuer, "--client-id", "desktop")
    assert (result.code, server.logins) == (1, 1)
    assert "symbolic link" in result.stderr
    assert run("token").code == 3
