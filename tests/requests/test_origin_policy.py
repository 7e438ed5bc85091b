"""`OriginPolicy`: which URLs have the same origin, and which may get the token."""

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
def test_same_scheme_host_and_port_are_the_same_origin(url: str) -> None:
    """Case, default port, user, path and a websocket scheme do not change the origin."""
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
def test_other_scheme_host_or_port_is_another_origin(url: str) -> None:
    """A similar host name is another origin as well."""
    assert origin_of(URL(url)) != origin_of(URL(BASE))


def test_international_host_name_equals_its_punycode() -> None:
    """Host names are compared in the form in which they are sent."""
    assert origin_of(URL("https://bücher.example")) == origin_of(
        URL("https://xn--bcher-kva.example")
    )


def test_origins_are_read_from_strings_and_urls() -> None:
    """A slash at the end makes no difference, and duplicates are merged."""
    found = read_origins([f"{BASE}/", URL(BASE), "http://127.0.0.1:8080", "wss://[::1]:9"])
    assert found == {
        ("https", "api.example.com", 443),
        ("http", "127.0.0.1", 8080),
        ("https", "::1", 9),
    }


@pytest.mark.parametrize("rest", ["/v1", "/v1/", "//", "/?hidden=1", "?hidden=1", "#hidden"])
def test_origin_with_a_path_is_rejected(rest: str) -> None:
    """It would look as if only this path got the token; the error says what to pass."""
    with pytest.raises(TokenConfigurationError, match=rf"origins\[1\] .*: pass '{BASE}'$"):
        OriginPolicy([BASE, f"{BASE}{rest}"])


@pytest.mark.rule("R007")
def test_origin_with_credentials_is_rejected_without_showing_them() -> None:
    """They would not be sent."""
    with pytest.raises(TokenConfigurationError, match=f"pass '{BASE}:8443'$"):
        OriginPolicy(["https://ada:hunter2@api.example.com:8443"])


@pytest.mark.parametrize(
    "origin", ["api.example.com", "/path", "", "ftp://a.example", "https://", "http://[", 5, None]
)
def test_invalid_origin_is_rejected(origin: object) -> None:
    """A mistake is reported when the list is passed, not by a request without a token."""
    with pytest.raises(TokenConfigurationError, match="is not a URL such as"):
        read_origins([origin])  # type: ignore[list-item]


@pytest.mark.parametrize("origins", [BASE, URL(BASE)])
def test_origin_without_a_list_is_rejected(origins: str | URL) -> None:
    """A string is not mistaken for a list of characters."""
    with pytest.raises(TokenConfigurationError, match="must be a list"):
        read_origins(origins)  # type: ignore[arg-type]


def test_empty_list_of_origins_is_rejected() -> None:
    """With an empty list, no request could get a token."""
    with pytest.raises(TokenConfigurationError, match="origins is empty"):
        read_origins([])


@pytest.mark.rule("R053")
def test_plain_http_causes_one_warning_for_each_host_and_port() -> None:
    """Requests to https URLs and to this machine cause no warning."""
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
def test_plain_http_is_rejected_if_https_is_required() -> None:
    """The error names the URL without its userinfo and query."""
    policy = OriginPolicy(None, require_https=True)
    with pytest.raises(TokenError, match=r"http://a\.example/things is plain http") as caught:
        policy.check(URL("http://ada:hunter2@a.example/things?code=hunter2"))
    assert "hunter2" not in str(caught.value)
    policy.check(URL("https://a.example/things"))


@pytest.mark.rule("R007")
def test_the_error_for_an_invalid_origin_shows_no_password() -> None:
    """The URL may contain credentials."""
    with pytest.raises(TokenConfigurationError, match=r"allowed_origins\[1\]") as caught:
        OriginPolicy([BASE, "https://ada:hunter2@host:999999"])
    assert "hunter2" not in str(caught.value)
