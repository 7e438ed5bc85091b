"""The parameters of a token request that a user sets."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf._auth_server.request_params import TokenRequestParams
from aioalf.errors import TokenConfigurationError
from tests.support.identity import in_ascii

API = "https://api.example.com/"


def test_nothing_is_requested_by_default() -> None:
    """There is no scope, resource, audience or extra parameter."""
    params = TokenRequestParams()
    assert (params.scope, params.scope_set) == ("", None)
    assert (params.resource, params.audience, dict(params.extra)) == ((), (), {})
    assert not any(params.form().values())


@pytest.mark.rule("R002", "R016", "R126")
def test_parameters_are_sent_as_they_were_given() -> None:
    """The form holds scope, resources and audiences in their order, and the extra parameters."""
    params = TokenRequestParams(["b", "a"], [API, "urn:example:two"], "things", {"tenant": "one"})
    assert params.scope_set == frozenset({"a", "b"})
    assert params.form() == {
        "scope": "b a",
        "resource": (API, "urn:example:two"),
        "audience": ("things",),
        "tenant": "one",
    }


def test_repeated_value_is_sent_once() -> None:
    """The first occurrence decides about the order; a set is sorted."""
    params = TokenRequestParams(resource=["urn:b", "urn:a", "urn:b"], audience={"b", "a"})
    assert params.resource == ("urn:b", "urn:a")
    assert params.audience == ("a", "b")


@pytest.mark.rule("R126")
@pytest.mark.parametrize(
    "resource",
    [API, "https://api.example.com/a?b=c", "urn:example:api", "api://guid/x", "https://[::1]:1/"],
)
def test_absolute_uri_is_a_resource(resource: str) -> None:
    """A resource may have a path and a query, and any scheme."""
    assert TokenRequestParams(resource=resource).resource == (resource,)


@pytest.mark.rule("R126")
@pytest.mark.parametrize(
    "resource",
    [
        *("", "/things", "//api.example.com/", "api.example.com", f"{API}#part", f"{API}#"),
        *("https://", "https:///things", "https://[::1", "https:", ":things", "1a:b"),
        *(f"{API}a b", f"{API}\n", f"{API}%zz", f"{API}\u00e4", f"{API}\ud800", [""], [API, ""]),
        *(0, False, 5, b"urn:a", {API: 1}, [5], [None]),
        pytest.param(iter([API]), id="iterator"),
    ],
    ids=in_ascii,
)
def test_invalid_resource_is_refused(resource: Any) -> None:
    """A resource that is not an absolute URI without a fragment is refused when it is given."""
    with pytest.raises(TokenConfigurationError, match="resource must be"):
        TokenRequestParams(resource=resource)


@pytest.mark.parametrize(
    ("resource", "found"),
    [
        ("things", ": it has no scheme, such as https:$"),
        (f"{API}#fragment", ": it has a fragment$"),
        (f"{API}a b", ": it has no host, or a character that must be percent-encoded$"),
        ("", ", not ''$"),
        (["urn:a", ""], ", not list of '' and str$"),
        ({API: 1}, ", not dict of int and str$"),
    ],
    ids=in_ascii,
)
def test_error_names_the_problem_of_a_resource(resource: Any, found: str) -> None:
    """The error says what was found. It does not show the value, which may be a secret."""
    with pytest.raises(TokenConfigurationError, match=found):
        TokenRequestParams(resource=resource)


@pytest.mark.parametrize("audience", ["", [""], 0, 5, {"a": "b"}, ["a", 5], "\ud800"], ids=in_ascii)
def test_invalid_audience_is_refused(audience: Any) -> None:
    """An audience that is not text is refused, and an empty one, which would not be sent."""
    with pytest.raises(TokenConfigurationError, match="audience must be"):
        TokenRequestParams(audience=audience)


@pytest.mark.parametrize("scope", [5, [5], "a \ud800"], ids=in_ascii)
def test_invalid_scope_is_refused(scope: Any) -> None:
    """A scope that is not text, or that UTF-8 cannot encode, is refused."""
    with pytest.raises(TokenConfigurationError, match="scope must be"):
        TokenRequestParams(scope)


@pytest.mark.rule("R002")
@pytest.mark.parametrize(
    "name",
    [
        *("audience", "client_assertion", "client_assertion_type", "client_id", "client_secret"),
        *("grant_type", "refresh_token", "resource", "scope"),
    ],
)
def test_reserved_parameter_is_refused(name: str) -> None:
    """A parameter that the client sets itself cannot be an extra parameter."""
    with pytest.raises(TokenConfigurationError, match=f"extra_params cannot set {name}: "):
        TokenRequestParams(extra={"tenant": "one", name: "x"})


@pytest.mark.rule("R002")
def test_reserved_parameter_of_the_grant_is_refused() -> None:
    """The grant adds to the reserved names, also for a copy with other values."""
    reserved = frozenset({"code", "state"})
    extra = {"state": "x", "code": "y", "tenant": "one"}
    with pytest.raises(TokenConfigurationError, match="extra_params cannot set code, state: "):
        TokenRequestParams(extra=extra, reserved=reserved)
    with pytest.raises(TokenConfigurationError, match="extra_params cannot set code, state: "):
        TokenRequestParams(reserved=reserved).replace(extra=extra)
    assert TokenRequestParams(extra={"code": "x"}).form()["code"] == "x"


@pytest.mark.parametrize(
    "extra", [5, "ab", [("a", "b")], {"a": 5}, {"a": None}, {5: "a"}, {"": "a"}, {"a": "\ud800"}]
)
def test_invalid_extra_parameters_are_refused(extra: Any) -> None:
    """Names and values must be strings that a form can hold."""
    with pytest.raises(
        TokenConfigurationError, match="extra_params must be a mapping of strings to strings"
    ):
        TokenRequestParams(extra=extra)


def test_later_changes_of_the_arguments_have_no_effect() -> None:
    """The caller's objects are copied, and are not changed."""
    extra, resource = {"a": "b"}, [API]
    params = TokenRequestParams(resource=resource, extra=extra)
    extra["c"] = "d"
    resource.clear()
    assert dict(params.extra) == {"a": "b"}
    assert params.resource == (API,)
    params.form()["a"] = "changed"
    assert params.form()["a"] == "b"


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


@pytest.mark.rule("R002")
@given(
    st.lists(TEXTS, max_size=4),
    st.lists(TEXTS, max_size=4),
    st.dictionaries(TEXTS, TEXTS, max_size=4),
)
def test_every_value_is_sent_once(
    scope: list[str], audience: list[str], extra: dict[str, str]
) -> None:
    """Any scope and audience is in the form exactly once."""
    names = {"scope", "audience", "resource"}
    form = TokenRequestParams(
        scope, audience=audience, extra=extra if not names & set(extra) else None
    ).form()
    words = str(form["scope"]).split()
    assert words == list(dict.fromkeys(word for value in scope for word in value.split()))
    assert form["audience"] == tuple(dict.fromkeys(audience))


@given(st.text(max_size=30))
def test_any_text_is_a_resource_or_an_error(text: str) -> None:
    """An accepted resource is ASCII, with a scheme and without a fragment."""
    try:
        params = TokenRequestParams(resource=text)
    except TokenConfigurationError:
        return
    assert params.resource == (text,)
    assert text.isascii()
    assert ":" in text
    assert "#" not in text


URIS = st.lists(st.sampled_from(["urn:a", "urn:b"]), max_size=2)
PARAMS = st.builds(
    TokenRequestParams,
    scope=st.lists(st.sampled_from("ab"), max_size=2),
    resource=URIS,
    audience=URIS,
    extra=st.dictionaries(st.sampled_from("ab"), st.sampled_from("ab"), max_size=1),
)


@pytest.mark.rule("R073")
@given(PARAMS, PARAMS)
def test_requests_are_equal_only_if_all_parameters_are(
    first: TokenRequestParams, second: TokenRequestParams
) -> None:
    """Scopes, resources and audiences are not mixed up."""

    def values(params: TokenRequestParams) -> list[object]:
        scope = set(params.scope.split())
        return [scope, set(params.resource), set(params.audience), params.extra]

    assert (first.identity == second.identity) == (values(first) == values(second))


@pytest.mark.rule("R073")
@given(st.lists(st.sampled_from("ab"), min_size=3, max_size=5), st.sampled_from(["", *"=&, :\0"]))
def test_names_and_values_of_extra_params_are_not_joined(words: list[str], separator: str) -> None:
    """Otherwise ``a`` and ``b=c`` would be the same request as ``a=b`` and ``c``."""
    pairs = [
        (separator.join(words[:split]), separator.join(words[split:]))
        for split in range(1, len(words))
    ]
    identities = {TokenRequestParams(extra={name: value}).identity for name, value in pairs}
    assert len(identities) == len(set(pairs))
