"""HTTP Basic, and the credentials that every method works with."""

import asyncio
import base64
import copy
import pickle
from urllib.parse import quote_plus, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioalf.client_auth import ClientSecretBasic, Credentials, MutableForm
from aioalf.errors import TokenConfigurationError

AUDIENCE = "https://auth.example.com"


def sent(credentials: Credentials, *, form_encode: bool = True) -> str:
    """What is in the Authorization field, decoded from base64."""
    basic = ClientSecretBasic(form_encode=form_encode)
    fields = asyncio.run(basic.authenticate(credentials, {}, AUDIENCE))
    scheme, _, value = fields["Authorization"].partition(" ")
    assert (list(fields), scheme) == (["Authorization"], "Basic")
    return base64.b64decode(value, validate=True).decode()


@pytest.mark.rule("R006")
def test_basic_form_encodes_the_secret() -> None:
    """The example of RFC 6749 Appendix B."""
    assert sent(Credentials("id", " %&+£€")) == "id:+%25%26%2B%C2%A3%E2%82%AC"


@pytest.mark.rule("R006")
@given(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")))
def test_a_server_that_decodes_gets_id_and_secret_back(client_id: str, secret: str) -> None:
    """Colons, spaces, signs, any letters: each of the two comes out whole."""
    first, _, second = sent(Credentials(client_id, secret)).partition(":")
    assert (unquote_plus(first), unquote_plus(second)) == (client_id, secret)


@pytest.mark.rule("R006")
def test_the_project_page_s_client_id_is_encoded() -> None:
    """An id that is itself base64 holds what the encoding must touch."""
    assert sent(Credentials("glBQ3nYU/8/kaVi/bIgXGA==", "")) == (
        "glBQ3nYU%2F8%2FkaVi%2FbIgXGA%3D%3D:"
    )


@pytest.mark.rule("R006")
def test_raw_is_one_option_away() -> None:
    """A server that does not decode gets what it compares."""
    assert sent(Credentials("i+d", "s%: é"), form_encode=False) == "i+d:s%: é"


@pytest.mark.rule("R006")
def test_raw_refuses_an_id_with_a_colon() -> None:
    """Unencoded, nobody could tell where such an id ends (RFC 7617 §2)."""
    with pytest.raises(TokenConfigurationError, match="form_encode=True") as caught:
        sent(Credentials("a:b", "secret"), form_encode=False)
    assert "a:b" not in str(caught.value)


@pytest.mark.rule("R005")
def test_basic_leaves_the_form_alone() -> None:
    """Credentials in the header are not in the body as well."""
    form: MutableForm = {"grant_type": "client_credentials"}
    asyncio.run(ClientSecretBasic().authenticate(Credentials("id", "secret"), form, AUDIENCE))
    assert form == {"grant_type": "client_credentials"}


@pytest.mark.rule("R010")
def test_an_empty_secret_is_sent_as_empty() -> None:
    """A client without a secret is named all the same."""
    assert sent(Credentials("id", "")) == "id:"


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
def test_what_is_missing_is_named(credentials: Credentials, missing: str) -> None:
    """The error says which of the two it is."""
    with pytest.raises(TokenConfigurationError, match=missing):
        sent(credentials)


@pytest.mark.parametrize("value", [5, b"bytes", "\ud800"])
def test_what_is_no_text_is_refused(value: object) -> None:
    """Bytes and lone surrogates have no form that a server could compare."""
    with pytest.raises(TokenConfigurationError, match="client_secret must be text"):
        sent(Credentials("id", value))  # type: ignore[arg-type]
    with pytest.raises(TokenConfigurationError, match="client_id must be text"):
        sent(Credentials(value, "secret"))  # type: ignore[arg-type]


@pytest.mark.rule("R007")
def test_credentials_do_not_show_themselves() -> None:
    """They are in frames that an error reporter prints."""
    assert repr(Credentials("the-id", "the-secret")) == "<Credentials>"


@pytest.mark.rule("R063")
def test_credentials_are_not_pickled() -> None:
    """A secret does not slip into a file or a queue."""
    for write in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="not pickled"):
            write(Credentials("id", "secret"))


@pytest.mark.rule("R007")
def test_what_must_not_be_shown_is_known() -> None:
    """Id, secret, and what Basic makes of the two; nothing of what was not given."""
    known = Credentials("i d", "s+t").known()
    assert known == {"i d", "s+t", "i d:s+t", f"{quote_plus('i d')}:{quote_plus('s+t')}"}
    assert Credentials("id", "").known() == Credentials("id", None).known() == {"id"}
    assert Credentials(None, None).known() == frozenset()
