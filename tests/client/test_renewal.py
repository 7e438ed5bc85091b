"""A 401, and what is made of it: one renewal, one retry, whoever sends."""

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

# One that may be repeated from its start, and one of which the refused hop alone is.
every_method = pytest.mark.parametrize("method", ["GET", "POST"])
STEP_UP = 'Bearer error="insufficient_user_authentication", acr_values="loa2"'


@pytest.mark.rule("R056")
@every_way
@every_method
async def test_a_refused_request_is_sent_again_with_a_new_token(
    oauth_server: OAuthServer, way: Way, method: str
) -> None:
    """One more token request, one more request, and the caller sees its answer."""
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
async def test_the_second_401_is_the_answer(
    oauth_server: OAuthServer, way: Way, method: str, challenge: str
) -> None:
    """Any 401 is worth one renewal, and only one."""
    oauth_server.api_fault = Fault.status(401, headers={"WWW-Authenticate": challenge})
    async with (
        way(oauth_server) as sender,
        sender.request(method, oauth_server.url("/things")) as response,
    ):
        assert response.status == 401
    assert (oauth_server.token_requests, oauth_server.api_requests) == (2, 2)


@pytest.mark.rule("R061")
async def test_the_retry_uses_the_connection_of_the_refused_request(
    oauth_server: OAuthServer,
) -> None:
    """It was given back before."""
    made: list[str] = []

    async def note(*_: object) -> None:
        made.append("a connection")

    trace = TraceConfig()
    trace.on_connection_create_end.append(note)
    async with (
        ClientSession(trace_configs=[trace]) as session,
        client_of(oauth_server, session) as client,
    ):
        for _ in range(3):
            oauth_server.revoke_all()
            async with client.post(oauth_server.url("/things"), data=b"alf") as response:
                assert response.status == 200
    assert len(made) == 1


@pytest.mark.rule("R056")
@every_way
async def test_an_api_that_refuses_every_token_is_not_renewed_for_all_the_time(
    oauth_server: OAuthServer, way: Way
) -> None:
    """For a while after a renewal that helped nobody, a 401 is the answer at once."""
    async with way(oauth_server) as sender:
        oauth_server.api_fault = Fault.status(401)
        for _ in range(5):
            async with sender.get(oauth_server.url("/things")) as response:
                assert response.status == 401
        assert (oauth_server.token_requests, oauth_server.api_requests) == (2, 6)


@pytest.mark.rule("R056")
async def test_the_pause_after_a_useless_renewal_can_be_none(oauth_server: OAuthServer) -> None:
    """Then each 401 is renewed."""
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
async def test_a_401_that_a_token_of_the_kind_cannot_help_is_the_answer(
    oauth_server: OAuthServer, way: Way, method: str, challenge: str
) -> None:
    """No renewal and no retry: more scope or another login is asked for."""
    oauth_server.api_fault = Fault.status(401, headers={"WWW-Authenticate": challenge})
    async with (
        way(oauth_server) as sender,
        sender.request(method, oauth_server.url("/things")) as response,
    ):
        assert response.status == 401
    assert (oauth_server.token_requests, oauth_server.api_requests) == (1, 1)


@pytest.mark.rule("R058")
@every_way
async def test_a_403_is_the_answer(oauth_server: OAuthServer, way: Way) -> None:
    """A new token has the same scope."""
    async with (
        way(oauth_server) as sender,
        sender.get(oauth_server.url("/forbidden")) as response,
    ):
        assert response.status == 403
    assert (oauth_server.token_requests, oauth_server.api_requests) == (1, 1)


@pytest.mark.rule("R060")
@every_way
@every_method
async def test_a_revocation_under_load_makes_one_token_request(
    oauth_server: OAuthServer, way: Way, method: str
) -> None:
    """Hundreds of requests with the revoked token, one renewal, as many answers."""

    async def status() -> int:
        async with sender.request(method, oauth_server.url("/things")) as response:
            return response.status

    async with way(oauth_server) as sender:
        assert await status() == 200
        oauth_server.revoke_all()
        oauth_server.reset_counters()
        assert set(await asyncio.gather(*(status() for _ in range(300)))) == {200}
    assert oauth_server.token_requests == 1
    assert oauth_server.rejected_requests >= 100


@pytest.mark.rule("R060")
async def test_a_late_401_takes_the_token_that_is_there(oauth_server: OAuthServer) -> None:
    """A request that was refused after the renewal of its token makes no other one."""
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
async def test_a_refused_response_gives_its_connection_back(
    oauth_server: OAuthServer, way: Way, method: str
) -> None:
    """A hundred refusals on the few connections of one sender leave none of them taken."""
    async with way(oauth_server) as sender, asyncio.timeout(30):
        for _ in range(100):
            oauth_server.revoke_all()
            async with sender.request(method, oauth_server.url("/things")) as response:
                assert response.status == 200
    assert oauth_server.rejected_requests == 99


@pytest.mark.rule("R061")
@every_way
@every_method
async def test_a_refused_response_is_let_go_of_unread(
    oauth_server: OAuthServer, way: Way, method: str
) -> None:
    """However long its body is: the retry does not wait for who reads it."""
    async with way(oauth_server, limit=1) as sender, asyncio.timeout(10):
        oauth_server.api_fault = Fault.body(b"x" * 2**22, status=401).times(1)
        async with sender.request(method, oauth_server.url("/things")) as response:
            assert response.status == 200
    assert oauth_server.api_requests == 2


@pytest.mark.rule("R056", "R061")
async def test_a_recorder_in_the_place_of_aiohttps_sending_changes_nothing(
    oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that takes no notice of middlewares: the client renews by itself, and lets go."""
    send = ClientSession._request  # noqa: SLF001 - which is what recorders replace

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
async def test_a_pool_of_two_survives_a_hundred_refusals(oauth_server: OAuthServer) -> None:
    """Ten at a time, all refused at first, on two connections."""

    async def status() -> int:
        async with client.get(oauth_server.url("/things")) as response:
            return response.status

    async with (
        ClientSession(connector=TCPConnector(limit=2)) as session,
        client_of(oauth_server, session) as client,
        asyncio.timeout(30),
    ):
        for _ in range(10):
            oauth_server.revoke_all()
            assert set(await asyncio.gather(*(status() for _ in range(10)))) == {200}


@pytest.mark.rule("R056")
@every_way
async def test_raise_for_status_sees_the_second_answer(oauth_server: OAuthServer, way: Way) -> None:
    """A 401 that could be mended is no error; one that could not is aiohttp's."""
    async with way(oauth_server) as sender:
        async with sender.get(oauth_server.url("/things"), raise_for_status=True):
            oauth_server.revoke_all()
        async with sender.get(oauth_server.url("/things"), raise_for_status=True) as response:
            assert response.status == 200
        oauth_server.api_fault = Fault.status(401)
        with pytest.raises(ClientResponseError, match="401"):
            await sender.get(oauth_server.url("/things"), raise_for_status=True)


@every_method
@pytest.mark.parametrize("is_given", [False, True])
async def test_a_total_timeout_bounds_the_renewal_too(
    oauth_server: OAuthServer, method: str, *, is_given: bool
) -> None:
    """Where the call has one, or the session that was given; others have what the renewal takes."""
    timeout, url = ClientTimeout(total=0.3, connect=5), oauth_server.url("/things")
    async with (
        ClientSession(timeout=timeout) as session,
        client_of(oauth_server, session if is_given else None) as client,
    ):
        async with client.get(url):
            oauth_server.revoke_all()
        oauth_server.token_fault = Fault.slow(5).times(1)
        with pytest.raises(TimeoutError):
            await client.request(method, url, timeout=sentinel if is_given else timeout)
    assert oauth_server.api_requests == 2


@pytest.mark.parametrize(
    ("limits", "is_given"),
    [
        (ClientTimeout(total=0.9), False),
        (ClientTimeout(9, connect=8, sock_read=7, sock_connect=6, ceil_threshold=4), False),
        (ClientTimeout(9, connect=8, sock_read=7, sock_connect=6, ceil_threshold=4), True),
        (9, False),
    ],
)
async def test_the_repetition_has_what_is_left_of_the_time(
    oauth_server: OAuthServer,
    monkeypatch: pytest.MonkeyPatch,
    limits: ClientTimeout | float,
    *,
    is_given: bool,
) -> None:
    """Its answer is to be read within the total that the call has; the other limits stay."""
    timeout = limits if isinstance(limits, ClientTimeout) else ClientTimeout(total=limits)
    send, timeouts = ClientSession._request, list[Any]()  # noqa: SLF001 - what the client calls

    async def note(session: ClientSession, *args: Any, **options: Any) -> ClientResponse:
        if str(args[1]).endswith("/things"):
            timeouts.append(options.get("timeout"))
        return await send(session, *args, **options)

    async with (
        ClientSession(timeout=timeout) as session,
        client_of(oauth_server, session if is_given else None) as client,
    ):
        async with client.get(oauth_server.url("/")):
            oauth_server.revoke_all()
        monkeypatch.setattr(ClientSession, "_request", note)
        oauth_server.token_fault = Fault.slow(0.1)
        options: dict[str, Any] = {} if is_given else {"timeout": limits}
        async with client.get(oauth_server.url("/things"), **options) as response:
            assert response.status == 200
    first, second = timeouts
    assert first == options.get("timeout")
    assert timeout.total is not None
    assert 0 < second.total <= timeout.total - 0.1
    for name in ("connect", "sock_read", "sock_connect", "ceil_threshold"):
        assert getattr(second, name) == getattr(timeout, name)


@pytest.mark.rule("R056")
async def test_a_check_of_a_given_session_sees_the_second_answer(oauth_server: OAuthServer) -> None:
    """Whatever it makes of a 401: it is not asked about one that could be mended."""
    seen: list[int] = []

    async def check(response: ClientResponse) -> None:
        seen.append(response.status)

    async with (
        ClientSession(raise_for_status=check) as session,
        client_of(oauth_server, session) as client,
    ):
        async with client.get(oauth_server.url("/things")):
            oauth_server.revoke_all()
        async with client.get(oauth_server.url("/things")) as response:
            assert response.status == 200
    assert seen == [200, 200]


@pytest.mark.rule("R062")
@every_method
async def test_a_failed_renewal_is_the_token_endpoints_response(
    oauth_server: OAuthServer, method: str
) -> None:
    """The request was refused and cannot be mended: the caller sees why."""
    async with client_of(oauth_server) as client:
        async with client.get(oauth_server.url("/things")) as response:
            assert response.status == 200
        oauth_server.revoke_all()
        oauth_server.token_fault = Fault.status(503, "down")
        async with client.request(method, oauth_server.url("/things")) as response:
            assert (response.status, await response.text()) == (503, "down")


@pytest.mark.rule("R063")
@every_way
async def test_a_token_is_in_no_cookie(oauth_server: OAuthServer, way: Way) -> None:
    """It travels in its header field and nowhere else."""
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


async def test_the_api_asks_for_a_token_when_nobody_brings_one(oauth_server: OAuthServer) -> None:
    """The tests above would see a request without one."""
    async with request("GET", oauth_server.url("/things")) as response:
        assert response.status == 401
