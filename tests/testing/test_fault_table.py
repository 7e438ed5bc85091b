"""Faults and changes, endpoint by endpoint."""

from typing import cast

import pytest
from aiohttp import ClientSession

from aioalf.testing import Endpoint, Fault, OAuthServer
from tests.testing.plain_client import ask_token, send


async def test_each_endpoint_has_a_fault_of_its_own(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """It strikes there, as often as it says, and nowhere else."""
    oauth_server.faults["pushed_authorization_request"] = Fault.status(503).times(1)
    url = oauth_server.pushed_authorization_request_endpoint
    assert (await ask_token(session, oauth_server)).status == 200
    assert (await send(session, "POST", url)).status == 503
    assert (await send(session, "POST", url)).status == 400
    assert oauth_server.faults["pushed_authorization_request"] is None
    assert oauth_server.requests["pushed_authorization_request"] == 2


async def test_two_faults_have_names_of_their_own_as_well(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`token_fault` and `api_fault` are in the table."""
    oauth_server.faults["token"] = Fault.oauth_error("slow_down", "Wait.")
    assert oauth_server.token_fault is oauth_server.faults["token"]
    answered = await ask_token(session, oauth_server)
    assert (answered.status, answered.json) == (
        400,
        {"error": "slow_down", "error_description": "Wait."},
    )
    oauth_server.faults["token"] = None
    oauth_server.api_fault = Fault.status(503)
    assert oauth_server.faults["api"] is oauth_server.api_fault
    oauth_server.faults["api"] = None
    assert oauth_server.token_fault is oauth_server.api_fault is None


async def test_a_slow_endpoint_answers_rightly_in_the_end(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A fault that only waits lets the right answer through."""
    oauth_server.faults["authorization"] = Fault.slow(0.01)
    page = await send(session, "GET", oauth_server.authorization_endpoint)
    assert "not known here" in page.text


def test_an_endpoint_that_is_none_is_a_mistake() -> None:
    """The error lists the names that there are."""
    server, typo = OAuthServer(), cast("Endpoint", "tokens")
    with pytest.raises(KeyError, match="'tokens' is no endpoint; there are metadata"):
        _ = server.faults[typo]
    with pytest.raises(KeyError, match="is no endpoint"):
        server.faults[typo] = None
    with pytest.raises(KeyError, match="is no endpoint"):
        server.changes[typo] = {}
