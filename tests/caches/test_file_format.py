"""What is in a file of the cache: read exactly, or not at all."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf.caches._file_format import LARGEST, DamagedError, seal, unseal

SEALED = seal("key", "the-value", 100.0)
TEXT = st.text(st.characters(exclude_categories=[]))  # surrogates, too


def changed(**members: object) -> bytes:
    """The sealed value with other members."""
    return json.dumps({**json.loads(SEALED), **members}).encode()


@given(TEXT, TEXT, st.none() | st.floats(0, 1e12))
def test_what_is_sealed_can_be_read(key: str, value: str, expires_on: float | None) -> None:
    """Any text comes back under its key, before its time is over."""
    assert unseal(seal(key, value, expires_on), key, -1.0) == value


def test_a_value_ends_with_its_time() -> None:
    """Kept to the last moment, then none; None is never."""
    assert unseal(SEALED, "key", 99.9) == "the-value"
    assert unseal(SEALED, "key", 100.0) is None
    assert unseal(seal("key", "v", None), "key", 1e300) == "v"


@pytest.mark.parametrize("length", range(len(SEALED)))
def test_a_file_that_was_cut_off_is_damaged(length: int) -> None:
    """Wherever it was cut, nothing of it is taken for a value, or told."""
    with pytest.raises(DamagedError) as caught:
        unseal(SEALED[:length], "key", 0.0)
    assert "the-value" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\0" * 100, "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"null", "no file of a token cache"),
        (b"[]", "no file of a token cache"),
        (b'{"access_token": "the-value"}', "no file of a token cache"),
        (b" " * (LARGEST + 1), "too large"),
        (changed(version=2), "another version"),
        (changed(version=True), "another version"),
        (changed(version=None, more=1), "another version"),
        (changed(more=1), "other members"),
        (changed(value=5), "holds no text"),
        (changed(value=None), "holds no text"),
        (changed(key="other"), "another key's"),
        (changed(key=5), "another key's"),
        (changed(expires_on="soon"), "no number"),
        (changed(expires_on=True), "no number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_envelope_is_damaged(content: bytes, reason: str) -> None:
    """The error says what is wrong, and quotes nothing."""
    with pytest.raises(DamagedError, match=reason) as caught:
        unseal(content, "key", 0.0)
    assert "the-value" not in str(caught.value)


@given(st.binary())
def test_any_bytes_are_a_value_or_damaged(content: bytes) -> None:
    """No other error comes out."""
    with pytest.raises(DamagedError):
        unseal(content, "key", 0.0)
