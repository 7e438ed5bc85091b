"""Which URLs may be configured, how they are shown, and when one is insecure."""

import inspect

import pytest
from yarl import URL

from aioalf._urls import is_insecure, read_endpoint, redact_url, warn_insecure
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
def test_an_endpoint_is_kept_as_it_is(url: str | URL) -> None:
    """Path and query are sent as they were configured."""
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
        (5, "not a URL"),
        (b"https://a.example/", "not a URL"),
    ],
)
def test_an_endpoint_that_cannot_work_is_refused(url: object, problem: str) -> None:
    """The message names the setting and what is wrong, and repeats no URL: it may hold a secret."""
    with pytest.raises(TokenConfigurationError, match=f"^token_endpoint .*({problem})") as caught:
        read_endpoint("token_endpoint", url)  # type: ignore[arg-type]
    assert "hidden" not in str(caught.value)


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
def test_a_url_is_shown_without_what_may_be_secret(url: str, text: str) -> None:
    """Scheme, host, port and path are enough to know which one is meant."""
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
        ("http://app.localhost", False),
        ("http://127.0.0.1", False),
        ("http://127.8.9.10", False),
        ("http://[::1]:80", False),
    ],
)
def test_plain_http_is_insecure_but_to_this_machine(url: str, *, expected: bool) -> None:
    """What leaves this machine unencrypted can be read on the way."""
    assert is_insecure(URL(url)) is expected


@pytest.mark.rule("R013")
def test_the_warning_is_of_its_own_class_and_shows_no_secret() -> None:
    """A user can silence it, or make it an error, without touching other warnings."""
    with pytest.warns(InsecureTransportWarning) as caught:
        warn_insecure("The resource", URL("http://a.example/x?key=secret"))
    assert "The resource http://a.example/x is plain http" in str(caught[0].message)
    assert "secret" not in str(caught[0].message)


@pytest.mark.rule("R013")
def test_the_warning_is_at_the_line_of_the_user() -> None:
    """However deep in the package it arises, it points at the code that configured the URL."""
    line = inspect.stack()[0].lineno + 2
    with pytest.warns(InsecureTransportWarning) as caught:  # noqa: PT031
        TokenManager("http://auth.example.com/token", "client-id", "secret")
        Client("client-id", "secret", "http://auth.example.com/token", grant=ClientCredentials())
    assert [(each.filename, each.lineno) for each in caught] == [
        (__file__, line),
        (__file__, line + 1),
    ]


def test_the_warning_needs_no_user_to_point_at() -> None:
    """Where nobody's code is above, as in a frozen program, it is given all the same."""
    program = "from aioalf._urls import *\nwarn_insecure('X', URL('http://a.example'))"
    with pytest.warns(InsecureTransportWarning):
        exec(program, {"__name__": "aioalf.frozen"})  # noqa: S102 - our own program
