"""What may be shown of a server's words."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf._redaction import EXCERPT_LENGTH, MASK, error_words, excerpt, mask_secrets, printable


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
def test_what_is_not_printable_is_escaped(text: str, shown: str) -> None:
    """Line ends, terminal sequences and direction marks are seen, not obeyed."""
    assert printable(text) == shown


def test_a_long_text_is_cut_and_says_its_length() -> None:
    """The reader knows that there was more."""
    assert printable("abcdef", 3) == "abc… (6 characters)"
    assert printable("abc", 3) == "abc"


@given(st.text())
def test_any_text_becomes_one_short_printable_line(text: str) -> None:
    """No text breaks a log."""
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
def test_what_no_oauth_error_may_hold_is_escaped(text: str, shown: str) -> None:
    """Of the standard's alphabet everything is shown, of the rest the code."""
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
def test_nothing_of_a_body_that_may_hold_a_token_is_shown(body: str) -> None:
    """Where a token may be, only the length of the body is told."""
    assert "secret-token" not in excerpt(body)
    assert str(len(body)) in excerpt(body)


def test_a_body_without_a_token_is_shown() -> None:
    """A reason that helps is not withheld."""
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
def test_a_secret_is_masked_in_each_of_its_forms(form: str) -> None:
    """An endpoint that echoes what it was sent does not bring the secret into a log."""
    assert mask_secrets(f"got <{form}>!", [SECRET]) == f"got <{MASK}>!"


def test_a_short_secret_leaves_words_whole() -> None:
    """The id ``a`` does not make every message unreadable."""
    assert mask_secrets("a bad name: a, 'a' and cafe", ["a"]) == "*** bad name: ***, '***' and cafe"


def test_the_longest_secret_is_masked_first() -> None:
    """A secret that begins with the id leaves no rest behind."""
    assert mask_secrets("client-id-secret", ["client-id", "client-id-secret"]) == MASK


def test_no_secret_masks_nothing() -> None:
    """An empty secret is in every text, and none is changed by it."""
    assert mask_secrets("text", [""]) == "text"
    assert mask_secrets("text", []) == "text"


SECRETS = st.text(st.characters(exclude_characters="*"), min_size=8)


@given(st.text(), st.lists(SECRETS, max_size=3))
def test_no_secret_survives_in_any_text(text: str, secrets: list[str]) -> None:
    """Whatever the text and the secrets, surrogates included, none is left."""
    masked = mask_secrets(text + "".join(secrets) + text, secrets)
    assert not any(secret in masked for secret in secrets)
