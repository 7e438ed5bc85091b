"""`AuthorizationValue` and its middleware: which requests of a session they recognise."""

import copy

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from aioalf._requests.authorization_header import AuthorizationHeader
from aioalf._requests.retry_on_401 import AuthorizationValue, renew_rejected_hop
from aioalf.testing import OAuthServer
from tests.support.front import FixedManager, api_log, manager_of

HEADER = AuthorizationHeader(FixedManager())


async def test_middleware_leaves_other_requests_unchanged(oauth_server: OAuthServer) -> None:
    """Requests that are not from a client are sent without a token and not repeated."""
    async with (
        ClientSession(middlewares=[renew_rejected_hop]) as session,
        session.get(oauth_server.url("/things")) as response,
    ):
        assert response.status == 401
    [request] = api_log(oauth_server)
    assert "Authorization" not in request.headers


@given(st.text())
def test_authorization_value_equals_its_string(authorization: str) -> None:
    """A new value is neither rejected nor replaced by a renewed one."""
    value = AuthorizationValue(authorization, HEADER)
    assert value == authorization
    assert (value.renewed, value.was_rejected) == (None, False)


async def test_each_hop_gets_the_same_authorization_value(oauth_server: OAuthServer) -> None:
    """Each hop finds the object that the caller put into the headers."""
    seen: list[str] = []

    async def record(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        seen.append(request.headers["Authorization"])
        return await handler(request)

    value = AuthorizationValue(f"Bearer {await manager_of(oauth_server).get_token()}", HEADER)
    async with ClientSession(headers={"Accept": "*/*"}, middlewares=[record]) as session:
        for headers in ({"Authorization": value}, CIMultiDict({"Authorization": value})):
            url = oauth_server.url("/redirect?to=/things")
            async with session.get(url, headers=headers) as response:
                assert response.status == 200
    assert len(seen) == 4
    assert all(each is value for each in seen)


def test_authorization_value_is_copied_as_a_string() -> None:
    """Recorders copy the headers of a call."""
    value = AuthorizationValue("Bearer token", AuthorizationHeader(FixedManager()))
    for copied in (copy.copy(value), copy.deepcopy(value)):
        assert copied == "Bearer token"
        assert type(copied) is str
