"""Assertions that another party made, such as the identity token of a platform."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aioalf.client_auth import ClientAssertion, Credentials, SecretFile
from aioalf.errors import TokenConfigurationError, TokenError, TokenHTTPError
from aioalf.manager import TokenManager
from aioalf.retry import Retry
from aioalf.testing import Fault, OAuthServer
from tests.client_auth.proofs import sent
from tests.testing.signing import EC, claims, public, signed

NO_SECRET = Credentials("client-id", None)
JWT_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.mark.rule("R005", "R152")
async def test_form_has_the_assertion_and_the_client_id() -> None:
    """No header is sent, and the default type is a JWT."""
    headers, form = await sent(ClientAssertion("a.b.c"), NO_SECRET)
    assert (dict(headers), form) == (
        {},
        {"client_id": "client-id", "client_assertion_type": JWT_TYPE, "client_assertion": "a.b.c"},
    )


async def test_type_and_client_id_can_be_set() -> None:
    """The assertion names the client, and may be another kind than a JWT (RFC 7521 §4.2)."""
    saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
    method = ClientAssertion("PHNhbWw-", saml, send_client_id=False)
    _, form = await sent(method, Credentials(None, None))
    assert form == {"client_assertion_type": saml, "client_assertion": "PHNhbWw-"}


async def test_client_id_is_required_if_it_is_sent() -> None:
    """The error names what is missing."""
    with pytest.raises(TokenConfigurationError, match="Missing client_id"):
        await sent(ClientAssertion("a.b.c"), Credentials(None, None))


@pytest.mark.rule("R150")
@pytest.mark.parametrize("kind", ["function", "coroutine function", "file"])
async def test_source_is_read_for_each_request(kind: str, tmp_path: Path) -> None:
    """A platform replaces its token before it expires; a restart is not needed."""
    file = tmp_path / "token"

    async def read() -> str:
        return file.read_text()

    sources: dict[str, Any] = {
        "function": file.read_text,
        "coroutine function": read,
        "file": SecretFile(file),
    }
    method = ClientAssertion(sources[kind])
    for assertion in ("first", "second"):
        file.write_text(assertion)
        assert (await sent(method, NO_SECRET))[1]["client_assertion"] == assertion
    assert method.key_digest is None


def test_only_a_text_has_a_digest_for_cache_keys() -> None:
    """The digest does not show the assertion; a function may return another client's assertion."""
    digest = ClientAssertion("a.b.c").key_digest
    assert digest not in {None, ClientAssertion("a.b.d").key_digest}
    assert "a.b.c" not in str(digest)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ClientAssertion(""),
        lambda: ClientAssertion(5),  # type: ignore[arg-type]
        lambda: ClientAssertion("a", ""),
        lambda: ClientAssertion("a", None),  # type: ignore[arg-type]
    ],
)
def test_invalid_arguments_are_refused(make: Callable[[], object]) -> None:
    """The constructor raises, not the first request."""
    with pytest.raises(TokenConfigurationError):
        make()


async def test_function_without_an_assertion_is_an_error() -> None:
    """The message names the client assertion, and shows nothing that the function returned."""
    with pytest.raises(TokenConfigurationError, match="client assertion must be text"):
        await sent(ClientAssertion(lambda: None), NO_SECRET)  # type: ignore[arg-type]

    def failing() -> str:
        raise OSError("hush")

    with pytest.raises(TokenError, match=r"No client assertion: .* OSError") as caught:
        await sent(ClientAssertion(failing), NO_SECRET)
    assert "hush" not in str(caught.value)


@pytest.mark.rule("R063")
def test_assertion_is_not_in_repr_and_cannot_be_pickled() -> None:
    """The object hides its assertion."""
    method = ClientAssertion("a.b.c")
    assert "a.b.c" not in repr(method)
    with pytest.raises(TypeError, match="is not pickled"):
        pickle.dumps(method)


@pytest.mark.rule("R007", "R150")
async def test_server_accepts_the_assertion_of_a_platform(oauth_server: OAuthServer) -> None:
    """Each attempt has the platform's current assertion, and errors do not show it."""
    oauth_server.add_client("client", public_key=public(EC))

    def identity_token() -> str:
        return signed(claims("client", oauth_server.issuer), EC)

    retry = Retry(attempts=2, wait_initial=0)
    manager = TokenManager(
        oauth_server.token_endpoint,
        "client",
        None,
        client_auth=ClientAssertion(identity_token),
        retry=retry,
    )
    oauth_server.token_fault = Fault.status(503).times(1)
    assert await manager.get_token()
    first, second = (request.form["client_assertion"] for request in oauth_server.log)
    assert first != second
    oauth_server.token_fault = Fault.oauth_error("invalid_client", second, status=401)
    refused = TokenManager(
        oauth_server.token_endpoint, "client", None, client_auth=ClientAssertion(second)
    )
    with pytest.raises(TokenHTTPError) as caught:
        await refused.get_token()
    assert second not in f"{caught.value} {caught.value.response_text}"
    assert len(oauth_server.log) == 3  # a chosen method is the only one
