"""`providers.google_service_account`: tokens for an account whose key is in a key file."""

import json
import pickle
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt

from aioalf import Client, Token, TokenConfigurationError, TokenHTTPError, TokenManager
from aioalf.caches import MemoryCache
from aioalf.providers import Provider, google_service_account
from aioalf.testing import Fault, OAuthServer
from tests.client.test_issuer import ClientWithManager
from tests.testing.signing import RSA, public

EMAIL = "robot@project.example"
SCOPE = "https://www.googleapis.com/auth/drive email"
MEMBERS: Mapping[str, object] = {
    "type": "service_account",
    "private_key_id": "key-1",
    "private_key": RSA.as_pem(private=True).decode(),
    "client_email": EMAIL,
}


def written(directory: Path, members: Mapping[str, object]) -> Path:
    """Return the path of a new key file with these members."""
    path = directory / "account.json"
    path.write_text(json.dumps(members))
    return path


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """The key file of an account."""
    return written(tmp_path, MEMBERS)


async def token_of(provider: Provider, **options: Any) -> tuple[Token, str, OAuthServer]:
    """Send a request to the API; return the token, the user it is for, and the server."""
    async with OAuthServer(behaves_like=provider) as server:
        server.trust_assertions(EMAIL, public(RSA))
        arguments: dict[str, Any] = {
            "provider": server.provider,
            "scope": SCOPE,
            "raise_token_errors": True,
        }
        async with Client(**{**arguments, **options}) as client:
            async with client.get(server.url("/things")) as response:
                assert response.status == 200
                user = (await response.json())["user"]
            return await client.token(), user, server


def claims_of(server: OAuthServer) -> Mapping[str, object]:
    """Return the claims of the only assertion that the server received."""
    (assertion,) = [request.form["assertion"] for request in server.log if request.form]
    claims: Mapping[str, object] = jwt.decode(assertion, RSA, algorithms=["RS256"]).claims
    return claims


@pytest.mark.rule("R009")
@pytest.mark.parametrize("kind", [str, Path, dict])
async def test_assertion_is_that_of_the_account(key_file: Path, kind: type) -> None:
    """Nothing but the assertion is sent; it lasts an hour and names scope and token endpoint."""
    key = dict(MEMBERS) if kind is dict else kind(key_file)
    token, user, server = await token_of(google_service_account(key))
    assert user == EMAIL
    assert token.refresh_token is None
    request = server.log[0]
    assert request.form.keys() == {"grant_type", "assertion"}
    assert "Authorization" not in request.headers
    header = jwt.decode(request.form["assertion"], RSA, algorithms=["RS256"]).header
    assert header == {"alg": "RS256", "kid": "key-1"}
    claims = dict(claims_of(server))
    issued = claims.pop("iat")
    assert isinstance(issued, int)
    assert claims.pop("exp") == issued + 3600
    assert claims.pop("jti")
    assert claims == {
        "iss": EMAIL,
        "aud": f"http://{request.headers['Host']}/token",
        "scope": SCOPE,
    }


async def test_account_can_act_for_a_user() -> None:
    """The assertion has a subject only then."""
    _, user, server = await token_of(google_service_account(MEMBERS, "ada@example.com"))
    assert user == "ada@example.com"
    assert claims_of(server)["sub"] == "ada@example.com"


async def test_client_id_is_never_sent() -> None:
    """The account's key is all that identifies it, even if the caller has a client id."""
    _, _, server = await token_of(google_service_account(MEMBERS), client_id="client-id")
    assert "client_id" not in server.log[0].form


async def test_key_without_an_id_is_used() -> None:
    """The header of the assertion has no ``kid`` then."""
    members = {name: value for name, value in MEMBERS.items() if name != "private_key_id"}
    _, user, _ = await token_of(google_service_account(members))
    assert user == EMAIL


async def test_key_file_is_read_once_and_not_before_a_token_is_needed(tmp_path: Path) -> None:
    """The file may be missing when the client is created."""
    path = tmp_path / "account.json"
    provider = google_service_account(path)
    async with OAuthServer(behaves_like=provider) as server:
        server.trust_assertions(EMAIL, public(RSA))
        manager = TokenManager(None, None, None, provider=server.provider, scope=SCOPE)
        with pytest.raises(TokenConfigurationError, match=r"account\.json cannot be read: No such"):
            await manager.get_token()
        written(tmp_path, MEMBERS)
        first = await manager.get_token()
        path.unlink()
        server.revoke_all()
        await manager.reset_token()
        assert await manager.get_token() != first


async def test_accounts_share_a_cache_but_no_token(key_file: Path) -> None:
    """The entry depends on the account and on the user it acts for, not on the path of its file."""
    cache = MemoryCache()
    providers = [
        google_service_account(key_file),
        google_service_account(MEMBERS),
        google_service_account(MEMBERS, "ada@example.com"),
    ]
    async with OAuthServer(behaves_like=providers[0]) as server:
        server.trust_assertions(EMAIL, public(RSA))
        tokens = []
        for provider in providers:
            own = replace(provider, endpoints=server.provider.endpoints)
            async with ClientWithManager(provider=own, scope=SCOPE, cache=cache) as client:
                tokens.append(await client.manager.get_token())
        assert tokens[0] == tokens[1] != tokens[2]
        assert server.token_requests == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("[1]", "it is not a JSON object"),
        ("private", "it is not a JSON object"),
        ("{}", "it is empty"),
        ('{"installed": {"client_id": "a"}}', "it has the members installed$"),
        ('{"type": "authorized_user", "client_id": "a"}', "its type is 'authorized_user'$"),
        ('{"client_email": "a", "private_key": 5}', "the members client_email, private_key$"),
        ('{"client_email": "", "private_key": "a"}', "the members client_email, private_key$"),
    ],
)
async def test_other_file_is_refused_with_what_was_found(
    tmp_path: Path, content: str, words: str
) -> None:
    """The error names the file; its values are not shown."""
    path = tmp_path / "other.json"
    path.write_text(content)
    manager = TokenManager(None, None, None, provider=google_service_account(path), scope=SCOPE)
    with pytest.raises(TokenConfigurationError, match=words) as caught:
        await manager.get_token()
    assert "other.json" in str(caught.value)
    if content.startswith("{"):
        with pytest.raises(TokenConfigurationError, match=words):
            google_service_account(json.loads(content))


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (5, "not int"),
        (b"account.json", "not bytes"),
        (json.dumps(MEMBERS), r"not text: pass json\.loads"),
        (str(MEMBERS["private_key"]), "not text"),
    ],
    ids=["int", "bytes", "JSON", "PEM"],
)
def test_key_is_a_path_or_a_mapping(key: Any, words: str) -> None:
    """The text of a key would otherwise be shown as a path that does not exist."""
    with pytest.raises(TokenConfigurationError, match=words) as caught:
        google_service_account(key)
    assert "PRIVATE KEY" not in str(caught.value)


def test_subject_must_be_text() -> None:
    """An empty subject is a mistake, not the account itself."""
    with pytest.raises(TokenConfigurationError, match="subject must be text"):
        google_service_account(MEMBERS, "")


@pytest.mark.rule("R063")
async def test_key_is_shown_nowhere(key_file: Path, tmp_path: Path) -> None:
    """Neither in the provider's repr and pickle, nor in the local variables of a traceback."""
    for key in (key_file, MEMBERS):
        provider = google_service_account(key)
        assert "PRIVATE KEY" not in repr(provider)
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(provider)
    broken = {**MEMBERS, "client_email": 5}
    written(tmp_path, broken)
    with pytest.raises(TokenConfigurationError) as mapping:
        google_service_account(broken)
    manager = TokenManager(None, None, None, provider=google_service_account(key_file))
    with pytest.raises(TokenConfigurationError) as file:
        await manager.get_token()
    for caught in (mapping, file):
        report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        ours = [each for each in report.stack if "/aioalf/" in each.filename]
        assert ours
        assert "PRIVATE KEY" not in "".join(str(each.locals) for each in ours)


async def test_temporary_error_of_google_is_transient() -> None:
    """Google's own words say so; the assertion is not sent again."""
    async with OAuthServer(behaves_like=google_service_account(MEMBERS)) as server:
        server.token_fault = Fault.oauth_error("internal_failure")
        manager = TokenManager(None, None, None, provider=server.provider, scope=SCOPE)
        with pytest.raises(TokenHTTPError) as caught:
            await manager.get_token()
        assert caught.value.is_transient
        assert server.token_requests == 1
