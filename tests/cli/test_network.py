"""Proxies and certificate authorities: of the environment, of options, and of the login."""

from pathlib import Path

import pytest
import trustme

from aioalf.testing import FaultProxy, OAuthServer
from tests.cli.conftest import Servers, with_clients
from tests.cli.run_command import CommandResult, Run, age_tokens
from tests.support.http_proxy import HTTPProxy
from tests.support.tls import server_context

NOWHERE = "http://127.0.0.2:9"
"""A loopback address where no server listens: only a proxy can answer for it."""
TOKEN_URL, API_URL = f"{NOWHERE}/token", f"{NOWHERE}/things"


@pytest.fixture
def proxy(servers: Servers) -> HTTPProxy:
    """A proxy that answers token requests and API requests."""
    return servers.start(HTTPProxy())


@pytest.fixture
def secret_file(tmp_path: Path) -> str:
    """A file with the client secret."""
    path = tmp_path / "secret"
    path.write_text("s3cret-of-service")
    return str(path)


def log_in(run: Run, secret_file: str, *options: str) -> CommandResult:
    """Log in as a service, by default at a server that only a proxy can reach."""
    server = () if "--issuer" in options else ("--token-endpoint", TOKEN_URL)
    client = ("--client-id", "service", "--client-credentials", "--client-secret-file", secret_file)
    return run("login", *client, *server, *options)


# Proxies


def test_both_servers_are_reached_through_the_proxy_of_the_environment(
    proxy: HTTPProxy, run: Run, monkeypatch: pytest.MonkeyPatch, secret_file: str, home: Path
) -> None:
    """Each command uses the variable for its token request and its API request."""
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    assert log_in(run, secret_file).code == 0
    assert run("request", API_URL).code == 0
    assert proxy.requested == [TOKEN_URL, API_URL]
    age_tokens(home, 3600)
    assert run("token").stdout == "abc\n"
    assert proxy.requested == [TOKEN_URL, API_URL, TOKEN_URL]


@pytest.mark.parametrize("option", ["-x", "--proxy"])
def test_proxy_option_overrides_the_environment(
    proxy: HTTPProxy,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    secret_file: str,
    home: Path,
    option: str,
) -> None:
    """It is for one command, and a URL without a scheme is http."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    url = proxy.url.removeprefix("http://").rstrip("/")
    assert log_in(run, secret_file, option, url).code == 0
    assert run("request", API_URL, option, url).code == 0
    assert run("request", API_URL).code == 1
    age_tokens(home, 3600)
    assert run("token").code == 1
    assert run("token", option, url).code == 0
    assert proxy.requested == [TOKEN_URL, API_URL, TOKEN_URL]


def test_logout_uses_the_proxy(proxy: HTTPProxy, run: Run, secret_file: str) -> None:
    """The token is revoked through the proxy."""
    revoke = f"{NOWHERE}/revoke"
    log_in(run, secret_file, "-x", proxy.url, "--revocation-endpoint", revoke)
    assert run("logout", "--proxy", proxy.url).code == 0
    assert proxy.requested == [TOKEN_URL, revoke]


def test_no_proxy_is_respected(
    server: OAuthServer, proxy: HTTPProxy, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests to a host in the variable are sent directly."""
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert run("login", "--issuer", server.issuer, "--client-id", "desktop").code == 0
    assert run("request", server.url("/things")).code == 0
    assert proxy.requested == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("socks5://127.0.0.1:1080", "expected an http or https URL"),
        ("http://", "expected an http or https URL"),
        ("http://[broken", "expected an http or https URL"),
        ("http://ada:hunter2@127.0.0.1", "can see a password in the arguments"),
        ("ada@127.0.0.1", "can see a password in the arguments"),
    ],
)
def test_unusable_proxy_is_exit_code_2(run: Run, url: str, message: str) -> None:
    """The error says which URL works, and that a password belongs into the environment."""
    result = run("token", "--proxy", url)
    assert (result.code, result.stdout) == (2, "")
    assert message in " ".join(result.stderr.split())
    assert "hunter2" not in result.stderr


@pytest.mark.parametrize("url", ["socks5://127.0.0.1:1080", "http://user:hunter2@[bad", "proxy:1"])
def test_unusable_proxy_of_the_environment_is_exit_code_2(
    logged_in: OAuthServer, run: Run, monkeypatch: pytest.MonkeyPatch, url: str, home: Path
) -> None:
    """The error names the variable without its value. --proxy overrides the variable."""
    monkeypatch.setenv("HTTP_PROXY", url)
    age_tokens(home, 3600)
    message = "The proxy in the environment variable HTTP_PROXY is not an http or https URL"
    for command in (("request", logged_in.url("/things")), ("token",)):
        result = run(*command)
        assert (result.code, result.stdout) == (2, "")
        assert result.stderr.startswith(f"Error: {message}")
        assert run(*command, "--proxy", logged_in.issuer).code == 0


def test_empty_proxy_option_is_ignored(run: Run) -> None:
    """As in curl, so a script can pass an unset variable."""
    assert run("token", "--proxy", "").code == 3


def test_netrc_is_not_used(
    server: OAuthServer, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The credentials of a host in this file would contradict the token."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ada password hunter2\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    assert run("login", "--issuer", server.issuer, "--client-id", "desktop").code == 0
    assert run("request", server.url("/things")).code == 0
    assert server.log[-1].headers["Authorization"].startswith("Bearer ")


# Certificate authorities


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    """A certificate authority; its certificate is in the file ``ca.pem``."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return authority


@pytest.fixture
def secure(servers: Servers, authority: trustme.CA) -> OAuthServer:
    """An authorization server over https."""
    return servers.start(with_clients(OAuthServer(ssl_context=server_context(authority))))


@pytest.fixture
def api_url(servers: Servers, secure: OAuthServer, authority: trustme.CA) -> str:
    """The URL of its API over https."""
    front = FaultProxy(secure.url("/things"), ssl_context=server_context(authority))
    return servers.start(front).url


@pytest.fixture
def ca_file(tmp_path: Path) -> str:
    """The file with the certificate of the authority."""
    return str(tmp_path / "ca.pem")


def test_login_remembers_the_certificate_authorities(
    secure: OAuthServer,
    api_url: str,
    run: Run,
    secret_file: str,
    home: Path,
    ca_file: str,
) -> None:
    """Later commands trust them for both servers, without the option."""
    assert log_in(run, secret_file, "--issuer", secure.issuer, "--cacert", ca_file).code == 0
    assert run("request", api_url).code == 0
    age_tokens(home, 3600)
    assert run("token").code == 0
    assert run("logout").code == 0
    assert secure.requests["token"] == 2
    assert secure.requests["revocation"] >= 1


def test_unknown_authority_is_exit_code_1(
    secure: OAuthServer, run: Run, secret_file: str, authority: trustme.CA
) -> None:
    """The certificate is verified, and the error says so."""
    result = log_in(run, secret_file, "--issuer", secure.issuer)
    assert (result.code, result.stdout) == (1, "")
    assert "CertificateError" in result.stderr


def test_cacert_of_a_command_overrides_the_file_of_the_login(
    secure: OAuthServer, api_url: str, run: Run, secret_file: str, ca_file: str, tmp_path: Path
) -> None:
    """For one command: the next one uses the file of the login again."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    log_in(run, secret_file, "--issuer", secure.issuer, "--cacert", ca_file)
    assert run("request", api_url, "--cacert", str(other)).code == 1
    assert run("request", api_url).code == 0


def test_unreadable_certificates_are_exit_code_2(
    secure: OAuthServer, run: Run, secret_file: str, ca_file: str, home: Path
) -> None:
    """The error names the file; a logout deletes the login nevertheless."""
    log_in(run, secret_file, "--issuer", secure.issuer, "--cacert", ca_file)
    Path(ca_file).write_text("no certificate")
    for command in (("request", "https://127.0.0.1:9/"), ("logout",)):
        result = run(*command)
        assert (result.code, result.stdout) == (2, "")
        assert f"The certificates in {ca_file} cannot be read" in result.stderr
    assert run("token").code == 3
