"""Authorization code grant with PKCE at oidc-provider: a user signs in with Chromium."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from aiohttp import ClientSession

from aioalf import AccessDeniedError, AuthorizationError, TokenConnectionError, TokenHTTPError
from aioalf.grants import AuthorizationCode
from tests.interop.client_registrations import (
    DESKTOP,
    OFFICE,
    RESOURCE_SERVER,
    ClientRegistration,
    make_client,
)
from tests.interop.conftest import CallApi, TokenInfo
from tests.interop.endpoint_proxy import EndpointProxy, Form
from tests.interop.provider import Provider, Setup
from tests.interop.scripted_user import ScriptedUser
from tests.interop.visitor import Visitor

SIGNED_IN = "You can close this page"
REFUSED = "The sign-in was refused"
CODE, REFUSED_CODE = "authorization_code", "authorization_code invalid_grant"


@pytest.fixture(scope="module")
def setup() -> Setup:
    """A public client and a confidential one."""
    return Setup([DESKTOP, OFFICE, RESOURCE_SERVER])


@pytest.fixture
def login(visitor: Visitor) -> AuthorizationCode:
    """The grant, with the browser of the visitor."""
    return AuthorizationCode(open_browser=visitor.open_browser, timeout=30)


def query_of(url: str) -> dict[str, str]:
    """Return the query parameters of a URL."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def redirect_uri_of(url: str, **response: str) -> str:
    """Return the redirect URI of the authorization request at `url`, with a response if given."""
    address = query_of(url)["redirect_uri"] + "/"
    return f"{address}?{urlencode(response)}" if response else address


@pytest.mark.rule("R009", "R090", "R091", "R098", "R100", "R101", "R111", "R118")
@pytest.mark.parametrize("registration", [DESKTOP, OFFICE], ids=["public", "with a secret"])
async def test_user_signs_in_once_for_all_requests(
    provider: Provider,
    session: ClientSession,
    visitor: Visitor,
    call_api: CallApi,
    login: AuthorizationCode,
    registration: ClientRegistration,
) -> None:
    """The provider confirms user and client, and the next request needs no sign-in."""
    async with make_client(provider, registration, grant=login, scope="things:read") as client:
        waiting = call_api(client)
        url = await visitor.next_url(waiting)
        assert query_of(url)["code_challenge_method"] == "S256"
        await visitor.allow(url)
        await visitor.wait_for_page(SIGNED_IN)
        await visitor.take_screenshot("code-signed-in")
        info = await waiting
        assert (info["user"], info["client_id"]) == ("alf", registration.client_id)
        assert info["scope"] == ["things:read"]
        await call_api(client)
    redirect = await visitor.first_url_with_prefix(redirect_uri_of(url))
    assert query_of(redirect)["iss"] == provider.issuer
    assert urlsplit(redirect).hostname == "127.0.0.1"
    assert await visitor.current_url() == redirect_uri_of(url)
    assert await provider.requests(session) == [CODE]
    assert visitor.opened_urls == [url]
    assert visitor.console_errors == []


@pytest.mark.rule("R153", "R154")
@pytest.mark.parametrize("registration", [DESKTOP, OFFICE], ids=["public", "with a secret"])
async def test_par_option_pushes_the_request(
    provider: Provider, visitor: Visitor, call_api: CallApi, registration: ClientRegistration
) -> None:
    """The URL in the browser has only the client id and the request URI."""
    grant = AuthorizationCode(open_browser=visitor.open_browser, timeout=30, par=True)
    async with make_client(provider, registration, grant=grant, scope="things:read") as client:
        waiting = call_api(client)
        url = await visitor.next_url(waiting)
        assert query_of(url).keys() == {"client_id", "request_uri"}
        await visitor.allow(url)
        assert (await waiting)["scope"] == ["things:read"]


@pytest.mark.rule("R108")
async def test_denied_consent_raises_access_denied(
    provider: Provider,
    session: ClientSession,
    visitor: Visitor,
    call_api: CallApi,
    login: AuthorizationCode,
) -> None:
    """The page says so, AccessDeniedError is raised, and no token request is sent."""
    async with make_client(provider, DESKTOP, grant=login, scope="things:read") as client:
        waiting = call_api(client)
        await visitor.deny(await visitor.next_url(waiting))
        assert "The user refused." in await visitor.wait_for_page(REFUSED)
        await visitor.take_screenshot("code-refused")
        with pytest.raises(AccessDeniedError) as caught:
            await waiting
    assert caught.value.error_description == "The user refused."
    assert await provider.requests(session) == []
    assert visitor.console_errors == []


@pytest.mark.rule("R108")
async def test_cancelled_sign_in_raises_access_denied(
    provider: Provider, visitor: Visitor, call_api: CallApi, login: AuthorizationCode
) -> None:
    """Cancelling on the sign-in page raises the same error."""
    async with make_client(provider, DESKTOP, grant=login) as client:
        waiting = call_api(client)
        await visitor.cancel(await visitor.next_url(waiting))
        await visitor.wait_for_page(REFUSED)
        with pytest.raises(AccessDeniedError):
            await waiting


@pytest.mark.rule("R100", "R101", "R103")
@pytest.mark.parametrize(
    "issuer", [{}, {"iss": "https://evil.example"}], ids=["no issuer", "another issuer"]
)
async def test_response_without_the_issuer_is_rejected(
    provider: Provider,
    session: ClientSession,
    visitor: Visitor,
    call_api: CallApi,
    login: AuthorizationCode,
    issuer: dict[str, str],
) -> None:
    """The provider sends its issuer in each response, so a code without it is not redeemed."""
    async with make_client(provider, DESKTOP, grant=login) as client:
        waiting = call_api(client)
        url = await visitor.next_url(waiting)
        state = query_of(url)["state"]
        await visitor.open(
            redirect_uri_of(url, code="code-of-another-server", state=state, **issuer)
        )
        with pytest.raises(AuthorizationError, match="RFC 9207"):
            await waiting
    assert await provider.requests(session) == []


@pytest.fixture
async def proxy(provider: Provider) -> AsyncIterator[EndpointProxy]:
    """A proxy between the client and the token endpoint."""
    async with EndpointProxy(provider.token_endpoint) as proxy:
        yield proxy


@pytest.fixture
async def signing_in(
    provider: Provider, proxy: EndpointProxy, call_api: CallApi
) -> AsyncIterator[asyncio.Task[TokenInfo]]:
    """A request that signs in, and redeems the code through the proxy."""
    async with make_client(
        provider,
        DESKTOP,
        grant=AuthorizationCode(open_browser=ScriptedUser(), timeout=30),
        scope="things:read",
        endpoints={"token_endpoint": proxy.url},
        raise_token_errors=True,
    ) as client:
        yield call_api(client)


@pytest.mark.rule("R090", "R092")
async def test_stolen_code_is_useless_without_the_verifier(
    provider: Provider,
    session: ClientSession,
    proxy: EndpointProxy,
    signing_in: asyncio.Task[TokenInfo],
) -> None:
    """The provider rejects the code without the right verifier; the client still gets a token."""
    proxy.may_forward.clear()
    await proxy.wait_for_request(signing_in)
    stolen = {**proxy.forms[0], "code_verifier": ""}
    for form in (stolen, {**stolen, "code_verifier": "a" * 43}):
        async with session.post(provider.token_endpoint, data=form) as response:
            assert (response.status, (await response.json())["error"]) == (400, "invalid_grant")
    proxy.may_forward.set()
    assert (await signing_in)["user"] == "alf"
    assert await provider.requests(session) == [REFUSED_CODE, REFUSED_CODE, CODE]


@pytest.mark.rule("R029", "R091", "R097")
async def test_wrong_verifier_is_rejected_once(
    provider: Provider,
    session: ClientSession,
    proxy: EndpointProxy,
    signing_in: asyncio.Task[TokenInfo],
) -> None:
    """The error invalid_grant is raised, and the code is not sent again."""

    def tamper(form: Form) -> Form:
        return {**form, "code_verifier": form["code_verifier"][::-1]}

    proxy.change_form = tamper
    with pytest.raises(TokenHTTPError) as caught:
        await signing_in
    assert caught.value.error == "invalid_grant"
    assert await provider.requests(session) == [REFUSED_CODE]


@pytest.mark.rule("R097")
async def test_used_code_is_rejected_once(
    provider: Provider,
    session: ClientSession,
    proxy: EndpointProxy,
    signing_in: asyncio.Task[TokenInfo],
) -> None:
    """The provider rejects the second use of a code, and the client does not retry."""
    proxy.send_count = 2
    with pytest.raises(TokenHTTPError) as caught:
        await signing_in
    assert caught.value.error == "invalid_grant"
    assert proxy.forms[0]["code"] not in str(caught.value)
    assert len(proxy.forms) == 1
    assert await provider.requests(session) == [CODE, REFUSED_CODE]


@pytest.mark.rule("R097")
async def test_code_is_not_sent_again_after_a_lost_response(
    provider: Provider,
    session: ClientSession,
    proxy: EndpointProxy,
    signing_in: asyncio.Task[TokenInfo],
) -> None:
    """A code is single-use, so a lost response raises an error."""
    proxy.responses_to_lose = 1
    with pytest.raises(TokenConnectionError):
        await signing_in
    assert len(proxy.forms) == 1
    assert await provider.requests(session) == [CODE]
