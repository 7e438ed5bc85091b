"""Which redirect URIs, hosts, ports and paths a program may configure."""

from __future__ import annotations

from typing import Any

import pytest

from aioalf._browser.redirect_uri import RedirectUri
from aioalf.errors import TokenConfigurationError

INVALID_PATHS = [
    *("callback", "/a?b", "/a#b", "/a b", "/ä", "/a\n", "/\x7f", "/a%", "/a%zz", "/a\\b"),
    *("//", "//evil.example", "/.", "/..", "/a/../b", "/a/%2e%2E/b", "/a/."),
]


@pytest.mark.rule("R110")
@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (None, RedirectUri()),
        ("http://127.0.0.1", RedirectUri("127.0.0.1")),
        ("http://localhost", RedirectUri("localhost")),
        ("http://localhost/", RedirectUri("localhost", path="/")),
        ("http://[::1]/callback", RedirectUri("::1", path="/callback")),
        ("http://localhost:8400", RedirectUri("localhost", (8400, 8400))),
        ("http://[::1]:65535/a/b", RedirectUri("::1", (65535, 65535), "/a/b")),
        ("http://localhost:80/a//b:@!$&'()*+,;=~._-%C3%A4", None),
    ],
)
def test_loopback_uris_are_accepted(uri: str | None, expected: RedirectUri | None) -> None:
    """The URI may have a port and a path; a port in the URI is the only port."""
    read = RedirectUri.read(uri, None)
    assert read == (expected or RedirectUri("localhost", (80, 80), "/a//b:@!$&'()*+,;=~._-%C3%A4"))


def test_uri_without_a_port_uses_the_range() -> None:
    """Ports are an option of their own, since a URI has only one."""
    uri = RedirectUri.read("http://localhost/callback", (8400, 8409))
    assert uri == RedirectUri("localhost", (8400, 8409), "/callback")
    assert [*uri.ports_to_try] == [*range(8400, 8410)]
    assert RedirectUri.read(None, (8400, 8409)) == RedirectUri(ports=(8400, 8409))


def test_port_in_the_uri_and_a_range_contradict_each_other() -> None:
    """Both at once are refused, and the error names both."""
    with pytest.raises(TokenConfigurationError, match=r"port 8400, .* is \(8400, 8400\)"):
        RedirectUri.read("http://localhost:8400", (8400, 8400))


@pytest.mark.rule("R110")
@pytest.mark.parametrize(
    "uri",
    [
        *("", "localhost", "//localhost", "https://localhost", "https://app.example.com/callback"),
        *("http://0.0.0.0", "http://127.0.0.2", "http://[::]", "http://::1", "http://evil.example"),
        *("http://localhost.evil.example", "http://localhost@evil.example", "com.example.app:/"),
        *(
            "http://localhost:0",
            "http://localhost:65536",
            "http://localhost:",
            "http://localhost:x",
        ),
        *("http://localhost:080", "http://localhost:8400x", "http://localhost:99999999999999999"),
        *("http://localhost:\N{ARABIC-INDIC DIGIT EIGHT}", "HTTP://localhost", "http://LOCALHOST"),
        *("http://localhost?", "http://localhost/?a=b", "http://localhost#", "http://localhost/#a"),
        *("http://user@localhost", "http://user:password@localhost", " http://localhost"),
        *("http://localhost\n", 8400, b"http://localhost"),
        *(f"http://localhost{path}" for path in INVALID_PATHS),
    ],
    ids=repr,
)
def test_other_uris_are_refused(uri: Any) -> None:
    """The listener could not receive such a redirect; the error names the alternative."""
    with pytest.raises(TokenConfigurationError, match=r"redirect_uri is .* DeviceCode needs no"):
        RedirectUri.read(uri, None)


@pytest.mark.rule("R007")
@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://app.example.com/callback", "'https://app.example.com/callback'"),
        ("http://user:s3cr3t@localhost/", "'http://***@localhost/'"),
        ("http://localhost/?code=s3cr3t#s3cr3t", "'http://localhost/?***'"),
        ("http://localhost/#s3cr3t", "'http://localhost/#***'"),
        (b"s3cr3t", "of type bytes"),
    ],
)
def test_error_shows_the_uri_without_secrets(uri: Any, shown: str) -> None:
    """Credentials, query and fragment are masked."""
    with pytest.raises(TokenConfigurationError) as caught:
        RedirectUri.read(uri, None)
    assert str(caught.value).startswith(f"redirect_uri is {shown};")
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "ports",
    [
        (32009, 32000),
        (0, 10),
        (1, 65536),
        (-1, 5),
        (True, 5),
        ("32000", "32009"),
        (32000.0, 32009.0),
        (32000,),
        (32000, 32001, 32002),
        32000,
        "32000-32009",
    ],
)
def test_invalid_port_ranges_are_refused(ports: Any) -> None:
    """The error shows the given range and an example."""
    with pytest.raises(TokenConfigurationError, match=r"such as \(32000, 32009\)") as error:
        RedirectUri(ports=ports)
    assert repr(ports) in str(error.value)


@pytest.mark.rule("R110")
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "example.com", "192.0.2.1"])
def test_hosts_other_than_loopback_are_refused(host: str) -> None:
    """The listener cannot be made reachable from other machines."""
    with pytest.raises(TokenConfigurationError, match="other machines must not reach it"):
        RedirectUri(host)


@pytest.mark.parametrize("path", INVALID_PATHS)
def test_invalid_paths_are_refused(path: str) -> None:
    """A path that no request could match is refused when the listener is made."""
    with pytest.raises(TokenConfigurationError, match="start with one slash"):
        RedirectUri(path=path)
