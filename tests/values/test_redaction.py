"""Tests of masking secrets and of making text from servers printable."""

import base64
import json
import pickle
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf._redaction import (
    EXCERPT_LENGTH,
    MASK,
    Unpicklable,
    error_words,
    excerpt,
    mask_secrets,
    printable,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("über", "über"),
        ("a\r\nb", r"a\r\nb"),
        ("\x1b[31m", r"\x1b[31m"),
        ("a\u202eb", r"a\u202eb"),
        ("\ud800", r"\ud800"),
        ("", ""),
    ],
)
def test_unprintable_characters_are_escaped(text: str, shown: str) -> None:
    """Line ends, terminal sequences and text direction marks have no effect on a terminal."""
    assert printable(text) == shown


def test_long_text_is_truncated_and_shows_its_length() -> None:
    """The reader sees that there was more."""
    assert printable("abcdef", 3) == "abc… (6 characters)"
    assert printable("abc", 3) == "abc"


@given(st.text())
def test_any_text_becomes_one_short_printable_line(text: str) -> None:
    """No text breaks a log into several lines."""
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) <= 10 * EXCERPT_LENGTH + 40


@pytest.mark.rule("R029")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("invalid_client: it's [so]", "invalid_client: it's [so]"),
        ('a "b"', r"a \"b\""),
        ("a\\b", r"a\\b"),
        ("ä\n", r"\xe4\n"),
    ],
)
def test_characters_outside_of_rfc_6749_are_escaped(text: str, shown: str) -> None:
    """Characters that the RFC permits in errors are shown, all others are escaped."""
    assert error_words(text) == shown


@pytest.mark.rule("R031")
@pytest.mark.parametrize(
    "body",
    [
        '{"access_token": "secret-token"}',
        '{"accessToken": "secret-token"}',
        "ACCESS-TOKEN=secret-token&x",
        '{"refresh_token": "secret-token"}',
        '{"id_token":"secret-token"}',
        '{"device_code": "secret-token"}',
        "<saml:Assertion>secret-token",
        '{"jwt": "eyJhbGciOiJIUzI1NiJ9.secret-token"}',
    ],
)
def test_body_that_may_contain_a_token_is_not_shown(body: str) -> None:
    """Only the length of such a body is shown."""
    assert "secret-token" not in excerpt(body)
    assert str(len(body)) in excerpt(body)


def test_body_without_a_token_is_shown() -> None:
    """An error response without tokens helps the reader."""
    assert excerpt('{"error": "invalid_client"}') == '{"error": "invalid_client"}'


SECRET = 'pä"ss wörd&+/='


@pytest.mark.rule("R007")
@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_secret_is_masked_in_all_encodings(form: str) -> None:
    """A server that repeats the request in its response does not bring the secret into a log."""
    assert mask_secrets(f"got <{form}>!", [SECRET]) == f"got <{MASK}>!"


def test_short_secret_is_masked_only_as_a_whole_word() -> None:
    """The client id ``a`` does not make every message unreadable."""
    assert mask_secrets("a bad name: a, 'a' and cafe", ["a"]) == "*** bad name: ***, '***' and cafe"


def test_longest_secret_is_masked_first() -> None:
    """If a secret starts with the client id, its rest is masked, too."""
    assert mask_secrets("client-id-secret", ["client-id", "client-id-secret"]) == MASK


def test_empty_secret_masks_nothing() -> None:
    """An empty string is part of every text, which does not change."""
    assert mask_secrets("text", [""]) == "text"
    assert mask_secrets("text", []) == "text"


SECRETS = st.text(st.characters(exclude_characters="*"), min_size=8)


@given(st.text(), st.lists(SECRETS, max_size=3))
def test_no_secret_remains_in_any_text(text: str, secrets: list[str]) -> None:
    """Secrets are masked in any text, including lone surrogates."""
    masked = mask_secrets(text + "".join(secrets) + text, secrets)
    assert not any(secret in masked for secret in secrets)


def test_objects_with_secrets_cannot_be_pickled() -> None:
    """The error names the class."""

    class Password(Unpicklable):
        pass

    with pytest.raises(TypeError, match=r"^Password holds a secret, so it is not pickled$"):
        pickle.dumps(Password())
