"""A person signs in on another device, in Chromium, at oidc-provider (RFC 8628).

Its answer has no `interval`, so that five seconds hold, and it never says `slow_down`: where that
matters or takes time, a middleman speaks for a server that does.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientSession

from aioalf import AccessDeniedError, Client, LoginTimeoutError
from aioalf.grants import DeviceCode, Prompt
from tests.interop.conftest import Ask
from tests.interop.middleman import Members, Middleman
from tests.interop.provider import Provider, Setup
from tests.interop.quick_person import QuickPerson
from tests.interop.registered import AT_THE_PROVIDER, IMPATIENT, TELEVISION, Registered, client_of
from tests.interop.visitor import Visitor

POLL = DeviceCode.name
PENDING = f"{POLL} authorization_pending"
NEAR = 0.1
"""Seconds by which a wait may look shorter than it was."""

Show = Callable[[Prompt], Awaitable[None]]
Make = Callable[..., Client]


@pytest.fixture(scope="module")
def setup() -> Setup:
    """Two devices; the codes of one of them are soon over."""
    return Setup([TELEVISION, IMPATIENT, AT_THE_PROVIDER])


@pytest.fixture
async def codes(provider: Provider) -> AsyncIterator[Middleman]:
    """Somebody between, who has the device ask every second and take its code for good."""

    def hurry(members: Members) -> Members:
        return {**members, "interval": 1, "expires_in": 600}

    async with Middleman(f"{provider.issuer}/device/auth") as middleman:
        middleman.change_answer = hurry
        yield middleman


@pytest.fixture
async def polls(provider: Provider) -> AsyncIterator[Middleman]:
    """Somebody who sees when the device asks."""
    async with Middleman(provider.token_endpoint) as middleman:
        yield middleman


@pytest.fixture
def hurried(provider: Provider, codes: Middleman, polls: Middleman) -> Make:
    """Makes a client that has both of them between itself and the provider."""

    def make(show: Show, registered: Registered = TELEVISION) -> Client:
        return client_of(
            provider,
            registered,
            grant=DeviceCode(show),
            scope="things:read",
            endpoints={
                "device_authorization_endpoint": codes.url,
                "token_endpoint": polls.url,
            },
        )

    return make


async def sign_in(visitor: Visitor) -> None:
    """Do all that has to be done once the code is entered."""
    await visitor.answer("Is this the code?", "Yes")
    await visitor.give_name("alf")
    await visitor.answer("Allow access?", "Allow")
    await visitor.sees("The device is signed in")


@pytest.mark.rule("R158", "R159")
async def test_a_person_signs_in_with_the_code_that_the_device_shows(
    provider: Provider, session: ClientSession, visitor: Visitor, ask: Ask
) -> None:
    """Shown page and code are all that the person needs; the device asks after five seconds."""
    shown: list[Prompt] = []

    async def show(prompt: Prompt) -> None:
        shown.append(prompt)
        await visitor.enter_code(prompt.verification_uri, prompt.user_code)
        assert prompt.user_code in await visitor.sees("Is this the code?")
        await sign_in(visitor)

    began = time.monotonic()
    async with client_of(
        provider, TELEVISION, grant=DeviceCode(show), scope="things:read"
    ) as client:
        said = await ask(client)
    *before, last = await provider.requests(session)
    assert (set(before) <= {PENDING}, last) == (True, POLL)
    assert time.monotonic() - began >= 5 * (len(before) + 1) - NEAR
    assert (said["user"], said["client_id"]) == ("alf", "television")
    assert shown[0].expires_in == TELEVISION.patience
    assert visitor.problems == []


@pytest.mark.rule("R158")
async def test_the_device_asks_until_the_person_is_ready(
    provider: Provider,
    session: ClientSession,
    visitor: Visitor,
    ask: Ask,
    hurried: Make,
    polls: Middleman,
) -> None:
    """Before, the provider says authorization_pending; the link holds the code as well."""

    async def show(prompt: Prompt) -> None:
        await polls.answered.wait()
        await visitor.go(str(prompt.verification_uri_complete))
        assert prompt.user_code in await visitor.sees("Is this the code?")
        await sign_in(visitor)

    async with hurried(show) as client:
        assert (await ask(client))["user"] == "alf"
    *before, last = await provider.requests(session)
    assert set(before) == {PENDING}
    assert last == POLL


@pytest.mark.rule("R158")
async def test_a_device_that_is_told_to_slow_down_does(
    ask: Ask, hurried: Make, polls: Middleman
) -> None:
    """Told so once, it asks five seconds more slowly from then on."""
    polls.answer_instead = [(400, {"error": "slow_down"})]

    async def show(prompt: Prompt) -> None:
        await QuickPerson().enter(prompt.verification_uri, prompt.user_code)

    began = time.monotonic()
    async with hurried(show) as client:
        assert (await ask(client))["user"] == "alf"
    assert len(polls.forms) == 2
    assert time.monotonic() - began >= 1 + 6 - NEAR


@pytest.mark.rule("R158")
@pytest.mark.parametrize("late", [False, True], ids=["not this code", "not this client"])
async def test_a_person_who_says_no_ends_it(
    provider: Provider,
    session: ClientSession,
    visitor: Visitor,
    ask: Ask,
    hurried: Make,
    *,
    late: bool,
) -> None:
    """At the first page or at the last one: access_denied, and the device asks no more."""

    async def show(prompt: Prompt) -> None:
        await visitor.enter_code(prompt.verification_uri, prompt.user_code)
        await visitor.answer("Is this the code?", "Yes" if late else "No")
        if late:
            await visitor.give_name("alf")
            await visitor.answer("Allow access?", "Refuse")
        await visitor.sees("That did not work")

    async with hurried(show) as client:
        with pytest.raises(AccessDeniedError):
            await ask(client)
    assert (await provider.requests(session))[-1] == f"{POLL} access_denied"


@pytest.mark.rule("R158")
async def test_a_code_that_the_provider_calls_expired_ends_it(
    provider: Provider, session: ClientSession, ask: Ask, hurried: Make
) -> None:
    """The device would have gone on asking; nobody came, and it says so."""

    async def show(_prompt: Prompt) -> None:
        """Tell nobody."""

    async with hurried(show, IMPATIENT) as client:
        with pytest.raises(LoginTimeoutError, match="expired"):
            await ask(client)
    assert (await provider.requests(session))[-1] == f"{POLL} expired_token"


@pytest.mark.rule("R158")
async def test_a_device_does_not_ask_after_the_end_of_its_code(
    provider: Provider, session: ClientSession
) -> None:
    """A code that is over before the first question is due: nothing is asked, at once."""
    grant = DeviceCode(lambda _prompt: None)
    async with client_of(provider, IMPATIENT, grant=grant, scope="things:read") as client:
        with pytest.raises(LoginTimeoutError):
            await client.get(f"{provider.issuer}/things")
    assert await provider.requests(session) == []
