"""Handling of a 401: the token is renewed once, and the request is sent once more."""

import asyncio
from typing import Any

import pytest
from aiohttp import (
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    TCPConnector,
    TraceConfig,
    request,
)
from aiohttp.helpers import sentinel

from aioalf import Renewal
from aioalf.testing import Fault, OAuthServer
from tests.support.front import Way, api_log, by_given_session, client_of, every_way

# A GET is repeated from its start; of a POST only the rejected hop is repeated.
every_method = pytest.mark.parametrize("method", ["GET", "POST"])
STEP_UP = 'Bearer error="insufficient_user_authentication", acr_values="loa2"'


@pytest.mark.rule("R056")
@every_way
@every_method
async def test_rejected_request_is_sent_again_with_a_new_token(
    oauth_server: OAuthServer, way: Way, method: str
) -> None:
    """A 401 causes one token request and one retry, whose response the caller gets."""
    async with way(oauth_server) as sender:
        async with sender.request(method, oauth_server.url("/things")) as response:
            assert (await response.json())["token_number"] == 1
        oauth_server.revoke_all()
        async with sender.request(method, oauth_server.url("/things")) as response:
            assert (await response.json())["token_number"] == 2
    assert (oauth_server.token_requests, oauth_server.api_requests) == (2, 3)


@pytest.mark.rule("R056")
@pytest.mark.parametrize("challenge", ["", "Basic", 'Bearer error="invalid_token"', '"nonsense'])
@every_way
@every_method
async def test_second_401_is_returned(
    oauth_server: OAuthServer, way: Way, method: str, challenge: str
) -> None:
    """Any 401 causes one renewal, and a second 401 is the response."""
    oauth_server.api_fault = Fault.status(401, headers={"WWW-Authenticate": challenge})
    async with (
        way(oauth_server) as sender,
        sender.request(method, oauth_server.url("/things")) as response,
    ):
        assert response.status == 401
    assert (oauth_server.token_requests, oauth_server.api_requests) == (2, 2)


@pytest.mark.rule("R061")
async def test_retry_uses_the_connection_of_the_rejected_request(
    oauth_server: OAuthServer,
) -> None:
    """The connection of a rejected request is released before the retry."""
    connections: list[str] = []

    async def count(*_: object) -> None:
        connections.append("connection")

    trace = TraceConfig()
    trace.on_connection_create_end.append(count)
    async with (
        ClientSession(trace_configs=[trace]) as session,
        client_of(oauth_server, session) as client,
    ):
        for _ in range(3):
            oauth_server.revoke_all()
            async with client.post(oauth_server.url("/things"), data=b"alf") as response:
                assert response.status == 200
    assert len(connections) == 1


@pytest.mark.rule("R056")
@every_way
async def test_api_that_rejects_every_token_causes_one_renewal(
    oauth_server: OAuthServer, way: Way
) -> None:
    """For a while after a renewal that did not help, a 401 is returned without a renewal."""
    async with way(oauth_server) as sender:
        oauth_server.api_fault = Fault.status(401)
        for _ in range(5):
            async with sender.get(oauth_server.url("/things")) as response:
                assert response.status == 401
        assert (oauth_server.token_requests, oauth_server.api_requests) == (2, 6)


@pytest.mark.rule("R056")
async def test_failure_backoff_of_zero_renews_after_each_401(oauth_server: OAuthServer) -> None:
    """With `failure_backoff=0`, each 401 causes a renewal."""
    oauth_server.api_fault = Fault.status(401)
    async with client_of(oauth_server, renewal=Renewal(failure_backoff=0)) as client:
        for _ in range(3):
            async with client.get(oauth_server.url("/things")) as response:
                assert response.status == 401
    assert (oauth_server.token_requests, oauth_server.api_requests) == (4, 6)


@pytest.mark.rule("R057")
@pytest.mark.parametrize("challenge", ['Bearer error="insufficient_scope"', STEP_UP])
@every_way
@every_method
async def test_401_for_insufficient_scope_or_step_up_is_returned(
    oauth_server: OAuthServer, way: Way, method: str, challenge: str
) -> None:
    """A 401 that requires more scope or another sign-in causes no renewal and no retry."""
    oauth_server.api_fault = Fault.status(401, headers={"WWW-Authenticate": challenge})
    async with (
        way(oauth_server) as sender,
        sender.request(method, oauth_server.url("/things")) as response,
    ):
        assert response.status == 401
    assert (oauth_server.token_requests, oauth_server.api_requests) == (1, 1)


@pytest.mark.rule("R058")
@every_way
async def test_403_is_returned(oauth_server: OAuthServer, way: Way) -> None:
    """A 403 causes no renewal, since a new token would have the same scope."""
    async with (
        way(oauth_server) as sender,
        sender.get(oauth_server.url("/forbidden")) as response,
    ):
        assert response.status == 403
    assert (oauth_server.token_requests, oauth_server.api_requests) == (1, 1)


@pytest.mark.rule("R060")
@every_way
@every_method
async def test_revocation_under_load_causes_one_token_request(
    oauth_server: OAuthServer, way: Way, method: str
) -> None:
    """Hundreds of requests with the revoked token share one renewal, and all succeed."""

    async def request_status() -> int:
        async with sender.request(method, oauth_server.url("/things")) as response:
            return response.status

    async with way(oauth_server) as sender:
        assert await request_status() == 200
        oauth_server.revoke_all()
        oauth_server.reset_counters()
        assert set(await asyncio.gather(*(request_status() for _ in range(300)))) == {200}
    assert oauth_server.token_requests == 1
    assert oauth_server.rejected_requests >= 100


@pytest.mark.rule("R060")
async def test_late_401_uses_the_current_token(oauth_server: OAuthServer) -> None:
    """A request that is rejected after the renewal of its token causes no second renewal."""
    async with client_of(oauth_server) as client:
        oauth_server.api_fault = Fault.slow(0.2).times(1)
        late = asyncio.create_task(client.get(oauth_server.url("/late")))
        await oauth_server.reached(api_requests=1)
        oauth_server.revoke_all()
        async with client.get(oauth_server.url("/things")) as response:
            assert response.status == 200
        async with await late as response:
            assert (await response.json())["token_number"] == 2
    assert oauth_server.token_requests == 2


@pytest.mark.rule("R061")
@every_way
@every_method
async def test_401_response_releases_its_connection(
    oauth_server: OAuthServer, way: Way, method: str
) -> None:
    """A hundred 401 responses leave no connection in use."""
    async with way(oauth_server) as sender, asyncio.timeout(30):
        for _ in range(100):
            oauth_server.revoke_all()
            async with sender.request(method, oauth_server.url("/things")) as response:
                assert response.status == 200
    assert oauth_server.rejected_requests == 99


@pytest.mark.rule("R061")
@every_way
@every_method
async def test_body_of_a_401_response_is_not_read(
    oauth_server: OAuthServer, way: Way, method: str
) -> None:
    """The retry does not wait for the body of the 401 response, however long it is."""
    async with way(oauth_server, limit=1) as sender, asyncio.timeout(10):
        oauth_server.api_fault = Fault.body(b"x" * 2**22, status=401).times(1)
        async with sender.request(method, oauth_server.url("/things")) as response:
            assert response.status == 200
    assert oauth_server.api_requests == 2


@pytest.mark.rule("R056", "R061")
async def test_renewal_works_if_a_recorder_bypasses_middlewares(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without middlewares the client renews the token and releases the connection itself."""
    send = ClientSession._request  # noqa: SLF001 - recorders replace it

    async def record(session: ClientSession, *args: Any, **options: Any) -> ClientResponse:
        return await send(session, *args, **{**options, "middlewares": ()})

    monkeypatch.setattr(ClientSession, "_request", record)
    oauth_server.api_fault = Fault.body(b"x" * 2**22, status=401).times(1)
    async with (
        by_given_session(oauth_server, limit=1) as client,
        asyncio.timeout(10),
        client.post(oauth_server.url("/things"), data="alf") as response,
    ):
        assert (await response.json())["body"] == "alf"
    assert (oauth_server.token_requests, oauth_server.api_requests) == (2, 2)


@pytest.mark.rule("R061")
async def test_concurrent_401s_do_not_exhaust_the_connection_pool(
    oauth_server: OAuthServer,
) -> None:
    """Ten concurrent requests, all rejected at first, succeed on two connections."""

    async def request_status() -> int:
        async with client.get(oauth_server.url("/things")) as response:
            return response.status

    async with (
        ClientSession(connector=TCPConnector(limit=2)) as session,
        client_of(oauth_server, session) as client,
        asyncio.timeout(30),
    ):
        for _ in range(10):
            oauth_server.revoke_all()
            assert set(await asyncio.gather(*(request_status() for _ in range(10)))) == {200}


@pytest.mark.rule("R056")
@every_way
async def test_raise_for_status_applies_to_the_response_of_the_retry(
    oauth_server: OAuthServer, way: Way
) -> None:
    """A 401 that a renewal resolves raises no error; a second 401 raises aiohttp's error."""
    async with way(oauth_server) as sender:
        async with sender.get(oauth_server.url("/things"), raise_for_status=True):
            oauth_server.revoke_all()
        async with sender.get(oauth_server.url("/things"), raise_for_status=True) as response:
            assert response.status == 200
        oauth_server.api_fault = Fault.status(401)
        with pytest.raises(ClientResponseError, match="401"):
            await sender.get(oauth_server.url("/things"), raise_for_status=True)


@every_method
@pytest.mark.parametrize("has_session", [False, True])
async def test_total_timeout_includes_the_renewal(
    oauth_server: OAuthServer, method: str, *, has_session: bool
) -> None:
    """The timeout of a call or of the caller's session also limits the renewal."""
    timeout, url = ClientTimeout(total=1.0, connect=5), oauth_server.url("/things")
    async with (
        ClientSession(timeout=timeout) as session,
        client_of(oauth_server, session if has_session else None) as client,
    ):
        async with client.get(url, timeout=ClientTimeout(30)):
            oauth_server.revoke_all()
        oauth_server.token_fault = Fault.slow(5).times(1)
        with pytest.raises(TimeoutError):
            await client.request(method, url, timeout=sentinel if has_session else timeout)
    assert oauth_server.api_requests == 2


@pytest.mark.parametrize(
    ("limits", "has_session"),
    [
        (ClientTimeout(total=5.5), False),
        (ClientTimeout(9, connect=8, sock_read=7, sock_connect=6, ceil_threshold=4), False),
        (ClientTimeout(9, connect=8, sock_read=7, sock_connect=6, ceil_threshold=4), True),
        (9, False),
    ],
)
async def test_retry_gets_the_rest_of_the_total_timeout(
    oauth_server: OAuthServer,
    monkeypatch: pytest.MonkeyPatch,
    limits: ClientTimeout | float,
    *,
    has_session: bool,
) -> None:
    """The retry gets the rest of the total timeout and the other timeouts unchanged."""
    timeout = limits if isinstance(limits, ClientTimeout) else ClientTimeout(total=limits)
    send, timeouts = ClientSession._request, list[Any]()  # noqa: SLF001 - the client calls it

    async def record_timeout(session: ClientSession, *args: Any, **options: Any) -> ClientResponse:
        if str(args[1]).endswith("/things"):
            timeouts.append(options.get("timeout"))
        return await send(session, *args, **options)

    async with (
        ClientSession(timeout=timeout) as session,
        client_of(oauth_server, session if has_session else None) as client,
    ):
        async with client.get(oauth_server.url("/")):
            oauth_server.revoke_all()
        monkeypatch.setattr(ClientSession, "_request", record_timeout)
        oauth_server.token_fault = Fault.slow(0.1)
        options: dict[str, Any] = {} if has_session else {"timeout": limits}
        async with client.get(oauth_server.url("/things"), **options) as response:
            assert response.status == 200
    first, second = timeouts
    assert first == options.get("timeout")
    assert timeout.total is not None
    assert 0 < second.total <= timeout.total - 0.1
    for name in ("connect", "sock_read", "sock_connect", "ceil_threshold"):
        assert getattr(second, name) == getattr(timeout, name)


@pytest.mark.rule("R056")
async def test_raise_for_status_function_gets_the_response_of_the_retry(
    oauth_server: OAuthServer,
) -> None:
    """A session's `raise_for_status` function is not called for a 401 that is renewed."""
    statuses: list[int] = []

    async def check(response: ClientResponse) -> None:
        statuses.append(response.status)

    async with (
        ClientSession(raise_for_status=check) as session,
        client_of(oauth_server, session) as client,
    ):
        async with client.get(oauth_server.url("/things")):
            oauth_server.revoke_all()
        async with client.get(oauth_server.url("/things")) as response:
            assert response.status == 200
    assert statuses == [200, 200]


@pytest.mark.rule("R062")
@every_method
async def test_failed_renewal_returns_the_token_endpoint_response(
    oauth_server: OAuthServer, method: str
) -> None:
    """If the renewal fails, the caller gets the error response of the token endpoint."""
    async with client_of(oauth_server) as client:
        async with client.get(oauth_server.url("/things")) as response:
            assert response.status == 200
        oauth_server.revoke_all()
        oauth_server.token_fault = Fault.status(503, "down")
        async with client.request(method, oauth_server.url("/things")) as response:
            assert (response.status, await response.text()) == (503, "down")


@pytest.mark.rule("R063")
@every_way
async def test_token_is_sent_in_the_authorization_header_only(
    oauth_server: OAuthServer, way: Way
) -> None:
    """No cookie, other header, path or query contains the token."""
    async with (
        way(oauth_server) as sender,
        sender.post(oauth_server.url("/things?page=1"), data=b"text") as response,
    ):
        assert response.status == 200
        assert not response.cookies
    [exchange] = api_log(oauth_server)
    token = exchange.headers["Authorization"].removeprefix("Bearer ")
    others = [value for name, value in exchange.headers.items() if name != "Authorization"]
    assert not any(token in text for text in (*others, exchange.path, exchange.query))
    assert "Cookie" not in exchange.headers


async def test_test_server_rejects_requests_without_a_token(oauth_server: OAuthServer) -> None:
    """The tests above would fail if a request carried no token."""
    async with request("GET", oauth_server.url("/things")) as response:
        assert response.status == 401
