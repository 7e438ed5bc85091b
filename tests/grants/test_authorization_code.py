"""The authorization code grant, from the browser to the token."""

import asyncio
import logging
import re
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from yarl import URL

from aioalf._auth_server.request_params import TokenRequestParams
from aioalf.errors import (
    AccessDeniedError,
    AuthorizationError,
    AuthorizationServerError,
    ListenerError,
    LoginTimeoutError,
    TokenConfigurationError,
    TokenConnectionError,
    TokenError,
    TokenHTTPError,
    TokenResponseError,
)
from aioalf.grants import AuthorizationCode
from aioalf.grants import _pkce as pkce
from aioalf.testing import MISSING, OAuthServer
from aioalf.token import Token
from tests.browser.listener import free_ports
from tests.grants.source import ScriptedSource, ServerSource
from tests.grants.visitor import Visitor, is_listening, query_of
from tests.support.identity import in_ascii

ISSUER = "https://auth.example.com"
ADVERTISED = {"authorization_response_iss_parameter_supported": True}


@pytest.fixture
def server(oauth_server: OAuthServer) -> OAuthServer:
    """A server where a user is already signed in."""
    oauth_server.auto_sign_in = "Ada"
    return oauth_server


async def login(
    source: ServerSource, visitor: Visitor, **options: Any
) -> tuple[Token, dict[str, list[str]]]:
    """Sign in; return the token and the query of the authorization request."""
    token = await AuthorizationCode(open_browser=visitor, **options).request_token(source)
    await visitor.done()
    return token, query_of(visitor.opened[0])


async def refused(
    source: ServerSource | ScriptedSource, visitor: Visitor, **options: Any
) -> TokenError:
    """Sign in and return the error that is raised."""
    with pytest.raises(TokenError) as caught:
        await AuthorizationCode(open_browser=visitor, **options).request_token(source)
    await visitor.done()
    return caught.value


class FixedResponse(Visitor):
    """A visitor that returns to the redirect URI with these parameters."""

    def __init__(self, **answer: str) -> None:
        super().__init__()
        self._answer = answer

    async def _visit(self, url: str) -> None:
        asked = query_of(url)
        answer = {"state": asked["state"][0], **self._answer}
        async with (
            aiohttp.ClientSession() as session,
            session.get(URL(asked["redirect_uri"][0]).with_query(answer)) as page,
        ):
            self.statuses.append(page.status)


@pytest.mark.rule("R090", "R091", "R098", "R106", "R111", "R112")
async def test_sign_in_returns_a_token(server: OAuthServer) -> None:
    """The browser carries challenge and state; the token request has code and verifier."""
    source, visitor = ServerSource(server), Visitor()
    token, asked = await login(source, visitor)
    assert token.is_valid()
    [form] = source.forms
    assert asked["response_type"] == ["code"]
    assert asked["client_id"] == ["client-id"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["code_challenge"] == [pkce.challenge_of(str(form["code_verifier"]))]
    redirect_uri = asked["redirect_uri"][0]
    assert urlsplit(redirect_uri).hostname == "127.0.0.1"
    assert form == {
        "grant_type": "authorization_code",
        "code": query_of(visitor.redirects[0])["code"][0],
        "redirect_uri": redirect_uri,
        "code_verifier": form["code_verifier"],
    }
    assert visitor.statuses == [200]
    assert source.repeatable == [False]


@pytest.mark.rule("R090")
async def test_public_client_can_sign_in(server: OAuthServer) -> None:
    """A client without a secret proves itself with the code verifier."""
    server.add_client("desktop", None)
    token, _ = await login(ServerSource(server, client_id="desktop", client_secret=None), Visitor())
    assert token.is_valid()


@pytest.mark.rule("R092", "R093", "R094", "R095")
async def test_each_sign_in_has_its_own_state_and_verifier(server: OAuthServer) -> None:
    """State and verifier cannot be guessed and are used only once."""
    source, visitor = ServerSource(server), Visitor()
    for _ in range(2):
        await login(source, visitor)
    states = {query_of(url)["state"][0] for url in visitor.opened}
    verifiers = {str(form["code_verifier"]) for form in source.forms}
    assert len(states) == len(verifiers) == 2
    # 256 bits in base64url
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", text) for text in states | verifiers)


@pytest.mark.rule("R016", "R126")
async def test_request_params_are_in_the_authorization_request(server: OAuthServer) -> None:
    """Scope, each resource and extra parameters are in the query."""
    resources = ["https://api.example.com/a", "https://api.example.com/b"]
    asked = TokenRequestParams("things more", resources, extra={"prompt": "login"})
    _, query = await login(ServerSource(server, asked), Visitor())
    assert query["scope"] == ["things more"]
    assert query["resource"] == resources
    assert query["prompt"] == ["login"]


async def test_query_of_the_authorization_endpoint_is_kept() -> None:
    """The URL of an authorization endpoint may have a query (RFC 6749 §3.1)."""
    visitor = FixedResponse(code="abc")
    source = ScriptedSource()
    source.issuer = f"{ISSUER}/?tenant=one&x="
    await AuthorizationCode(open_browser=visitor).request_token(source)
    await visitor.done()
    assert "?tenant=one&x=/authorization_endpoint&response_type=code&" in visitor.opened[0]


@pytest.mark.rule("R112", "R114")
async def test_redirect_uri_has_a_port_of_the_range(server: OAuthServer) -> None:
    """The port accepts connections during the sign-in and not afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
    _, asked = await login(ServerSource(server), Visitor(), redirect_ports=(port, port))
    assert asked["redirect_uri"] == [f"http://127.0.0.1:{port}"]
    assert not await is_listening(port)


@pytest.mark.rule("R112")
async def test_browser_is_not_opened_without_a_free_port(server: OAuthServer) -> None:
    """ListenerError is raised if all ports of the range are in use."""
    visitor = Visitor()
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        error = await refused(ServerSource(server), visitor, redirect_ports=(port, port))
    assert isinstance(error, ListenerError)
    assert not visitor.opened


@pytest.mark.rule("R098", "R111", "R112")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("path", ["", "/callback"])
async def test_redirect_uri_is_the_configured_one(
    server: OAuthServer, host: str, path: str
) -> None:
    """Both requests have the configured URI, and the listener is there."""
    port = free_ports(1)
    uri = f"http://{host}:{port}{path}"
    server.add_client("client-id", "secret", redirect_uris=[uri])
    source = ServerSource(server)
    _, asked = await login(source, Visitor(), redirect_uri=uri)
    assert asked["redirect_uri"] == [uri]
    assert source.forms[0]["redirect_uri"] == uri


@pytest.mark.rule("R112")
async def test_redirect_uri_without_a_port_has_any_free_port(server: OAuthServer) -> None:
    """Entra ID, for example, registers http://localhost and ignores the port."""
    server.add_client("client-id", "secret", redirect_uris=["http://localhost/a"])
    _, asked = await login(ServerSource(server), Visitor(), redirect_uri="http://localhost/a")
    used = urlsplit(asked["redirect_uri"][0])
    assert (used.hostname, used.path) == ("localhost", "/a")
    assert used.port


@pytest.mark.rule("R112")
async def test_redirect_uri_without_a_port_has_a_port_of_the_range(server: OAuthServer) -> None:
    """Host and path are from the URI, the port is from the range."""
    server.add_client("client-id", "secret", redirect_uris=["http://127.0.0.1/a"])
    port = free_ports(1)
    _, asked = await login(
        ServerSource(server),
        Visitor(),
        redirect_uri="http://127.0.0.1/a",
        redirect_ports=(port, port),
    )
    assert asked["redirect_uri"] == [f"http://127.0.0.1:{port}/a"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"redirect_uri": "https://app.example.com/callback"}, "DeviceCode"),
        ({"redirect_uri": "http://localhost:1", "redirect_ports": (1, 2)}, "remove one of them"),
    ],
    ids=str,
)
def test_redirect_uri_of_another_machine_is_refused(options: Any, reason: str) -> None:
    """The constructor raises, and the error says what to do instead."""
    with pytest.raises(TokenConfigurationError, match=reason):
        AuthorizationCode(**options)


@pytest.mark.rule("R103", "R115")
async def test_response_at_the_path_of_another_issuer_is_not_accepted(server: OAuthServer) -> None:
    """In a mix-up, a server without iss redirects to its own path, where no sign-in waits."""
    server.add_client("client-id", "secret", redirect_uris=["http://127.0.0.1/issuer-a"])
    server.changes["metadata"] = {"authorization_response_iss_parameter_supported": MISSING}
    server.changes["authorization"] = {"iss": MISSING}
    visitor = Visitor(lambda url: url.replace("/issuer-a?", "/issuer-b?"))
    source = ServerSource(server)
    token, _ = await login(source, visitor, redirect_uri="http://127.0.0.1/issuer-a")
    assert token.is_valid()
    assert visitor.statuses == [404, 200]
    assert len(source.forms) == 1


@pytest.mark.rule("R115")
async def test_server_does_not_redirect_to_the_path_of_another_issuer(server: OAuthServer) -> None:
    """A malicious server that sends the user to an honest one cannot use the path of its own."""
    server.add_client("client-id", "secret", redirect_uris=["http://127.0.0.1/honest"])
    statuses: list[int] = []

    async def open_page(url: str) -> None:
        async with aiohttp.ClientSession() as session, session.get(url) as page:
            statuses.append(page.status)
            assert "Location" not in page.headers

    grant = AuthorizationCode(
        redirect_uri="http://127.0.0.1/malicious", open_browser=open_page, timeout=2
    )
    with pytest.raises(LoginTimeoutError):
        await grant.request_token(ServerSource(server))
    assert statuses == [400]


@pytest.mark.parametrize(
    "options",
    [{"redirect_ports": (9, 8)}, {"timeout": 0}, {"timeout": True}, {"timeout": "5"}],
    ids=str,
)
def test_invalid_options_are_refused(options: dict[str, Any]) -> None:
    """The constructor raises, not the sign-in."""
    with pytest.raises(TokenConfigurationError):
        AuthorizationCode(**options)


@pytest.mark.rule("R010")
async def test_sign_in_without_client_id_raises() -> None:
    """The error is raised before the metadata is requested."""

    class NoMetadata(ScriptedSource):
        async def metadata(self) -> Mapping[str, object]:
            raise AssertionError("the metadata was requested")

    with pytest.raises(TokenConfigurationError, match="Missing client_id"):
        await AuthorizationCode().request_token(NoMetadata(client_id=None))


@pytest.mark.rule("R100", "R101")
async def test_missing_iss_in_the_redirect_raises(server: OAuthServer) -> None:
    """A response without iss is refused if the metadata says that the server sends it."""
    server.changes["authorization"] = {"iss": MISSING}
    source = ServerSource(server)
    error = await refused(source, Visitor())
    assert isinstance(error, AuthorizationError)
    assert "without the issuer" in str(error)
    assert not source.forms


@pytest.mark.rule("R100", "R103")
@pytest.mark.parametrize("wrong", ["https://evil.example.com", "{}/", "{}\u200b"], ids=in_ascii)
async def test_wrong_iss_in_the_redirect_raises(server: OAuthServer, wrong: str) -> None:
    """The code of another server is not sent; an additional slash is another server, too."""
    server.changes["authorization"] = {"iss": wrong.format(server.issuer)}
    source = ServerSource(server)
    visitor = Visitor()
    error = await refused(source, visitor, allow_missing_iss=True)
    assert isinstance(error, AuthorizationError)
    assert "another issuer" in str(error)
    assert "evil" not in str(error)
    assert not source.forms
    assert visitor.statuses == [400]  # the page does not say that the sign-in succeeded


@pytest.mark.rule("R096", "R102")
async def test_redirect_with_two_issuers_is_ignored(server: OAuthServer) -> None:
    """The sign-in continues and accepts a later redirect with one issuer."""
    visitor = Visitor(lambda url: f"{url}&iss=https%3A%2F%2Fevil.example.com")
    token, _ = await login(ServerSource(server), visitor)
    assert token.is_valid()
    assert visitor.statuses == [400, 200]


@pytest.mark.rule("R100")
async def test_error_description_of_another_issuer_is_not_shown(server: OAuthServer) -> None:
    """The issuer of an error response is checked, too."""
    server.changes["authorization"] = {
        "iss": "https://evil.example.com",
        "code": MISSING,
        "error": "access_denied",
        "error_description": "call 555",
    }
    visitor = Visitor()
    error = await refused(ServerSource(server), visitor)
    assert isinstance(error, AuthorizationError)
    assert error.error is error.error_description is None
    assert "555" not in str(error)
    assert visitor.statuses == [400]
    assert "555" not in visitor.pages[0]


@pytest.mark.rule("R101")
async def test_right_iss_is_accepted_although_it_is_not_advertised(server: OAuthServer) -> None:
    """Google and GitHub started to send iss before their metadata advertised it."""
    server.changes["metadata"] = {"authorization_response_iss_parameter_supported": MISSING}
    token, _ = await login(ServerSource(server), Visitor())
    assert token.is_valid()


@pytest.mark.rule("R100", "R101")
async def test_wrong_iss_is_refused_although_it_is_not_advertised(server: OAuthServer) -> None:
    """The code of another server is not sent, whatever the metadata advertises."""
    server.changes["metadata"] = {"authorization_response_iss_parameter_supported": MISSING}
    server.changes["authorization"] = {"iss": "https://evil.example.com"}
    source = ServerSource(server)
    error = await refused(source, Visitor())
    assert "another issuer" in str(error)
    assert not source.forms


@pytest.mark.rule("R101")
async def test_missing_iss_is_accepted_if_allowed(server: OAuthServer) -> None:
    """Keycloak can leave iss out for one client, while the metadata still promises it."""
    server.changes["authorization"] = {"iss": MISSING}
    error = await refused(ServerSource(server), Visitor())
    assert "allow_missing_iss=True" in str(error)
    token, _ = await login(ServerSource(server), Visitor(), allow_missing_iss=True)
    assert token.is_valid()


@pytest.mark.parametrize("answer", [{}, {"iss": "https://any.example.com"}], ids=str)
async def test_iss_is_not_checked_if_the_issuer_is_unknown(answer: dict[str, str]) -> None:
    """Endpoints that are configured one by one have no issuer."""
    source = ScriptedSource(issuer=None)
    visitor = FixedResponse(code="abc", **answer)
    await AuthorizationCode(open_browser=visitor).request_token(source)
    await visitor.done()
    assert source.forms[0]["code"] == "abc"


async def test_iss_is_not_required_unless_advertised() -> None:
    """Most servers do not send iss."""
    visitor = FixedResponse(code="abc")
    token = await AuthorizationCode(open_browser=visitor).request_token(ScriptedSource())
    await visitor.done()
    assert token.access_token == "abc"


@pytest.mark.rule("R095", "R116")
async def test_redirect_with_wrong_state_is_ignored(server: OAuthServer) -> None:
    """A wrong, missing or repeated state gets status 400, and the sign-in continues."""
    visitor = Visitor(
        lambda url: url.replace("state=", "state=x"),
        lambda url: url.replace("state=", "other="),
        lambda url: f"{url}&state=x",
    )
    source = ServerSource(server)
    token, _ = await login(source, visitor)
    assert token.is_valid()
    assert visitor.statuses == [400, 400, 400, 200]
    assert len(source.forms) == 1


@pytest.mark.rule("R096")
async def test_redirect_with_two_codes_is_ignored(server: OAuthServer) -> None:
    """A repeated or empty code gets status 400, and the sign-in continues."""
    visitor = Visitor(lambda url: f"{url}&code=evil", lambda url: url.replace("code=", "code=&c="))
    source = ServerSource(server)
    token, _ = await login(source, visitor)
    assert token.is_valid()
    assert visitor.statuses == [400, 400, 200]
    assert source.forms[0]["code"] != "evil"


@pytest.mark.rule("R099")
async def test_unknown_parameters_in_the_redirect_are_ignored(server: OAuthServer) -> None:
    """Some servers send session_state, for example."""
    visitor = Visitor(then=lambda url: f"{url}&session_state=x")
    token, _ = await login(ServerSource(server), visitor)
    assert token.is_valid()


@pytest.mark.rule("R091")
async def test_refused_pkce_in_the_browser_raises() -> None:
    """The grant does not fall back to the method plain."""
    visitor = FixedResponse(error="invalid_request", error_description="no code_challenge")
    source = ScriptedSource()
    error = await refused(source, visitor)
    assert isinstance(error, AuthorizationError)
    assert error.error == "invalid_request"
    assert "no code_challenge" in str(error)
    assert len(visitor.opened) == 1
    assert not source.forms


@pytest.mark.rule("R091", "R097")
async def test_refused_pkce_at_the_token_endpoint_raises(
    server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verifier that does not match the challenge raises, without a retry."""

    def wrong(_verifier: str) -> str:
        return "x" * 43

    monkeypatch.setattr(pkce, "challenge_of", wrong)
    source, visitor = ServerSource(server), Visitor()
    error = await refused(source, visitor)
    assert isinstance(error, TokenHTTPError)
    assert error.error == "invalid_grant"
    assert len(source.forms) == len(visitor.opened) == 1


@pytest.mark.rule("R091", "R094")
async def test_s256_is_used_even_if_the_metadata_does_not_list_it(server: OAuthServer) -> None:
    """Challenge and state are sent whatever the metadata lists."""
    server.changes["metadata"] = {"code_challenge_methods_supported": ["plain"]}
    _, asked = await login(ServerSource(server), Visitor())
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["state"]


@pytest.mark.rule("R097")
async def test_code_is_not_sent_again_without_a_response() -> None:
    """The server may have used the code already, so the token request is not repeated."""
    source = ScriptedSource(TokenConnectionError("timed out"))
    error = await refused(source, FixedResponse(code="abc"))
    assert isinstance(error, TokenConnectionError)
    assert len(source.forms) == 1
    assert source.repeatable == [False]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("access_denied", AccessDeniedError),
        ("server_error", AuthorizationServerError),
        ("login_required", AuthorizationError),
    ],
)
async def test_error_in_the_redirect_has_its_own_class(
    error: str, kind: type[AuthorizationError]
) -> None:
    """The class of the exception depends on the error code, which it carries."""
    answer = FixedResponse(error=error, error_uri="https://auth.example.com/why")
    caught = await refused(ScriptedSource(), answer)
    assert isinstance(caught, AuthorizationError)
    assert type(caught) is kind
    assert (caught.error, caught.error_uri) == (error, "https://auth.example.com/why")


@pytest.mark.rule("R114")
async def test_sign_in_times_out() -> None:
    """After the timeout LoginTimeoutError is raised, and the port is closed."""
    opened: list[str] = []

    async def only_record(url: str) -> None:
        opened.append(url)

    grant = AuthorizationCode(open_browser=only_record, timeout=0.05)
    with pytest.raises(LoginTimeoutError, match=r"within 0\.05 seconds"):
        await grant.request_token(ScriptedSource())
    port = urlsplit(query_of(opened[0])["redirect_uri"][0]).port
    assert port is not None
    assert not await is_listening(port)


@pytest.mark.rule("R114")
async def test_cancelled_sign_in_closes_its_port() -> None:
    """A sign-in without a timeout can be cancelled."""
    opened: asyncio.Queue[str] = asyncio.Queue()
    grant = AuthorizationCode(open_browser=opened.put, timeout=None)
    task = asyncio.create_task(grant.request_token(ScriptedSource()))
    port = urlsplit(query_of(await opened.get())["redirect_uri"][0]).port
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert port is not None
    assert not await is_listening(port)


async def test_browser_that_cannot_be_opened_raises() -> None:
    """The original error is the cause."""

    def broken(_url: str) -> None:
        raise OSError("no display")

    with pytest.raises(TokenError, match="browser could not be opened: OSError") as caught:
        await AuthorizationCode(open_browser=broken).request_token(ScriptedSource())
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.rule("R118")
async def test_url_is_printed_if_no_browser_is_available(
    server: OAuthServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """The URL is printed to standard error and not logged, since it contains the state."""
    visitor = Visitor()

    async def no_browser(url: str) -> bool:
        await visitor(url)
        return False

    with caplog.at_level(logging.DEBUG):
        await AuthorizationCode(open_browser=no_browser).request_token(ServerSource(server))
    await visitor.done()
    shown = capsys.readouterr().err
    assert f"open this URL in a browser on this machine:\n\n    {visitor.opened[0]}\n" in shown
    port = urlsplit(query_of(visitor.opened[0])["redirect_uri"][0]).port
    assert f"\n    ssh -L {port}:127.0.0.1:{port} HOST\n" in shown
    assert query_of(visitor.opened[0])["state"][0] not in caplog.text


@pytest.mark.rule("R153", "R154")
async def test_authorization_request_is_pushed_with_par(server: OAuthServer) -> None:
    """The parameters are sent to the server, and the browser only has a request_uri."""
    source, visitor = ServerSource(server, TokenRequestParams("things")), Visitor()
    token, query = await login(source, visitor, par=True)
    assert token.is_valid()
    assert query.keys() == {"client_id", "request_uri"}
    pushed, exchanged = source.forms
    assert pushed.keys() >= {"client_id", "code_challenge", "redirect_uri", "scope", "state"}
    assert "request_uri" not in pushed
    assert pushed["redirect_uri"] == exchanged["redirect_uri"]


@pytest.mark.rule("R155")
async def test_authorization_request_is_pushed_if_the_server_requires_it(
    server: OAuthServer,
) -> None:
    """par=False raises if the server requires pushed requests."""
    server.require_pushed_authorization_requests = True
    _, query = await login(ServerSource(server), Visitor())
    assert query.keys() == {"client_id", "request_uri"}
    error = await refused(ServerSource(server), Visitor(), par=False)
    assert isinstance(error, TokenConfigurationError)
    assert "par=False" in str(error)


async def test_par_false_does_not_push(server: OAuthServer) -> None:
    """A server that supports pushed requests does not have to require them."""
    _, query = await login(ServerSource(server), Visitor(), par=False)
    assert "request_uri" not in query


@pytest.mark.rule("R154")
async def test_each_sign_in_has_a_new_request_uri(server: OAuthServer) -> None:
    """A request_uri is valid for one sign-in."""
    source, visitor = ServerSource(server), Visitor()
    for _ in range(2):
        await login(source, visitor, par=True)
    assert len({query_of(url)["request_uri"][0] for url in visitor.opened}) == 2


@pytest.mark.rule("R153")
@pytest.mark.parametrize(
    "posted",
    [
        {},
        {"expires_in": 60},
        {"request_uri": "", "expires_in": 60},
        {"request_uri": 5, "expires_in": 60},
        {"request_uri": "urn:\ud800", "expires_in": 60},
        {"request_uri": "urn:\x1b[2J", "expires_in": 60},
        {"request_uri": "urn:a"},
        {"request_uri": "urn:a", "expires_in": 0},
        {"request_uri": "urn:a", "expires_in": -1},
        {"request_uri": "urn:a", "expires_in": "soon"},
    ],
    ids=in_ascii,
)
async def test_invalid_response_to_a_pushed_request_raises(
    posted: dict[str, object],
) -> None:
    """The response must have a request_uri and a lifetime; otherwise no browser is opened."""
    visitor = Visitor()
    error = await refused(ScriptedSource(posted=posted), visitor, par=True)
    assert isinstance(error, TokenResponseError)
    assert "request_uri" in str(error)
    assert not visitor.opened


@pytest.mark.rule("R154")
async def test_expired_pushed_request_raises(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A request_uri that expired before the response arrived is not opened in a browser."""
    visitor = Visitor()
    source = ScriptedSource(posted={"request_uri": "urn:a", "expires_in": 1})
    loop = asyncio.get_running_loop()
    now = loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + (2 if source.posts else 0))
    error = await refused(source, visitor, par=True)
    assert isinstance(error, TokenResponseError)
    assert "expired before it could be used, after 1 seconds" in str(error)
    assert not visitor.opened


async def test_refused_pushed_request_raises(server: OAuthServer) -> None:
    """The error carries the server's error code, invalid_target for an unknown resource."""
    server.resources = ["https://api.example.com/"]
    source = ServerSource(server, TokenRequestParams(resource="https://other.example.com/"))
    error = await refused(source, Visitor(), par=True)
    assert isinstance(error, TokenHTTPError)
    assert error.error == "invalid_target"


async def test_pushed_request_without_an_endpoint_raises() -> None:
    """The error of the missing endpoint is raised unchanged."""
    source = ScriptedSource(posted=TokenConfigurationError("Missing endpoint"))
    error = await refused(source, Visitor(), par=True)
    assert isinstance(error, TokenConfigurationError)
    assert source.posts[0][0] == "pushed_authorization_request_endpoint"


@pytest.mark.rule("R007")
async def test_code_verifier_and_state_are_not_in_logs_or_errors(
    server: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    """They are masked even if the server's error description quotes them."""
    source, visitor = ServerSource(server), Visitor()
    with caplog.at_level(logging.DEBUG):
        await login(source, visitor)
    state = query_of(visitor.opened[0])["state"][0]
    secret = [state, str(source.forms[0]["code"]), str(source.forms[0]["code_verifier"])]
    assert not [text for text in secret if text in caplog.text]

    class Echo(FixedResponse):
        async def _visit(self, url: str) -> None:
            asked = query_of(url)
            quoted = (asked["client_id"][0], asked["state"][0])
            self._answer["error_description"] = "wrong: {}, {}".format(*quoted)
            await super()._visit(url)

    echo = Echo(error="invalid_request")
    error = await refused(ScriptedSource(), echo)
    assert isinstance(error, AuthorizationError)
    state = query_of(echo.opened[0])["state"][0]
    assert state not in f"{error} {error.error_description}"
    assert error.error_description == "wrong: ***, ***"


def test_grant_uses_its_refresh_token_and_can_start_again() -> None:
    """The refresh token renews the login; without it, the user can sign in again."""
    assert AuthorizationCode.name == "authorization_code"
    assert AuthorizationCode.can_begin
    assert AuthorizationCode.keeps_refresh_token
