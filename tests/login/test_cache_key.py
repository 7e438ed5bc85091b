"""The key of a token cache: one for what is the same, another for everything else."""

import subprocess
import sys
from collections.abc import Collection
from typing import TypedDict

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aioalf import TokenConfigurationError
from aioalf._login.cache_key import cache_key


class Parts(TypedDict, total=False):
    """The arguments of `cache_key`."""

    client_id: str
    grant: str
    issuer: str | None
    token_endpoint: str | None
    scope: str | Collection[str] | None
    resource: str | Collection[str]
    audience: str | Collection[str]
    extra: dict[str, str | Collection[str]] | None
    subject: str | None
    proof_key: str | None


FULL: Parts = {
    "client_id": "client-id",
    "grant": "token-exchange",
    "issuer": "https://id.example.com",
    "token_endpoint": "https://id.example.com/token",
    "scope": ["read", "write"],
    "resource": ["https://a.example.com", "https://b.example.com"],
    "audience": "things",
    "extra": {"tenant": "one", "prompt": ["x", "y"]},
    "subject": "the-subject-token",
    "proof_key": "thumbprint",
}
PLAIN: Parts = {"client_id": "c", "grant": "g", "issuer": "i"}


def with_parts(parts: Parts, more: Parts) -> Parts:
    """The arguments, some of them others."""
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
    with_parts(PLAIN, {"resource": "a"}),
    with_parts(PLAIN, {"audience": "a"}),
    with_parts(PLAIN, {"subject": "a"}),
    with_parts(PLAIN, {"subject": ""}),
    with_parts(PLAIN, {"proof_key": "a"}),
    with_parts(PLAIN, {"resource": ["a", "b"]}),
    with_parts(PLAIN, {"resource": ["a b"]}),
    with_parts(PLAIN, {"resource": ['a","b']}),
    with_parts(PLAIN, {"resource": [""]}),
    with_parts(PLAIN, {"extra": {"scope": "a"}}),
    with_parts(PLAIN, {"extra": {"a": "b", "c": "d"}}),
    with_parts(PLAIN, {"extra": {"a": "d", "c": "b"}}),
    with_parts(PLAIN, {"extra": {"a": ["b", "c"]}}),
    with_parts(PLAIN, {"extra": {"a": ["c", "b"]}}),
    with_parts(PLAIN, {"extra": {"a": "b c"}}),
]
SAME: list[tuple[Parts, Parts]] = [
    ({"scope": "a b"}, {"scope": ["b", "a", "a"]}),
    ({"scope": None}, {"scope": ""}),
    ({"scope": None}, {"scope": []}),
    ({"resource": "a"}, {"resource": ["a", "a"]}),
    ({"resource": ["a", "b"]}, {"resource": {"b", "a"}}),
    ({"audience": ["a", "b"]}, {"audience": ("b", "a")}),
    ({"extra": {"a": "1", "b": "2"}}, {"extra": {"b": ["2"], "a": "1"}}),
    ({"extra": None}, {"extra": {}}),
    ({"token_endpoint": None}, {"token_endpoint": ""}),
]


@pytest.mark.rule("R081")
def test_no_two_requests_share_a_key() -> None:
    """Every part counts, and no part runs into the next."""
    assert len({cache_key(**parts) for parts in DIFFERENT}) == len(DIFFERENT)


@pytest.mark.rule("R028", "R081")
@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_request_has_one_key(one: Parts, other: Parts) -> None:
    """Order and repetition of what is a set make no other entry, nor does how nothing is said."""
    assert cache_key(**with_parts(PLAIN, one)) == cache_key(**with_parts(PLAIN, other))


WORDS = st.lists(st.text('ab", é\ud800', max_size=3), max_size=3)
TEXT = st.text('ab", é\ud800', max_size=3)
PARTS = st.fixed_dictionaries(
    {"client_id": TEXT, "grant": TEXT, "issuer": TEXT.filter(bool)},
    optional={
        "token_endpoint": TEXT.filter(bool),
        "resource": WORDS.map(frozenset),
        "audience": WORDS.map(frozenset),
        "extra": st.dictionaries(TEXT, WORDS.map(tuple), min_size=1, max_size=2),
        "subject": TEXT,
        "proof_key": TEXT,
    },
)


@pytest.mark.rule("R081")
@given(PARTS, PARTS)
def test_requests_that_differ_have_keys_that_differ(
    one: dict[str, object], other: dict[str, object]
) -> None:
    """Whatever the text of the parts, two keys are equal only where all parts are."""
    empty = {"resource": frozenset[str](), "audience": frozenset[str]()}
    assume({**empty, **one} != {**empty, **other})
    assert cache_key(**one) != cache_key(**other)  # type: ignore[arg-type]


@given(PARTS)
def test_a_key_is_printable_and_of_one_length(parts: dict[str, object]) -> None:
    """It can stand in a file's name, a header and a log."""
    key = cache_key(**parts)  # type: ignore[arg-type]
    assert len(key) == 69
    assert key.removeprefix("alf1-").isalnum()
    assert key.isascii()


@pytest.mark.rule("R081")
def test_nothing_can_be_read_from_a_key() -> None:
    """Neither who logged in, nor where, nor with what."""
    key = cache_key(**FULL)
    assert not [part for part in ("client", "example", "subject", "read") if part in key]


def test_a_key_is_the_same_in_every_process_and_release() -> None:
    """These are what they were when this was written: another key would be another login."""
    plain = "alf1-d2528c50259d3a08e121d784730eae9054c4921615eb3da6736804fc98896f13"
    full = "alf1-82a19b1019f764284e16ab9f850f80be52a97bb38172f8d77e6c98938da0355e"
    assert cache_key(**PLAIN) == plain
    assert cache_key(**FULL) == full
    program = (
        "from aioalf._login.cache_key import cache_key;"
        "print(cache_key(client_id='c', grant='g', issuer='i', resource={'r1', 'r2', 'r3'}))"
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


def test_a_key_without_a_server_is_refused() -> None:
    """Tokens of two servers would be taken for one another's."""
    with pytest.raises(TokenConfigurationError, match="neither is given"):
        cache_key(client_id="c", grant="g")


def test_scope_that_is_no_text_is_refused() -> None:
    """As where it is sent."""
    with pytest.raises(TokenConfigurationError, match="scope"):
        cache_key(client_id="c", grant="g", issuer="i", scope=[1])  # type: ignore[list-item]
