"""One exchange with an authorization server: what is sent, and through whose network."""

import asyncio
import ssl
from unittest.mock import AsyncMock

import pytest
from aiohttp import ClientSession
from yarl import URL

from aioalf._auth_server.http import AuthServerHTTP
from aioalf._auth_server.request_params import Form
from aioalf._auth_server.response import ServerResponse
from aioalf.errors import TokenConfigurationError, TokenConnectionError
from tests.support.raw_server import RawServer, answer


async def test_several_values_of_a_name_are_sent_one_by_one() -> None:
    """As RFC 8707 has resources; empty ones are none."""
    resources = ("https://a.example", "", "https://b.example")
    form: Form = {"resource": resources, "scope": "", "code": "ab"}
    async with RawServer(answer(b"{}", Content_Type="text/x")) as server:
        exchange = AuthServerHTTP(None, lambda: None)
        found = await exchange.post("token_endpoint", URL(server.url), form, {"X-A": "1"})
    assert (found.status, found.content_type, found.body) == (200, "text/x", b"{}")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert body == b"resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example&code=ab"
    assert b"\r\nX-A: 1" in head


async def test_a_certificate_is_shown_over_https_only() -> None:
    """Nothing is sent, and it is said to whom it was meant to be."""
    async with RawServer(answer(b"{}")) as server:
        exchange = AuthServerHTTP(None, lambda: None)
        url = URL(server.url).with_path("/token").with_query(key="secret")
        said = (
            rf"certificate cannot be shown to the token endpoint {server.url}/token: it needs https"
        )
        with pytest.raises(TokenConfigurationError, match=said):
            await exchange.post("token_endpoint", url, {}, {}, ssl=ssl.create_default_context())
    assert server.requests == []


async def test_an_option_that_aiohttp_does_not_know_is_told() -> None:
    """In its words, which name the option."""
    exchange = AuthServerHTTP({"speed": "high"}, lambda: None)
    said = "look at http_options: .* unexpected keyword argument 'speed'"
    with pytest.raises(TokenConfigurationError, match=said):
        await exchange.get("issuer", URL("http://127.0.0.1:1/"))


@pytest.mark.parametrize(
    ("error", "reason"), [(TimeoutError(), "TimeoutError"), (OSError("no: "), "OSError: no")]
)
async def test_the_reason_of_no_answer_is_told(
    monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str
) -> None:
    """By its name, and what it says, if it says something."""
    monkeypatch.setattr(AuthServerHTTP, "_send", AsyncMock(side_effect=error))
    with pytest.raises(TokenConnectionError) as caught:
        await AuthServerHTTP(None, lambda: None).get("issuer", URL("http://127.0.0.1:1/token?a=b"))
    assert str(caught.value) == f"No answer from the issuer http://127.0.0.1:1/token: {reason}"


def test_the_network_of_another_event_loop_is_left_alone() -> None:
    """Its connections cannot be waited for: a session of our own is used."""

    async def opened() -> ClientSession:
        return ClientSession()

    async def asked(network: ClientSession) -> ServerResponse:
        async with RawServer(answer(b"{}")) as server:
            taken = network.connector
            answered = await AuthServerHTTP(None, lambda: network).get("issuer", URL(server.url))
            assert network.connector is taken
            assert not network.closed
            return answered

    with asyncio.Runner() as first, asyncio.Runner() as second:
        network = first.run(opened())
        assert second.run(asked(network)).status == 200
        first.run(network.close())
