"""Which method is used where the caller chose none, or where the one chosen is not taken."""

import pytest

from aioalf.client_auth import ClientAuth, ClientSecretBasic, ClientSecretPost, PublicClient
from aioalf.client_auth._negotiation import default_method, method_elsewhere
from aioalf.errors import TokenConfigurationError

BASIC, POST, JWT = "client_secret_basic", "client_secret_post", "client_secret_jwt"


@pytest.mark.rule("R008")
@pytest.mark.parametrize(
    ("listed", "method"),
    [
        (None, BASIC),
        ([POST, BASIC], BASIC),
        (["private_key_jwt", JWT, POST], POST),
        (["none", JWT], JWT),
    ],
)
def test_basic_is_first_where_there_is_a_secret(listed: list[str] | None, method: str) -> None:
    """Then what the server takes instead; a server that lists nothing takes Basic."""
    assert default_method(listed, has_secret=True).method == method


@pytest.mark.rule("R009")
@pytest.mark.parametrize("listed", [None, [BASIC], ["none"]])
def test_without_a_secret_a_client_is_public(listed: list[str] | None) -> None:
    """Some servers take such clients and do not list it."""
    assert default_method(listed, has_secret=False).method == "none"


@pytest.mark.parametrize(
    ("listed", "said"),
    [(["tls_client_auth", "private_key_jwt"], "private_key_jwt, tls"), ([], "no")],
)
def test_what_only_the_caller_has_is_asked_for(listed: list[str], said: str) -> None:
    """A key or a certificate does not come without a choice."""
    with pytest.raises(TokenConfigurationError, match=f"by {said}.*: pass client_auth"):
        default_method(listed, has_secret=True)


@pytest.mark.parametrize(
    ("method", "listed", "used"),
    [
        (ClientSecretPost(), [BASIC], BASIC),
        (ClientSecretPost(), [BASIC, POST], POST),
        (ClientSecretBasic(), [POST], POST),
        (ClientSecretPost(), None, POST),
        (ClientSecretPost(), ["private_key_jwt"], POST),
        (ClientSecretPost(), [], POST),
    ],
)
def test_another_endpoint_is_shown_the_secret_as_it_takes_it(
    method: ClientAuth, listed: list[str] | None, used: str
) -> None:
    """The method stays the same where that is taken, and where no other is possible."""
    assert method_elsewhere(method, listed, has_secret=True).method == used


def test_another_endpoint_gets_no_secret_of_a_client_without_one() -> None:
    """A public client stays one, whatever is listed."""
    assert method_elsewhere(PublicClient(), [BASIC], has_secret=False).method == "none"
