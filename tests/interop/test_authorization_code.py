"""A person signs in at oidc-provider in Chromium: the authorization code with PKCE, end to end."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from aiohttp import ClientSession

from aioalf import AccessDeniedError, AuthorizationError, TokenConnectionError, TokenHTTPError
from aioalf.grants import AuthorizationCode
from tests.interop.conftest import Ask, Said
from tests.interop.middleman import Form, Middleman
from tests.interop.provider import Provider, Setup
from tests.interop.quick_person import QuickPerson
from tests.interop.registered import AT_THE_PROVIDER, DESKTOP, OFFICE, Registered, client_of
from tests.interop.visitor import Visitor

SIGNED_IN = "You are signed in"
REFUSED = "The sign-in was refused"
CODE, REFUSED_CODE = "authorization_code", "authorization_code invalid_grant"


@pytest.fixture(scope="module")
def setup() -> Setup:
    """A client with a secret and one without."""
    return Setup([DESKTOP, OFFICE, AT_THE_PROVIDER])


@pytest.fixture
def login(visitor: Visitor) -> AuthorizationCode:
    """The grant, its browser being the visitor's."""
    return AuthorizationCode(open_browser=visitor.show, timeout=30)


def asked_in(url: str) -> dict[str, str]:
    """The parameters of a URL."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def listener_of(url: str, **answer: str) -> str:
    """The address that the login at this URL comes back to, with an answer if one is given."""
    address = asked_in(url)["redirect_uri"] + "/"
    return f"{address}?{urlencode(answer)}" if answer else address


@pytest.mark.rule("R009", "R090", "R091", "R098", "R100", "R101", "R111", "R118")
@pytest.mark.parametrize("registered", [DESKTOP, OFFICE], ids=["public", "with a secret"])
async def test_a_person_signs_in_and_the_request_goes_on(
    provider: Provider,
    session: ClientSession,
    visitor: Visitor,
    ask: Ask,
    login: AuthorizationCode,
    registered: Registered,
) -> None:
    """The provider vouches for the person and the client; one login serves the next request too."""
    async with client_of(provider, registered, grant=login, scope="things:read") as client:
        waiting = ask(client)
        url = await visitor.next_url(waiting)
        assert asked_in(url)["code_challenge_method"] == "S256"
        await visitor.allow(url)
        await visitor.sees(SIGNED_IN)
        await visitor.keep_picture("code-signed-in")
        said = await waiting
        assert (said["user"], said["client_id"]) == ("alf", registered.client_id)
        assert said["scope"] == ["things:read"]
        await ask(client)
    came = await visitor.address_sent(listener_of(url))
    assert asked_in(came)["iss"] == provider.issuer
    assert urlsplit(came).hostname == "127.0.0.1"
    assert await visitor.address() == listener_of(url)
    assert await provider.requests(session) == [CODE]
    assert visitor.urls_shown == [url]
    assert visitor.problems == []


@pytest.mark.rule("R153", "R154")
@pytest.mark.parametrize("registered", [DESKTOP, OFFICE], ids=["public", "with a secret"])
async def test_a_request_is_pushed_when_that_is_asked_for(
    provider: Provider, visitor: Visitor, ask: Ask, registered: Registered
) -> None:
    """The browser carries the client's id and the name of the request, and nothing else."""
    grant = AuthorizationCode(open_browser=visitor.show, timeout=30, par=True)
    async with client_of(provider, registered, grant=grant, scope="things:read") as client:
        waiting = ask(client)
        url = await visitor.next_url(waiting)
        assert asked_in(url).keys() == {"client_id", "request_uri"}
        await visitor.allow(url)
        assert (await waiting)["scope"] == ["things:read"]


@pytest.mark.rule("R108")
async def test_who_refuses_is_told_so_and_so_is_the_program(
    provider: Provider, session: ClientSession, visitor: Visitor, ask: Ask, login: AuthorizationCode
) -> None:
    """A person who signs in and then says no: the error of its kind, and no token request."""
    async with client_of(provider, DESKTOP, grant=login, scope="things:read") as client:
        waiting = ask(client)
        await visitor.refuse(await visitor.next_url(waiting))
        assert "The person refused." in await visitor.sees(REFUSED)
        await visitor.keep_picture("code-refused")
        with pytest.raises(AccessDeniedError) as caught:
            await waiting
    assert caught.value.error_description == "The person refused."
    assert await provider.requests(session) == []
    assert visitor.problems == []


@pytest.mark.rule("R108")
async def test_who_does_not_even_sign_in_has_refused(
    provider: Provider, visitor: Visitor, ask: Ask, login: AuthorizationCode
) -> None:
    """Cancelled at the first page, it is the same refusal."""
    async with client_of(provider, DESKTOP, grant=login) as client:
        waiting = ask(client)
        await visitor.cancel(await visitor.next_url(waiting))
        await visitor.sees(REFUSED)
        with pytest.raises(AccessDeniedError):
            await waiting


@pytest.mark.rule("R100", "R101", "R103")
@pytest.mark.parametrize(
    "issuer", [{}, {"iss": "https://evil.example"}], ids=["no issuer", "another issuer"]
)
async def test_an_answer_that_is_not_the_providers_is_discarded(
    provider: Provider,
    session: ClientSession,
    visitor: Visitor,
    ask: Ask,
    login: AuthorizationCode,
    issuer: dict[str, str],
) -> None:
    """The provider promises its name in each answer: a code without it is shown to nobody."""
    async with client_of(provider, DESKTOP, grant=login) as client:
        waiting = ask(client)
        url = await visitor.next_url(waiting)
        state = asked_in(url)["state"]
        await visitor.go(listener_of(url, code="of-another-server", state=state, **issuer))
        with pytest.raises(AuthorizationError, match="RFC 9207"):
            await waiting
    assert await provider.requests(session) == []


@pytest.fixture
async def middleman(provider: Provider) -> AsyncIterator[Middleman]:
    """Somebody between the client and the token endpoint."""
    async with Middleman(provider.token_endpoint) as middleman:
        yield middleman


@pytest.fixture
async def signing_in(
    provider: Provider, middleman: Middleman, ask: Ask
) -> AsyncIterator[asyncio.Task[Said]]:
    """A login that has begun, and comes to an exchange of its code that is the middleman's."""
    async with client_of(
        provider,
        DESKTOP,
        grant=AuthorizationCode(open_browser=QuickPerson(), timeout=30),
        scope="things:read",
        endpoints={"token_endpoint": middleman.url},
        raise_token_errors=True,
    ) as client:
        yield ask(client)


@pytest.mark.rule("R090", "R092")
async def test_a_code_that_was_seen_on_its_way_is_of_no_use_to_others(
    provider: Provider,
    session: ClientSession,
    middleman: Middleman,
    signing_in: asyncio.Task[Said],
) -> None:
    """Without the verifier, or with another, the provider refuses it; whose it is gets a token."""
    middleman.may_pass.clear()
    await middleman.is_asked(signing_in)
    seen = {**middleman.forms[0], "code_verifier": ""}
    for form in (seen, {**seen, "code_verifier": "a" * 43}):
        async with session.post(provider.token_endpoint, data=form) as response:
            assert (response.status, (await response.json())["error"]) == (400, "invalid_grant")
    middleman.may_pass.set()
    assert (await signing_in)["user"] == "alf"
    assert await provider.requests(session) == [REFUSED_CODE, REFUSED_CODE, CODE]


@pytest.mark.rule("R029", "R091", "R097")
async def test_a_verifier_that_was_tampered_with_is_refused(
    provider: Provider,
    session: ClientSession,
    middleman: Middleman,
    signing_in: asyncio.Task[Said],
) -> None:
    """The provider's invalid_grant is raised; the code is not tried again, nor without PKCE."""

    def tamper(form: Form) -> Form:
        return {**form, "code_verifier": form["code_verifier"][::-1]}

    middleman.change_form = tamper
    with pytest.raises(TokenHTTPError) as caught:
        await signing_in
    assert caught.value.error == "invalid_grant"
    assert await provider.requests(session) == [REFUSED_CODE]


@pytest.mark.rule("R097")
async def test_a_code_that_was_used_before_is_refused(
    provider: Provider,
    session: ClientSession,
    middleman: Middleman,
    signing_in: asyncio.Task[Said],
) -> None:
    """Who comes second with a code is refused by the provider, and does not try again."""
    middleman.sends = 2
    with pytest.raises(TokenHTTPError) as caught:
        await signing_in
    assert caught.value.error == "invalid_grant"
    assert middleman.forms[0]["code"] not in str(caught.value)
    assert len(middleman.forms) == 1
    assert await provider.requests(session) == [CODE, REFUSED_CODE]


@pytest.mark.rule("R097")
async def test_a_code_whose_answer_got_lost_is_not_sent_again(
    provider: Provider,
    session: ClientSession,
    middleman: Middleman,
    signing_in: asyncio.Task[Said],
) -> None:
    """The provider has answered, nobody has heard it: an error, for a code is good once."""
    middleman.loses_answers = 1
    with pytest.raises(TokenConnectionError):
        await signing_in
    assert len(middleman.forms) == 1
    assert await provider.requests(session) == [CODE]
