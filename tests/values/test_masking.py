"""Tests of masking secrets and of making text from servers printable."""

import base64
import html
import json
import pickle
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf._masking import (
    EXCERPT_LENGTH,
    MASK,
    Unpicklable,
    error_words,
    excerpt,
    mask_secrets,
    mask_secrets_in_json,
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
        r'{"access\u005ftoken": "secret-token"}',
        "access%5Ftoken=secret-token",
        "secret-token" + r"\\" * 300,
    ],
)
def test_body_that_may_contain_a_token_is_not_shown(body: str) -> None:
    """Only the length of such a body is shown."""
    assert "secret-token" not in excerpt(body)
    assert str(len(body)) in excerpt(body)


def test_body_without_a_token_is_shown() -> None:
    """An error response without tokens helps the reader."""
    assert excerpt('{"error": "invalid_client"}') == '{"error": "invalid_client"}'


SECRET = 'pä"ss wörd&+/=?>~'


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
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    ],
)
def test_secret_is_masked_in_all_encodings(form: str) -> None:
    """A server that repeats the request in its response does not bring the secret into a log."""
    assert mask_secrets(f"got <{form}>!", [SECRET]) == f"got <{MASK}>!"


IN_JSON = json.dumps(SECRET)[1:-1]
IN_JSON_IN_JSON = json.dumps(IN_JSON)[1:-1]


@pytest.mark.rule("R007")
@pytest.mark.parametrize(
    "form",
    [
        IN_JSON.replace("/", r"\/"),
        IN_JSON.replace("&", r"\u0026").replace("+", r"\u002b"),
        "".join(rf"\u{ord(c):04X}" for c in SECRET),
        "".join(rf"\x{ord(c):02x}" for c in SECRET),
        html.escape(SECRET),
        "".join(f"&#x{ord(c):x};" for c in SECRET),
        "".join(f"&#{ord(c)};" for c in SECRET),
        "".join(f"%{byte:02x}" for byte in SECRET.encode()),
        quote(quote(SECRET, safe=""), safe=""),
        IN_JSON_IN_JSON,
        json.dumps(IN_JSON_IN_JSON)[1:-1],
        html.escape(IN_JSON),
        quote(html.escape(IN_JSON_IN_JSON)),
        base64.b64encode(SECRET.encode()).decode().replace("+", "&#43;"),
    ],
    ids=[
        "JSON of PHP",
        "JSON of Go",
        "JSON escapes",
        "JavaScript escapes",
        "HTML",
        "hexadecimal entities",
        "decimal entities",
        "lower-case percent escapes",
        "percent escapes twice",
        "JSON in JSON",
        "JSON in JSON in JSON",
        "JSON in HTML",
        "JSON in JSON in HTML in a URL",
        "base64 in HTML",
    ],
)
def test_text_with_an_escaped_secret_is_not_shown(form: str) -> None:
    """Whatever escapes a server uses, only the length of the text is shown."""
    text = f"got <{form}>!"
    assert mask_secrets(text, [SECRET]) == (
        f"(not shown: {len(text)} characters that contain a secret)"
    )


@pytest.mark.rule("R007")
def test_character_above_the_first_plane_is_found_in_json() -> None:
    """Two escapes make one such character."""
    assert "not shown" in mask_secrets(r"key-\uD83D\uDD11-1234", ["key-\U0001f511-1234"])


def test_secret_with_escapes_is_found_in_a_shorter_text() -> None:
    """Its unescaped form has fewer characters than the secret and all its encoded forms."""
    assert mask_secrets("abcdefghA", ["abcdefgh%41"]).startswith("(not shown")


def test_escapes_without_a_secret_are_shown() -> None:
    """Masking does not change the response of a server that repeats nothing."""
    text = r'{"a": "C:\\new \u00e9"} &lt;p&gt; 100%25 a+b \ud83d'
    assert mask_secrets(text, [SECRET, "a-client-id", "%20", "++++++++"]) == text


def test_text_with_too_many_levels_of_escapes_is_not_shown() -> None:
    """The content of such a text is unknown."""
    assert "not shown" in mask_secrets("%" + "25" * 9 + "41", [SECRET])
    assert mask_secrets("%" + "25" * 9 + "41", []) == "%" + "25" * 9 + "41"


def test_long_text_with_escapes_in_escapes_is_not_shown() -> None:
    """Each level takes time, so fewer of them are undone in a long text."""
    rest = "a" * 2**16
    assert "not shown" not in mask_secrets(f"%2541{rest}", [SECRET])
    assert "not shown" in mask_secrets(f"%252541{rest}", [SECRET])
    assert "not shown" not in mask_secrets("%252541", [SECRET])


@pytest.mark.parametrize(
    "piece", ["\\", "%", "%25", "&", "&amp;", "&#65;", "+", '"', r"\u005c", "a"]
)
def test_hostile_text_is_masked_quickly(piece: str) -> None:
    """One MiB of escapes does not stall the program."""
    text = piece * (2**20 // len(piece))
    begin = time.process_time()
    mask_secrets(text, [SECRET])
    excerpt(text)
    assert time.process_time() - begin < 2


@pytest.mark.rule("R007")
def test_secret_in_json_is_masked_and_the_rest_is_kept() -> None:
    """The text stays JSON, with its numbers, spaces and escapes."""
    form = json.dumps(SECRET).replace("/", r"\/")
    text = rf'{{ "a\/b":  [1.50, {form}, "no\u0020{form[1:-1]}"], {form}: "12345678" }}'
    shown = mask_secrets_in_json(text, [SECRET, "12345678"])
    assert shown == r'{ "a\/b":  [1.50, "***", "no ***"], "***": "***" }'
    assert mask_secrets_in_json(text, ["another-secret"]) == text


@pytest.mark.rule("R007")
def test_string_with_an_escaped_secret_is_not_shown() -> None:
    """The other strings of the JSON text are shown."""
    text = json.dumps({"error": "e", "body": html.escape(SECRET)})
    shown = json.loads(mask_secrets_in_json(text, [SECRET]))
    assert shown["error"] == "e"
    assert "contain a secret" in shown["body"]


@pytest.mark.rule("R007")
def test_number_in_json_is_masked() -> None:
    """A one-time password may be sent back as a number."""
    assert mask_secrets_in_json('{"otp": 123456}', ["123456"]) == '{"otp": ***}'


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


@given(st.text(), SECRETS)
def test_no_secret_remains_in_json(text: str, secret: str) -> None:
    """Parsing the masked text does not bring a secret back."""
    body = json.dumps({text + secret: [text, json.dumps(secret)]})
    shown = mask_secrets_in_json(body, [secret])
    assert secret not in shown
    assert secret not in str(json.loads(shown))


def test_objects_with_secrets_cannot_be_pickled() -> None:
    """The error names the class."""

    class Password(Unpicklable):
        pass

    with pytest.raises(TypeError, match=r"^Password holds a secret, so it is not pickled$"):
        pickle.dumps(Password())
