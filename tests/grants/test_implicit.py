"""The implicit grant alone. `tests/compat` tests the whole flow."""

import asyncio

from aioalf._auth_server.token_response import ResponsePolicy
from aioalf.grants.implicit import Implicit, ImplicitLogin
from tests.grants.source import ScriptedSource
from tests.grants.visitor import query_of
from tests.support.person import come_back


async def test_sign_in_page_is_below_the_token_endpoint_by_default() -> None:
    """Without an authorization endpoint, its URL is derived as in 0.4.0."""
    tasks: list[asyncio.Task[str]] = []
    opened: list[str] = []

    async def browser(url: str) -> None:
        query = query_of(url)
        opened.append(url)
        redirect_uri, state = query["redirect_uri"][0], query["state"][0]
        response = f"{redirect_uri}#access_token=abc&state={state}"
        tasks.append(asyncio.create_task(come_back(response)))

    login = ImplicitLogin((32000, 32999), open_browser=browser)
    grant = Implicit("desktop", login, None, ResponsePolicy())
    token = await grant.request_token(ScriptedSource())
    assert token.access_token == "abc"
    assert opened[0].startswith("https://auth.example.com/token_endpoint/authorize?")
    assert await asyncio.gather(*tasks) == ["signed-in"]
    assert grant.can_begin
    assert not grant.keeps_refresh_token
