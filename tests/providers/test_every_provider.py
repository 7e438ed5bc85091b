"""Promises of each provider: sign in, use the token, refresh it, and understand the errors."""

import pytest

from aioalf import OAuthError, TokenError, TokenManager
from tests.providers.cases import CASES
from tests.providers.scene import endpoint_of, scene_of

every_provider = pytest.mark.parametrize("name", CASES)
with_refresh_token = pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if case.has_refresh_token]
)


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
    """The error in the provider's own words ends the login, and the user signs in again."""
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
    """The error is not transient, no user can help, and the secret is not shown."""
    async with scene_of(name, client_secret="the-wrong-secret") as scene:
        with pytest.raises(TokenError) as caught:
            await scene.get()
        error = caught.value
        assert error.error == scene.case.wrong_secret
        assert not error.is_transient
        assert not error.needs_sign_in
        assert "the-wrong-secret" not in f"{error} {error!r} {error.response_data}"


@pytest.mark.rule("R007", "R029")
@every_provider
async def test_wrong_code_is_an_error_in_the_words_of_the_provider(name: str) -> None:
    """Each provider says something; the error is not transient, and does not show the code."""
    async with scene_of(name) as scene:
        form = {"grant_type": "authorization_code", "code": "the-wrong-code"}
        form |= {"redirect_uri": "http://127.0.0.1", "code_verifier": "v" * 43}
        with pytest.raises(OAuthError) as caught:
            await endpoint_of(scene.manager).request(form)
        error = caught.value
        assert error.error or error.error_description
        assert not error.is_transient
        assert "the-wrong-code" not in f"{error} {error!r} {error.response_data}"


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
