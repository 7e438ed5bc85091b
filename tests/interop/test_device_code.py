"""Device grant at oidc-provider: a user signs in on another device, with Chromium (RFC 8628).

The provider sends no `interval`, so five seconds apply, and never `slow_down`. Where this matters
or takes time, a proxy changes the responses.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientSession

from aioalf import AccessDeniedError, Client, LoginTimeoutError
from aioalf.grants import DeviceCode, Prompt
from tests.interop.client_registrations import (
    RESOURCE_SERVER,
    SHORT_CODE,
    TELEVISION,
    ClientRegistration,
    make_client,
)
from tests.interop.conftest import CallApi
from tests.interop.endpoint_proxy import EndpointProxy, Members
from tests.interop.provider import Provider, Setup
from tests.interop.scripted_user import ScriptedUser
from tests.interop.visitor import Visitor

POLL = DeviceCode.name
PENDING = f"{POLL} authorization_pending"
TOLERANCE = 0.1
"""Tolerance of time measurements, in seconds."""

Show = Callable[[Prompt], Awaitable[None]]
MakeClient = Callable[..., Client]


@pytest.fixture(scope="module")
def setup() -> Setup:
    """Two devices; the codes of one expire after a second."""
    return Setup([TELEVISION, SHORT_CODE, RESOURCE_SERVER])


@pytest.fixture
async def device_endpoint(provider: Provider) -> AsyncIterator[EndpointProxy]:
    """A proxy that sets a polling interval of one second and a long expiry."""

    def shorten(members: Members) -> Members:
        return {**members, "interval": 1, "expires_in": 600}

    async with EndpointProxy(f"{provider.issuer}/device/auth") as proxy:
        proxy.change_response = shorten
        yield proxy


@pytest.fixture
async def token_endpoint(provider: Provider) -> AsyncIterator[EndpointProxy]:
    """A proxy that records token requests."""
    async with EndpointProxy(provider.token_endpoint) as proxy:
        yield proxy


@pytest.fixture
def make_fast_client(
    provider: Provider, device_endpoint: EndpointProxy, token_endpoint: EndpointProxy
) -> MakeClient:
    """Return a function that makes a client which uses both proxies."""

    def make(show: Show, registration: ClientRegistration = TELEVISION) -> Client:
        return make_client(
            provider,
            registration,
            grant=DeviceCode(show),
            scope="things:read",
            endpoints={
                "device_authorization_endpoint": device_endpoint.url,
                "token_endpoint": token_endpoint.url,
            },
        )

    return make


async def sign_in(visitor: Visitor) -> None:
    """Confirm the code, sign in and allow access."""
    await visitor.press_on("Is this the code?", "Yes")
    await visitor.give_name("alf")
    await visitor.press_on("Allow access?", "Allow")
    await visitor.wait_for_page("The device is signed in")


@pytest.mark.rule("R158", "R159")
async def test_user_signs_in_with_the_code(
    provider: Provider, session: ClientSession, visitor: Visitor, call_api: CallApi
) -> None:
    """URL and code are enough to sign in; the device polls every five seconds."""
    prompts: list[Prompt] = []

    async def show(prompt: Prompt) -> None:
        prompts.append(prompt)
        await visitor.enter_code(prompt.verification_uri, prompt.user_code)
        assert prompt.user_code in await visitor.wait_for_page("Is this the code?")
        await sign_in(visitor)

    started = time.monotonic()
    async with make_client(
        provider, TELEVISION, grant=DeviceCode(show), scope="things:read"
    ) as client:
        info = await call_api(client)
    *earlier, last = await provider.requests(session)
    assert (set(earlier) <= {PENDING}, last) == (True, POLL)
    assert time.monotonic() - started >= 5 * (len(earlier) + 1) - TOLERANCE
    assert (info["user"], info["client_id"]) == ("alf", "television")
    assert prompts[0].expires_in == TELEVISION.device_code_lifetime
    assert visitor.console_errors == []


@pytest.mark.rule("R158")
async def test_device_polls_until_the_user_is_done(
    provider: Provider,
    session: ClientSession,
    visitor: Visitor,
    call_api: CallApi,
    make_fast_client: MakeClient,
    token_endpoint: EndpointProxy,
) -> None:
    """Until then, the provider responds authorization_pending; the complete URL has the code."""

    async def show(prompt: Prompt) -> None:
        await token_endpoint.responded.wait()
        await visitor.open(str(prompt.verification_uri_complete))
        assert prompt.user_code in await visitor.wait_for_page("Is this the code?")
        await sign_in(visitor)

    async with make_fast_client(show) as client:
        assert (await call_api(client))["user"] == "alf"
    *earlier, last = await provider.requests(session)
    assert set(earlier) == {PENDING}
    assert last == POLL


@pytest.mark.rule("R158")
async def test_slow_down_adds_five_seconds(
    call_api: CallApi, make_fast_client: MakeClient, token_endpoint: EndpointProxy
) -> None:
    """After slow_down, the device polls five seconds more slowly."""
    token_endpoint.canned_responses = [(400, {"error": "slow_down"})]

    async def show(prompt: Prompt) -> None:
        await ScriptedUser().enter_code(prompt.verification_uri, prompt.user_code)

    started = time.monotonic()
    async with make_fast_client(show) as client:
        assert (await call_api(client))["user"] == "alf"
    assert len(token_endpoint.forms) == 2
    assert time.monotonic() - started >= 1 + 6 - TOLERANCE


@pytest.mark.rule("R158")
@pytest.mark.parametrize("late", [False, True], ids=["not this code", "not this client"])
async def test_denied_sign_in_ends_the_polling(
    provider: Provider,
    session: ClientSession,
    visitor: Visitor,
    call_api: CallApi,
    make_fast_client: MakeClient,
    *,
    late: bool,
) -> None:
    """On either page, access_denied is raised and the device stops polling."""

    async def show(prompt: Prompt) -> None:
        await visitor.enter_code(prompt.verification_uri, prompt.user_code)
        await visitor.press_on("Is this the code?", "Yes" if late else "No")
        if late:
            await visitor.give_name("alf")
            await visitor.press_on("Allow access?", "Refuse")
        await visitor.wait_for_page("That did not work")

    async with make_fast_client(show) as client:
        with pytest.raises(AccessDeniedError):
            await call_api(client)
    assert (await provider.requests(session))[-1] == f"{POLL} access_denied"


@pytest.mark.rule("R158")
async def test_expired_token_error_ends_the_polling(
    provider: Provider, session: ClientSession, call_api: CallApi, make_fast_client: MakeClient
) -> None:
    """LoginTimeoutError is raised when the provider responds expired_token."""

    async def show(_prompt: Prompt) -> None:
        """Do nothing."""

    async with make_fast_client(show, SHORT_CODE) as client:
        with pytest.raises(LoginTimeoutError, match="expired"):
            await call_api(client)
    assert (await provider.requests(session))[-1] == f"{POLL} expired_token"


@pytest.mark.rule("R158")
async def test_device_does_not_poll_after_the_code_has_expired(
    provider: Provider, session: ClientSession
) -> None:
    """If the code expires before the first poll, no token request is sent."""
    grant = DeviceCode(lambda _prompt: None)
    async with make_client(provider, SHORT_CODE, grant=grant, scope="things:read") as client:
        with pytest.raises(LoginTimeoutError):
            await client.get(f"{provider.issuer}/things")
    assert await provider.requests(session) == []
