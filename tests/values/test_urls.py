"""Tests of checking, showing and classifying URLs."""

import inspect

import pytest
from yarl import URL

from aioalf._urls import (
    NO_HTTP_HOSTS,
    PlainHTTPHosts,
    http_hosts_advice,
    is_insecure,
    missing_endpoint_error,
    read_endpoint,
    redact_url,
    warn_insecure,
)
from aioalf.client import Client
from aioalf.errors import InsecureTransportWarning, TokenConfigurationError
from aioalf.grants import ClientCredentials
from aioalf.manager import TokenManager


@pytest.mark.rule("R003")
@pytest.mark.parametrize(
    "url",
    [
        "https://auth.example.com/token",
        "https://auth.example.com/token?tenant=a%20b&x=1",
        "http://127.0.0.1:8080",
        "https://[::1]/token",
        URL("https://auth.example.com/t%2Foken", encoded=True),
    ],
)
def test_endpoint_keeps_its_path_and_query(url: str | URL) -> None:
    """Path and query are sent as configured."""
    assert str(read_endpoint("token_endpoint", url)) == str(URL(url))


@pytest.mark.rule("R003")
@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://a.example/token#", "fragment"),
        ("https://a.example/token#x", "fragment"),
        (URL("https://a.example/token#x"), "fragment"),
        ("https://user:hidden@a.example/token", "credentials"),
        ("https://user@a.example/token", "credentials"),
        ("/token", "absolute"),
        ("a.example/token", "absolute"),
        ("", "absolute"),
        ("https://", "absolute|not a URL"),
        ("https:///token", "absolute|not a URL"),
        ("ftp://a.example/", "absolute"),
        ("file:///etc/passwd", "absolute"),
        ("https://[", "not a URL"),
        ("https://a.example:99999/", "not a URL"),
        (5, "not int"),
        (b"https://a.example/", "not bytes"),
    ],
)
def test_invalid_endpoint_is_refused(url: object, problem: str) -> None:
    """The error names the option and the problem, but not the URL, which may contain a secret."""
    with pytest.raises(TokenConfigurationError, match=f"^token_endpoint .*({problem})") as caught:
        read_endpoint("token_endpoint", url)  # type: ignore[arg-type]
    assert "hidden" not in str(caught.value)


def test_error_for_an_endpoint_shows_a_url_without_its_secrets() -> None:
    """A URL with a wrong scheme is shown, so that the user finds the mistake."""
    with pytest.raises(TokenConfigurationError, match=r"not ftp://a\.example/token$"):
        read_endpoint("token_endpoint", "ftp://ada:hidden@a.example/token?key=hidden")


@pytest.mark.rule("R007")
@pytest.mark.parametrize("value", ["hidden", "hidden/Zm9v+w==", "a.hidden:5", "//hidden"])
def test_misplaced_arguments_are_explained_without_showing_them(value: str) -> None:
    """The value may be the secret, because two classes take the arguments in different orders."""
    order = (
        "Client takes client_id, client_secret, token_endpoint .* TokenManager takes token_endpoi"
    )
    for make in (
        lambda: Client("https://auth.example.com/token", "client-id", value),
        lambda: TokenManager(value, "client-secret", "https://auth.example.com/token"),
    ):
        with pytest.raises(TokenConfigurationError, match=order) as caught:
            make()
        assert "hidden" not in str(caught.value)
    with pytest.raises(TokenConfigurationError) as caught:
        read_endpoint("revocation_endpoint", value)
    assert "TokenManager" not in str(caught.value)


@pytest.mark.rule("R007")
@pytest.mark.parametrize(
    ("url", "text"),
    [
        (
            "https://user:secret@a.example:8443/token?key=secret#secret",
            "https://a.example:8443/token",
        ),
        ("/path?key=secret", "/path"),
    ],
)
def test_redacted_url_has_no_credentials_query_or_fragment(url: str, text: str) -> None:
    """Scheme, host, port and path identify the URL."""
    assert redact_url(URL(url)) == text


@pytest.mark.rule("R013", "R053")
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://auth.example.com", True),
        ("ws://auth.example.com", True),
        ("http://10.0.0.1", True),
        ("http://0.0.0.0", True),
        ("http://localhost.example.com", True),
        ("http://notlocalhost", True),
        ("https://auth.example.com", False),
        ("wss://auth.example.com", False),
        ("http://localhost:8080", False),
        ("http://LOCALHOST", False),
        ("http://app.localhost", True),
        ("http://localhost.", True),
        ("http://127.0.0.1", False),
        ("http://127.8.9.10", False),
        ("http://[::1]:80", False),
    ],
)
def test_plain_http_is_insecure_except_to_this_machine(url: str, *, expected: bool) -> None:
    """Requests that leave the machine unencrypted can be read by others."""
    assert is_insecure(URL(url)) is expected


@pytest.mark.rule("R013")
def test_warning_has_its_own_class_and_shows_no_secret() -> None:
    """A user can silence it, or make it an error, independently of other warnings."""
    with pytest.warns(InsecureTransportWarning) as caught:
        warn_insecure("The resource", URL("http://a.example/x?key=secret"))
    assert "The resource http://a.example/x is plain http" in str(caught[0].message)
    assert "secret" not in str(caught[0].message)


@pytest.mark.rule("R013")
def test_warning_points_at_the_line_of_the_user() -> None:
    """It names the line that configured the URL, however deep in the package it is issued."""
    line = inspect.stack()[0].lineno + 2
    with pytest.warns(InsecureTransportWarning) as caught:  # noqa: PT031
        TokenManager("http://auth.example.com/token", "client-id", "secret")
        Client("client-id", "secret", "http://auth.example.com/token", grant=ClientCredentials())
    assert [(each.filename, each.lineno) for each in caught] == [
        (__file__, line),
        (__file__, line + 1),
    ]


def test_warning_is_issued_without_user_code_on_the_stack() -> None:
    """In a frozen program there may be no frame outside of the package."""
    program = "from aioalf._urls import *\nwarn_insecure('X', URL('http://a.example'))"
    with pytest.warns(InsecureTransportWarning):
        exec(program, {"__name__": "aioalf.frozen"})  # noqa: S102 - our own program


def test_error_for_a_missing_endpoint_names_the_option() -> None:
    """The user sees which option to pass."""
    assert str(missing_endpoint_error("token_endpoint")) == (
        "Missing token endpoint: pass token_endpoint, or issuer to find it in the server's "
        "metadata, to Client or TokenManager"
    )
    assert str(missing_endpoint_error("revocation_endpoint")) == (
        "Missing revocation endpoint: pass issuer, or endpoints={'revocation_endpoint': ...}, to "
        "Client or TokenManager"
    )
    assert "pass endpoints={'revocation_endpoint': ...}" in str(
        missing_endpoint_error("revocation_endpoint", has_metadata=True)
    )


@pytest.mark.rule("R013")
@pytest.mark.parametrize(
    ("host", "url", "is_allowed"),
    [
        ("keycloak:8080", "http://keycloak:8080/realms/x", True),
        ("keycloak:8080", "http://KEYCLOAK:8080/", True),
        ("keycloak:8080", "http://keycloak:8081/", False),
        ("keycloak:8080", "http://keycloak/", False),
        ("keycloak:80", "http://keycloak/", True),
        ("keycloak", "http://keycloak:8081/", True),
        ("Keycloak", "http://keycloak/", True),
        ("keycloak", "http://keycloak.evil.example/", False),
        ("keycloak", "http://evil.example/keycloak", False),
        ("keycloak", "ftp://keycloak/", False),
        ("10.0.0.1:8080", "http://10.0.0.1:8080/", True),
        ("[fd00::1]:8080", "http://[fd00::1]:8080/", True),
        ("[fd00::1]", "http://[fd00::1]:1/", True),
    ],
)
def test_plain_http_is_allowed_for_listed_hosts(host: str, url: str, *, is_allowed: bool) -> None:
    """A host is compared as a whole, with its port if it is listed with one."""
    hosts = PlainHTTPHosts([host])
    assert hosts.allows(URL(url)) is is_allowed
    assert hosts.is_insecure(URL(url)) is not is_allowed
    assert NO_HTTP_HOSTS.is_insecure(URL(url))


def test_https_is_never_insecure() -> None:
    """The list of hosts concerns plain http only."""
    assert not PlainHTTPHosts(["keycloak"]).allows(URL("https://keycloak/"))
    assert not PlainHTTPHosts(["keycloak"]).is_insecure(URL("https://keycloak/"))
    assert http_hosts_advice(URL("https://keycloak/")) == ""
    assert "allow_http_hosts=['keycloak:1']" in http_hosts_advice(URL("http://keycloak:1/a"))


@pytest.mark.parametrize(
    "host",
    [
        *("http://keycloak", "keycloak/realms", "*", "*.internal", "keycloak:*", "keycloak:", ""),
        *("keycloak:0", "keycloak:65536", "keycloak:x", "user@keycloak", "a b", "fd00::1", "a\n"),
        *(None, 5, b"keycloak"),
    ],
    ids=repr,
)
def test_other_forms_of_a_host_are_refused(host: object) -> None:
    """The error has an example; a wildcard would be a switch for many hosts."""
    with pytest.raises(TokenConfigurationError, match=r"such as allow_http_hosts=\['keycloak"):
        PlainHTTPHosts([host])  # type: ignore[list-item]


@pytest.mark.parametrize("hosts", ["keycloak", 5, True])
def test_hosts_must_be_a_list(hosts: object) -> None:
    """A string would be a list of letters."""
    with pytest.raises(TokenConfigurationError, match="must be a list of hosts, such as"):
        PlainHTTPHosts(hosts)  # type: ignore[arg-type]
