"""Tests of cache keys: equal requests have the same key, all others have different ones."""

import subprocess
import sys
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any, TypedDict, Unpack, cast

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aioalf._auth_server.request_params import TokenRequestParams
from aioalf._login.cache_key import cache_key_for
from aioalf.errors import TokenConfigurationError
from aioalf.grants import (
    AuthorizationCode,
    AuthorizationServer,
    ClientCredentials,
    Grant,
    RefreshToken,
    TokenExchange,
)
from tests.login.scripted import ScriptedServer, SignInGrant


class Parts(TypedDict, total=False):
    """The parts of a cache key."""

    client_id: str
    grant: str
    issuer: str | None
    token_endpoint: str | None
    scope: str
    resource: Collection[str]
    audience: Collection[str]
    extra: dict[str, str]
    subject: str
    owner: str | None


def cache_key(**parts: Unpack[Parts]) -> str:
    """Return the key of a request with these parts."""
    values: dict[str, Any] = {**parts}
    grant = SimpleNamespace(name=values["grant"], subject_key=values.get("subject", ""))
    params = SimpleNamespace(
        scope=values.get("scope", ""),
        resource=values.get("resource", ()),
        audience=values.get("audience", ()),
        extra=values.get("extra", {}),
    )
    endpoint = SimpleNamespace(
        client_id=values["client_id"], issuer=values.get("issuer"), request_params=params
    )
    url, owner = values.get("token_endpoint"), values.get("owner")
    return cache_key_for(cast("Grant", grant), cast("AuthorizationServer", endpoint), url, owner)


FULL: Parts = {
    "client_id": "client-id",
    "grant": "token-exchange",
    "issuer": "https://id.example.com",
    "token_endpoint": "https://id.example.com/token",
    "scope": "read write",
    "resource": ["https://a.example.com", "https://b.example.com"],
    "audience": ["things"],
    "extra": {"tenant": "one", "prompt": "x"},
    "subject": "the-subject-token",
    "owner": "proof of the client",
}
PLAIN: Parts = {"client_id": "c", "grant": "g", "issuer": "i"}


def with_parts(parts: Parts, more: Parts) -> Parts:
    """Return the arguments with some of them replaced."""
    merged: Parts = {**parts, **more}
    return merged


DIFFERENT: list[Parts] = [
    PLAIN,
    FULL,
    {"client_id": "c", "grant": "g", "token_endpoint": "i"},
    with_parts(PLAIN, {"token_endpoint": "i"}),
    with_parts(PLAIN, {"client_id": "cg", "grant": ""}),
    with_parts(PLAIN, {"client_id": "", "grant": "cg"}),
    with_parts(PLAIN, {"client_id": "C"}),
    with_parts(PLAIN, {"scope": "a b"}),
    with_parts(PLAIN, {"scope": "ab"}),
    with_parts(PLAIN, {"scope": "a B"}),
    with_parts(PLAIN, {"scope": "a"}),
    with_parts(PLAIN, {"resource": ["a"]}),
    with_parts(PLAIN, {"audience": ["a"]}),
    with_parts(PLAIN, {"subject": "a"}),
    with_parts(PLAIN, {"owner": "a"}),
    with_parts(PLAIN, {"owner": ""}),
    with_parts(PLAIN, {"resource": ["a", "b"]}),
    with_parts(PLAIN, {"resource": ["a b"]}),
    with_parts(PLAIN, {"resource": ['a","b']}),
    with_parts(PLAIN, {"resource": [""]}),
    with_parts(PLAIN, {"extra": {"scope": "a"}}),
    with_parts(PLAIN, {"extra": {"a": "b", "c": "d"}}),
    with_parts(PLAIN, {"extra": {"a": "d", "c": "b"}}),
    with_parts(PLAIN, {"extra": {"a": "b c"}}),
]
SAME: list[tuple[Parts, Parts]] = [
    ({"scope": "a b"}, {"scope": "b a a"}),
    ({"resource": ["a"]}, {"resource": ["a", "a"]}),
    ({"resource": ["a", "b"]}, {"resource": {"b", "a"}}),
    ({"audience": ["a", "b"]}, {"audience": ("b", "a")}),
    ({"extra": {"a": "1", "b": "2"}}, {"extra": {"b": "2", "a": "1"}}),
    ({"token_endpoint": None}, {"token_endpoint": ""}),
]


@pytest.mark.rule("R081")
def test_different_requests_have_different_keys() -> None:
    """Every part is in the key, and no part runs into the next."""
    assert len({cache_key(**parts) for parts in DIFFERENT}) == len(DIFFERENT)


@pytest.mark.rule("R028", "R081")
@pytest.mark.parametrize(("one", "other"), SAME)
def test_equal_requests_have_the_same_key(one: Parts, other: Parts) -> None:
    """The order and repetition of set members do not matter, nor how an empty part is written."""
    assert cache_key(**with_parts(PLAIN, one)) == cache_key(**with_parts(PLAIN, other))


WORDS = st.lists(st.text('ab", é\ud800', max_size=3), max_size=3)
TEXT = st.text('ab", é\ud800', max_size=3)
PARTS = st.fixed_dictionaries(
    {"client_id": TEXT, "grant": TEXT, "issuer": TEXT.filter(bool)},
    optional={
        "token_endpoint": st.sampled_from(["https://a.example/b", "https://a.example/c"]),
        "resource": WORDS.map(frozenset),
        "audience": WORDS.map(frozenset),
        "extra": st.dictionaries(TEXT, TEXT, min_size=1, max_size=2),
        "subject": TEXT.filter(bool),
        "owner": TEXT,
    },
)


@pytest.mark.rule("R081")
@given(PARTS, PARTS)
def test_any_difference_gives_another_key(one: dict[str, object], other: dict[str, object]) -> None:
    """Two keys are equal only if all parts are, whatever their texts."""
    empty = {"resource": frozenset[str](), "audience": frozenset[str]()}
    assume({**empty, **one} != {**empty, **other})
    assert cache_key(**one) != cache_key(**other)  # type: ignore[arg-type]


@given(PARTS)
def test_key_is_ascii_and_of_fixed_length(parts: dict[str, object]) -> None:
    """It can be used in a file name, a header and a log."""
    key = cache_key(**parts)  # type: ignore[arg-type]
    assert len(key) == 69
    assert key.removeprefix("alf1-").isalnum()
    assert key.isascii()


@pytest.mark.rule("R081")
def test_key_reveals_none_of_its_parts() -> None:
    """It shows neither the user, nor the server, nor the scope."""
    key = cache_key(**FULL)
    assert not [part for part in ("client", "example", "subject", "read") if part in key]


def test_key_is_the_same_in_every_process_and_release() -> None:
    """Another key would lose all stored logins."""
    plain = "alf1-d2528c50259d3a08e121d784730eae9054c4921615eb3da6736804fc98896f13"
    full = "alf1-3f29a8d2882b36513b50abaa5a9959a3f135dcde1d9d4200d6c1991d25e41e1c"
    assert cache_key(**PLAIN) == plain
    assert cache_key(**FULL) == full
    program = (
        "from types import SimpleNamespace as Some;"
        "from aioalf._login.cache_key import cache_key_for;"
        "of = Some(scope='', resource={'r1', 'r2', 'r3'}, audience=(), extra={});"
        "server = Some(client_id='c', issuer='i', request_params=of);"
        "print(cache_key_for(Some(name='g', subject_key=''), server, None))"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(keys) == 1


def test_key_without_a_server_is_refused() -> None:
    """Tokens of two servers would be mixed up."""
    with pytest.raises(TokenConfigurationError, match="neither is given"):
        cache_key(client_id="c", grant="g")


def test_key_of_a_client_depends_on_its_request_parameters() -> None:
    """Their order does not matter."""
    endpoint = ScriptedServer()
    grant = AuthorizationCode()
    asked = [
        TokenRequestParams("a b"),
        TokenRequestParams("b a"),
        TokenRequestParams("a"),
        TokenRequestParams("a b", "https://a.example"),
    ]
    keys = [
        cache_key_for(grant, ScriptedServer(request_params=each), "https://auth.example.com/token")
        for each in asked
    ]
    keys += [
        cache_key_for(grant, endpoint, None),
        cache_key_for(ClientCredentials(), endpoint, None),
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == len(keys) - 1


def test_grant_without_a_subject_cannot_be_cached() -> None:
    """Two users would share one entry."""
    with pytest.raises(TokenConfigurationError, match="cannot be used with refresh_token"):
        cache_key_for(RefreshToken("abc"), ScriptedServer(), None)


@pytest.mark.rule("R081", "R157")
def test_key_depends_on_the_subject_of_the_grant() -> None:
    """Each part of the subject gives another key. A user's own grant may have a subject, too."""

    class Account(SignInGrant):
        """A grant for the tokens of one account."""

        name = "urn:example:account"

        def __init__(self, subject_key: str | None) -> None:
            super().__init__()
            self.subject_key = subject_key

    exchanges = [
        TokenExchange("a", "urn:a"),
        TokenExchange("b", "urn:a"),
        TokenExchange("a", "urn:b"),
        TokenExchange("a", "urn:a", requested_token_type="urn:a"),
        TokenExchange("a", "urn:a", actor_token="b", actor_token_type="urn:a"),
        TokenExchange("a", "urn:a", actor_token="c", actor_token_type="urn:a"),
    ]
    grants: list[Grant] = [*exchanges, Account("one"), Account("two")]
    keys = [cache_key_for(grant, ScriptedServer(), None) for grant in grants]
    assert len(set(keys)) == len(keys)
    assert keys[0] == cache_key_for(TokenExchange("a", "urn:a"), ScriptedServer(), None)
    assert exchanges[0].subject_key not in {"a", None}
    with pytest.raises(TokenConfigurationError, match="cannot be used with urn:example:account"):
        cache_key_for(Account(None), ScriptedServer(), None)
