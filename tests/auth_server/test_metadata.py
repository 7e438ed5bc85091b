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
    read_issuer,
    read_metadata,
    string_set,
    well_known,
)
from aioalf.errors import MetadataError, TokenConfigurationError

ISSUER = "https://auth.example.com"


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
def test_other_slash_of_an_issuer_is_named() -> None:
    """The error shows the issuer to pass, if only a trailing slash differs."""
    for configured, named in ((f"{ISSUER}/", ISSUER), (ISSUER, f"{ISSUER}/")):
        with pytest.raises(MetadataError, match=f"names another .*; pass issuer='{named}'$"):
            read_metadata(body(issuer=named), "application/json", configured)
    for named in (f"{ISSUER}//", "https://evil.example"):
        with pytest.raises(MetadataError, match=r"\(RFC 8414 §3.3\)$"):
            read_metadata(body(issuer=named), "application/json", ISSUER)


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
        None,
        [ISSUER],
    ],
)
def test_metadata_of_another_issuer_is_refused(named: object) -> None:
    """A difference in a slash, in case or in the default port is another issuer."""
    with pytest.raises(MetadataError, match="names another issuer"):
        read_metadata(body(issuer=named), "application/json", ISSUER)


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
        read_metadata(sent, content_type, ISSUER)


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_metadata_is_read(content_type: str) -> None:
    """All members are kept, and metadata is immutable."""
    metadata = read_metadata(body(odd=[1]), content_type, ISSUER)
    assert metadata == {"issuer": ISSUER, "odd": [1]}
    with pytest.raises(TypeError):
        metadata["odd"] = 2  # type: ignore[index]


@given(st.binary(max_size=200), st.text(max_size=30))
def test_any_response_is_metadata_or_an_error(sent: bytes, content_type: str) -> None:
    """Random bytes and content types never raise another exception."""
    for kind in (content_type, "application/json"):
        with suppress(MetadataError):
            assert read_metadata(sent, kind, ISSUER)["issuer"] == ISSUER


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
