"""What is asked for with every token."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf._auth_server.request_params import TokenRequestParams
from aioalf.errors import TokenConfigurationError

API = "https://api.example.com/"


def test_nothing_is_asked_for_by_default() -> None:
    """No scope, no resource, no audience, nothing else."""
    asked = TokenRequestParams()
    assert (asked.scope, asked.scope_set) == ("", None)
    assert (asked.resource, asked.audience, dict(asked.extra)) == ((), (), {})
    assert not any(asked.form().values())


@pytest.mark.rule("R002", "R016", "R126")
def test_each_thing_is_asked_for_as_it_was_given() -> None:
    """The form holds scope, resources and audiences in their order, and what is sent besides."""
    asked = TokenRequestParams(["b", "a"], [API, "urn:example:two"], "things", {"tenant": "one"})
    assert asked.scope_set == frozenset({"a", "b"})
    assert asked.form() == {
        "scope": "b a",
        "resource": (API, "urn:example:two"),
        "audience": ("things",),
        "tenant": "one",
    }


def test_what_is_given_twice_is_asked_for_once() -> None:
    """In the order in which it was first named; of a set, in the order of the alphabet."""
    asked = TokenRequestParams(resource=["urn:b", "urn:a", "urn:b"], audience={"b", "a"})
    assert asked.resource == ("urn:b", "urn:a")
    assert asked.audience == ("a", "b")


@pytest.mark.rule("R126")
@pytest.mark.parametrize(
    "resource",
    [API, "https://api.example.com/a?b=c", "urn:example:api", "api://guid/x", "https://[::1]:1/"],
)
def test_an_absolute_uri_is_a_resource(resource: str) -> None:
    """With a path and a query, and of any scheme."""
    assert TokenRequestParams(resource=resource).resource == (resource,)


@pytest.mark.rule("R126")
@pytest.mark.parametrize(
    "resource",
    [
        *("", "/things", "//api.example.com/", "api.example.com", f"{API}#part", f"{API}#"),
        *("https://", "https:///things", "https://[::1", "https:", ":things", "1a:b"),
        *(f"{API}a b", f"{API}\n", f"{API}%zz", f"{API}\u00e4", f"{API}\ud800", [""], [API, ""]),
        *(0, False, 5, b"urn:a", {API: 1}, [5], [None]),
        pytest.param(iter([API]), id="an iterator"),
    ],
    ids=ascii,
)
def test_a_resource_that_is_no_absolute_uri_is_told_when_it_is_given(resource: Any) -> None:
    """Nor has it a fragment; not when the first token is needed."""
    with pytest.raises(TokenConfigurationError, match="resource must be"):
        TokenRequestParams(resource=resource)


@pytest.mark.parametrize("audience", ["", [""], 0, 5, {"a": "b"}, ["a", 5], "\ud800"], ids=ascii)
def test_an_audience_that_is_no_text_is_told_when_it_is_given(audience: Any) -> None:
    """An empty one, too: it would not be sent."""
    with pytest.raises(TokenConfigurationError, match="audience must be"):
        TokenRequestParams(audience=audience)


@pytest.mark.parametrize("scope", [5, [5], "a \ud800"], ids=ascii)
def test_a_scope_that_is_no_text_is_told_when_it_is_given(scope: Any) -> None:
    """What no form can hold is none."""
    with pytest.raises(TokenConfigurationError, match="scope must be"):
        TokenRequestParams(scope)


@pytest.mark.rule("R002")
@pytest.mark.parametrize(
    "name",
    [
        *("actor_token", "assertion", "audience", "client_assertion", "client_assertion_type"),
        *("client_id", "client_secret", "code", "code_challenge", "code_challenge_method"),
        *("code_verifier", "device_code", "grant_type", "redirect_uri", "refresh_token"),
        *("request_uri", "resource", "response_type", "scope", "state", "subject_token"),
    ],
)
def test_a_parameter_that_is_set_elsewhere_cannot_be_set_besides(name: str) -> None:
    """Else it would be sent twice, or in the place of the right one."""
    with pytest.raises(TokenConfigurationError, match=f"{name} cannot be set there"):
        TokenRequestParams(extra={"tenant": "one", name: "x"})


@pytest.mark.parametrize(
    "extra", [5, "ab", [("a", "b")], {"a": 5}, {"a": None}, {5: "a"}, {"": "a"}, {"a": "\ud800"}]
)
def test_parameters_that_are_no_texts_are_told_when_they_are_given(extra: Any) -> None:
    """Names and values."""
    with pytest.raises(TokenConfigurationError, match="mapping of texts to texts"):
        TokenRequestParams(extra=extra)


def test_what_a_caller_changes_afterwards_is_not_asked_for() -> None:
    """The caller's objects are read once, and not changed."""
    extra, resource = {"a": "b"}, [API]
    asked = TokenRequestParams(resource=resource, extra=extra)
    extra["c"] = "d"
    resource.clear()
    assert dict(asked.extra) == {"a": "b"}
    assert asked.resource == (API,)
    asked.form()["a"] = "changed"
    assert asked.form()["a"] == "b"


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


@pytest.mark.rule("R002")
@given(
    st.lists(TEXTS, max_size=4),
    st.lists(TEXTS, max_size=4),
    st.dictionaries(TEXTS, TEXTS, max_size=4),
)
def test_no_value_is_lost_and_none_appears_twice(
    scope: list[str], audience: list[str], extra: dict[str, str]
) -> None:
    """Whatever is asked for comes out once."""
    names = {"scope", "audience", "resource", "code", "state", "request"}
    form = TokenRequestParams(
        scope, audience=audience, extra=extra if not names & set(extra) else None
    ).form()
    words = str(form["scope"]).split()
    assert words == list(dict.fromkeys(word for value in scope for word in value.split()))
    assert form["audience"] == tuple(dict.fromkeys(audience))


@given(st.text(max_size=30))
def test_any_text_is_a_resource_or_a_configuration_error(text: str) -> None:
    """What is taken has a scheme, no fragment and nothing that a form or a URL must escape."""
    try:
        asked = TokenRequestParams(resource=text)
    except TokenConfigurationError:
        return
    assert asked.resource == (text,)
    assert text.isascii()
    assert ":" in text
    assert "#" not in text
