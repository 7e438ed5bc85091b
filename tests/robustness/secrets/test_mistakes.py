"""No canary comes out of the errors and warnings for mistakes of the user."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from aioalf import Client, OAuth2Middleware, TokenError, TokenManager
from aioalf.caches import FileCache, MemoryCache
from aioalf.client_auth import (
    ClientAssertion,
    ClientSecretBasic,
    ClientSecretJWT,
    ClientSecretPost,
    PrivateKeyJWT,
    SecretFile,
    TLSClientAuth,
)
from aioalf.grants import (
    ACCESS_TOKEN,
    REFRESH_TOKEN,
    AuthorizationCode,
    DeviceCode,
    JWTBearer,
    RefreshToken,
    TokenExchange,
)
from aioalf.implicit import OAuthImplicitTokenManager
from aioalf.token import Token
from tests.robustness.secrets.canaries import Canaries
from tests.robustness.secrets.exposure import Exposure

pytestmark = pytest.mark.rule("R007", "R063")

ENDPOINT = "https://auth.example.com/token"
Mistake = Callable[[str], Any]


def client(**options: Any) -> Client:
    """Create a client."""
    settings: dict[str, Any] = {
        "client_id": "a-client",
        "client_secret": "a-secret",
        "token_endpoint": ENDPOINT,
    }
    return Client(**{**settings, **options})


async def get(client: Client, *arguments: Any, **options: Any) -> None:
    """Send a request with a client."""
    async with asyncio.timeout(20), client:
        await client.get(*arguments or ("https://api.example.com/",), **options)


AT_CREATION: dict[str, Mistake] = {
    "secret as token endpoint": lambda canary: client(token_endpoint=canary),
    "secret as token endpoint of a manager": lambda canary: TokenManager(
        "a-client", canary, ENDPOINT
    ),
    "secret as issuer": lambda canary: client(issuer=canary),
    "password in the token endpoint": lambda canary: client(
        token_endpoint=f"https://a:{canary}@auth.example.com/token"
    ),
    "password in a URL that is not https": lambda canary: client(
        token_endpoint=f"ftp://a:{canary}@auth.example.com/?key={canary}"
    ),
    "fragment": lambda canary: client(token_endpoint=f"{ENDPOINT}#{canary}"),
    "broken URL": lambda canary: client(token_endpoint=f"https://a:{canary}@["),
    "query of the issuer": lambda canary: client(issuer=f"https://auth.example.com?key={canary}"),
    "password in an endpoint": lambda canary: client(
        endpoints={"revocation_endpoint": f"https://a:{canary}@auth.example.com/"}
    ),
    "plain http revocation": lambda canary: client(
        endpoints={"revocation_endpoint": f"http://auth.example.com/?key={canary}"}
    ),
    "password in an origin": lambda canary: client(
        allowed_origins=[f"https://a:{canary}@api.example.com"]
    ),
    "path in an origin": lambda canary: client(
        allowed_origins=[f"https://api.example.com/{canary}"]
    ),
    "origin that is no URL": lambda canary: client(allowed_origins=[canary]),
    "origins without a list": lambda canary: client(allowed_origins=canary),
    "secret in extra_params": lambda canary: client(extra_params={"client_secret": canary}),
    "bytes in extra_params": lambda canary: client(extra_params={"key": canary.encode()}),
    "secret as resource": lambda canary: client(resource=canary),
    "headers that are no mapping": lambda canary: client(http_options=canary),
    "reserved option": lambda canary: client(http_options={"auth": canary}),
    "secret as manager": lambda canary: OAuth2Middleware(cast("Any", canary)),
    "secret as algorithm": ClientSecretJWT,
    "key of a wrong type": lambda canary: PrivateKeyJWT([canary]),  # type: ignore[arg-type]
    "refresh token in bytes": lambda canary: RefreshToken(canary.encode()),  # type: ignore[arg-type]
    "subject token in bytes": lambda canary: TokenExchange(canary.encode(), ACCESS_TOKEN),  # type: ignore[arg-type]
    "actor token without its type": lambda canary: TokenExchange(
        canary, ACCESS_TOKEN, actor_token=canary
    ),
    "claim that is set already": lambda canary: JWTBearer(
        "key", issuer="a", claims={"jti": canary}
    ),
    "secret of a client with a broken endpoint": lambda canary: client(
        client_secret=canary, token_endpoint="bad url"
    ),
    "secret of a client without a server": lambda canary: Client("a-client", canary),
    "secret of a manager with a broken endpoint": lambda canary: TokenManager(
        "bad url", "a-client", canary
    ),
    "secret of a manager with an unknown option": lambda canary: TokenManager(
        ENDPOINT,
        "a-client",
        canary,
        speed="high",  # type: ignore[call-arg]
    ),
    "secret of the implicit flow": lambda canary: OAuthImplicitTokenManager(
        ENDPOINT, "a-client", canary, cache=MemoryCache()
    ),
    "secret of a client whose scope cannot be sent": lambda canary: client(
        client_secret=canary, scope=5
    ),
    "parameter of a derived client": lambda canary: client().with_options(
        extra_params={"client_secret": canary}
    ),
    "parameter of a derived manager": lambda canary: TokenManager(
        ENDPOINT, "a-client", "a-secret"
    ).with_options(extra_params={"client_secret": canary}),
    "proxy password as auth_session": lambda canary: client(
        auth_session=f"http://a:{canary}@proxy.example.com"
    ),
    "proxy password next to a reserved option": lambda canary: client(
        http_options={"proxy": f"http://a:{canary}@proxy.example.com", "auth": None}
    ),
    "API key next to a broken endpoint": lambda canary: client(
        http_options={"headers": {"X-Api-Key": canary}}, token_endpoint="bad url"
    ),
    "private key with an unknown algorithm": lambda canary: PrivateKeyJWT(canary, "HS256"),
    "private key of a grant without an issuer": lambda canary: JWTBearer(canary, issuer=""),
    "password as a certificate": lambda canary: TLSClientAuth(cast("Any", canary)),
    "secret as a path in bytes": lambda canary: SecretFile(canary.encode()),  # type: ignore[arg-type]
    "secret as a number of entries": lambda canary: MemoryCache(cast("Any", canary)),
    "secret as the path of a cache": lambda canary: FileCache(cast("Any", [canary])),
    "password in a redirect URI": lambda canary: AuthorizationCode(
        redirect_uri=f"http://a:{canary}@localhost"
    ),
    "secret as a lifetime": lambda canary: client(default_expires_in=canary),
    "secret as a timeout": lambda canary: DeviceCode(timeout=cast("Any", canary)),
    "token without a lifetime": lambda canary: Token(canary, "soon"),
}

OF_A_CLIENT: dict[str, Callable[[str], Awaitable[object]]] = {
    "secret in bytes": lambda canary: get(
        client(client_secret=canary.encode(), client_auth=ClientSecretPost())
    ),
    "secret that is not UTF-8": lambda canary: get(client(client_secret=f"{canary}\ud800")),
    "secret function that returns bytes": lambda canary: get(client(client_secret=canary.encode)),
    "refresh token function that returns bytes": lambda canary: get(
        client(grant=RefreshToken(cast("Any", canary.encode)))
    ),
    "subject token function that returns bytes": lambda canary: get(
        client(grant=TokenExchange(cast("Any", canary.encode), ACCESS_TOKEN))
    ),
    "assertion function that returns bytes": lambda canary: get(
        client(client_secret=None, client_auth=ClientAssertion(cast("Any", canary.encode)))
    ),
    "colon in the id": lambda canary: get(
        client(
            client_id="a:b", client_secret=canary, client_auth=ClientSecretBasic(form_encode=False)
        )
    ),
    "short secret": lambda canary: get(
        client(client_secret=canary, client_auth=ClientSecretJWT("HS512"))
    ),
    "secret as key": lambda canary: get(client(client_auth=PrivateKeyJWT(canary))),
    "damaged key": lambda canary: get(
        client(client_auth=PrivateKeyJWT(f"-----BEGIN PRIVATE KEY-----\n{canary}\n-----END"))
    ),
    "damaged JWK": lambda canary: get(
        client(client_auth=PrivateKeyJWT({"kty": "EC", "crv": "P-256", "d": canary, "x": canary}))
    ),
    "refresh token by plain http": lambda canary: get(
        client(
            token_endpoint="http://auth.example.com/token",
            grant=TokenExchange(canary, REFRESH_TOKEN),
        )
    ),
}

OF_A_CALL: dict[str, Callable[[str], Awaitable[object]]] = {
    "password in the URL of the API": lambda canary: get(
        client(), f"https://a:{canary}@api.example.com/"
    ),
    "other credentials": lambda canary: get(client(), auth=("a", canary)),
    "query of an origin that is not allowed": lambda canary: get(
        client(allowed_origins=["https://api.example.com"]), f"https://b.example/?key={canary}"
    ),
    "query of plain http": lambda canary: get(
        client(require_https=True), f"http://api.example.com/?key={canary}"
    ),
    "proxy": lambda canary: get(client(http_options={"proxy": f"http://a:{canary}@["})),
}


@pytest.mark.parametrize("mistake", AT_CREATION)
async def test_mistake_at_creation_brings_out_no_secret(mistake: str) -> None:
    """Neither the error of the constructor nor its report with local variables shows the value."""
    canaries, exposure = Canaries(), Exposure()
    canary = canaries.plant_token("misplaced secret")
    with exposure.watching(), pytest.raises((TypeError, ValueError)) as caught:
        AT_CREATION[mistake](canary)
    await exposure.add_error(mistake, caught.value)
    assert not exposure.leaks_of(canaries)


@pytest.mark.parametrize("mistake", OF_A_CLIENT)
async def test_mistake_at_first_use_brings_out_no_secret(mistake: str) -> None:
    """Neither the error nor its report with local variables shows the value."""
    canaries, exposure = Canaries(), Exposure()
    canary = canaries.plant_token("misplaced secret")
    with exposure.watching(), pytest.raises(TokenError) as caught:
        await OF_A_CLIENT[mistake](canary)
    await exposure.add_error(mistake, caught.value, with_report=False)
    exposure.add_report(mistake, caught.value)
    assert not exposure.leaks_of(canaries)


@pytest.mark.parametrize("mistake", OF_A_CALL)
async def test_mistake_in_a_call_brings_out_no_secret(mistake: str) -> None:
    """The error does not quote the arguments of the call."""
    canaries, exposure = Canaries(), Exposure()
    canary = canaries.plant_token("misplaced secret")
    with exposure.watching(), pytest.raises((TokenError, ValueError)) as caught:
        await OF_A_CALL[mistake](canary)
    await exposure.add_error(mistake, caught.value, with_report=False)
    assert not exposure.leaks_of(canaries)


async def test_warning_about_plain_http_brings_out_no_secret() -> None:
    """Its URLs are shown without their queries."""
    canaries, exposure = Canaries(), Exposure()
    canary = canaries.plant_token("key in a query")
    with exposure.watching():
        client(token_endpoint=f"http://auth.example.com/token?key={canary}")
    assert any(place == "warning" for place, _ in exposure.texts)
    assert not exposure.leaks_of(canaries)
