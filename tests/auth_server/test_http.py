"""HTTP requests to the authorization server: the form, the network and the errors."""

import ssl
import traceback
from unittest.mock import AsyncMock

import pytest
from yarl import URL

from aioalf._auth_server.http import AuthServerHTTP
from aioalf._auth_server.request_params import Form
from aioalf.errors import TokenConfigurationError, TokenConnectionError
from tests.support.raw_server import RawServer, answer

NOWHERE = URL("http://127.0.0.1:1/token")


async def test_several_values_are_sent_as_several_parameters() -> None:
    """A tuple is sent as one parameter per value (RFC 8707 §2); empty values are not sent."""
    resources = ("https://a.example", "", "https://b.example")
    form: Form = {"resource": resources, "scope": "", "code": "ab"}
    async with RawServer(answer(b"{}", Content_Type="text/x")) as server:
        http = AuthServerHTTP()
        response = await http.post("token_endpoint", URL(server.url), form, {"X-A": "1"})
    assert (response.status, response.content_type, response.body) == (200, "text/x", b"{}")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert body == b"resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example&code=ab"
    assert b"\r\nX-A: 1" in head


async def test_client_certificate_needs_https() -> None:
    """Nothing is sent, and the error names the endpoint."""
    async with RawServer(answer(b"{}")) as server:
        http = AuthServerHTTP()
        url = URL(server.url).with_path("/token").with_query(key="secret")
        said = rf"cannot be shown to the token endpoint {server.url}/token: it needs https"
        with pytest.raises(TokenConfigurationError, match=said):
            await http.post("token_endpoint", url, {}, {}, ssl=ssl.create_default_context())
    assert server.requests == []


async def test_unknown_option_is_named_in_the_error() -> None:
    """The error quotes aiohttp, which names the option."""
    http = AuthServerHTTP({"speed": "high"})
    said = "look at http_options: .* unexpected keyword argument 'speed'"
    with pytest.raises(TokenConfigurationError, match=said) as caught:
        await http.get("issuer", NOWHERE)
    assert isinstance(caught.value.__cause__, TypeError)


@pytest.mark.parametrize(
    ("error", "reason"), [(TimeoutError(), "TimeoutError"), (OSError("no: "), "OSError: no")]
)
async def test_connection_error_names_the_reason(
    monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str
) -> None:
    """The message has the type of the reason, and its text if there is one."""
    monkeypatch.setattr(AuthServerHTTP, "_send", AsyncMock(side_effect=error))
    with pytest.raises(TokenConnectionError) as caught:
        await AuthServerHTTP().get("issuer", NOWHERE.with_query(a="b"))
    assert str(caught.value) == f"No response from the issuer {NOWHERE}: {reason}"
    assert caught.value.__cause__ is error


@pytest.mark.rule("R007")
async def test_parameter_that_cannot_be_encoded_is_not_shown() -> None:
    """Python's error holds the value; it is neither the cause nor the context of ours."""
    secret = "hunter2-\ud800"
    http = AuthServerHTTP()
    with pytest.raises(TokenConfigurationError, match="cannot be sent") as caught:
        await http.post(
            "token_endpoint", NOWHERE, {"otp_secret": secret}, {}, secrets=frozenset({secret})
        )
    error = caught.value
    assert (error.__cause__, error.__context__) == (None, None)
    assert "hunter2" not in "".join(traceback.format_exception(error))


@pytest.mark.rule("R007")
async def test_error_of_aiohttp_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret of the request that aiohttp quotes is masked, and aiohttp's error is not kept."""
    quoting = AsyncMock(side_effect=ValueError("bad value 'hunter2-otp'"))
    monkeypatch.setattr(AuthServerHTTP, "_send", quoting)
    http = AuthServerHTTP()
    with pytest.raises(TokenConfigurationError, match=r"bad value '\*\*\*'$") as caught:
        await http.post("token_endpoint", NOWHERE, {}, {}, secrets=frozenset({"hunter2-otp"}))
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
