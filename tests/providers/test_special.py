"""Special behaviour of single providers, against servers that behave like them."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from aioalf import (
    AccessDeniedError,
    AuthorizationError,
    Client,
    OAuthError,
    Retry,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
    providers,
)
from aioalf.grants import AuthorizationCode, ClientCredentials, DeviceCode, JWTBearer, Prompt
from aioalf.providers import Provider
from aioalf.testing import MISSING, Fault, OAuthServer
from aioalf.testing.behaviour import Members, Params
from tests.grants.visitor import Visitor, query_of
from tests.providers.scene import Scene, endpoint_of, scene_of
from tests.support.front import api_log
from tests.testing.signing import RSA, public

# Slack: the token of a user


def person_token(members: Members, params: Params) -> Members:
    """Return the response to a request that only asked for a user's token."""
    del params
    person = {**members, "id": "U1234", "scope": "chat:write", "token_type": "user"}
    return {"ok": True, "app_id": "A0KRD7HC3", "team": {"id": "T9TK"}, "authed_user": person}


async def test_slack_token_of_a_person_is_in_another_member() -> None:
    """A sign-in with `user_scope` and each refresh find the token in `authed_user`."""
    visitor = Visitor()
    grant = AuthorizationCode(
        redirect_uri="http://127.0.0.1",
        open_browser=visitor,
        extra_params={"user_scope": "chat:write"},
    )
    async with scene_of("slack", grant=grant, scope=None) as scene:
        behaviour = replace(scene.server.behaviour, token_response=person_token)
        scene.server.behaviour = behaviour
        await scene.get()
        first = await scene.client.token()
        scene.server.expire_all()
        await scene.get()
        second = await scene.client.token()
        await visitor.done()
    assert query_of(visitor.opened[0])["user_scope"] == ["chat:write"]
    assert "scope" not in query_of(visitor.opened[0])
    assert scene.refreshes == 1
    assert first.access_token != second.access_token
    for token in (first, second):
        assert token.scope == frozenset({"chat:write"})
        assert (token.extra["token_type"], token.extra["id"]) == ("user", "U1234")
        assert token.extra["team"] == {"id": "T9TK"}


async def test_slack_token_of_a_bot_comes_before_that_of_a_person() -> None:
    """If the response has both, the user's one stays in `Token.extra`."""

    def both(members: Members, params: Params) -> Members:
        return {**members, **person_token({"access_token": "xoxp-person"}, params)}

    async with scene_of("slack") as scene:
        scene.server.behaviour = replace(scene.server.behaviour, token_response=both)
        await scene.get()
        token = await scene.client.token()
    assert token.access_token.startswith("xoxe.xoxb-1-")
    person = token.extra["authed_user"]
    assert isinstance(person, Mapping)
    assert person["access_token"] == "xoxp-person"
    assert "xoxp-person" not in repr(token)


# The URL of the API is in the token response


@pytest.mark.parametrize("name", ["salesforce", "zoho"])
async def test_path_alone_is_sent_to_the_url_in_the_token(name: str) -> None:
    """The server says where the API of this account is; a refresh may name another place."""
    async with scene_of(name) as scene:
        for _ in range(2):
            async with scene.client.get("/services/data", params={"q": "alf"}) as response:
                assert str(response.url) == scene.server.url("/services/data?q=alf")
                assert response.status == 200
            scene.server.expire_all()
    assert scene.refreshes == 1


# Headers of API requests


class Wire(NamedTuple):
    """The form in which the API of a provider gets the token, with options of both sides."""

    provider: Provider
    header: str = "Authorization"
    start: str = "Bearer "
    server_options: Mapping[str, Any] = {}
    options: Mapping[str, Any] = {}


WIRES: dict[str, Wire] = {
    "shopify": Wire(providers.shopify("example.myshopify.com"), "X-Shopify-Access-Token", ""),
    "amazon": Wire(
        providers.amazon(selling_partner=True),
        "x-amz-access-token",
        "",
        {"token_header": "x-amz-access-token"},
    ),
    "zoho": Wire(providers.zoho(), start="Zoho-oauthtoken "),
    "mailchimp": Wire(
        providers.mailchimp(),
        start="OAuth ",
        server_options={"token_scheme": "OAuth"},
        options={"token_scheme": "OAuth"},
    ),
    "notion": Wire(providers.notion("2025-09-03")),
    "twitch": Wire(providers.twitch("client-id")),
}


@pytest.mark.rule("R051", "R054")
@pytest.mark.parametrize("name", WIRES)
async def test_token_is_in_the_header_of_the_provider_and_at_no_other_origin(name: str) -> None:
    """A redirect to another origin gets neither the token nor the provider's own headers."""
    provider, header, start, server_options, options = WIRES[name]
    async with scene_of(name, provider=provider, server_options=server_options, **options) as scene:
        await scene.get()
        token = await scene.client.token()
        to_other = {"to": f"{scene.server.other_url}/things"}
        async with scene.client.get(scene.server.url("/redirect"), params=to_other) as response:
            assert response.status == 200
            assert str(response.url) == to_other["to"]
    first, second = api_log(scene.server)
    for request in (first, second):
        assert request.headers.getall(header) == [start + token.access_token]
        assert ("Authorization" in request.headers) is (header == "Authorization")
        for own, value in provider.api_headers.items():
            assert request.headers.getall(own) == [value]
    assert scene.server.leaked == []
    assert scene.server.other_requests == 1
    (elsewhere,) = [request for request in scene.server.log if request.server == "other"]
    assert elsewhere.headers.keys().isdisjoint({header, *provider.api_headers})
    assert token.access_token not in f"{elsewhere.headers} {elsewhere.query}"


# Tokens that do not expire


@pytest.mark.parametrize(("name", "scope"), [("github", "repo gist"), ("shopify", "read_orders")])
async def test_token_without_an_end_is_used_until_the_api_rejects_it(
    monkeypatch: pytest.MonkeyPatch, name: str, scope: str
) -> None:
    """An OAuth app of GitHub and an offline token of Shopify; then the user signs in again."""
    monkeypatch.setattr("aioalf._renewing_token.PAUSE_AFTER_REFUSAL", 0.0)
    options = {"refresh_tokens": False, "expires_in": MISSING}
    async with scene_of(name, scope=scope, server_options=options) as scene:
        await scene.get()
        token = await scene.client.token()
        assert (token.expires_in, token.refresh_token) == (None, None)
        assert token.scope == frozenset(scope.split())
        scene.server.revoke_all()
        await scene.get()
        assert (scene.refreshes, len(scene.visitor.opened)) == (0, 2)


async def test_keycloak_service_account_has_no_refresh_token() -> None:
    """A client that acts for itself gets a token alone, without a scope if it requests none."""
    async with scene_of("keycloak", grant=ClientCredentials(), scope=None) as scene:
        await scene.get()
        token = await scene.client.token()
    assert (token.refresh_token, token.scope) == (None, None)
    assert "refresh_expires_in" not in token.extra


# Device codes


class FastPolling:
    """Replaces the waits of a device sign-in; before a poll, the user decides or not."""

    def __init__(self, *decisions: str) -> None:
        self.pauses: list[float] = []
        self.statuses: list[int | None] = []
        self._decisions = list(decisions)
        self._prompt: asyncio.Future[Prompt] = asyncio.get_running_loop().create_future()
        self._decide: dict[str, Callable[[str], object]] = {}

    async def show(self, prompt: Prompt) -> None:
        """Show the prompt to the user who decides."""
        self._prompt.set_result(prompt)

    @property
    def prompt(self) -> Prompt:
        """The prompt that was shown."""
        return self._prompt.result()

    async def sleep(self, seconds: float) -> None:
        """Record the wait, and let the user decide."""
        prompt = await self._prompt
        self.pauses.append(seconds)
        self._decide[self._decisions.pop(0)](prompt.user_code)

    def decide_with(self, server: OAuthServer) -> None:
        """Let the user decide at this server."""
        self._decide = {"": lambda _: None, "approve": server.approve, "deny": server.deny}

    async def sign_in(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Sign in, and send a request to the API."""
        fast = SimpleNamespace(sleep=self.sleep, get_running_loop=asyncio.get_running_loop)
        monkeypatch.setattr("aioalf.grants.device_code.asyncio", fast)
        slow, grant = {"device_interval": 3}, DeviceCode(self.show)
        async with scene_of(name, server_options=slow, grant=grant) as scene, asyncio.timeout(20):
            server = scene.server
            self.decide_with(server)
            try:
                await scene.get()
            finally:
                polls = [each for each in server.log if each.path == "/token"]
                self.statuses = [each.status for each in polls]


@pytest.mark.rule("R158")
@pytest.mark.parametrize(
    ("name", "pauses", "statuses"),
    [
        ("google", [3, 3, 8], [428, 403, 200]),
        ("github", [3, 3, 10], [200, 200, 200]),
        ("entra", [3, 3, 8], [400, 400, 200]),
        ("gitlab", [3, 3, 8], [400, 400, 200]),
    ],
)
async def test_device_code_is_polled_until_the_person_approves(
    monkeypatch: pytest.MonkeyPatch, name: str, pauses: list[int], statuses: list[int]
) -> None:
    """The word counts, not the status; GitHub names the next interval."""
    polling = FastPolling("", "", "approve")
    await polling.sign_in(name, monkeypatch)
    assert (polling.pauses, polling.statuses) == (pauses, statuses)
    assert polling.prompt.verification_uri.endswith("/device")
    has_complete_uri = polling.prompt.verification_uri_complete is not None
    assert has_complete_uri is (name != "google")


@pytest.mark.rule("R158")
@pytest.mark.parametrize(
    ("name", "word", "status"),
    [
        ("google", "access_denied", 403),
        ("github", "access_denied", 200),
        ("entra", "authorization_declined", 400),
    ],
)
async def test_declined_device_code_ends_the_polling(
    monkeypatch: pytest.MonkeyPatch, name: str, word: str, status: int
) -> None:
    """The error says that a user refused, in the word of the provider."""
    polling = FastPolling("", "deny")
    with pytest.raises(AccessDeniedError) as caught:
        await polling.sign_in(name, monkeypatch)
    assert caught.value.error == word
    assert polling.statuses[-1] == status
    assert len(polling.pauses) == 2


# Entra ID


@pytest.mark.rule("R045")
async def test_entra_error_has_the_claims_for_the_next_sign_in() -> None:
    """A policy of the tenant asks for more: a new sign-in has to send the claims."""
    async with scene_of("entra") as scene:
        with pytest.raises(OAuthError) as caught:
            await endpoint_of(scene.manager).request(
                {"grant_type": "refresh_token", "refresh_token": "without-mfa"}
            )
    error = caught.value
    assert error.error == "interaction_required"
    assert error.needs_sign_in
    assert error.claims is not None
    assert json.loads(error.claims) == {"access_token": {"capolids": {"essential": True}}}
    assert error.response_data is not None
    assert error.response_data["suberror"] == "basic_action"
    assert error.response_data["error_codes"] == [70000]


TENANT = "11111111-2222-3333-4444-555555555555"


def tenant_scene() -> AbstractAsyncContextManager[Scene]:
    """Return a scene with a server for the accounts of all tenants."""
    return scene_of("entra common", server_options={"issuer_path": f"/{TENANT}/v2.0"})


async def sign_in_at_tenant(scene: Scene, redirect_issuer: str) -> None:
    """Sign in with a provider whose issuer has ``{tenantid}``; the redirect names `iss`."""
    server = scene.server
    template = server.issuer.replace(TENANT, "{tenantid}")
    server.changes["metadata"] = {"issuer": template}
    server.changes["authorization"] = {"iss": redirect_issuer}
    provider = replace(
        server.provider,
        issuer=template,
        metadata_url=f"{server.issuer}/.well-known/openid-configuration",
    )
    manager = type(scene.manager)(
        None,
        server.client_id,
        server.client_secret,
        provider=provider,
        grant=AuthorizationCode(open_browser=scene.visitor),
    )
    async with manager:
        assert await manager.get_token()


async def test_entra_tenant_of_the_person_is_accepted_as_issuer() -> None:
    """The metadata of ``common`` has ``{tenantid}``, and a redirect the tenant's id."""
    async with tenant_scene() as scene:
        await sign_in_at_tenant(scene, scene.server.issuer)


@pytest.mark.parametrize("other", ["https://evil.example/{0}/v2.0", "{1}/{0}/{0}/v2.0", "{1}/v2.0"])
async def test_entra_template_accepts_no_other_issuer(other: str) -> None:
    """Only one segment of the path may differ."""
    async with tenant_scene() as scene:
        origin = scene.server.issuer.removesuffix(f"/{TENANT}/v2.0")
        with pytest.raises(AuthorizationError, match="another issuer"):
            await sign_in_at_tenant(scene, other.format(TENANT, origin))


# Twitch


async def test_twitch_device_code_works_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scope has another name, and a client without a secret sends its id alone."""
    polling = FastPolling("approve")
    fast = SimpleNamespace(sleep=polling.sleep, get_running_loop=asyncio.get_running_loop)
    monkeypatch.setattr("aioalf.grants.device_code.asyncio", fast)
    options: dict[str, Any] = {
        "grant": DeviceCode(polling.show),
        "scope": None,
        "extra_params": {"scopes": "chat:read"},
        "client_id": "tv",
        "client_secret": "",
    }
    async with scene_of("twitch", **options) as scene, asyncio.timeout(20):
        scene.server.add_client("tv")
        polling.decide_with(scene.server)
        assert await scene.manager.get_token()
        form = scene.server.log[-2].form
    assert form == {"client_id": "tv", "scopes": "chat:read"}


# Withings


async def test_withings_error_without_a_status_keeps_its_code() -> None:
    """Not each error of the host is one of the API, with a status in the body."""
    async with scene_of("withings") as scene:
        scene.server.token_fault = Fault.oauth_error("invalid_client", status=401)
        with pytest.raises(TokenHTTPError) as caught:
            await endpoint_of(scene.manager).request({"grant_type": "client_credentials"})
    assert caught.value.error == "invalid_client"


# Spotify


@pytest.mark.rule("R090")
@pytest.mark.parametrize("secret", ["secret", None], ids=["with a secret", "without a secret"])
async def test_spotify_gets_pkce_only_without_a_secret(secret: str | None) -> None:
    """Its server does not support both together; a client without a secret must send PKCE."""
    async with scene_of("spotify", client_secret=secret) as scene:
        if secret is None:
            scene.server.add_client(scene.server.client_id)  # replaces the one with a secret
        await scene.get()
    sent = query_of(scene.visitor.opened[0])
    assert ("code_challenge" in sent) == (secret is None)
    (form,) = [request.form for request in scene.server.log if "code" in request.form]
    assert ("code_verifier" in form) == (secret is None)


# DocuSign


@pytest.mark.rule("R009")
async def test_docusign_assertion_replaces_the_client() -> None:
    """The client has neither an id nor a secret, and sends nothing but the assertion."""
    grant = JWTBearer(
        RSA.as_pem(private=True).decode(),
        issuer="integration-key",
        subject="user-id",
        scope_claim=True,
    )
    provider = providers.docusign(demo=True)
    async with OAuthServer(behaves_like=provider) as server:
        server.trust_assertions("integration-key", public(RSA))
        options: dict[str, Any] = {"provider": server.provider, "scope": "signature impersonation"}
        async with (
            Client(grant=grant, **options) as client,
            client.get(server.url("/things")) as response,
        ):
            assert response.status == 200
        assert server.log[0].form.keys() == {"grant_type", "assertion"}
        assert "Authorization" not in server.log[0].headers


# Parameters of redirects


async def test_github_issuer_in_the_redirect_is_accepted_unannounced() -> None:
    """GitHub has no metadata, and the provider has no issuer to compare it with."""
    async with scene_of("github") as scene:
        await scene.get()
        assert scene.server.requests["metadata"] == 0
        assert query_of(scene.visitor.redirects[0])["iss"] == [scene.server.issuer]


async def test_discord_parameters_of_a_bot_are_in_the_token() -> None:
    """The redirect names the guild. A refreshed token has it too."""
    async with scene_of("discord") as scene:
        await scene.get()
        token = await scene.client.token()
        assert token.extra["guild_id"] == "290926798626357999"
        assert token.extra["permissions"] == "8"
        scene.server.expire_all()
        await scene.get()
        refreshed = await scene.client.token()
        assert refreshed.access_token != token.access_token
        assert refreshed.extra["guild_id"] == "290926798626357999"


@pytest.mark.rule("R027")
async def test_strava_scope_that_a_person_unticked_is_missing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The redirect names the granted scope. A refresh requests it alone, and logs no warning."""
    async with scene_of("strava") as scene:
        scene.server.changes["authorization"] = {"scope": "read"}
        await scene.get()
        token = await scene.client.token()
        assert token.scope == frozenset({"read"})
        assert token.missing_scope == {"activity:read"}
        scene.server.expire_all()
        await scene.get()
        assert (await scene.client.token()).scope == frozenset({"read"})
    refresh = scene.server.log[-2].form
    assert (refresh["grant_type"], refresh["scope"]) == ("refresh_token", "read")
    warnings = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "without activity:read" in warnings[0]


async def test_strava_scope_is_required_if_the_caller_says_so() -> None:
    """`require_scope` compares with the redirect, too."""
    async with scene_of("strava", require_scope=True) as scene:
        scene.server.changes["authorization"] = {"scope": "read"}
        with pytest.raises(TokenError, match="activity:read is missing"):
            await scene.get()


# A gateway answers


@pytest.mark.rule("R029")
@pytest.mark.parametrize("name", ["strava", "withings", "slack"])
@pytest.mark.parametrize(
    ("status", "kind"), [(200, TokenResponseError), (502, TokenHTTPError), (403, TokenHTTPError)]
)
async def test_page_of_a_gateway_is_an_error_without_a_loop(
    name: str, status: int, kind: type[OAuthError]
) -> None:
    """At the sign-in one request is sent; the reader of the provider's responses is not called."""
    async with scene_of(name, retry=Retry(attempts=2, wait_initial=0)) as scene:
        scene.server.token_fault = Fault.html(status=status)
        with pytest.raises(kind) as caught:
            await scene.get()
        assert caught.value.error is None
        assert "response reader" not in str(caught.value)
        assert scene.server.token_requests == 1
        assert len(scene.visitor.opened) == 1


@pytest.mark.rule("R045")
@pytest.mark.parametrize("name", ["strava", "withings", "slack"])
@pytest.mark.parametrize("status", [200, 502])
async def test_page_of_a_gateway_does_not_end_the_login(name: str, status: int) -> None:
    """The refresh fails, the user need not sign in again, and the next refresh works."""
    async with scene_of(name) as scene:
        await scene.get()
        scene.server.expire_all()
        scene.server.token_fault = Fault.html(status=status).times(1)
        with pytest.raises(OAuthError):
            await scene.get()
        await scene.manager.reset_token()
        await scene.get()
        assert scene.refreshes == 2
        assert len(scene.visitor.opened) == 1


# Fitbit


@pytest.mark.rule("R007", "R063")
async def test_fitbit_error_that_quotes_the_refresh_token_is_masked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither the error, its response nor the log show it."""
    caplog.set_level(logging.DEBUG, "aioalf")
    async with scene_of("fitbit") as scene:
        await scene.get()
        refresh_token = (await scene.client.token()).refresh_token
        assert refresh_token is not None
        scene.server.revoke_refresh_tokens()
        with pytest.raises(TokenHTTPError) as caught:
            await endpoint_of(scene.manager).request(
                {"grant_type": "refresh_token", "refresh_token": refresh_token}
            )
        error = caught.value
        assert error.error == "invalid_grant"
        assert error.error_description == "Refresh token invalid: ***"
        assert error.response is not None
        shown = [error, repr(error), error.response_text, error.response_data, vars(error)]
        shown += [await error.response.text(), caplog.text]
    assert refresh_token not in " ".join(map(str, shown))
