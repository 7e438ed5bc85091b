"""`Provider`, its checks, and how its facts reach a client."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from aioalf import Client, TokenConfigurationError, TokenManager, providers
from aioalf._auth_server.authorization_rules import AuthorizationRules
from aioalf._auth_server.server_rules import ServerRules
from aioalf._auth_server.token_response import ResponsePolicy
from aioalf._options import TokenManagerOptions
from aioalf._provider_options import (
    authorization_rules,
    check_provider,
    server_rules,
    with_provider,
    with_response_rules,
)
from aioalf.client_auth import ClientSecretBasic, ClientSecretPost
from aioalf.grants import AuthorizationCode, ClientCredentials, DeviceCode, RefreshToken
from aioalf.providers import Provider
from aioalf.testing import Fault
from tests.providers.scene import endpoint_of, scene_of


def manager_of(provider: Provider, **options: Any) -> TokenManager:
    """Return a manager of the provider."""
    return TokenManager(None, "client-id", "secret", provider=provider, **options)


# The data itself


@pytest.mark.parametrize(
    ("name", "options", "word"),
    [
        ("", {}, "name"),
        (5, {}, "name"),
        ("example", {"token_body": "xml"}, "token_body must be .* not 'xml'"),
        ("example", {"pkce": "plain"}, "pkce must be .* not 'plain'"),
        ("example", {"pkce": "unsupported"}, "'public' for clients without a secret"),
        ("example", {"read_response": "body"}, "read_response must be a function"),
        ("example", {"read_response": asyncio.sleep}, "and not a coroutine function"),
    ],
)
def test_invalid_fact_is_refused(name: Any, options: dict[str, Any], word: str) -> None:
    """The error names the field, and shows what was found."""
    with pytest.raises(TokenConfigurationError, match=word):
        Provider(name, **options)


def test_provider_of_ones_own_needs_its_name_and_an_endpoint() -> None:
    """All other fields have the defaults of the standards."""
    provider = Provider("example", endpoints={"token_endpoint": "https://auth.example.com/token"})
    manager = manager_of(provider)
    assert str(endpoint_of(manager).url) == "https://auth.example.com/token"
    assert authorization_rules(provider) == AuthorizationRules()
    assert server_rules(provider) == ServerRules()
    assert with_response_rules(ResponsePolicy(), provider) == ResponsePolicy()


def test_mappings_of_two_providers_are_separate() -> None:
    """A default is no object that two providers share."""
    assert Provider("one").endpoints is not Provider("two").endpoints


# Arguments of the providers' functions


@pytest.mark.parametrize(
    ("make", "example"),
    [
        (lambda: providers.auth0("https://example.eu.auth0.com"), "example.eu.auth0.com"),
        (lambda: providers.auth0("example"), "example.eu.auth0.com"),
        (lambda: providers.auth0("example..com"), "example.eu.auth0.com"),
        (lambda: providers.cognito("example", "eu-west-1", "eu-west-1_A"), "amazoncognito.com"),
        (lambda: providers.cognito("a.example", "EU", "EU_A"), "eu-west-1"),
        (lambda: providers.cognito("a.example", "eu-west-\u0661", "x"), "eu-west-1"),
        (lambda: providers.cognito("a.example", 5, "x"), "eu-west-1"),  # type: ignore[arg-type]
        (lambda: providers.cognito("a.example", "eu-west-1", "us-east-1_A"), "eu-west-1_"),
        (lambda: providers.cognito("a.example", "eu-west-1", None), "eu-west-1_"),  # type: ignore[arg-type]
        (lambda: providers.entra("contoso"), "contoso.onmicrosoft.com"),
        (lambda: providers.entra("contoso.com/x"), "contoso.onmicrosoft.com"),
        (lambda: providers.entra("https://contoso.com"), "contoso.onmicrosoft.com"),
        (lambda: providers.entra("1234-5678"), "contoso.onmicrosoft.com"),
        (lambda: providers.entra(""), "contoso.onmicrosoft.com"),
        (lambda: providers.entra(None), "contoso.onmicrosoft.com"),  # type: ignore[arg-type]
        (lambda: providers.github("https://github.example.com"), "github.example.com"),
        (lambda: providers.github("github.example.com:8443"), "github.example.com"),
        (lambda: providers.github("user@github.example.com"), "github.example.com"),
        (lambda: providers.gitlab("gitlab.example.com"), "https://gitlab.example.com"),
        (lambda: providers.gitlab("https://h.example?x=1"), "https://gitlab.example.com"),
        (lambda: providers.gitlab("https://h.example?"), "https://gitlab.example.com"),
        (lambda: providers.gitlab("https://h.example#x"), "https://gitlab.example.com"),
        (lambda: providers.gitlab("https://user@h.example"), "https://gitlab.example.com"),
        (lambda: providers.gitlab("https://h.example/a b"), "https://gitlab.example.com"),
        (lambda: providers.gitlab("https://h.example\n"), "https://gitlab.example.com"),
        (lambda: providers.gitlab("https://["), "https://gitlab.example.com"),
        (lambda: providers.gitlab(5), "https://gitlab.example.com"),  # type: ignore[arg-type]
        (lambda: providers.keycloak("https://sso.example.com", "a/b"), "my-realm"),
        (lambda: providers.keycloak("https://sso.example.com", ".."), "my-realm"),
        (lambda: providers.keycloak("https://sso.example.com", ""), "my-realm"),
        (lambda: providers.notion("2022-06-28\n"), "2022-06-28"),
        (lambda: providers.okta("example.okta.com/oauth2"), "example.okta.com"),
        (lambda: providers.okta("example.okta.com", "a?b"), "default"),
        (lambda: providers.reddit(""), "linux:com.example.program:1.0"),
        (lambda: providers.reddit("a\r\nHost: b"), "linux:com.example.program:1.0"),
        (lambda: providers.reddit("a "), "linux:com.example.program:1.0"),
        (lambda: providers.salesforce("example"), "example.my.salesforce.com"),
        (lambda: providers.shopify("example"), "example.myshopify.com"),
        (lambda: providers.shopify("evil.example/x?.myshopify.com"), "example.myshopify.com"),
        (lambda: providers.shopify("shop.example.com"), "example.myshopify.com"),
        (lambda: providers.shopify("evilmyshopify.com"), "example.myshopify.com"),
        (lambda: providers.shopify("myshopify.com.evil.example"), "example.myshopify.com"),
        (lambda: providers.twitch("a\nb"), "abc123"),
        (lambda: providers.zoho("fr"), "com.au"),
        (lambda: providers.zoom("a/b"), "abC1dE_f2GhIjK3lMnOp4Q"),
    ],
)
def test_wrong_argument_is_refused_with_an_example(
    make: Callable[[], Provider], example: str
) -> None:
    """A secret is sent to the URL that the argument is a part of."""
    with pytest.raises(TokenConfigurationError) as caught:
        make()
    assert example in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "url"),
    [
        (
            lambda: providers.auth0("Example.EU.Auth0.com"),
            "https://example.eu.auth0.com/oauth/token",
        ),
        (
            lambda: providers.entra("11111111-2222-3333-4444-555555555555"),
            "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token",
        ),
        (lambda: providers.gitlab("https://h.example/git/"), "https://h.example/git/oauth/token"),
        (lambda: providers.zoho("ca"), "https://accounts.zohocloud.ca/oauth/v2/token"),
        (lambda: providers.docusign(demo=True), "https://account-d.docusign.com/oauth/token"),
        (
            lambda: providers.ebay(sandbox=True),
            "https://api.sandbox.ebay.com/identity/v1/oauth2/token",
        ),
        (
            lambda: providers.github("github.example.com"),
            "https://github.example.com/login/oauth/access_token",
        ),
    ],
)
def test_argument_is_a_part_of_the_token_endpoint(make: Callable[[], Provider], url: str) -> None:
    """Hosts are in lower case, and a slash at the end of a URL is dropped."""
    assert make().endpoints["token_endpoint"] == url


def test_okta_has_a_server_of_the_organization_and_custom_ones() -> None:
    """The issuer says which one it is."""
    assert providers.okta("example.okta.com").issuer == "https://example.okta.com"
    custom = providers.okta("example.okta.com", "default")
    assert custom.issuer == "https://example.okta.com/oauth2/default"


# The option of a client


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (providers.google, "providers.google|a function: call it"),
        ("google", "not str"),
        ({"name": "google"}, "not dict"),
    ],
)
def test_other_object_than_a_provider_is_refused(value: Any, words: str) -> None:
    """The error says what was found; a function of `providers` has to be called."""
    with pytest.raises(TokenConfigurationError, match=words):
        check_provider(value)
    with pytest.raises(TokenConfigurationError, match=words):
        Client("id", "secret", provider=value)
    check_provider(None)


def test_caller_overrides_the_provider_which_overrides_metadata() -> None:
    """Endpoints and headers are merged by their names; other options are replaced."""
    provider = Provider(
        "example",
        issuer="https://auth.example.com",
        endpoints={"token_endpoint": "https://auth.example.com/t", "a_endpoint": "https://a"},
        client_auth=ClientSecretPost(),
        api_headers={"X-One": "provider", "X-Two": "provider"},
        default_expires_in=60,
        grant=ClientCredentials("account_credentials"),
    )
    basic = ClientSecretBasic()
    options: TokenManagerOptions = {
        "provider": provider,
        "client_auth": basic,
        "endpoints": {"token_endpoint": "https://mine.example/t"},
        "api_headers": {"X-Two": "mine"},
        "default_expires_in": 0,
        "grant": None,
    }
    merged = with_provider(options)
    assert merged.get("client_auth") is basic
    assert merged.get("endpoints") == {
        "token_endpoint": "https://mine.example/t",
        "a_endpoint": "https://a",
    }
    assert merged.get("api_headers") == {"X-One": "provider", "X-Two": "mine"}
    assert merged.get("default_expires_in") == 0
    assert merged.get("grant") is provider.grant
    assert merged.get("issuer") == "https://auth.example.com"
    assert options["endpoints"] == {"token_endpoint": "https://mine.example/t"}


async def test_endpoint_of_the_provider_overrides_metadata() -> None:
    """Metadata completes the endpoints of the caller and the provider, and replaces none."""
    async with scene_of("google", scope="openid") as scene:
        scene.server.changes["metadata"] = {"token_endpoint": scene.server.other_url + "/stolen"}
        await scene.get()
        assert scene.server.requests["metadata"] == 1
        assert scene.server.other_requests == 0


def test_options_without_a_provider_are_unchanged() -> None:
    """No rule of a provider applies then."""
    options: TokenManagerOptions = {"issuer": "https://auth.example.com"}
    assert with_provider(options) is options
    assert authorization_rules(None) == AuthorizationRules()
    assert server_rules(None) == ServerRules()
    policy = ResponsePolicy()
    assert with_response_rules(policy, None) is policy


def test_header_of_the_caller_holds_the_token_alone() -> None:
    """The scheme of the provider is for its own header."""
    rules = manager_of(providers.zoho(), token_header="X-Token").api_rules
    assert (rules.header, rules.scheme) == ("X-Token", "")
    rules = manager_of(providers.zoho(), token_header="X-Token", token_scheme="Z").api_rules
    assert (rules.header, rules.scheme) == ("X-Token", "Z")
    rules = manager_of(providers.zoho()).api_rules
    assert (rules.header, rules.scheme) == ("Authorization", "Zoho-oauthtoken")


def test_api_header_of_the_caller_replaces_that_of_the_provider_in_any_case() -> None:
    """Names of headers have no case (RFC 9110 §5.1)."""
    rules = manager_of(providers.github(), api_headers={"user-agent": "my-program"}).api_rules
    assert rules.headers == {"user-agent": "my-program"}
    rules = manager_of(providers.github(), api_headers={"X-Trace": "1"}).api_rules
    assert rules.headers == {"User-Agent": "aio-alf", "X-Trace": "1"}


@pytest.mark.parametrize("headers", [[("a", "b")], "a", {5: "b"}])
def test_invalid_api_headers_are_refused_with_a_provider(headers: Any) -> None:
    """The error is the same as without a provider."""
    with pytest.raises(TokenConfigurationError, match="api_headers"):
        manager_of(providers.github(), api_headers=headers)


def test_metadata_of_the_caller_replaces_the_url_of_the_provider() -> None:
    """A program may keep the metadata, so that none is fetched."""
    entra = providers.entra("common")
    manager = manager_of(entra, metadata={"issuer": entra.issuer})
    assert manager._arguments.options.get("metadata_url") is None  # noqa: SLF001 - the merged options


# Sign-ins that a provider cannot complete


@pytest.mark.parametrize(
    "make", [providers.slack, providers.ebay, lambda: providers.shopify("a.myshopify.com")]
)
def test_sign_in_without_a_redirect_to_this_machine_is_refused(
    make: Callable[[], Provider],
) -> None:
    """The error names the grants that work; a redirect URI of the caller is accepted."""
    with pytest.raises(TokenConfigurationError, match=r"https URL .*RefreshToken") as caught:
        manager_of(make(), grant=AuthorizationCode())
    assert "DeviceCode" not in str(caught.value)
    with pytest.raises(TokenConfigurationError, match="does not redirect"):
        Client("client-id", "secret", provider=make(), grant=AuthorizationCode())
    manager_of(make(), grant=AuthorizationCode(redirect_uri="http://127.0.0.1"))
    manager_of(make(), grant=RefreshToken("refresh-token"))
    manager_of(make())


@pytest.mark.parametrize("place", ["provider", "caller"])
def test_device_code_is_named_if_there_is_an_endpoint(place: str) -> None:
    """The endpoint may be one of the provider, or of the caller."""
    device = {"device_authorization_endpoint": "https://auth.example.com/device"}
    token = {"token_endpoint": "https://auth.example.com/token"}
    given = {**token, **(device if place == "provider" else {})}
    provider = Provider("example", endpoints=given, redirect_hosts=frozenset())
    device = {} if place == "provider" else device
    with pytest.raises(TokenConfigurationError, match=r"example does not redirect .*DeviceCode"):
        manager_of(provider, grant=AuthorizationCode(), endpoints=device)
    manager_of(provider, grant=DeviceCode(), endpoints=device)


@pytest.mark.parametrize(
    ("make", "uri", "accepted"),
    [
        (providers.x, "http://localhost:8080/back", "only to 127.0.0.1:"),
        (providers.spotify, "http://localhost", "only to 127.0.0.1 or ::1:"),
        (providers.zoom, "http://[::1]", "only to 127.0.0.1:"),
        (providers.airtable, "http://127.0.0.1:8080", "only to localhost:"),
        (lambda: providers.entra("common"), "http://127.0.0.1", "only to localhost:"),
        (
            lambda: Provider(
                "example",
                endpoints={"token_endpoint": "https://auth.example.com/token"},
                redirect_hosts=frozenset({"localhost"}),
            ),
            None,
            "only to localhost:",
        ),
    ],
)
def test_redirect_host_that_the_provider_refuses_is_refused(
    make: Callable[[], Provider], uri: str | None, accepted: str
) -> None:
    """Also the default one; the error says which hosts are accepted."""
    with pytest.raises(TokenConfigurationError, match=accepted):
        manager_of(make(), grant=AuthorizationCode(redirect_uri=uri))


@pytest.mark.parametrize(
    ("make", "uri"),
    [
        (providers.x, None),
        (providers.airtable, None),
        (providers.google, None),
        (providers.google, "http://localhost"),
        (providers.github, "http://localhost:8080/callback"),
        (providers.spotify, "http://[::1]"),
        (providers.strava, "http://127.0.0.1/callback"),
    ],
)
def test_redirect_host_that_the_provider_accepts_is_accepted(
    make: Callable[[], Provider], uri: str | None
) -> None:
    """By default, the provider's own redirect URI is used."""
    manager_of(make(), grant=AuthorizationCode(redirect_uri=uri))


def test_pkce_cannot_be_left_out_where_it_is_required() -> None:
    """Other providers allow it, since a client with a secret is not public."""
    grant = AuthorizationCode(unsafe_without_pkce=True)
    with pytest.raises(TokenConfigurationError, match="x requires PKCE: remove unsafe"):
        manager_of(providers.x(), grant=grant)
    manager_of(providers.google(), grant=grant)


# Metadata of a provider with an issuer and endpoints


@pytest.mark.parametrize("name", ["auth0", "entra", "gitlab", "google"])
async def test_token_request_needs_no_metadata_if_the_endpoints_are_known(name: str) -> None:
    """The metadata of the issuer is not requested, so that it cannot fail."""
    async with scene_of(name, grant=ClientCredentials(), scope=None) as scene:
        scene.server.faults["metadata"] = Fault.status(503)
        await scene.get()
        assert scene.server.requests["metadata"] == 0


# A missing refresh token


def lines_about_refresh_tokens(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines of the log that name a scope to request."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.INFO and "refresh token" in record.getMessage()
    ]


@pytest.mark.parametrize(
    ("scope", "count"), [("User.Read", 1), ("User.Read offline_access", 0), ("", 1)]
)
async def test_scope_for_a_refresh_token_is_named_once(
    caplog: pytest.LogCaptureFixture, scope: str, count: int
) -> None:
    """A sign-in without it yields no refresh token, so that the user has to sign in again."""
    caplog.set_level(logging.INFO, "aioalf")
    async with scene_of("entra", scope=scope) as scene:
        await scene.get()
        await scene.get()
    lines = lines_about_refresh_tokens(caplog)
    assert len(lines) == count
    assert all("request the scope offline_access" in line for line in lines)


@pytest.mark.parametrize("name", ["keycloak", "linkedin"])
async def test_no_scope_for_a_refresh_token_is_named_without_need(
    caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Keycloak sends a refresh token anyway, and LinkedIn has no such scope."""
    caplog.set_level(logging.INFO, "aioalf")
    async with scene_of(name) as scene:
        await scene.get()
    assert lines_about_refresh_tokens(caplog) == []
