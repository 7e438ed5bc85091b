"""Scope as callers write it, and as it is sent."""

from collections.abc import Collection

import pytest

from aioalf._syntax import join_scope, scope_set
from aioalf.errors import TokenConfigurationError


@pytest.mark.rule("R012", "R016")
@pytest.mark.parametrize(
    ("scope", "sent"),
    [
        (None, ""),
        ("", ""),
        ([], ""),
        ("read", "read"),
        ("read write", "read write"),
        ("  read \t\n write ", "read write"),
        (["read", "write"], "read write"),
        (("write", "read"), "write read"),
        (["read write", "admin"], "read write admin"),
        (["read", "read"], "read"),
        ({"write", "read"}, "read write"),
        (frozenset({"b", "a"}), "a b"),
        ({"read": True}, "read"),
    ],
)
def test_scope_is_joined_with_one_space(scope: str | Collection[str] | None, sent: str) -> None:
    """However it is written, each value is sent once, and none without one."""
    assert join_scope(scope) == sent


@pytest.mark.parametrize("scope", [5, [1], [None], b"read", object(), ["a", b"b"]])
def test_scope_that_is_no_text_is_refused(scope: object) -> None:
    """A mistake is told when the client is made."""
    with pytest.raises(TokenConfigurationError, match="scope must be a string or a collection"):
        join_scope(scope)  # type: ignore[arg-type]


@pytest.mark.rule("R028")
def test_scope_is_a_set_whose_case_counts() -> None:
    """Order makes no difference, case does, and no scope is None."""
    assert scope_set("a b") == scope_set("b a") != scope_set("A b")
    assert scope_set("") is None
