"""Tests of client secrets: where they come from, and which client and profile they belong to."""

import io
import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from aioalf.__main__ import main
from aioalf._cli.client_secrets import SecretVariables
from aioalf.testing import OAuthServer
from tests.cli.conftest import Person, content_of
from tests.cli.run_command import ROOT, Run, run_program

SECRET = "s3cret-of-service"
OF_CLIENT = {"AIOALF_CLIENT_ID": "service", "AIOALF_CLIENT_SECRET": SECRET}
OF_PROFILE = {"AIOALF_CLIENT_SECRET_DEFAULT": SECRET}


class TerminalInput:
    """Standard input that is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def set_variables(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    """Set environment variables."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def sent_credentials(server: OAuthServer) -> list[str]:
    """Return the paths of requests to the authorization server that had a secret."""
    return [
        exchange.path
        for exchange in server.log
        if exchange.headers.get("Authorization", "").startswith("Basic ")
        or "client_secret" in exchange.form
    ]


# The environment


@pytest.mark.parametrize("variables", [OF_CLIENT, OF_PROFILE], ids=["client", "profile"])
def test_secret_in_the_environment_is_used_and_not_stored(
    server: OAuthServer,
    run: Run,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: Mapping[str, str],
) -> None:
    """Later commands that need the secret read it again, or say how to set it."""
    set_variables(monkeypatch, variables)
    result = run(
        "login", "--issuer", server.issuer, "--client-id", "service", "--client-credentials"
    )
    assert result.code == 0
    assert f"later commands read it from {[*variables][-1]} when" in result.stderr
    assert SECRET not in result.stderr + content_of(home)
    assert run("token", "--scope", "read").code == 0
    monkeypatch.delenv([*variables][-1])
    assert run("token").code == 0  # the stored token
    result = run("token", "--scope", "write")
    assert (result.code, result.stdout) == (2, "")
    assert "set AIOALF_CLIENT_SECRET_DEFAULT, or both AIOALF_CLIENT_SECRET and " in result.stderr
    assert "or log in with --client-secret-file\n" in result.stderr


@pytest.mark.parametrize("grant", ["--client-credentials", "--browser"])
@pytest.mark.parametrize("variables", [OF_CLIENT, OF_PROFILE], ids=["client", "profile"])
def test_all_commands_use_the_login_of_a_client_with_a_secret(
    server: OAuthServer,
    person: Person,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    variables: Mapping[str, str],
    grant: str,
) -> None:
    """`request` sends the stored token, and `logout` revokes it."""
    set_variables(monkeypatch, variables)
    login = ("login", "--issuer", server.issuer, "--client-id", "service", grant)
    assert run(*login, "--client-auth", "client_secret_basic").code == 0
    token = run("token").stdout.strip()
    server.log.clear()
    assert run("request", "GET", server.url("/things")).code == 0
    assert [exchange.path for exchange in server.log] == ["/things"]
    assert server.log[0].headers["Authorization"] == f"Bearer {token}"
    assert run("logout").code == 0
    revoked = [each.form["token"] for each in server.log if each.path == "/revoke"]
    assert token in revoked


def test_first_login_needs_no_option_for_the_client(
    server: OAuthServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build job sets two variables, and its other commands need nothing else."""
    set_variables(monkeypatch, OF_CLIENT)
    assert run("login", "--issuer", server.issuer, "--client-credentials").code == 0
    assert json.loads(run("request", "GET", server.url("/things")).stdout)["client_id"] == "service"
    assert run("login").code == 0


def test_stored_login_overrides_the_client_id_in_the_environment(
    server: OAuthServer, person: Person, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login of another client is repeated as it was."""
    run("login", "--issuer", server.issuer, "--client-id", "desktop")
    set_variables(monkeypatch, OF_CLIENT)
    assert run("login").code == 0
    assert json.loads(run("request", "GET", server.url("/things")).stdout)["client_id"] == "desktop"


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"AIOALF_CLIENT_SECRET": SECRET}, "AIOALF_CLIENT_ID is not set"),
        ({**OF_CLIENT, "AIOALF_CLIENT_ID": ""}, "AIOALF_CLIENT_ID is not set"),
        ({**OF_CLIENT, "AIOALF_CLIENT_ID": "other"}, "AIOALF_CLIENT_ID is other"),
    ],
    ids=["no client", "empty client", "other client"],
)
def test_secret_of_another_client_is_not_sent(
    server: OAuthServer,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    variables: Mapping[str, str],
    reason: str,
) -> None:
    """The error says why the variable is ignored, and no request is sent."""
    set_variables(monkeypatch, variables)
    result = run(
        "login", "--issuer", server.issuer, "--client-id", "service", "--client-credentials"
    )
    assert (result.code, server.log) == (2, [])
    assert f"the client of this profile is service and {reason}" in result.stderr
    assert SECRET not in result.stderr


def test_later_commands_do_not_send_the_secret_of_another_client(
    server: OAuthServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each profile uses only the secret of its own client, also to log out."""
    server.add_client("other", "s3cret-of-other")
    set_variables(monkeypatch, {**OF_CLIENT, "AIOALF_CLIENT_SECRET_B": "s3cret-of-other"})
    login = ("login", "--issuer", server.issuer, "--client-credentials", "--profile")
    assert run(*login, "a").code == 0
    assert run(*login, "b", "--client-id", "other").code == 0
    monkeypatch.delenv("AIOALF_CLIENT_SECRET_B")
    before = len(sent_credentials(server))
    result = run("token", "--profile", "b", "--scope", "read")
    assert (result.code, result.stdout) == (2, "")
    assert "the client of this profile is other and AIOALF_CLIENT_ID is service" in result.stderr
    assert run("logout", "--profile", "b").code == 1
    assert len(sent_credentials(server)) == before
    assert run("logout", "--profile", "a").code == 0


@pytest.mark.parametrize(
    ("variables", "ignored"),
    [(OF_CLIENT, "AIOALF_CLIENT_SECRET"), (OF_PROFILE, "AIOALF_CLIENT_SECRET_DEFAULT")],
    ids=["client", "profile"],
)
@pytest.mark.parametrize("grant", ["--browser", "--device"])
def test_login_that_needs_no_secret_sends_none(
    server: OAuthServer,
    person: Person,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variables: Mapping[str, str],
    ignored: str,
    grant: str,
) -> None:
    """The warning says how to use the secret."""
    server.add_client("service", None)
    set_variables(monkeypatch, variables)
    server.device_code_lifetime = 1  # no one enters the code
    main(["login", "--issuer", server.issuer, "--client-id", "service", grant])
    assert f"Warning: {ignored} is ignored, because this login needs no " in capsys.readouterr().err
    assert server.log
    assert not sent_credentials(server)


def test_client_auth_none_sends_no_secret(
    server: OAuthServer, person: Person, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--client-auth none`` ignores the secret in the environment without a warning."""
    set_variables(monkeypatch, OF_PROFILE)
    arguments = ("login", "--issuer", server.issuer, "--client-id", "desktop")
    result = run(*arguments, "--client-auth", "none")
    assert (result.code, "ignored" in result.stderr) == (0, False)
    assert not sent_credentials(server)


def test_variable_of_a_profile_overrides_the_variable_of_the_client(
    server: OAuthServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of the profile is in upper case, and other characters are underscores."""
    variables = {**OF_CLIENT, "AIOALF_CLIENT_SECRET": "wrong", "AIOALF_CLIENT_SECRET_B_2_C": SECRET}
    set_variables(monkeypatch, variables)
    login = ("login", "--issuer", server.issuer, "--client-credentials", "--profile")
    assert run(*login, "b.2-c").code == 0
    result = run(*login, "a")
    assert (result.code, "invalid_client" in result.stderr) == (1, True)


def test_variable_of_two_profiles_is_ignored(
    server: OAuthServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret of one of them must not be sent to the server of the other."""
    set_variables(monkeypatch, {"AIOALF_CLIENT_SECRET_B_C": SECRET})
    login = ("login", "--issuer", server.issuer, "--client-id", "service", "--client-credentials")
    assert run(*login, "--profile", "b.c").code == 0
    before = len(server.log)
    result = run(*login, "--profile", "b-c")
    assert (result.code, len(server.log)) == (2, before)
    assert (
        "AIOALF_CLIENT_SECRET_B_C is ignored, because it is also the variable of profile b.c"
        in (result.stderr)
    )


def test_secrets_are_not_in_the_environment_of_the_browser(
    server: OAuthServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Programs that a command starts do not inherit them."""
    inherited, browser = tmp_path / "environment", tmp_path / "browser"
    sign_in = shlex.join([sys.executable, str(ROOT / "tests" / "cli" / "fake_browser.py")])
    browser.write_text(f"env > {shlex.quote(str(inherited))}\n{sign_in} sign-in $1\n")
    monkeypatch.setenv("BROWSER", f"/bin/sh {shlex.quote(str(browser))} %s")
    set_variables(monkeypatch, {**OF_CLIENT, **OF_PROFILE, "AIOALF_CLIENT_SECRETS": SECRET})
    result = run_program("login", "--issuer", server.issuer, "--client-id", "desktop")
    assert result.code == 0, result.stderr
    environment = inherited.read_text()
    assert "AIOALF_HOME=" in environment
    assert "AIOALF_CLIENT_SECRET" not in environment
    assert SECRET not in environment


def test_secrets_are_not_in_the_environment_of_the_demo(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo can start a browser, too."""
    seen: list[str] = []

    async def demo(_: object) -> bool:
        seen.extend(os.environ)
        return True

    monkeypatch.setattr("aioalf._demo.run_in_browser", demo)
    set_variables(monkeypatch, OF_CLIENT)
    assert run("demo", "--browser").code == 0
    assert "AIOALF_CLIENT_ID" in seen
    assert "AIOALF_CLIENT_SECRET" not in seen


def test_lookup_does_not_show_the_secret() -> None:
    """Its repr may be part of a traceback."""
    variables = SecretVariables({"AIOALF_CLIENT_SECRET_A": SECRET}, None)
    found = variables.look_up("a", "service", [])
    assert found.secret == SECRET
    assert SECRET not in f"{variables!r} {found!r}"


# Files


def test_secret_file_is_read_by_each_command(
    server: OAuthServer, run: Run, home: Path, tmp_path: Path
) -> None:
    """Only the path is stored, so a rotated secret needs no new login."""
    mounted, file = tmp_path / "mounted", tmp_path / "secret"
    mounted.write_text(f"{SECRET}\n")
    file.symlink_to(mounted)
    result = run(
        *("login", "--issuer", server.issuer, "--client-id", "service", "--client-credentials"),
        *("--client-secret-file", str(file)),
    )
    assert result.code == 0
    assert f"each command reads it from {file}." in result.stderr
    assert SECRET not in result.stderr + content_of(home)
    file.unlink()
    file.write_text("another one")
    server.add_client("service", "another one")
    assert run("token", "--scope", "read").code == 0


# The prompt


@pytest.mark.parametrize(
    "method", ["client_secret_basic", "client_secret_post", "client_secret_jwt"]
)
def test_missing_secret_is_prompted_for(
    server: OAuthServer,
    person: Person,
    run: Run,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
) -> None:
    """A method that needs a secret prompts for it without echo, and does not store it."""
    prompts: list[tuple[str, bool, bool]] = []

    def prompt(text: str, *, hide_input: bool, err: bool) -> str:
        prompts.append((text, hide_input, err))
        return SECRET.ljust(32, "!")

    server.allow_body_secret = True
    server.add_client("desktop", SECRET.ljust(32, "!"), auth_methods=[method], grant_types=None)
    monkeypatch.setattr(sys, "stdin", TerminalInput())
    monkeypatch.setattr(click, "prompt", prompt)
    result = run(
        "login", "--issuer", server.issuer, "--client-id", "desktop", "--client-auth", method
    )
    assert result.code == 0
    assert prompts == [("Client secret", True, True)]
    assert SECRET not in result.stderr + content_of(home)
    assert run("login").code == 0  # repeating a login needs the secret again
    assert len(prompts) == 2


def test_prompt_comes_after_the_reason(
    server: OAuthServer,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The user who set the variable sees why it is ignored."""

    def prompt(text: str, *, hide_input: bool, err: bool) -> str:
        return SECRET

    monkeypatch.setattr(sys, "stdin", TerminalInput())
    monkeypatch.setattr(click, "prompt", prompt)
    monkeypatch.setenv("AIOALF_CLIENT_SECRET", "of another client")
    result = run(
        "login", "--issuer", server.issuer, "--client-id", "service", "--client-credentials"
    )
    assert result.code == 0
    assert "Warning: AIOALF_CLIENT_SECRET is ignored" in result.stderr


@pytest.mark.parametrize("stdin", [io.StringIO(), None])
def test_secret_is_not_prompted_for_without_a_terminal(
    server: OAuthServer, run: Run, monkeypatch: pytest.MonkeyPatch, stdin: io.StringIO | None
) -> None:
    """A script gets an error that says how to pass the secret."""
    monkeypatch.setattr(sys, "stdin", stdin)
    result = run(
        "login", "--issuer", server.issuer, "--client-id", "service", "--client-credentials"
    )
    assert (result.code, result.stdout) == (2, "")
    assert "set AIOALF_CLIENT_SECRET_DEFAULT, or both AIOALF_CLIENT_SECRET and " in result.stderr
    assert "or pass --client-secret-file\n" in result.stderr


def test_ctrl_c_at_the_prompt_is_exit_code_130(
    server: OAuthServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a newline is printed, to end the line of the prompt."""

    def prompt(text: str, *, hide_input: bool, err: bool) -> str:
        raise click.Abort

    monkeypatch.setattr(sys, "stdin", TerminalInput())
    monkeypatch.setattr(click, "prompt", prompt)
    result = run(
        "login", "--issuer", server.issuer, "--client-id", "service", "--client-credentials"
    )
    assert (result.code, result.stdout, result.stderr) == (130, "", "\n")
