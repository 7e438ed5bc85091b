"""The authorization request: its parameters, the facts of a server, PKCE, nonce, kept parameters.

A login with a real endpoint and a scripted browser, over real sockets.
"""

import base64
import json
import traceback
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from aioalf import AuthorizationError, Client, TokenConfigurationError, TokenHTTPError
from aioalf._auth_server.authorization_rules import AuthorizationRules
from aioalf._auth_server.request_params import TokenRequestParams
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._hidden_repr import MaskedDict
from aioalf._login.login import Login
from aioalf._manager_parts import make_login
from aioalf.caches import MemoryCache, TokenCache
from aioalf.client_auth import ClientAuth, ClientSecretPost, Credentials, PublicClient
from aioalf.grants import AuthorizationCode, ClientCredentials, DeviceCode, Grant
from aioalf.testing import MISSING, Fault, OAuthServer
from aioalf.token import Token
from tests.browser.listener import free_ports
from tests.grants.visitor import Visitor, query_of
from tests.support.identity import in_ascii

PKCE = {"code_challenge", "code_challenge_method"}


class IDTokenVisitor(Visitor):
    """A visitor of a server that sends an ID token with these claims; "sent" is the right nonce."""

    def __init__(self, server: OAuthServer, claims: Mapping[str, object] | None) -> None:
        super().__init__()
        self._server = server
        self._claims = claims

    async def __call__(self, url: str) -> None:
        """Prepare the ID token for the nonce of this sign-in."""
        if self._claims is not None:
            nonce = query_of(url).get("nonce", [""])[0]
            claims = {
                name: nonce if value == "sent" else value for name, value in self._claims.items()
            }
            self._server.changes["token"] = {"id_token": id_token_of(claims)}
        await super().__call__(url)


def id_token_of(claims: object) -> str:
    """Return an ID token with these claims and an invalid signature."""
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256"}, claims, "signature")]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


class Scene:
    """A server with a signed-in user, and logins."""

    def __init__(self, server: OAuthServer) -> None:
        self.server = server
        self.visitor = Visitor()
        server.auto_sign_in = "Ada"
        server.device_slow_down = False
        server.add_client("desktop")

    def grant(self, **options: Any) -> AuthorizationCode:
        """Return a grant with the visitor as browser."""
        return AuthorizationCode(open_browser=self.visitor, **options)

    def endpoint(
        self,
        rules: AuthorizationRules | None = None,
        *,
        scope: str | None = None,
        extra_params: Mapping[str, str] | None = None,
        secret: str | None = "secret",
        client_auth: ClientAuth | None = None,
    ) -> TokenEndpoint:
        """Return an endpoint of the server, with facts of it."""
        return TokenEndpoint(
            None,
            Credentials("desktop" if secret is None else "client-id", secret),
            client_auth,
            issuer=self.server.issuer,
            request_params=TokenRequestParams(scope, extra=extra_params),
            authorization_rules=rules,
        )

    async def sign_in(self, grant: Grant, endpoint: TokenEndpoint) -> Token:
        """Return the token of a login."""
        return await self.login(grant, endpoint).token(endpoint, None)

    def login(
        self, grant: Grant, endpoint: TokenEndpoint, cache: TokenCache | None = None
    ) -> Login:
        """Return a login."""
        return make_login({"cache": cache}, grant, endpoint) or Login(grant)

    @property
    def asked(self) -> dict[str, list[str]]:
        """The parameters of the last authorization request."""
        return query_of(self.visitor.opened[-1])

    @property
    def forms(self) -> list[Mapping[str, str]]:
        """The forms that the token endpoint received."""
        return [each.form for each in self.server.log if each.path == "/token"]


@pytest.fixture
async def scene(oauth_server: OAuthServer) -> AsyncIterator[Scene]:
    """Yield a scene, and wait for its browser after the test."""
    scene = Scene(oauth_server)
    yield scene
    await scene.visitor.gone()


# Extra parameters


async def test_extra_params_are_in_the_authorization_request_alone(scene: Scene) -> None:
    """The extra parameters of the client are also in token requests."""
    endpoint = scene.endpoint(extra_params={"tenant": "one", "prompt": "login"})
    await scene.sign_in(
        scene.grant(extra_params={"prompt": "consent", "login_hint": "ada"}), endpoint
    )
    asked, (form,) = scene.asked, scene.forms
    assert asked["prompt"] == ["consent"]
    assert (asked["tenant"], asked["login_hint"]) == (["one"], ["ada"])
    assert (form["tenant"], form["prompt"], form.get("login_hint")) == ("one", "login", None)


async def test_extra_params_are_pushed(scene: Scene) -> None:
    """With a pushed authorization request, the browser does not have them."""
    await scene.sign_in(scene.grant(extra_params={"login_hint": "ada"}, par=True), scene.endpoint())
    assert scene.asked.keys() == {"client_id", "request_uri"}
    (pushed,) = [each.form for each in scene.server.log if each.path == "/par"]
    assert pushed["login_hint"] == "ada"


@pytest.mark.parametrize(
    "name",
    [
        *("client_id", "code_challenge", "code_challenge_method", "nonce", "redirect_uri"),
        *("request", "request_uri", "response_type", "scope", "state", "client_secret"),
    ],
)
def test_reserved_extra_params_are_refused(name: str) -> None:
    """The grant sets them itself; the error does not show the value."""
    with pytest.raises(TokenConfigurationError, match=f"cannot set {name}") as caught:
        AuthorizationCode(extra_params={name: "s3cr3t"})
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("extra", ["prompt=consent", {"a": 1}, {1: "a"}, {"": "a"}, [1]], ids=repr)
def test_other_extra_params_are_refused(extra: Any) -> None:
    """They must be text."""
    with pytest.raises(TokenConfigurationError, match="extra_params must be a mapping"):
        AuthorizationCode(extra_params=extra)


@pytest.mark.rule("R007")
async def test_extra_params_are_masked_in_errors(scene: Scene) -> None:
    """A server may quote them; public ones such as prompt are shown."""
    extra = MaskedDict({"login_hint": "hunter2-login-hint", "prompt": "consent"})
    scene.server.changes["authorization"] = {
        "code": MISSING,
        "error": "invalid_request",
        "error_description": "wrong: hunter2-login-hint, consent",
    }
    with pytest.raises(AuthorizationError) as caught:
        await scene.sign_in(scene.grant(extra_params=extra), scene.endpoint())
    assert caught.value.error_description == "wrong: ***, consent"
    scene.server.faults["pushed_authorization_request"] = Fault.oauth_error(
        "invalid_request", "wrong: hunter2-login-hint, consent"
    )
    with pytest.raises(TokenHTTPError) as refused:
        await scene.sign_in(scene.grant(extra_params=extra, par=True), scene.endpoint())
    assert refused.value.error_description == "wrong: ***, consent"
    shown = traceback.TracebackException.from_exception(refused.value, capture_locals=True)
    assert "hunter2-login-hint" not in "".join(shown.format())


@pytest.mark.rule("R081")
async def test_extra_params_are_a_part_of_the_cache_key(scene: Scene) -> None:
    """They may name the user: another ``login_hint`` must not find the token of the first one."""
    cache, endpoint = MemoryCache(), scene.endpoint()
    for hint, sign_ins in (("ada", 1), ("ada", 1), ("bob", 2)):
        grant = scene.grant(extra_params={"login_hint": hint})
        await scene.login(grant, endpoint, cache).token(endpoint, None)
        assert len(scene.visitor.opened) == sign_ins


# PKCE


@pytest.mark.rule("R090")
async def test_pkce_can_be_switched_off_with_a_secret(scene: Scene) -> None:
    """A few servers refuse PKCE; the state is sent as before."""
    scene.server.require_pkce = False
    await scene.sign_in(scene.grant(unsafe_without_pkce=True), scene.endpoint())
    assert not PKCE & scene.asked.keys()
    assert scene.asked["state"]
    assert "code_verifier" not in scene.forms[0]


@pytest.mark.rule("R090")
@pytest.mark.parametrize(
    ("secret", "client_auth"),
    [(None, None), ("", None), ("secret", PublicClient())],
    ids=["no secret", "empty secret", "PublicClient"],
)
async def test_public_client_cannot_switch_pkce_off(
    scene: Scene, secret: str | None, client_auth: ClientAuth | None
) -> None:
    """No browser is opened."""
    endpoint = scene.endpoint(secret=secret, client_auth=client_auth)
    with pytest.raises(TokenConfigurationError, match="needs a client_secret or a client_auth"):
        await scene.sign_in(scene.grant(unsafe_without_pkce=True), endpoint)
    assert not scene.visitor.opened


@pytest.mark.rule("R090")
async def test_secret_of_a_function_or_another_method_is_a_proof(scene: Scene) -> None:
    """Such a client is not public."""
    scene.server.require_pkce = False
    scene.server.allow_body_secret = True
    url = scene.server.url("/things")
    for options in ({"client_secret": lambda: "secret"}, {"client_auth": ClientSecretPost()}):
        given: dict[str, Any] = {"client_secret": "secret", **options}
        grant = scene.grant(unsafe_without_pkce=True)
        async with (
            Client(issuer=scene.server.issuer, client_id="client-id", grant=grant, **given) as it,
            it.get(url) as response,
        ):
            assert response.status == 200
        assert not PKCE & scene.asked.keys()


@pytest.mark.rule("R090")
async def test_facts_switch_pkce_off_for_a_client_with_a_secret(scene: Scene) -> None:
    """A public client sends PKCE in any case."""
    scene.server.require_pkce = False
    rules = AuthorizationRules(uses_pkce=False)
    await scene.sign_in(scene.grant(), scene.endpoint(rules))
    assert not PKCE & scene.asked.keys()
    await scene.sign_in(scene.grant(), scene.endpoint(rules, secret=None))
    assert scene.asked.keys() >= PKCE


# Facts of a server


async def test_extra_params_of_the_server_come_last(scene: Scene) -> None:
    """Those of the client and of the grant override them."""
    rules = AuthorizationRules(extra_params={"a": "server", "b": "server", "c": "server"})
    endpoint = scene.endpoint(rules, extra_params={"b": "client", "c": "client"})
    await scene.sign_in(scene.grant(extra_params={"c": "grant"}), endpoint)
    assert [scene.asked[name] for name in "abc"] == [["server"], ["client"], ["grant"]]
    assert "a" not in scene.forms[0]


async def test_redirect_uri_of_the_server_is_the_default(scene: Scene) -> None:
    """The grant's own URI overrides it, and the grant's ports apply to it."""
    first, second = free_ports(1), free_ports(1)
    endpoint = scene.endpoint(AuthorizationRules(redirect_uri="http://localhost/server"))
    for options, uri in (
        ({"redirect_ports": (first, first)}, f"http://localhost:{first}/server"),
        ({"redirect_uri": f"http://[::1]:{second}/own"}, f"http://[::1]:{second}/own"),
    ):
        scene.server.add_client("client-id", "secret", redirect_uris=[uri])
        await scene.sign_in(scene.grant(**options), endpoint)
        assert scene.asked["redirect_uri"] == [uri]


async def test_scope_is_joined_with_the_separator_of_the_server(scene: Scene) -> None:
    """Each request with a scope has it: authorization, push, token, refresh."""
    rules = AuthorizationRules(scope_separator=",")
    scene.server.changes["token"] = {"scope": "a b"}
    endpoint = scene.endpoint(rules, scope="a b")
    login = scene.login(scene.grant(par=True), endpoint)
    token = await login.token(endpoint, None)
    assert token.scope == frozenset({"a", "b"})
    await login.token(endpoint, token.access_token)
    assert [form["scope"] for form in scene.forms] == ["a,b", "a,b"]
    assert [form["grant_type"] for form in scene.forms] == ["authorization_code", "refresh_token"]
    (pushed,) = [each.form for each in scene.server.log if each.path == "/par"]
    assert pushed["scope"] == "a,b"
    await scene.sign_in(scene.grant(), endpoint)
    assert scene.asked["scope"] == ["a,b"]


@pytest.mark.usefixtures("fast_device")
async def test_separator_applies_to_other_grants(scene: Scene) -> None:
    """A device authorization request and a client credentials request are the same in this."""
    rules = AuthorizationRules(scope_separator=",")
    scene.server.changes["token"] = {"scope": "a b"}
    scene.server.changes["device_authorization"] = {"interval": 0}
    endpoint = scene.endpoint(rules, scope="a b")
    await scene.sign_in(ClientCredentials(), endpoint)
    await scene.sign_in(DeviceCode(lambda prompt: scene.server.approve(prompt.user_code)), endpoint)
    scopes = [each.form["scope"] for each in scene.server.log if "scope" in each.form]
    assert set(scopes) == {"a,b"}
    assert "/device_authorization" in {each.path for each in scene.server.log}


@pytest.mark.usefixtures("fast_device")
async def test_default_scope_of_the_server(scene: Scene) -> None:
    """It is requested if the client has no scope, also on another device."""
    rules = AuthorizationRules(default_scope="a b", scope_separator=",")
    await scene.sign_in(scene.grant(), scene.endpoint(rules))
    assert scene.asked["scope"] == ["a,b"]
    scene.server.changes["device_authorization"] = {"interval": 0}
    await scene.sign_in(
        DeviceCode(lambda prompt: scene.server.approve(prompt.user_code)), scene.endpoint(rules)
    )
    (asked,) = [each.form for each in scene.server.log if each.path == "/device_authorization"]
    assert asked["scope"] == "a,b"
    scene.server.changes["token"] = {"scope": "own"}
    await scene.sign_in(scene.grant(), scene.endpoint(rules, scope="own"))
    assert scene.asked["scope"] == ["own"]


# Parameters of the redirect


@pytest.mark.rule("R099")
async def test_parameters_of_the_redirect_are_kept(scene: Scene) -> None:
    """Those that the grant or the facts name are added to the members of the token response."""
    scene.server.changes["authorization"] = {"realmId": "7", "shop": "x", "other": "y"}
    rules = AuthorizationRules(redirect_params=frozenset({"shop", "absent"}))
    token = await scene.sign_in(scene.grant(redirect_params=["realmId"]), scene.endpoint(rules))
    assert token.extra == {"realmId": "7", "shop": "x"}


async def test_response_takes_precedence_over_the_redirect(scene: Scene) -> None:
    """The response is from the server, the redirect is from a browser."""
    scene.server.changes["authorization"] = {"realmId": "7", "shop": "x"}
    scene.server.changes["token"] = {"realmId": "8", "shop": None}
    grant = scene.grant(redirect_params=["realmId", "shop"])
    token = await scene.sign_in(grant, scene.endpoint())
    assert token.extra == {"realmId": "8", "shop": "x"}


@pytest.mark.parametrize(("sent", "granted"), [(MISSING, "a b"), (None, "a b"), ("a b c", "a b c")])
async def test_scope_in_the_redirect_is_the_granted_scope(
    scene: Scene, sent: Any, granted: str
) -> None:
    """Strava sends it there, and not in the response."""
    scene.server.changes["authorization"] = {"scope": "a,b"}
    scene.server.changes["token"] = {"scope": sent}
    rules = AuthorizationRules(redirect_params=frozenset({"scope"}), scope_separator=",")
    token = await scene.sign_in(scene.grant(), scene.endpoint(rules))
    assert token.scope == frozenset(granted.split())
    assert "scope" not in token.extra


async def test_kept_parameters_are_cached_and_stay_after_a_refresh(scene: Scene) -> None:
    """Another client with the cache has them too, and so has a refreshed token."""
    scene.server.changes["authorization"] = {"realmId": "7"}
    cache, endpoint, tokens = MemoryCache(), scene.endpoint(), list[Token]()
    for unwanted in (None, None, "first"):
        login = scene.login(scene.grant(redirect_params=["realmId"]), endpoint, cache)
        rejected = tokens[0].access_token if unwanted else None
        tokens.append(await login.token(endpoint, rejected))
    assert [token.extra for token in tokens] == [{"realmId": "7"}] * 3
    assert len(scene.visitor.opened) == 1


@pytest.mark.parametrize("name", ["access_token", "refresh_token", "id_token", "code", "state"])
def test_browser_cannot_set_values_of_the_token_endpoint(name: str) -> None:
    """Otherwise an attacker who can open a URL in the browser could inject a token."""
    with pytest.raises(TokenConfigurationError, match=f"cannot contain {name}"):
        AuthorizationCode(redirect_params=["realmId", name])


async def test_facts_cannot_keep_a_token_of_the_browser(scene: Scene) -> None:
    """The same applies to the facts of a server."""
    rules = AuthorizationRules(redirect_params=frozenset({"refresh_token"}))
    with pytest.raises(TokenConfigurationError, match="cannot contain refresh_token"):
        await scene.sign_in(scene.grant(), scene.endpoint(rules))
    assert not scene.visitor.opened


@pytest.mark.parametrize("names", ["realmId", [""], [5], 5, None], ids=repr)
def test_redirect_params_must_be_a_list_of_names(names: Any) -> None:
    """A string would be a list of letters."""
    with pytest.raises(TokenConfigurationError, match=r"such as \['realmId'\]"):
        AuthorizationCode(redirect_params=names)


# The nonce


async def test_nonce_is_sent_with_the_scope_openid(scene: Scene) -> None:
    """Each sign-in has its own, of at least 128 bits; other scopes need none."""
    for scope in ("openid email", "openid", "openid2 email", None):
        scene.visitor = IDTokenVisitor(scene.server, None)
        await scene.sign_in(scene.grant(), scene.endpoint(scope=scope))
        nonce = scene.asked.get("nonce")
        assert (nonce is not None) is (scope is not None and "openid2" not in scope)
        assert nonce is None or len(nonce[0]) >= 22  # 128 bits in base64


@pytest.mark.rule("R093")
async def test_nonce_is_new_for_each_sign_in(scene: Scene) -> None:
    """It is pushed as well."""
    for par in (False, False, True):
        await scene.sign_in(scene.grant(par=par), scene.endpoint(scope="openid"))
    pushed = [each.form["nonce"] for each in scene.server.log if each.path == "/par"]
    nonces = {*pushed, *(query_of(url).get("nonce", [""])[0] for url in scene.visitor.opened)}
    assert len(nonces - {""}) == 3


@pytest.mark.parametrize(
    "claims", [{"nonce": "sent", "sub": "ada"}, {"sub": "ada"}, {"nonce": None}, None], ids=str
)
async def test_right_or_absent_nonce_is_accepted(
    scene: Scene, claims: dict[str, object] | None
) -> None:
    """The signature is not checked: the token came from the token endpoint over TLS."""
    scene.visitor = IDTokenVisitor(scene.server, claims)
    token = await scene.sign_in(scene.grant(), scene.endpoint(scope="openid"))
    assert ("id_token" in token.extra) is (claims is not None)


@pytest.mark.parametrize(
    "id_token",
    [
        *("", "a.b", "a.b.c.d", "..", "a.!.c", "a.ä.c", "a.bm9uY2U.c", "a.YWE\n.c", "a.a.c"),
        *(id_token_of([]), id_token_of("nonce"), id_token_of(None), 5, None, {"nonce": "x"}),
        "a." + base64.urlsafe_b64encode(b"[" * 100_000).decode() + ".c",
    ],
    ids=lambda value: in_ascii(value)[:40],
)
async def test_id_token_that_cannot_be_read_is_accepted(scene: Scene, id_token: Any) -> None:
    """The program gets it unchanged. An encrypted ID token, for example, has five parts."""
    scene.server.changes["token"] = {"id_token": id_token}
    token = await scene.sign_in(scene.grant(), scene.endpoint(scope="openid"))
    assert token.extra["id_token"] == id_token


@pytest.mark.rule("R093")
@pytest.mark.parametrize("nonce", ["another", "", 5, ["sent"], "\ud800", "séance"], ids=in_ascii)
async def test_wrong_nonce_is_refused(scene: Scene, nonce: object) -> None:
    """The tokens are for another sign-in. They are neither returned nor stored."""
    scene.visitor = IDTokenVisitor(scene.server, {"nonce": nonce})
    cache, endpoint = MemoryCache(), scene.endpoint(scope="openid")
    login = scene.login(scene.grant(), endpoint, cache)
    with pytest.raises(AuthorizationError, match="the ID token is for another sign-in") as caught:
        await login.token(endpoint, None)
    assert caught.value.error is None
    shown = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    assert scene.asked["nonce"][0] not in shown
    assert id_token_of({"nonce": nonce}) not in shown
    scene.server.changes.clear()
    scene.visitor = Visitor()
    again = scene.login(scene.grant(), endpoint, cache)
    again.forget_failure()
    assert (await again.token(endpoint, None)).is_valid()
    assert len(scene.visitor.opened) == 1  # nothing was stored before
    await login.token(endpoint, None)
    assert len(scene.visitor.opened) == 1


async def test_nonce_is_not_checked_without_openid(scene: Scene) -> None:
    """Without the scope openid, no nonce was sent."""
    scene.visitor = IDTokenVisitor(scene.server, {"nonce": "any"})
    assert (await scene.sign_in(scene.grant(), scene.endpoint(scope="things"))).is_valid()


# The redirect URI


@pytest.mark.rule("R110")
@pytest.mark.parametrize(
    "uri",
    [
        *("https://app.example.com/callback", "https://localhost:8765/callback"),
        *(
            "http://app.example.com/callback",
            "com.example.app:/callback",
            "urn:ietf:wg:oauth:2.0:oob",
        ),
        "Ada_Lovelace-AdaLovel-things-abcdefg",
    ],
)
def test_redirect_uri_that_cannot_be_listened_on_is_refused(uri: str) -> None:
    """The error names the grant that needs no redirect; the last one is a RuName of eBay."""
    with pytest.raises(TokenConfigurationError, match="The grant DeviceCode needs no redirect"):
        AuthorizationCode(redirect_uri=uri)
