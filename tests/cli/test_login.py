"""Logging in: what is asked for, what is kept, and how it can fail."""

import asyncio
import io
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import click
import pytest

from aioalf._cli.cached_login import NewLogin
from aioalf._cli.client_factory import key_for, log_in
from aioalf._cli.profiles import SERVICE, Profile, Profiles
from aioalf._cli.terminal import Terminal
from aioalf.grants import ClientCredentials, Prompt
from aioalf.testing import Fault, OAuthServer
from tests.cli.calls import Call
from tests.cli.conftest import Person
from tests.client_auth.proofs import EC, jwk_of

SECRET = "s3cret-of-service"


class Keyboard:
    """Standard input of a person at a terminal."""

    def isatty(self) -> bool:
        """Say that it is one."""
        return True


def kept_in(home: Path) -> str:
    """All that is in the files below a directory."""
    return "\n".join(path.read_text() for path in home.rglob("*") if path.is_file())


def test_a_person_signs_in_in_the_browser(
    server: OAuthServer, person: Person, call: Call, home: Path
) -> None:
    """The page is opened and shown, the settings and tokens are kept, and nothing is on stdout."""
    ended = call("login", "--issuer", server.issuer, "--client-id", "desktop")
    assert (ended.code, ended.out) == (0, "")
    assert person.opened[0] in ended.said
    assert f"kept in {home / 'default'}" in ended.said
    assert "\x1b" not in ended.said
    assert server.logins == 1


def test_what_is_kept_is_the_users_alone(
    server: OAuthServer, person: Person, call: Call, home: Path
) -> None:
    """Directories have mode 0700 and files 0600, from the topmost on."""
    before = os.umask(0)
    try:
        call("login", "--issuer", server.issuer, "--client-id", "desktop")
        call("token", "--scope", "read")
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o777 for path in [home, *home.rglob("*")]}
    assert len(modes) > 5
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_all_that_is_asked_for_is_asked(server: OAuthServer, person: Person, call: Call) -> None:
    """Scopes in one option or in several, resources, an audience, and the ports to come back to."""
    asked = ("--scope", "read write", "--scope", "admin", "--audience", "things")
    resources = ("--resource", "https://a.example.com", "--resource", "https://b.example.com")
    ports = ("--port-range", "38400-38499")
    assert (
        call(
            *("login", "--issuer", server.issuer, "--client-id", "desktop"),
            *asked,
            *resources,
            *ports,
        ).code
        == 0
    )
    ended = call("request", "GET", server.url("/things"))
    arrived = json.loads(ended.out)
    assert set(arrived["scope"].split()) == {"read", "write", "admin"}
    assert arrived["resources"] == ["https://a.example.com", "https://b.example.com"]
    assert arrived["audience"] == ["things"]
    assert "redirect_uri=http%3A%2F%2F127.0.0.1%3A384" in person.opened[0]


def test_without_a_client_the_last_login_is_repeated(
    server: OAuthServer, person: Person, call: Call
) -> None:
    """What is given besides goes before what is remembered."""
    call("login", "--issuer", server.issuer, "--client-id", "desktop", "--scope", "read")
    first = call("token").out
    assert call("login", "--scope", "read write").code == 0
    told = json.loads(call("token", "--json").out)
    assert told["scope"] == "read write"
    assert told["access_token"] != first.strip()
    assert server.logins == 2


def test_a_login_is_repeated_in_another_way(
    server: OAuthServer, person: Person, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On another device, and in the browser again."""

    async def approve(_: Terminal, prompt: Prompt) -> None:
        server.approve(prompt.user_code)

    monkeypatch.setattr(Terminal, "show_prompt", approve)
    call("login", "--issuer", server.issuer, "--client-id", "desktop")
    assert call("login", "--device").code == 0
    assert len(person.opened) == 1
    assert call("login", "--browser").code == 0
    assert (len(person.opened), server.logins) == (2, 3)
    assert call("request", "GET", server.url("/things")).code == 0


def test_a_login_that_fails_leaves_the_one_before(
    server: OAuthServer, person: Person, call: Call
) -> None:
    """Who says no the second time is still logged in from the first."""
    call("login", "--issuer", server.issuer, "--client-id", "desktop")
    first = call("token").out
    person.decision = "cancel"
    ended = call("login")
    assert (ended.code, ended.out) == (4, "")
    assert "Error: The authorization server answered access_denied" in ended.said
    assert call("token").out == first


def test_a_new_login_leaves_nothing_of_the_one_before(
    server: OAuthServer, person: Person, call: Call, home: Path
) -> None:
    """Neither its tokens nor those that were got by means of it."""
    call("login", "--issuer", server.issuer, "--client-id", "desktop", "--scope", "read write")
    old = [call("token").out.strip(), call("token", "--scope", "read").out.strip()]
    call("login", "--issuer", server.issuer, "--client-id", "desktop")
    assert not any(token in kept_in(home) for token in old)


async def test_of_two_logins_at_once_the_last_is_left(
    server: OAuthServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It replaces also what came while its person signed in."""
    kept, keep = asyncio.Event(), NewLogin.set

    async def keep_and_tell(new: NewLogin, key: str, value: str, ttl: float | None) -> None:
        await keep(new, key, value, ttl)
        kept.set()

    monkeypatch.setattr(NewLogin, "set", keep_and_tell)
    profiles = Profiles(home)
    profiles.prepare("default")
    tokens = profiles.tokens("default")
    common = Profile(client_id="service", grant=SERVICE, issuer=server.issuer)
    first, last = replace(common, scope=("read",)), replace(common, scope=("write",))
    async with tokens.lock("default"):  # as the first holds it
        login = asyncio.create_task(log_in(last, SECRET, ClientCredentials(), profiles, "default"))
        async with asyncio.timeout(10):
            await kept.wait()
        await tokens.set(key_for(first), "of the first", None)
        profiles.save("default", first)
    await login
    assert profiles.load("default") == last
    assert await tokens.get(key_for(first)) is None


def test_profiles_are_logins_of_their_own(
    server: OAuthServer, person: Person, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of one client have a token each; an option or the environment says which."""
    call("login", "--issuer", server.issuer, "--client-id", "desktop")
    call("login", "--issuer", server.issuer, "--client-id", "desktop", "--profile", "work")
    default, work = call("token").out, call("token", "--profile", "work").out
    assert default != work
    monkeypatch.setenv("AIOALF_PROFILE", "work")
    assert call("token").out == work


def test_the_endpoints_may_be_given_one_by_one(
    server: OAuthServer, person: Person, call: Call
) -> None:
    """A server without metadata is one that can be logged in to."""
    server.oauth_metadata = server.openid_metadata = False
    server.iss_parameter = False
    ended = call(
        *("login", "--client-id", "desktop", "--token-endpoint", server.token_endpoint),
        *("--authorization-endpoint", server.authorization_endpoint),
    )
    assert ended.code == 0
    assert call("request", "GET", server.url("/things")).code == 0


# The client's secret


def test_a_service_logs_in_with_a_secret_from_the_environment(
    server: OAuthServer, call: Call, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said that it is not kept, it is not, and what needs it later says how to give it."""
    monkeypatch.setenv("AIOALF_CLIENT_SECRET", SECRET)
    ended = call(
        "login", "--issuer", server.issuer, "--client-id", "service", "--client-credentials"
    )
    assert ended.code == 0
    assert "taken from AIOALF_CLIENT_SECRET" in ended.said
    assert SECRET not in ended.said + kept_in(home)
    assert call("token", "--scope", "read").code == 0
    monkeypatch.delenv("AIOALF_CLIENT_SECRET")
    assert call("token").code == 0  # the one that is kept
    ended = call("token", "--scope", "write")
    assert (ended.code, ended.out) == (2, "")
    assert "set AIOALF_CLIENT_SECRET, or log in with --client-secret-file" in ended.said


def test_a_secret_in_a_file_is_read_each_time(
    server: OAuthServer, call: Call, home: Path, tmp_path: Path
) -> None:
    """Its path is remembered and not what it holds, so that a new secret needs no login."""
    mounted, file = tmp_path / "mounted", tmp_path / "secret"
    mounted.write_text(f"{SECRET}\n")
    file.symlink_to(mounted)
    ended = call(
        *("login", "--issuer", server.issuer, "--client-id", "service", "--client-credentials"),
        *("--client-secret-file", str(file)),
    )
    assert ended.code == 0
    assert f"read from {file} each time" in ended.said
    assert SECRET not in ended.said + kept_in(home)
    file.unlink()
    file.write_text("another one")
    server.add_client("service", "another one")
    assert call("token", "--scope", "read").code == 0


@pytest.mark.parametrize(
    "method", ["client_secret_basic", "client_secret_post", "client_secret_jwt"]
)
def test_a_secret_is_prompted_for_where_one_is_needed(
    server: OAuthServer,
    person: Person,
    call: Call,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
) -> None:
    """A method that has a secret needs one: it is asked for without being shown, and not kept."""
    prompts: list[tuple[str, bool, bool]] = []

    def prompt(text: str, *, hide_input: bool, err: bool) -> str:
        prompts.append((text, hide_input, err))
        return SECRET.ljust(32, "!")

    server.allow_body_secret = True
    server.add_client("desktop", SECRET.ljust(32, "!"), auth_methods=[method], grant_types=None)
    monkeypatch.setattr(sys, "stdin", Keyboard())
    monkeypatch.setattr(click, "prompt", prompt)
    ended = call(
        "login", "--issuer", server.issuer, "--client-id", "desktop", "--client-auth", method
    )
    assert ended.code == 0
    assert prompts == [("Client secret", True, True)]
    assert SECRET not in ended.said + kept_in(home)
    assert call("login").code == 0  # one that is repeated needs it again
    assert len(prompts) == 2


def test_a_client_signs_with_a_key_from_a_file(
    server: OAuthServer, call: Call, home: Path, tmp_path: Path
) -> None:
    """Its path is remembered and not what it holds; another method has no key any more."""
    file = tmp_path / "key"
    private = jwk_of(EC[256])
    file.write_text(json.dumps(private))
    server.add_client("gateway", public_key=EC[256].as_dict(private=False))
    key = ("--client-auth", "private_key_jwt", "--private-key", str(file))
    ended = call(
        *("login", "--issuer", server.issuer, "--client-id", "gateway", "--client-credentials"),
        *(*key, "--key-id", "k1", "--algorithm", "ES256"),
    )
    assert ended.code == 0
    assert f"The client's key is not kept; it is read from {file} each time." in ended.said
    assert "AIOALF_CLIENT_SECRET" not in ended.said
    assert str(private["d"]) not in ended.said + kept_in(home)
    assert call("token", "--scope", "read").code == 0
    assert call("login").code == 0
    file.unlink()
    ended = call("token", "--scope", "write")
    assert (ended.code, ended.out) == (2, "")
    assert f"The file {file} cannot be read" in ended.said
    ended = call("login", "--client-auth", "none")
    assert (ended.code, ended.out) == (1, "")
    assert "invalid_client" in ended.said


def test_a_public_client_sends_no_secret(
    server: OAuthServer, person: Person, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even one that the environment has for another client."""
    monkeypatch.setenv("AIOALF_CLIENT_SECRET", SECRET)
    arguments = ("login", "--issuer", server.issuer, "--client-id", "desktop")
    assert call(*arguments, "--client-auth", "none").code == 0
    assert not any("Authorization" in exchange.headers for exchange in server.log)


@pytest.mark.parametrize("stdin", [io.StringIO(), None])
def test_without_a_terminal_nobody_is_asked_for_a_secret(
    server: OAuthServer, call: Call, monkeypatch: pytest.MonkeyPatch, stdin: io.StringIO | None
) -> None:
    """A script is told where to put it."""
    monkeypatch.setattr(sys, "stdin", stdin)
    ended = call(
        "login", "--issuer", server.issuer, "--client-id", "service", "--client-credentials"
    )
    assert (ended.code, ended.out) == (2, "")
    assert "set AIOALF_CLIENT_SECRET, or pass --client-secret-file" in ended.said


def test_ctrl_c_at_the_prompt_is_exit_code_130(
    server: OAuthServer, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prompt's line is ended, and nothing else is said."""

    def prompt(text: str, *, hide_input: bool, err: bool) -> str:
        raise click.Abort

    monkeypatch.setattr(sys, "stdin", Keyboard())
    monkeypatch.setattr(click, "prompt", prompt)
    ended = call(
        "login", "--issuer", server.issuer, "--client-id", "service", "--client-credentials"
    )
    assert (ended.code, ended.out, ended.said) == (130, "", "\n")


# What cannot be


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((), "Missing option '--client-id'"),
        (("--client-id", "a"), "Missing option '--issuer', or '--token-endpoint'"),
        (
            ("--client-id", "a", "--token-endpoint", "https://a.example.com/"),
            "Missing option '--issuer', or '--authorization-endpoint'",
        ),
        (
            ("--client-id", "a", "--token-endpoint", "https://a.example.com/", "--device"),
            "Missing option '--issuer', or '--device-authorization-endpoint'",
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
            ("--client-id", "a", "--issuer", "https://a.example.com", "--port-range", "x"),
            "8400-8410",
        ),
        (
            ("--client-id", "a", "--issuer", "https://a.example.com", "--port-range", "9-8"),
            "lower one first",
        ),
        (("--client-id", "a", "--client-auth", "telepathy"), "telepathy"),
        (("--client-id", "a", "--client-auth", "private_key_jwt"), "'--private-key' go together"),
        (("--client-id", "a", "--private-key", __file__), "'--private-key' go together"),
        (
            (
                *("--client-id", "a", "--issuer", "https://a.example.com", "--algorithm", "none"),
                *("--client-auth", "private_key_jwt", "--private-key", __file__),
            ),
            "ES256",
        ),
        (("--client-id", "a", "--client-secret-file", "/nowhere"), "/nowhere"),
        (("--client-id", "a", "--issuer", "https://a.example.com", "--profile", "../b"), "letters"),
        (("--client-secret", "a"), "No such option"),
    ],
)
def test_a_login_that_cannot_be_is_exit_code_2(
    call: Call, home: Path, arguments: tuple[str, ...], what: str
) -> None:
    """What is wrong is said, nothing is asked of anybody, and no profile is made."""
    ended = call("login", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert what in ended.said
    assert "Traceback" not in ended.said
    assert not list(home.rglob("*.json"))


def test_a_server_that_refuses_the_client_is_exit_code_1(server: OAuthServer, call: Call) -> None:
    """What the server said is on one line, its terminal escapes harmless."""
    server.token_fault = Fault.body(
        json.dumps({"error": "invalid_client", "error_description": "\x1b[31mred\nhouse"}).encode(),
        status=401,
    )
    ended = call(
        *("login", "--issuer", server.issuer, "--client-id", "service", "--client-credentials"),
        *("--client-auth", "none"),
    )
    assert (ended.code, ended.out) == (1, "")
    assert ended.said.startswith("Error: The token endpoint ")
    assert "invalid_client" in ended.said
    assert "\x1b" not in ended.said
    assert ended.said.count("\n") == 1


def test_a_home_that_is_a_file_is_found_before_anybody_is_asked(
    server: OAuthServer, person: Person, call: Call, home: Path
) -> None:
    """What is in the way is said."""
    (home.parent / "file").touch()
    ended = call(
        *("login", "--issuer", server.issuer, "--client-id", "desktop"),
        *("--home", str(home.parent / "file" / "home")),
    )
    assert (ended.code, server.logins) == (1, 0)
    assert "there is a file in place of a directory" in ended.said


def test_a_login_that_cannot_be_kept_is_none(
    server: OAuthServer, person: Person, call: Call, home: Path
) -> None:
    """Where the tokens cannot be written, the command fails, and there is no profile."""
    (home / "default").mkdir(parents=True)
    (home / "default" / "tokens").symlink_to(home)
    ended = call("login", "--issuer", server.issuer, "--client-id", "desktop")
    assert (ended.code, server.logins) == (1, 1)
    assert "symbolic link" in ended.said
    assert call("token").code == 3
