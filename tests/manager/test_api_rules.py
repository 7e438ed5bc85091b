"""`TokenManager.api_rules`: how the APIs of a manager want to get the token."""

from typing import Any

import pytest

from aioalf import Client, TokenConfigurationError, TokenManager
from aioalf._api_rules import DEFAULT_RULES, ApiRules
from tests.support.front import UserClient

URL = "https://auth.example.com/token"


def rules_of(**options: Any) -> ApiRules:
    """Return the rules of a manager with these options."""
    return TokenManager(URL, "client-id", "secret", **options).api_rules


def test_default_is_a_bearer_token_in_authorization() -> None:
    """Managers without other rules share one object."""
    assert rules_of() is rules_of(api_headers={}, token_scheme=None) is DEFAULT_RULES
    assert ApiRules("Bearer", "Authorization", {}, None, None) == DEFAULT_RULES


@pytest.mark.parametrize(
    ("options", "scheme", "header"),
    [
        ({"token_scheme": "OAuth"}, "OAuth", "Authorization"),
        ({"token_scheme": ""}, "", "Authorization"),
        ({"token_header": "X-Token"}, "", "X-Token"),
        ({"token_header": "X-Token", "token_scheme": "Bearer"}, "Bearer", "X-Token"),
        ({"token_header": "authorization"}, "Bearer", "Authorization"),
    ],
)
def test_other_header_has_no_scheme_by_default(
    options: dict[str, str], scheme: str, header: str
) -> None:
    """In Authorization the scheme is Bearer by default."""
    assert rules_of(**options)[:2] == (scheme, header)


def test_headers_are_copied() -> None:
    """Later changes of the argument have no effect."""
    headers = {"Client-Id": "alf"}
    rules = rules_of(api_headers=headers)
    headers["Client-Id"] = "other"
    assert rules.headers == {"Client-Id": "alf"}


def test_derived_manager_has_the_same_rules() -> None:
    """Its tokens are for the same API."""
    manager = TokenManager(URL, "client-id", "secret", token_header="X-Token")
    assert manager.with_options(scope="a").api_rules is manager.api_rules


@pytest.mark.rule("R051", "R063")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"token_scheme": "two words"}, "token_scheme must be one word"),
        ({"token_scheme": "a\r\nX: 1"}, "token_scheme must be one word"),
        ({"token_scheme": 5}, "token_scheme must be one word"),
        ({"token_header": "X Token"}, "token_header must be the name of a header"),
        ({"token_header": "X-Token\n"}, "token_header must be the name of a header"),
        ({"token_header": ""}, "token_header must be the name of a header"),
        ({"token_header": 5}, "token_header must be the name of a header"),
        ({"token_header": "Cookie"}, "token_header cannot be Cookie"),
        ({"token_header": "proxy-authorization"}, "token_header cannot be proxy-authorization"),
        ({"token_header": "Host"}, "token_header cannot be Host"),
        ({"api_headers": "Client-Id: a"}, "api_headers must be a mapping of names to values"),
        ({"api_headers": {"Client Id": "a"}}, "api_headers has a name that is not a header name"),
        ({"api_headers": {5: "a"}}, "api_headers has a name that is not a header name"),
        ({"api_headers": {"Client-Id": 5}}, "must be a string without control characters"),
        (
            {"api_headers": {"Client-Id": "a\r\nX: 1"}},
            "must be a string without control characters",
        ),
        ({"api_headers": {"authorization": "a"}}, "api_headers must not set authorization"),
        (
            {"api_headers": {"x-token": "a"}, "token_header": "X-Token"},
            "api_headers must not set x-token",
        ),
        ({"base_url_member": ["a"]}, "base_url_member must be the name of a member"),
    ],
)
def test_unusable_rule_is_refused(options: Any, said: str) -> None:
    """The error names the option when the manager is made."""
    for create in (TokenManager, Client):
        with pytest.raises(TokenConfigurationError, match=said):
            create(URL, "client-id", "secret", **options)


def test_manager_of_the_interface_of_0_4_0_takes_no_rules() -> None:
    """Python names the argument that such a class does not have."""
    with pytest.raises(TypeError, match="token_scheme"):
        UserClient("client-id", "secret", URL, token_scheme="OAuth")
