"""Metadata of an issuer: its URLs, and the checks before it is used."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from aioalf._auth_server.metadata import (
    endpoint_in,
    is_issuer,
    metadata_urls,
    read_given_metadata,
    read_issuer,
    read_metadata,
    string_set,
    well_known,
)
from aioalf._urls import PlainHTTPHosts
from aioalf.errors import MetadataError, TokenConfigurationError

ISSUER = "https://auth.example.com"
PLACE = well_known(ISSUER)[0]
ENTRA = "https://login.example.com/{tenantid}/v2.0"


def body(**members: Any) -> bytes:
    """Return the body of a metadata response."""
    return json.dumps({"issuer": ISSUER, **members}).encode()


@pytest.mark.rule("R120")
@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    ("path", "standard", "openid"),
    [
        (
            "",
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration",
        ),
        (
            "/tenant/one",
            "/.well-known/oauth-authorization-server/tenant/one",
            "/tenant/one/.well-known/openid-configuration",
        ),
        (
            "/a%2Fb",
            "/.well-known/oauth-authorization-server/a%2Fb",
            "/a%2Fb/.well-known/openid-configuration",
        ),
    ],
)
def test_well_known_urls_of_an_issuer(path: str, standard: str, openid: str, slash: str) -> None:
    """A trailing slash is removed, and percent-encoded characters are kept."""
    found = well_known(f"{ISSUER}{path}{slash}")
    assert [str(url) for url in found] == [f"{ISSUER}{standard}", f"{ISSUER}{openid}"]


@pytest.mark.rule("R122")
@pytest.mark.parametrize(
    "issuer",
    [
        f"{ISSUER}?tenant=a",
        f"{ISSUER}?",
        f"{ISSUER}#",
        f"{ISSUER}#a",
        "http://auth.example.com",
        "auth.example.com",
        "https://user@auth.example.com",
        "ftp://auth.example.com",
        "",
        "https://",
        5,
        None,
    ],
)
def test_invalid_issuer_is_refused(issuer: Any) -> None:
    """An issuer must be an https URL without query, fragment and credentials."""
    with pytest.raises(TokenConfigurationError, match=r"^issuer "):
        read_issuer(issuer)


@pytest.mark.parametrize(
    ("issuer", "meant"),
    [
        (f"{ISSUER}/.well-known/openid-configuration", ISSUER),
        (f"{ISSUER}/.well-known/oauth-authorization-server", ISSUER),
        (f"{ISSUER}/a/.well-known/openid-configuration", f"{ISSUER}/a"),
        (f"{ISSUER}/.well-known/oauth-authorization-server/a%2Fb/", f"{ISSUER}/a%2Fb"),
    ],
)
def test_url_of_the_metadata_is_not_an_issuer(issuer: str, meant: str) -> None:
    """The error says which issuer to pass."""
    with pytest.raises(TokenConfigurationError, match=f"pass issuer='{meant}', or"):
        read_issuer(issuer)


@pytest.mark.rule("R121")
@pytest.mark.parametrize(
    ("configured", "named", "advice"),
    [
        (f"{ISSUER}/", ISSUER, f"pass issuer='{ISSUER}'"),
        (ISSUER, f"{ISSUER}/", f"pass issuer='{ISSUER}/'"),
        (
            ISSUER,
            "https://other.example",
            f"pass issuer='https://other.example' and metadata_url='{PLACE}'",
        ),
        (ISSUER, ENTRA, f"pass issuer='{ENTRA}' and metadata_url='{PLACE}'"),
    ],
)
def test_error_names_the_issuer_that_was_found(configured: str, named: str, advice: str) -> None:
    """The error says what to pass if the found issuer is the right one."""
    with pytest.raises(MetadataError) as caught:
        read_metadata(body(issuer=named), "application/json", configured, PLACE)
    assert f"names another issuer, '{named}' (RFC 8414 §3.3)" in str(caught.value)
    assert str(caught.value).endswith(advice)


@pytest.mark.parametrize("named", ["http://evil.example", "evil\x1b[2J", "x" * 9999, "{tenantid}"])
def test_invalid_issuer_in_metadata_is_shown_safely(named: str) -> None:
    """The text is escaped and truncated, and the error does not advise to pass it."""
    with pytest.raises(MetadataError, match="names another issuer") as caught:
        read_metadata(body(issuer=named), "application/json", ISSUER, PLACE)
    assert "pass issuer" not in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("named", [None, 5, [ISSUER]])
def test_metadata_without_an_issuer_is_refused(named: object) -> None:
    """The issuer is required (RFC 8414 §2)."""
    for configured in (ISSUER, None):
        with pytest.raises(MetadataError, match="names no issuer"):
            read_metadata(body(issuer=named), "application/json", configured, PLACE)


@pytest.mark.rule("R121")
def test_metadata_at_a_trusted_url_names_the_issuer() -> None:
    """Without a configured issuer, the program trusts the URL of the metadata."""
    for named in ("https://other.example/a", ENTRA):
        metadata = read_metadata(body(issuer=named), "application/json", None, PLACE)
        assert metadata["issuer"] == named


@pytest.mark.rule("R121", "R122")
@pytest.mark.parametrize(
    "named", ["", "x", "http://evil.example", f"{ISSUER}?a", "https://a/{tenantid}b"]
)
def test_invalid_issuer_at_a_trusted_url_is_refused(named: str) -> None:
    """The issuer has to be one that a program could configure."""
    with pytest.raises(MetadataError, match="its issuer "):
        read_metadata(body(issuer=named), "application/json", None, PLACE)


@pytest.mark.rule("R122")
def test_https_metadata_cannot_name_a_plain_http_issuer() -> None:
    """Otherwise it could name endpoints on this machine."""
    sent = body(issuer="http://localhost:1")
    with pytest.raises(MetadataError, match="plain http, and the URL of the metadata is https"):
        read_metadata(sent, "application/json", None, PLACE)
    local = URL("http://localhost:1/metadata")
    assert read_metadata(sent, "application/json", None, local)["issuer"] == "http://localhost:1"
    hosts = PlainHTTPHosts(["keycloak:8080"])
    sent = body(issuer="http://keycloak:8080/x")
    assert read_metadata(sent, "application/json", None, PLACE, hosts)


@pytest.mark.parametrize(
    ("found", "is_same"),
    [
        ("https://login.example.com/contoso.onmicrosoft.com/v2.0", True),
        ("https://login.example.com/00000000-0000-0000-0000-000000000000/v2.0", True),
        ("https://login.example.com//v2.0", False),
        ("https://login.example.com/a/b/v2.0", False),
        ("https://login.example.com/a%2Fb/v2.0", False),
        ("https://login.example.com/a/v2.0/", False),
        ("https://login.example.com/a/v2.0\n", False),
        ("https://login.example.com/ä/v2.0", False),
        ("https://login-example.com/a/v2.0", False),
        ("https://evil.example/a/v2.0", False),
        (ENTRA, False),
    ],
)
def test_placeholder_is_one_segment_of_the_issuer(found: str, *, is_same: bool) -> None:
    """The rest of the issuer is compared character by character."""
    assert is_issuer(found, ENTRA) is is_same


@pytest.mark.parametrize("found", [ISSUER, f"{ISSUER}/", "https://authXexample.com", ""])
def test_issuer_without_a_placeholder_is_compared_as_text(found: str) -> None:
    """A dot of the issuer is a dot."""
    assert is_issuer(found, ISSUER) is (found == ISSUER)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://{tenantid}",
        "https://{tenantid}.example.com",
        "https://a/x{tenantid}",
        "https://a/{tenantid}x/{tenantid}",
    ],
)
def test_placeholder_elsewhere_is_refused(issuer: str) -> None:
    """A placeholder in the host would make any server the issuer."""
    with pytest.raises(TokenConfigurationError, match=r"issuer "):
        read_issuer(issuer)
    assert read_issuer(ENTRA) == ENTRA


def test_issuer_with_a_placeholder_needs_the_url_of_its_metadata() -> None:
    """The error names the option."""
    for issuer in (ENTRA, None):
        with pytest.raises(TokenConfigurationError, match="pass metadata_url"):
            metadata_urls(issuer, None)
    assert metadata_urls(ENTRA, str(PLACE)) == (PLACE,)


@pytest.mark.rule("R013", "R122")
@pytest.mark.parametrize("url", ["http://a.example/m", "/m", "https://a@b/m", "https://a/#m", 5])
def test_metadata_url_must_be_an_https_url(url: Any) -> None:
    """Whoever changes the metadata could name other endpoints. Plain http is for this machine."""
    with pytest.raises(TokenConfigurationError, match=r"^metadata_url must"):
        metadata_urls(ISSUER, url)
    for local in ("http://localhost:1/m?p=a", "https://a.example/m?p=a"):
        assert metadata_urls(None, local) == (URL(local),)
    hosts = PlainHTTPHosts(["a.example"])
    assert metadata_urls(None, "http://a.example/m", hosts) == (URL("http://a.example/m"),)


@pytest.mark.rule("R013", "R122")
def test_plain_http_is_allowed_for_listed_hosts() -> None:
    """Issuer and endpoints in the metadata may be on such a host; the errors name the option."""
    hosts, url = PlainHTTPHosts(["keycloak:8080"]), "http://keycloak:8080/realms/x"
    with pytest.raises(TokenConfigurationError, match=r"allow_http_hosts=\['keycloak:8080'\]"):
        read_issuer(url)
    assert read_issuer(url, hosts) == url
    for issuer in (url, ISSUER):
        metadata = {"issuer": issuer, "token_endpoint": url}
        with pytest.raises(MetadataError, match=r"allow_http_hosts=\['keycloak:8080'\]"):
            endpoint_in(metadata, "token_endpoint")
        assert endpoint_in(metadata, "token_endpoint", http_hosts=hosts) == URL(url)


def test_given_metadata_is_copied_and_checked() -> None:
    """Its issuer must be valid, and must be the configured one."""
    given = {"issuer": ISSUER, "token_endpoint": "https://a.example/token"}
    assert read_given_metadata(given, None) == read_given_metadata(given, ISSUER) == given
    assert read_given_metadata({"token_endpoint": "https://a.example/token"}, ISSUER)
    with pytest.raises(TokenConfigurationError, match=r"in metadata is .*, and issuer is"):
        read_given_metadata(given, f"{ISSUER}/")
    for named in ("http://a.example", 5, ""):
        with pytest.raises(TokenConfigurationError, match=r"^issuer must"):
            read_given_metadata({"issuer": named}, None)


@pytest.mark.parametrize(
    "issuer", [ISSUER, f"{ISSUER}/", f"{ISSUER}/Tenant", "http://localhost:8080", "http://[::1]:1/"]
)
def test_issuer_is_not_normalized(issuer: str) -> None:
    """An issuer is compared as a string; plain http is allowed for this machine."""
    assert read_issuer(issuer) == issuer


@pytest.mark.rule("R121")
@pytest.mark.parametrize(
    "named",
    [
        f"{ISSUER}/",
        "https://AUTH.example.com",
        "https://auth.example.com:443",
        "https://evil.example",
        "",
    ],
)
def test_metadata_of_another_issuer_is_refused(named: object) -> None:
    """A difference in a slash, in case or in the default port is another issuer."""
    with pytest.raises(MetadataError, match="names another issuer"):
        read_metadata(body(issuer=named), "application/json", ISSUER, PLACE)


@pytest.mark.rule("R122")
@pytest.mark.parametrize(
    ("sent", "content_type", "problem"),
    [
        (body(), "text/html", "is not application/json"),
        (body(), "", "is not application/json"),
        (body(), "application/jsonp", "is not application/json"),
        (b"<html>", "application/json", "is not a JSON object"),
        (b"[]", "application/json", "is not a JSON object"),
        (b"", "application/json", "is not a JSON object"),
        (b"\xff", "application/json", "is not a JSON object"),
        (b"[" * 100_000, "application/json", "is not a JSON object"),
    ],
)
def test_response_that_is_not_metadata_is_refused(
    sent: bytes, content_type: str, problem: str
) -> None:
    """The body must be a JSON object, and the content type application/json."""
    with pytest.raises(MetadataError, match=problem):
        read_metadata(sent, content_type, ISSUER, PLACE)


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_metadata_is_read(content_type: str) -> None:
    """All members are kept, and metadata is immutable."""
    metadata = read_metadata(body(odd=[1]), content_type, ISSUER, PLACE)
    assert metadata == {"issuer": ISSUER, "odd": [1]}
    with pytest.raises(TypeError):
        metadata["odd"] = 2  # type: ignore[index]


@given(st.binary(max_size=200), st.text(max_size=30))
def test_any_response_is_metadata_or_an_error(sent: bytes, content_type: str) -> None:
    """Random bytes and content types never raise another exception."""
    for kind in (content_type, "application/json"):
        with suppress(MetadataError):
            assert read_metadata(sent, kind, ISSUER, PLACE)["issuer"] == ISSUER


@pytest.mark.rule("R124")
def test_alias_for_mutual_tls_is_preferred() -> None:
    """An alias overrides its endpoint, for clients with mutual TLS only."""
    metadata: dict[str, object] = {
        "token_endpoint": "https://auth.example.com/token",
        "revocation_endpoint": "https://auth.example.com/revoke",
        "mtls_endpoint_aliases": {"token_endpoint": "https://mtls.example.com/token"},
    }
    plain, alias = URL("https://auth.example.com/token"), URL("https://mtls.example.com/token")
    assert endpoint_in(metadata, "token_endpoint") == plain
    assert endpoint_in(metadata, "token_endpoint", over_mtls=True) == alias
    revocation = endpoint_in(metadata, "revocation_endpoint", over_mtls=True)
    assert revocation == URL("https://auth.example.com/revoke")
    for aliases in (None, 5, "x"):
        odd: dict[str, object] = {**metadata, "mtls_endpoint_aliases": aliases}
        assert endpoint_in(odd, "token_endpoint", over_mtls=True) == plain


def test_unknown_endpoint_is_none() -> None:
    """An endpoint that is absent or null is None."""
    assert endpoint_in({}, "token_endpoint") is None
    assert endpoint_in({"token_endpoint": None}, "token_endpoint", over_mtls=True) is None


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("/token", "its token_endpoint must be an absolute https URL"),
        ("", "its token_endpoint must be an absolute https URL"),
        (5, "its token_endpoint must be an absolute https URL"),
        ("https://a.example/t#f", "its token_endpoint must not have a fragment"),
        ("https://a:b@a.example/t", "its token_endpoint must not carry credentials"),
        ("http://a.example/t", "its token_endpoint http://a.example/t is plain http"),
    ],
)
def test_invalid_endpoint_is_refused(value: object, problem: str) -> None:
    """Plain http to another machine is refused as well, and no advice for arguments is given."""
    for issuer in (ISSUER, "http://localhost:1"):
        with pytest.raises(MetadataError) as caught:
            endpoint_in({"issuer": issuer, "token_endpoint": value}, "token_endpoint")
        assert str(caught.value).startswith(problem)
        assert "TokenManager" not in str(caught.value)


@pytest.mark.rule("R013", "R122")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "127.8.9.10", "[::1]"])
def test_plain_http_endpoint_on_this_machine_needs_an_issuer_on_this_machine(host: str) -> None:
    """The metadata of an https issuer cannot direct credentials to a local service."""
    url = f"http://{host}/token"
    for issuer in ("http://127.0.0.1:9", "HTTP://localhost"):
        metadata = {"issuer": issuer, "token_endpoint": url}
        assert endpoint_in(metadata, "token_endpoint") == URL(url)
    for issuer in (ISSUER, "https://localhost"):
        metadata = {"issuer": issuer, "token_endpoint": url}
        with pytest.raises(MetadataError, match="is plain http"):
            endpoint_in(metadata, "token_endpoint")
        aliases = {"issuer": issuer, "mtls_endpoint_aliases": {"token_endpoint": url}}
        with pytest.raises(MetadataError, match="is plain http"):
            endpoint_in(aliases, "token_endpoint", over_mtls=True)


@pytest.mark.rule("R013", "R122")
@pytest.mark.parametrize("host", ["app.localhost", "localhost.", "127.1", "0.0.0.0"])
def test_plain_http_endpoint_on_an_odd_local_name_is_refused(host: str) -> None:
    """Only ``localhost`` and loopback addresses are certainly this machine."""
    metadata = {"issuer": "http://localhost", "token_endpoint": f"http://{host}/token"}
    with pytest.raises(MetadataError, match="is plain http"):
        endpoint_in(metadata, "token_endpoint")


def test_list_of_strings_is_a_set() -> None:
    """A member that is not a list is absent, and values that are not strings are dropped."""
    metadata: dict[str, object] = {"a": ["x", "y", "x", 5], "b": "x", "c": None, "d": []}
    assert string_set(metadata, "a") == frozenset({"x", "y"})
    assert string_set(metadata, "b") is None
    assert string_set(metadata, "c") is None
    assert string_set(metadata, "d") == frozenset()
    assert string_set(metadata, "e") is None
