"""The format of cache files: decoded exactly, or reported as damaged."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf.caches._file_format import MAX_BYTES, DamagedError, decode, encode

CONTENT = encode("key", "the-value", 100.0)
TEXT = st.text(st.characters(exclude_categories=[]))  # surrogates, too


def changed(**members: object) -> bytes:
    """Return the content with changed members."""
    return json.dumps({**json.loads(CONTENT), **members}).encode()


@given(TEXT, TEXT, st.none() | st.floats(0, 1e12))
def test_decode_restores_the_value(key: str, value: str, expires_on: float | None) -> None:
    """Any text is restored under its key until it expires."""
    assert decode(encode(key, value, expires_on), key, -1.0) == value


def test_value_expires() -> None:
    """A value is returned until its expiry; None means that it does not expire."""
    assert decode(CONTENT, "key", 99.9) == "the-value"
    assert decode(CONTENT, "key", 100.0) is None
    assert decode(encode("key", "v", None), "key", 1e300) == "v"


@pytest.mark.parametrize("length", range(len(CONTENT)))
def test_truncated_file_is_damaged(length: int) -> None:
    """A file cut off anywhere has no value, and the error does not quote it."""
    with pytest.raises(DamagedError) as caught:
        decode(CONTENT[:length], "key", 0.0)
    assert "the-value" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\0" * 100, "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"null", "not a token cache file"),
        (b"[]", "not a token cache file"),
        (b'{"access_token": "the-value"}', "not a token cache file"),
        (b" " * (MAX_BYTES + 1), "too large"),
        (changed(version=2), "another version"),
        (changed(version=True), "another version"),
        (changed(version=None, more=1), "another version"),
        (changed(more=1), "unknown members"),
        (changed(value=5), "not text"),
        (changed(value=None), "not text"),
        (changed(key="other"), "another key"),
        (changed(key=5), "another key"),
        (changed(expires_on="soon"), "not a number"),
        (changed(expires_on=True), "not a number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_content_is_damaged(content: bytes, reason: str) -> None:
    """The error says what is wrong and does not quote the content."""
    with pytest.raises(DamagedError, match=reason) as caught:
        decode(content, "key", 0.0)
    assert "the-value" not in str(caught.value)


@given(st.binary())
def test_arbitrary_bytes_are_damaged(content: bytes) -> None:
    """No other exception is raised."""
    with pytest.raises(DamagedError):
        decode(content, "key", 0.0)
