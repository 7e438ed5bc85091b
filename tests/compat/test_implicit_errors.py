"""The implicit flow: errors of the sign-in, and options that are refused."""

import socket

import pytest

from aioalf.client import Client
from aioalf.errors import (
    AccessDeniedError,
    AuthorizationError,
    AuthorizationServerError,
    InsecureTransportWarning,
    ListenerError,
    LoginTimeoutError,
    TemporarilyUnavailableError,
    TokenConfigurationError,
    TokenError,
    TokenResponseError,
)
from aioalf.grants import ClientCredentials
from aioalf.implicit import (
    TokenStorage,
    use_implicit_flow,
)
from aioalf.retry import Retry
from aioalf.testing import OAuthServer
from tests.compat.implicit import PORTS, client_of, is_listening, query_of, status_of
from tests.support.person import Person, come_back


@pytest.mark.rule("R108")
async def test_cancelled_sign_in_is_an_access_denied_error(oauth_server: OAuthServer) -> None:
    """The error has the server's description, and no request is sent to the API."""
    person = Person("cancel")
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    async with client_of(oauth_server) as client:
        with pytest.raises(AccessDeniedError, match="access_denied") as caught:
            await client.get(oauth_server.url("/things"))
    await person.done()
    assert caught.value.error == "access_denied"
    assert caught.value.error_description == "The sign-in was cancelled."
    assert person.outcomes == ["refused"]
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R108")
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("access_denied", AccessDeniedError),
        ("server_error", AuthorizationServerError),
        ("temporarily_unavailable", TemporarilyUnavailableError),
        ("unauthorized_client", AuthorizationError),
        ("evil\x1b[31m", AuthorizationError),
    ],
)
async def test_each_error_code_has_its_class(
    oauth_server: OAuthServer, code: str, kind: type[AuthorizationError]
) -> None:
    """Standard error codes have their class, and no control character is in the message."""

    async def refuse(url: str) -> None:
        query = query_of(url)
        await come_back(f"{query['redirect_uri'][0]}#error={code}&state={query['state'][0]}")

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=refuse)
    async with client_of(oauth_server) as client:
        with pytest.raises(AuthorizationError) as caught:
            await client.get(oauth_server.url("/things"))
    assert type(caught.value) is kind
    assert caught.value.error == code
    assert str(caught.value).isprintable()


@pytest.mark.rule("R020", "R021", "R032", "R106")
@pytest.mark.parametrize(
    "answer",
    ["access_token=a%0D%0Ab", "access_token=a&token_type=mac"],
)
async def test_invalid_token_in_the_redirect_is_an_error(
    oauth_server: OAuthServer, answer: str
) -> None:
    """The parameters of the redirect are checked as a token response is."""

    async def misbehave(url: str) -> None:
        query = query_of(url)
        await come_back(f"{query['redirect_uri'][0]}#{answer}&state={query['state'][0]}")

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=misbehave)
    async with client_of(oauth_server) as client:
        with pytest.raises(TokenResponseError):
            await client.get(oauth_server.url("/things"))
    assert oauth_server.api_requests == 0


@pytest.mark.rule("R114")
async def test_sign_in_has_a_time_limit(oauth_server: OAuthServer) -> None:
    """After the time limit, LoginTimeoutError is raised and the port is closed."""
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=lambda _: None, timeout=0.1)
    async with client_of(oauth_server) as client:
        with pytest.raises(LoginTimeoutError, match=r"within 0\.1 seconds"):
            await client.get(oauth_server.url("/things"))
    assert not await is_listening(PORTS[0])


@pytest.mark.rule("R112")
async def test_busy_ports_are_an_error_before_a_browser_opens(
    oauth_server: OAuthServer, person: Person
) -> None:
    """The error names the range."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        await use_implicit_flow(TokenStorage(), (port, port), open_browser=person)
        async with client_of(oauth_server) as client:
            with pytest.raises(ListenerError, match=f"{port} to {port}"):
                await client.get(oauth_server.url("/things"))
    assert not person.opened


async def test_failing_browser_ends_the_sign_in(oauth_server: OAuthServer) -> None:
    """The caller gets an error with its cause, instead of waiting for a page that is not shown."""

    def broken(_url: str) -> None:
        raise OSError("no display")

    await use_implicit_flow(TokenStorage(), PORTS, open_browser=broken)
    async with client_of(oauth_server) as client:
        with pytest.raises(TokenError, match="could not be opened: OSError") as caught:
            await client.get(oauth_server.url("/things"))
    assert isinstance(caught.value.__cause__, OSError)
    assert not await is_listening(PORTS[0])


@pytest.mark.rule("R003")
async def test_authorization_endpoint_replaces_the_token_endpoint(
    oauth_server: OAuthServer, person: Person
) -> None:
    """With an authorization endpoint no token endpoint is needed, and its query is kept."""
    endpoint = f"{oauth_server.authorization_endpoint}?tenant=one"
    await use_implicit_flow(
        TokenStorage(), PORTS, authorization_endpoint=endpoint, open_browser=person
    )
    async with Client(client_id="client-id") as client:
        assert await status_of(client, oauth_server) == 200
    await person.done()
    assert person.opened[0].startswith(f"{endpoint}&response_type=token")


@pytest.mark.rule("R013")
async def test_http_authorization_endpoint_causes_a_warning() -> None:
    """Without TLS, an attacker on the network can sign in as the user."""
    with pytest.warns(InsecureTransportWarning, match="authorization endpoint"):
        await use_implicit_flow(
            TokenStorage(), authorization_endpoint="http://auth.example.com/authorize"
        )


@pytest.mark.rule("R010")
@pytest.mark.parametrize(
    ("missing", "name"), [("client_id", "client_id"), ("token_endpoint", "token endpoint")]
)
async def test_missing_option_is_named(person: Person, missing: str, name: str) -> None:
    """A missing client id or endpoint is an error before a browser opens."""
    given: dict[str, str | None] = {
        "client_id": "client-id",
        "token_endpoint": "https://a.example/",
    }
    given[missing] = None
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    async with Client(given["client_id"], None, given["token_endpoint"]) as client:
        with pytest.raises(TokenConfigurationError, match=f"Missing {name}"):
            await client.get("https://api.example.com/things")
    assert not person.opened


@pytest.mark.parametrize("storage", [None, TokenStorage, object()])
async def test_invalid_storage_is_refused(storage: object) -> None:
    """A common mistake is to pass the class instead of an object."""
    with pytest.raises(TokenConfigurationError, match=r"TokenStorage\(\)"):
        await use_implicit_flow(storage)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("timeout", [0, -1, True])
async def test_invalid_time_limit_is_refused(timeout: float) -> None:
    """The time limit must be positive, or None."""
    with pytest.raises(TokenConfigurationError, match="above 0"):
        await use_implicit_flow(TokenStorage(), timeout=timeout)


async def test_invalid_port_range_is_refused() -> None:
    """The range is checked before a sign-in."""
    with pytest.raises(TokenConfigurationError, match="ports"):
        await use_implicit_flow(TokenStorage(), (30009, 30000))


async def test_client_with_another_grant_is_refused(person: Person) -> None:
    """The error says how to make a client with another grant."""
    await use_implicit_flow(TokenStorage(), PORTS, open_browser=person)
    with pytest.raises(TokenConfigurationError, match="token_manager_class = TokenManager"):
        Client("client-id", "", "https://auth.example.com/token", grant=ClientCredentials())
    client = Client("client-id", "", "https://auth.example.com/token", retry=Retry(attempts=1))
    assert not client.closed


async def test_options_of_other_grants_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The implicit flow has neither an issuer nor a token cache."""
    monkeypatch.setattr(Client, "token_manager_class", Client.token_manager_class)
    await use_implicit_flow(TokenStorage())
    with pytest.raises(TokenConfigurationError, match="issuer cannot be used with the implicit"):
        Client("client-id", "", issuer="https://auth.example.com")
