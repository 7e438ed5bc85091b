"""Promises of each provider: sign in, use the token, refresh it, and understand the errors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from aioalf import OAuthError, TokenError, TokenManager
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf.grants import AuthorizationCode, Grant
from aioalf.testing import OAuthServer
from tests.client.test_issuer import ClientWithManager
from tests.grants.visitor import Visitor
from tests.providers.cases import CASES, Case

every_provider = pytest.mark.parametrize("name", CASES)
with_refresh_token = pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if case.has_refresh_token]
)


class Scene(NamedTuple):
    """A server that behaves like a provider, a client of it, and the person's browser."""

    case: Case
    server: OAuthServer
    client: ClientWithManager
    visitor: Visitor

    @property
    def manager(self) -> TokenManager:
        """The client's token manager."""
        return self.client.manager

    async def get(self) -> dict[str, Any]:
        """Send a request to the API, and return the response."""
        async with self.client.get(self.server.url("/things")) as response:
            assert response.status == 200, await response.text()
            members: dict[str, Any] = await response.json()
            return members

    @property
    def refreshes(self) -> int:
        """The number of requests with a refresh token."""
        bodies = (each.body.text or "" for each in self.server.log)
        return sum("grant_type=refresh_token" in body.replace('": "', "=") for body in bodies)


def endpoint_of(manager: TokenManager) -> TokenEndpoint:
    """Return the token endpoint of a manager."""
    endpoint = manager._endpoint  # noqa: SLF001 - to send a request without the login
    assert endpoint is not None
    return endpoint


def grant_of(case: Case, visitor: Visitor) -> Grant | None:
    """Return the grant of a case; None means the provider's, or else client credentials."""
    if case.sign_in == "client":
        return None
    # A server without a redirect to the user's machine needs a URL of a web application.
    options: dict[str, Any] = {
        "open_browser": visitor,
        "redirect_uri": "http://127.0.0.1",
        **case.options,
    }
    return AuthorizationCode(**options)


@asynccontextmanager
async def scene_of(name: str, **options: Any) -> AsyncIterator[Scene]:
    """Yield a scene with a client that waits for nothing after an error."""
    case, visitor = CASES[name], Visitor()
    async with OAuthServer(behaves_like=case.make(), auto_sign_in="Ada") as server:
        arguments: dict[str, Any] = {
            "provider": server.provider,
            "client_id": server.client_id,
            "client_secret": server.client_secret,
            "scope": case.scope,
            "raise_token_errors": True,
            "grant": grant_of(case, visitor),
            **options,
        }
        async with ClientWithManager(**arguments) as client:
            yield Scene(case, server, client, visitor)
            await visitor.done()


@pytest.mark.rule("R021", "R024", "R027", "R032")
@every_provider
async def test_sign_in_gives_a_token_that_the_api_accepts(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer is used as it comes, without a warning, and no scope is missing."""
    async with scene_of(name, require_scope=True) as scene:
        await scene.get()
        token = await scene.client.token()
        assert token.expires_in == scene.case.expires_in
        granted = frozenset((scene.case.granted or scene.case.scope).split())
        assert token.scope == (granted or None)
        assert {key: token.extra.get(key) for key in scene.case.extra} == scene.case.extra
        assert (token.refresh_token is not None) is scene.case.has_refresh_token
        assert scene.server.token_requests == 1
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == []


@pytest.mark.rule("R040", "R041", "R047")
@with_refresh_token
async def test_token_is_refreshed_without_a_person(name: str) -> None:
    """Also twice: a refresh token that was replaced, or left out of the response, is known."""
    async with scene_of(name) as scene:
        await scene.get()
        for number in (1, 2):
            scene.server.expire_all()
            await scene.get()
            assert scene.refreshes == number
        assert len(scene.visitor.opened) == (scene.case.sign_in == "browser")


@pytest.mark.rule("R045")
@with_refresh_token
async def test_dead_refresh_token_leads_to_one_new_sign_in(name: str) -> None:
    """The error in the provider's own words ends the login, and the person signs in again."""
    async with scene_of(name) as scene:
        await scene.get()
        scene.server.revoke_all()
        scene.server.revoke_refresh_tokens()
        await scene.get()
        assert scene.refreshes == 1
        assert len(scene.visitor.opened) == 2


@pytest.mark.rule("R045")
@with_refresh_token
async def test_error_for_a_dead_refresh_token_says_so(name: str) -> None:
    """`TokenError.needs_sign_in` is true, and the error has the provider's word."""
    async with scene_of(name) as scene:
        endpoint = endpoint_of(scene.manager)
        with pytest.raises(OAuthError) as caught:
            await endpoint.request({"grant_type": "refresh_token", "refresh_token": "dead-token"})
        assert caught.value.needs_sign_in
        assert scene.case.dead in {caught.value.error, caught.value.error_description}
        assert "dead-token" not in f"{caught.value!r} {caught.value.response_data}"


@pytest.mark.rule("R029")
@every_provider
async def test_wrong_secret_is_an_error_in_the_words_of_the_provider(name: str) -> None:
    """The error is not transient, no person can help, and the secret is not shown."""
    async with scene_of(name, client_secret="the-wrong-secret") as scene:
        with pytest.raises(TokenError) as caught:
            await scene.get()
        error = caught.value
        assert error.error == scene.case.wrong_secret
        assert not error.is_transient
        assert not error.needs_sign_in
        assert "the-wrong-secret" not in f"{error} {error!r} {error.response_data}"


@every_provider
async def test_sign_out_forgets_and_revokes(name: str) -> None:
    """Tokens are revoked where the provider has an endpoint for it."""
    async with scene_of(name) as scene:
        await scene.get()
        await scene.client.logout()
        assert (scene.server.requests["revocation"] > 0) is scene.case.revokes


@every_provider
def test_caller_overrides_the_provider(name: str) -> None:
    """A keyword of the client comes before the provider."""
    provider = CASES[name].make()
    manager = TokenManager("https://mine.example/token", "id", "secret", provider=provider)
    assert str(endpoint_of(manager).url) == "https://mine.example/token"
