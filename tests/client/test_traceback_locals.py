"""Error reports show the local variables of each frame; no secret is among them."""

import base64
import copy
import pickle
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientError, ClientResponseError, ClientSession

from aioalf import Client, OAuth2Middleware, Retry, Token, TokenError, TokenManager
from aioalf._auth_server.http import AuthServerHTTP
from aioalf._auth_server.session import SessionSettings
from aioalf._auth_server.token_endpoint import TokenEndpoint
from aioalf._hidden_repr import MaskedDict, MaskedMultiDict, MaskedSet, MaskedStr
from aioalf._requests.authorization_header import AuthorizationHeader
from aioalf.caches import MemoryCache
from aioalf.client_auth import ClientAuth, ClientSecretBasic, ClientSecretPost, Credentials
from aioalf.errors import CacheError, RevocationError, SignInResponseError
from aioalf.grants import AuthorizationCode
from aioalf.grants.implicit import ImplicitLogin
from aioalf.implicit_manager import OAuthImplicitTokenManager, TokenStorage
from aioalf.providers import Provider
from aioalf.testing import CacheFault, CacheMethod, Fault, OAuthServer, UnreliableCache
from tests.support.front import FixedManager, UserClient, UserManager, client_of
from tests.support.person import Person

SECRET = "hunter2-of-the-client"
CREDENTIALS = base64.b64encode(f"the-client:{SECRET}".encode()).decode()
PROXY_PASSWORD = "hunter2-of-the-proxy"
TOKENS = ("granted-token", "token-0", "token-1")


def require_no_secret(error: BaseException, *secrets: str) -> None:
    """Check that the report of an error, with the local variables of its frames, has no secret."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown = "".join([*report.format(), repr(error), repr(error.__cause__), repr(error.__context__)])
    assert "self = <" in shown
    for secret in (SECRET, CREDENTIALS, PROXY_PASSWORD, *TOKENS, *secrets):
        assert secret not in shown


async def error_of(call: Callable[[], Awaitable[object]]) -> BaseException:
    """Return the error that a call raises."""
    with pytest.raises((TokenError, ClientError)) as caught:
        await call()
    return caught.value


FAULTS = {
    "401": Fault.oauth_error("invalid_client", status=401),
    "echo": Fault.oauth_error(CREDENTIALS, SECRET),
    "unusable": Fault.wrong_json({"access_token": "granted-token", "token_type": "mac"}),
    "not an object": Fault.wrong_json(["granted-token"]),
    "hang up": Fault.hang_up(),
    "truncated": Fault.truncated(),
    "redirect": Fault.redirect("/elsewhere"),
}


@pytest.mark.rule("R063")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("client_auth", [ClientSecretBasic(), ClientSecretPost()])
async def test_failed_token_request_shows_no_secret(
    oauth_server: OAuthServer, fault: Fault, client_auth: ClientAuth
) -> None:
    """The frames of the package and of aiohttp hold no readable secret."""
    oauth_server.token_fault = fault
    manager = TokenManager(
        oauth_server.token_endpoint,
        "the-client",
        SECRET,
        client_auth=client_auth,
        retry=Retry(attempts=1),
    )
    require_no_secret(await error_of(manager.get_token))


@pytest.mark.rule("R063")
@pytest.mark.parametrize("proxy", ["proxy", "no proxy"])
async def test_refused_connection_shows_no_secret(proxy: str) -> None:
    """Nor does it show the headers and the proxy of ``http_options``."""
    options: dict[str, Any] = {"headers": {"X-Api-Key": SECRET, "Authorization": f"Basic {SECRET}"}}
    if proxy == "proxy":
        options["proxy"] = f"http://user:{PROXY_PASSWORD}@127.0.0.1:1"
    manager = TokenManager(
        "http://127.0.0.1:1/token", "the-client", SECRET, options, retry=Retry(attempts=1)
    )
    del options
    require_no_secret(await error_of(manager.get_token))


@pytest.mark.rule("R063")
async def test_failed_requests_to_other_endpoints_show_no_secret(oauth_server: OAuthServer) -> None:
    """The token that is introspected or revoked is a secret, too."""
    endpoint = TokenEndpoint(
        None,
        Credentials("the-client", SECRET),
        ClientSecretPost(),
        endpoints={
            "introspection_endpoint": oauth_server.introspection_endpoint,
            "revocation_endpoint": oauth_server.revocation_endpoint,
            "device_authorization_endpoint": oauth_server.device_authorization_endpoint,
        },
    )
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: endpoint.introspect("granted-token"),
        lambda: endpoint.revoke("granted-token", "access_token"),
        lambda: endpoint.post("device_authorization_endpoint", {"otp": "granted-token"}),
    ]
    for call in calls:
        require_no_secret(await error_of(call))


Send = Callable[[str], Awaitable[object]]


@asynccontextmanager
async def senders(kind: str) -> AsyncIterator[tuple[Send, Send]]:
    """Yield functions that send a POST request and open a websocket, and raise for a status."""
    async with AsyncExitStack() as stack:
        if kind == "client":
            client = await stack.enter_async_context(UserClient())
            post: Send = lambda url: client.post(url, json={}, raise_for_status=True)  # noqa: E731
            yield post, client.ws_connect
            return
        session = ClientSession(
            raise_for_status=True,
            middlewares=[OAuth2Middleware(UserManager("", "", "", {}, None))]
            if kind == "middleware"
            else (),
        )
        await stack.enter_async_context(session)
        if kind == "middleware":
            yield session.post, session.ws_connect
        else:
            given = await stack.enter_async_context(UserClient(session=session))
            yield given.post, given.ws_connect


@pytest.mark.rule("R063")
@pytest.mark.parametrize("kind", ["client", "session argument", "middleware"])
async def test_failed_api_request_shows_no_token(oauth_server: OAuthServer, kind: str) -> None:
    """Aiohttp's error holds the request with its headers, whose repr is masked."""
    async with senders(kind) as (post, connect):
        for call in (post, connect):
            error = await error_of(lambda: call(oauth_server.url("/things")))  # noqa: B023 - used at once
            assert isinstance(error, ClientResponseError)
            assert error.status == 401
            require_no_secret(error)
            assert "'Bearer ***'" in repr(error)
            assert "'Bearer ***'" in repr(error.request_info)
            require_no_secret(await error_of(lambda: call("http://127.0.0.1:1/")))  # noqa: B023 - used at once


@pytest.mark.rule("R063")
async def test_failed_renewal_shows_no_rejected_token(oauth_server: OAuthServer) -> None:
    """The token that the API rejected may still be valid for other APIs."""
    async with client_of(oauth_server) as client:
        async with client.get(oauth_server.url("/things")) as response:
            assert response.status == 200
        [_, request] = oauth_server.log
        oauth_server.revoke_all()
        oauth_server.token_fault = Fault.hang_up()
        error = await error_of(lambda: client.get(oauth_server.url("/things")))
        require_no_secret(error, request.headers["Authorization"].partition(" ")[2])


@pytest.mark.rule("R063")
@pytest.mark.parametrize(
    "fault", [Fault.hang_up(), Fault.status(500), Fault.wrong_json([])], ids=lambda each: each.kind
)
async def test_failed_introspection_shows_no_token(oauth_server: OAuthServer, fault: Fault) -> None:
    """The token that an API asks about may be valid: it is in no frame of the package."""
    oauth_server.faults["introspection"] = fault
    issuer, retry = oauth_server.issuer, Retry(attempts=1)
    client = Client("client-id", "secret", issuer=issuer, retry=retry)
    manager = TokenManager(None, "client-id", "secret", issuer=issuer, retry=retry)
    async with client, manager:
        require_no_secret(await error_of(lambda: client.introspect("granted-token")))
        require_no_secret(await error_of(lambda: manager.introspect("granted-token")))


@pytest.mark.rule("R063", "R160")
@pytest.mark.parametrize(
    "fault",
    [Fault.hang_up(), Fault.status(500), Fault.oauth_error("unsupported_token_type")],
    ids=lambda each: each.kind,
)
async def test_failed_logout_shows_no_token(oauth_server: OAuthServer, fault: Fault) -> None:
    """Tokens that could not be revoked are still valid."""
    oauth_server.faults["revocation"] = fault
    tokens: list[Token] = []
    user = Person()
    client = Client(
        "client-id",
        "secret",
        issuer=oauth_server.issuer,
        grant=AuthorizationCode(open_browser=user),
        retry=Retry(attempts=1),
        on_token=tokens.append,
    )
    async with client:
        await client.get(oauth_server.url("/things"))
        error = await error_of(client.logout)
    await user.done()
    assert isinstance(error, RevocationError)
    assert tokens[0].refresh_token is not None
    require_no_secret(error, tokens[0].access_token, tokens[0].refresh_token)


@pytest.mark.rule("R063")
@pytest.mark.parametrize("quotes", [False, True], ids=["silent", "quotes the token"])
async def test_failing_response_reader_shows_no_token(
    oauth_server: OAuthServer, *, quotes: bool
) -> None:
    """Neither its error nor its local variables are shown; the tokens are still valid."""

    def read(members: Mapping[str, object]) -> Mapping[str, object]:
        body = {"token": members["access_token"], "renewal": members["refresh_token"]}
        raise LookupError(body["renewal"] if quotes else "data")

    user = Person()
    client = Client(
        "client-id",
        "secret",
        issuer=oauth_server.issuer,
        provider=Provider("example", read_response=read),
        grant=AuthorizationCode(open_browser=user),
        raise_token_errors=True,
    )
    oauth_server.changes["token"] = {
        "access_token": "granted-token",
        "refresh_token": "granted-renewal",
    }
    async with client:
        error = await error_of(lambda: client.get(oauth_server.url("/things")))
        await user.done()
        assert isinstance(error, SignInResponseError)
        assert error.__cause__ is not None
        require_no_secret(error, "granted-renewal")


@pytest.mark.rule("R063")
@pytest.mark.parametrize("failing", ["claim", "delete", "get"])
async def test_failed_cache_shows_no_token(oauth_server: OAuthServer, failing: CacheMethod) -> None:
    """The text of a cache entry holds the tokens."""
    cache = UnreliableCache()
    client = Client(
        "client-id", "secret", oauth_server.token_endpoint, cache=cache, retry=Retry(attempts=1)
    )
    async with client:
        await client.get(oauth_server.url("/things"))
        cache.faults[failing] = CacheFault.error()
        cache.faults["remove"] = CacheFault.error()
        error = await error_of(client.logout)
    require_no_secret(error, oauth_server.log[-1].headers["Authorization"].removeprefix("Bearer "))


@pytest.mark.rule("R063")
async def test_cache_entry_that_is_not_text_is_not_shown(oauth_server: OAuthServer) -> None:
    """A cache that forgets to decode its values returns the tokens as bytes."""
    cache = UnreliableCache()
    cache.faults["get"] = CacheFault.answer(b"granted-token")
    client = Client("client-id", "secret", oauth_server.token_endpoint, cache=cache)
    async with client:
        error = await error_of(client.logout)
    assert isinstance(error, CacheError)
    require_no_secret(error)


@pytest.mark.rule("R063")
@pytest.mark.parametrize("method", ["reset_token", "renew_token"])
async def test_failure_after_a_reset_shows_no_token(oauth_server: OAuthServer, method: str) -> None:
    """The token that was forgotten is still valid at the server."""
    oauth_server.changes["token"] = {"access_token": "granted-token"}
    manager = TokenManager(
        oauth_server.token_endpoint,
        oauth_server.client_id,
        oauth_server.client_secret,
        cache=MemoryCache(),
        retry=Retry(attempts=1),
    )
    async with manager:
        assert await manager.get_token() == "granted-token"
        oauth_server.token_fault = Fault.hang_up()
        if method == "reset_token":
            await manager.reset_token()
            require_no_secret(await error_of(manager.get_token))
        else:
            require_no_secret(await error_of(lambda: manager.renew_token("granted-token")))


class FailingManager(UserManager):
    """A manager of a user that cannot replace its token."""

    def __init__(self, failing: str) -> None:
        super().__init__("", "", "", {}, None)
        self.failing = failing

    async def get_token(self) -> str:
        """Return the same token each time, or fail after the reset."""
        if self.failing == "get_token" and self.resets:
            raise TokenError("no token")
        return "granted-token"

    async def reset_token(self) -> None:
        """Count the reset, or fail."""
        if self.failing == "reset_token":
            raise TokenError("no reset")
        self.resets += 1


@pytest.mark.rule("R063")
@pytest.mark.parametrize("failing", ["get_token", "reset_token"])
@pytest.mark.parametrize("body", ["repeatable", "sent once"])
async def test_failed_renewal_of_a_users_manager_shows_no_token(
    oauth_server: OAuthServer, failing: str, body: str
) -> None:
    """The token that one API rejected may be valid for others."""

    async def once() -> AsyncIterator[bytes]:
        yield b"body"

    url = oauth_server.url("/things")
    async with ClientSession(middlewares=[OAuth2Middleware(FailingManager(failing))]) as session:
        if body == "sent once":  # the token is renewed before the next request
            async with session.post(url, data=once()) as response:
                assert response.status == 401
        require_no_secret(await error_of(lambda: session.get(url)))


@pytest.mark.rule("R063")
@pytest.mark.parametrize(
    "members",
    [
        {"access_token": "granted-token\n"},
        {"access_token": "granted-token", "token_type": "mac"},
        ["granted-token"],
    ],
    ids=["access_token", "token_type", "not a mapping"],
)
async def test_invalid_members_of_a_hook_are_not_shown(members: Any) -> None:
    """A subclass of 0.4.0's manager returns the members of its token response."""

    class Hooked(TokenManager):
        async def _request_token(self) -> Any:
            return members

    manager = Hooked("https://auth.example.com/token", "client-id", "secret")
    require_no_secret(await error_of(manager.get_token))


@pytest.mark.rule("R063")
async def test_failed_implicit_sign_in_shows_no_stored_token(oauth_server: OAuthServer) -> None:
    """The stored token that one API rejected may be valid for others."""

    def no_browser(_: str) -> None:
        raise OSError

    stored = TokenStorage()
    stored.save("granted-token")

    class Manager(OAuthImplicitTokenManager):
        storage = stored
        login = ImplicitLogin((49152, 49999), None, no_browser, 5)

    manager = Manager(oauth_server.token_endpoint, "client-id", None)
    assert await manager.get_token() == "granted-token"
    require_no_secret(await error_of(lambda: manager.renew_token("granted-token")))


@pytest.mark.rule("R051", "R063")
async def test_invalid_token_of_a_manager_is_not_shown() -> None:
    """The frame that refuses the token does not show it."""
    header = AuthorizationHeader(FixedManager("granted-token\n"))
    session: Any = None
    require_no_secret(await error_of(lambda: header.get(session)))


@pytest.mark.rule("R063")
async def test_objects_with_secrets_are_not_pickled(oauth_server: OAuthServer) -> None:
    """A client with a manager of the user's own holds a token in its header."""
    client = PicklableClient()
    async with client, client.get(oauth_server.url("/things")):
        holders: list[object] = [client, client._header, client._dispatcher]  # noqa: SLF001 - what pickle visits
    middleware = OAuth2Middleware(PicklableManager())
    http = AuthServerHTTP({"proxy": f"http://user:{PROXY_PASSWORD}@127.0.0.1:1"})
    async with ClientSession(proxy=f"http://user:{PROXY_PASSWORD}@127.0.0.1:1") as session:
        holders += [middleware, http, SessionSettings(session)]
    for holder in holders:
        with pytest.raises(TypeError, match="holds a secret, so it is not pickled"):
            pickle.dumps(holder)


class PicklableManager:
    """A manager without any state."""

    def __init__(self, **_: object) -> None:
        pass

    async def get_token(self) -> str:
        """Return a token."""
        return "granted-token"

    def reset_token(self) -> None:
        """Do nothing."""


class PicklableClient(Client):
    """A client with that manager."""

    token_manager_class = PicklableManager


def test_masked_values_show_names_only() -> None:
    """They compare, print and copy like the values of their base classes."""
    value = MaskedStr("Bearer granted-token")
    assert (repr(value), repr(MaskedStr("token"))) == ("'Bearer ***'", "'***'")
    assert (str(value), f"{value}") == ("Bearer granted-token",) * 2
    assert value == copy.deepcopy(value)
    assert type(copy.deepcopy(value)) is str, "recorders store it"
    assert repr(MaskedDict(a="b", c="d")) == "<a, c>"
    assert repr(MaskedMultiDict([("a", "b"), ("a", "c")])) == "<a>"
    assert repr(MaskedSet({"a", "b"})) == "<2 secrets>"
