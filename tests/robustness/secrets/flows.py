"""A client for each grant and client authentication method, with canaries as its secrets."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from joserfc.jwk import ECKey

from aioalf import Client, Renewal, Retry
from aioalf.client_auth import ClientSecretJWT, ClientSecretPost, PrivateKeyJWT, PublicClient
from aioalf.grants import (
    ACCESS_TOKEN,
    AuthorizationCode,
    AuthorizationServer,
    DeviceCode,
    Grant,
    JWTBearer,
    Prompt,
    RefreshToken,
    TokenExchange,
)
from aioalf.testing import OAuthServer
from aioalf.token import Token
from tests.grants.visitor import Visitor
from tests.robustness.secrets.canaries import Canaries

CLIENT_ID = "a-client-id"
ISSUER_OF_ASSERTIONS = "https://idp.example"


class World:
    """The test server, the user's browser, and the canaries."""

    def __init__(self, server: OAuthServer) -> None:
        self.server = server
        self.visitor = Visitor()
        self.canaries = Canaries()
        self.tokens: list[Token] = []
        server.auto_sign_in = "Ada"
        server.device_interval, server.device_slow_down = 0.01, False

    async def client(self, flow: str, **options: Any) -> Client:
        """Create the client of a flow, whose secrets are planted and registered."""
        settings: dict[str, Any] = {
            "client_id": CLIENT_ID,
            "issuer": self.server.issuer,
            "retry": Retry(attempts=1),
            "renewal": Renewal(failure_backoff=0),
            "on_token": self.tokens.append,
            "extra_params": {"tenant_key": self.canaries.plant("extra parameter")},
            "http_options": {"headers": {"X-Api-Key": self.canaries.plant_token("API key")}},
        }
        return Client(**{**settings, **await FLOWS[flow](self), **options})

    def secret(self) -> str:
        """Plant a client secret and register the client."""
        secret = self.canaries.plant("client secret")
        self.server.add_client(CLIENT_ID, secret)
        self.server.allow_body_secret = True
        return secret

    def key(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Plant a private key; return it and its public key as JWKs."""
        key = ECKey.generate_key("P-256")
        private, public = dict(key.as_dict(private=True)), dict(key.as_dict(private=False))
        self.canaries.add("private key", str(private["d"]))
        return private, public

    def approve(self, prompt: Prompt) -> None:
        """Approve the sign-in of a device."""
        self.server.approve(prompt.user_code)

    def note_traffic(self) -> None:
        """Add the secrets that the servers issued or that the client made."""
        for request in self.server.log:
            self.canaries.add_values(request.form.items())
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme == "Bearer":
                self.canaries.add_values([("token", token)])
        for issued in self.tokens:
            self.canaries.add_values(
                [("token", issued.access_token), ("refresh_token", issued.refresh_token or "")]
            )
        for url in (*self.visitor.opened, *self.visitor.redirects):
            self.canaries.add_values(parse_qsl(urlsplit(url).query))


class OneTimePassword(Grant):
    """A grant of a user's own, with a secret parameter that the package does not know."""

    def __init__(self, otp_secret: str) -> None:
        self._otp_secret = otp_secret

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Send the secret."""
        return await server.request(
            {"grant_type": "urn:example:otp", "otp_secret": self._otp_secret}
        )


async def _basic(world: World) -> dict[str, Any]:
    return {"client_secret": world.secret()}


async def _post(world: World) -> dict[str, Any]:
    return {"client_secret": world.secret(), "client_auth": ClientSecretPost()}


async def _secret_function(world: World) -> dict[str, Any]:
    secret = world.secret()
    return {"client_secret": lambda: secret}


async def _secret_jwt(world: World) -> dict[str, Any]:
    secret = world.secret()
    world.server.add_client(CLIENT_ID, secret, auth_methods=["client_secret_jwt"])
    return {"client_secret": secret, "client_auth": ClientSecretJWT()}


async def _private_key_jwt(world: World) -> dict[str, Any]:
    private, public = world.key()
    world.server.add_client(CLIENT_ID, public_key=public)
    return {"client_auth": PrivateKeyJWT(private)}


async def _code(world: World) -> dict[str, Any]:
    grant = AuthorizationCode(open_browser=world.visitor)
    return {"client_secret": world.secret(), "grant": grant}


async def _public_code(world: World) -> dict[str, Any]:
    world.server.add_client(CLIENT_ID)
    grant = AuthorizationCode(open_browser=world.visitor)
    return {"client_auth": PublicClient(), "grant": grant}


async def _pushed_code(world: World) -> dict[str, Any]:
    return {**await _code(world), "grant": AuthorizationCode(open_browser=world.visitor, par=True)}


async def _device(world: World) -> dict[str, Any]:
    return {"client_secret": world.secret(), "grant": DeviceCode(world.approve)}


async def _refresh_token(world: World) -> dict[str, Any]:
    async with await world.client("code") as client:
        await client.get(world.server.url("/things"))
    refresh_token = str(world.tokens[-1].refresh_token)
    world.canaries.add_values([("refresh_token", refresh_token)])
    return {"client_secret": world.secret(), "grant": RefreshToken(refresh_token)}


async def _exchange(world: World) -> dict[str, Any]:
    subject, actor = map(world.canaries.plant_token, ("subject token", "actor token"))
    for token in (subject, actor):
        world.server.add_subject_token(token, "Ada")
    grant = TokenExchange(
        subject, ACCESS_TOKEN, actor_token=lambda: actor, actor_token_type=ACCESS_TOKEN
    )
    return {"client_secret": world.secret(), "grant": grant}


async def _jwt_bearer(world: World) -> dict[str, Any]:
    private, public = world.key()
    world.server.trust_assertions(ISSUER_OF_ASSERTIONS, public)
    grant = JWTBearer(private, algorithm="ES256", issuer=ISSUER_OF_ASSERTIONS)
    return {"client_secret": world.secret(), "grant": grant}


async def _custom(world: World) -> dict[str, Any]:
    grant = OneTimePassword(world.canaries.plant("otp_secret"))
    return {"client_secret": world.secret(), "grant": grant}


FLOWS: dict[str, Callable[[World], Awaitable[dict[str, Any]]]] = {
    "basic": _basic,
    "post": _post,
    "secret function": _secret_function,
    "secret JWT": _secret_jwt,
    "private key JWT": _private_key_jwt,
    "code": _code,
    "public code": _public_code,
    "pushed code": _pushed_code,
    "device": _device,
    "refresh token": _refresh_token,
    "exchange": _exchange,
    "JWT bearer": _jwt_bearer,
    "custom": _custom,
}
