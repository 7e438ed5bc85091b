"""HTTP Basic, and the credentials that all methods use."""

import asyncio
import base64
import copy
import pickle
from urllib.parse import quote_plus, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf.client_auth import ClientSecretBasic, Credentials, MutableForm
from aioalf.client_auth.credentials import ClientIdText
from aioalf.errors import TokenConfigurationError

AUDIENCE = "https://auth.example.com"


def basic_value(credentials: Credentials, *, form_encode: bool = True) -> str:
    """Return the Authorization header's value, decoded from base64."""
    basic = ClientSecretBasic(form_encode=form_encode)
    headers = asyncio.run(basic.authenticate(credentials, {}, AUDIENCE))
    scheme, _, value = headers["Authorization"].partition(" ")
    assert (list(headers), scheme) == (["Authorization"], "Basic")
    return base64.b64decode(value, validate=True).decode()


@pytest.mark.rule("R006")
def test_basic_form_encodes_the_secret() -> None:
    """The secret of the example in RFC 6749 Appendix B is encoded as shown there."""
    assert basic_value(Credentials("id", " %&+£€")) == "id:+%25%26%2B%C2%A3%E2%82%AC"


@pytest.mark.rule("R006")
@given(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")))
def test_decoding_restores_id_and_secret(client_id: str, secret: str) -> None:
    """Any id and any secret survive encoding and decoding, colons and spaces included."""
    first, _, second = basic_value(Credentials(client_id, secret)).partition(":")
    assert (unquote_plus(first), unquote_plus(second)) == (client_id, secret)


@pytest.mark.rule("R006")
def test_base64_client_id_is_encoded() -> None:
    """The project page's client id is base64, whose characters / and = must be encoded."""
    assert basic_value(Credentials("glBQ3nYU/8/kaVi/bIgXGA==", "")) == (
        "glBQ3nYU%2F8%2FkaVi%2FbIgXGA%3D%3D:"
    )


@pytest.mark.rule("R006")
def test_form_encode_false_sends_id_and_secret_unencoded() -> None:
    """Servers that do not decode receive id and secret unchanged."""
    assert basic_value(Credentials("i+d", "s%: é"), form_encode=False) == "i+d:s%: é"


@pytest.mark.rule("R006")
def test_unencoded_id_with_colon_is_refused() -> None:
    """A server could not tell where an unencoded id with a colon ends (RFC 7617 §2)."""
    with pytest.raises(TokenConfigurationError, match="form_encode=True") as caught:
        basic_value(Credentials("a:b", "secret"), form_encode=False)
    assert "a:b" not in str(caught.value)


@pytest.mark.rule("R005")
def test_basic_does_not_change_the_form() -> None:
    """Credentials in the header are not sent in the body, too."""
    form: MutableForm = {"grant_type": "client_credentials"}
    asyncio.run(ClientSecretBasic().authenticate(Credentials("id", "secret"), form, AUDIENCE))
    assert form == {"grant_type": "client_credentials"}


@pytest.mark.rule("R010")
def test_empty_secret_is_sent_as_empty() -> None:
    """The header of a client with an empty secret still names the client id."""
    assert basic_value(Credentials("id", "")) == "id:"


@pytest.mark.rule("R010")
@pytest.mark.parametrize(
    ("credentials", "missing"),
    [
        (Credentials(None, "secret"), "Missing client_id"),
        (Credentials("id", None), "Missing client_secret"),
        (Credentials(None, None), "Missing client_id"),
        (Credentials("", "secret"), "Missing client_id"),
    ],
)
def test_error_names_the_missing_credential(credentials: Credentials, missing: str) -> None:
    """The error says whether the id or the secret is missing."""
    with pytest.raises(TokenConfigurationError, match=missing):
        basic_value(credentials)


@pytest.mark.parametrize("value", [5, b"bytes", "\ud800"])
def test_credential_that_is_not_text_is_refused(value: object) -> None:
    """Bytes and lone surrogates are refused, since they cannot be sent as UTF-8."""
    with pytest.raises(TokenConfigurationError, match="client_secret must be text"):
        basic_value(Credentials("id", value))  # type: ignore[arg-type]
    with pytest.raises(TokenConfigurationError, match="client_id must be text"):
        basic_value(Credentials(value, "secret"))  # type: ignore[arg-type]


@pytest.mark.rule("R007")
def test_repr_of_credentials_shows_neither_id_nor_secret() -> None:
    """Error reporters print the repr of local variables."""
    assert repr(Credentials("the-id", "the-secret")) == "<Credentials>"


@pytest.mark.rule("R063")
def test_credentials_cannot_be_pickled_or_copied() -> None:
    """A secret does not end up in a file or a queue by accident."""
    for write in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="Credentials holds a secret, so it is not pickled"):
            write(Credentials("id", "secret"))


@pytest.mark.rule("R007")
def test_known_lists_the_texts_to_mask() -> None:
    """The texts to mask are the id, the secret and both joined as in Basic, if they are set."""
    known = Credentials("i d", "s+t").known()
    assert known == {"i d", "i+d", "s+t", "i d:s+t", f"{quote_plus('i d')}:{quote_plus('s+t')}"}
    assert Credentials("id", "").known() == Credentials("id", None).known() == {"id"}
    assert Credentials(None, None).known() == frozenset()
    assert Credentials(None, "secret").known() == {"secret"}


def test_client_id_is_told_apart_from_secrets() -> None:
    """A response may repeat the id; a secret that equals the id stays a secret."""
    known = Credentials("i d", "s+t").known()
    assert {text for text in known if isinstance(text, ClientIdText)} == {"i d", "i+d"}
    assert not any(isinstance(text, ClientIdText) for text in Credentials("a", "a").known())
