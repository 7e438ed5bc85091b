"""Origins: what is the same place, and what is another."""

import warnings

import pytest
from yarl import URL

from aioalf._requests.origin_policy import OriginPolicy, origin_of, read_origins
from aioalf.errors import InsecureTransportWarning, TokenConfigurationError, TokenError

BASE = "https://api.example.com"


@pytest.mark.rule("R055")
@pytest.mark.parametrize(
    "url",
    [
        f"{BASE}/path?query#fragment",
        "HTTPS://API.EXAMPLE.COM",
        f"{BASE}:443/",
        "wss://api.example.com/socket",
        "https://user:password@api.example.com",
    ],
)
def test_the_same_place_is_the_same_origin(url: str) -> None:
    """Case, default port, user, path and the websocket's scheme make no difference."""
    assert origin_of(URL(url)) == origin_of(URL(BASE))


@pytest.mark.rule("R055")
@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com",
        "ws://api.example.com",
        f"{BASE}:8443",
        "https://example.com",
        f"{BASE}.evil.example",
        "https://xapi.example.com",
        "https://api.example.com@evil.example",
        "https://api.example.com.",
    ],
)
def test_another_place_is_another_origin(url: str) -> None:
    """Scheme, host and port count whole."""
    assert origin_of(URL(url)) != origin_of(URL(BASE))


def test_international_names_are_compared_as_they_are_sent() -> None:
    """A name and its punycode are one."""
    assert origin_of(URL("https://bücher.example")) == origin_of(
        URL("https://xn--bcher-kva.example")
    )


def test_origins_are_read_from_texts_and_urls() -> None:
    """A path is ignored, and what is the same is there once."""
    found = read_origins([f"{BASE}/v1", URL(BASE), "http://127.0.0.1:8080", "wss://[::1]:9"])
    assert found == {
        ("https", "api.example.com", 443),
        ("http", "127.0.0.1", 8080),
        ("https", "::1", 9),
    }


@pytest.mark.parametrize(
    "origin", ["api.example.com", "/path", "", "ftp://a.example", "https://", "http://[", 5, None]
)
def test_what_is_no_origin_is_refused(origin: object) -> None:
    """A mistake is told when the list is given, not by a missing token later."""
    with pytest.raises(TokenConfigurationError, match="must contain URLs such as"):
        read_origins([origin])  # type: ignore[list-item]


@pytest.mark.parametrize("origins", [BASE, URL(BASE)])
def test_one_origin_without_a_list_is_refused(origins: str | URL) -> None:
    """A text is not taken for a list of letters."""
    with pytest.raises(TokenConfigurationError, match="must be a list"):
        read_origins(origins)  # type: ignore[arg-type]


def test_an_empty_list_is_refused() -> None:
    """A list that no request could satisfy is a mistake."""
    with pytest.raises(TokenConfigurationError, match="origins is empty"):
        read_origins([])


@pytest.mark.rule("R053")
def test_plain_http_is_warned_of_once_an_origin() -> None:
    """Another port is another origin; https and this machine are none of its business."""
    policy = OriginPolicy(None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for url in (
            *("http://a.example/1", "http://a.example/2", "ws://a.example", "http://a.example:81"),
            *("https://b.example/", "http://localhost/", "http://127.0.0.1:8080/", "http://[::1]/"),
            *("http://a.example/3", "https://c.example:8443/", "http://c.example:8443/"),
        ):
            policy.check(URL(url))
    assert [warning.category for warning in caught] == [InsecureTransportWarning] * 3


@pytest.mark.rule("R053", "R063")
def test_plain_http_is_refused_where_https_is_required() -> None:
    """The error names the place and nothing that is secret in its URL."""
    policy = OriginPolicy(None, require_https=True)
    with pytest.raises(TokenError, match=r"http://a\.example/things is plain http") as caught:
        policy.check(URL("http://ada:hunter2@a.example/things?code=hunter2"))
    assert "hunter2" not in str(caught.value)
    policy.check(URL("https://a.example/things"))
