"""The authorization code grant, from the browser to the token."""

import asyncio
import logging
import socket
from collections.abc import Mapping
from contextlib import ExitStack, suppress
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
from tests.grants.source import ScriptedSource, ServerSource
from tests.grants.visitor import Visitor, is_listening, query_of
from tests.support.identity import in_ascii

ISSUER = "https://auth.example.com"
ADVERTISED = {"authorization_response_iss_parameter_supported": True}


@pytest.fixture
def server(oauth_server: OAuthServer) -> OAuthServer:
    """A server at which somebody is signed in already."""
    oauth_server.auto_sign_in = "Ada"
    return oauth_server


async def login(
    source: ServerSource, visitor: Visitor, **options: Any
) -> tuple[Token, dict[str, list[str]]]:
    """The token of a login, and what the browser was sent with."""
    token = await AuthorizationCode(open_browser=visitor, **options).request_token(source)
    await visitor.done()
    return token, query_of(visitor.opened[0])


async def refused(
    source: ServerSource | ScriptedSource, visitor: Visitor, **options: Any
) -> TokenError:
    """The error of a login."""
    with pytest.raises(TokenError) as caught:
        await AuthorizationCode(open_browser=visitor, **options).request_token(source)
    await visitor.done()
    return caught.value


class Answering(Visitor):
    """Comes back with these parameters, whatever was asked."""

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
async def test_a_login_gets_a_token(server: OAuthServer) -> None:
    """Challenge and state go with the browser, code and verifier to the token endpoint."""
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
async def test_a_public_client_signs_in(server: OAuthServer) -> None:
    """Without a secret, the verifier is what proves who asks."""
    server.add_client("desktop", None)
    token, _ = await login(ServerSource(server, client_id="desktop", client_secret=None), Visitor())
    assert token.is_valid()


@pytest.mark.rule("R093", "R094", "R095")
async def test_each_login_has_a_state_and_a_verifier_of_its_own(server: OAuthServer) -> None:
    """Nobody can guess them, and none is used twice."""
    source, visitor = ServerSource(server), Visitor()
    for _ in range(2):
        await login(source, visitor)
    states = {query_of(url)["state"][0] for url in visitor.opened}
    verifiers = {str(form["code_verifier"]) for form in source.forms}
    assert len(states) == len(verifiers) == 2
    assert all(len(text) >= 43 for text in states | verifiers)  # 256 bits in base64


@pytest.mark.rule("R016", "R126")
async def test_what_is_asked_for_goes_with_the_browser(server: OAuthServer) -> None:
    """Scope, resources one by one, and what the server wants besides."""
    resources = ["https://api.example.com/a", "https://api.example.com/b"]
    asked = TokenRequestParams("things more", resources, extra={"prompt": "login"})
    _, query = await login(ServerSource(server, asked), Visitor())
    assert query["scope"] == ["things more"]
    assert query["resource"] == resources
    assert query["prompt"] == ["login"]


async def test_the_query_of_the_endpoint_is_kept() -> None:
    """An authorization endpoint may have a query of its own (RFC 6749 §3.1)."""
    visitor = Answering(code="abc")
    source = ScriptedSource()
    source.issuer = f"{ISSUER}/?tenant=one&x="
    await AuthorizationCode(open_browser=visitor).request_token(source)
    await visitor.done()
    assert "?tenant=one&x=/authorization_endpoint&response_type=code&" in visitor.opened[0]


@pytest.mark.rule("R112", "R114")
async def test_the_browser_comes_back_to_a_port_of_the_range(server: OAuthServer) -> None:
    """Which is listened on while the login waits, and not after."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
    _, asked = await login(ServerSource(server), Visitor(), redirect_ports=(port, port))
    assert asked["redirect_uri"] == [f"http://127.0.0.1:{port}"]
    assert not await is_listening(port)


@pytest.mark.rule("R112")
async def test_without_a_port_no_browser_opens(server: OAuthServer) -> None:
    """A range of which all ports are taken is an error that names it."""
    visitor = Visitor()
    with ExitStack() as stack:
        busy = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = busy.getsockname()[1]
        with suppress(OSError):  # the IP version to fall back to, if there is one
            address = ("::1", port)
            stack.enter_context(socket.create_server(address, family=socket.AF_INET6))
        error = await refused(ServerSource(server), visitor, redirect_ports=(port, port))
    assert isinstance(error, ListenerError)
    assert not visitor.opened


@pytest.mark.parametrize(
    "options",
    [{"redirect_ports": (9, 8)}, {"timeout": 0}, {"timeout": True}, {"timeout": "5"}],
    ids=str,
)
def test_what_cannot_work_is_told_when_the_grant_is_made(options: dict[str, Any]) -> None:
    """Not when somebody is to sign in."""
    with pytest.raises(TokenConfigurationError):
        AuthorizationCode(**options)


@pytest.mark.rule("R010")
async def test_a_login_without_a_client_id_is_a_configuration_error() -> None:
    """There is nobody to sign in to, and nothing to ask the issuer."""

    class Unasked(ScriptedSource):
        async def metadata(self) -> Mapping[str, object]:
            raise AssertionError("the issuer was asked")

    with pytest.raises(TokenConfigurationError, match="Missing client_id"):
        await AuthorizationCode().request_token(Unasked(client_id=None))


@pytest.mark.rule("R100", "R101")
async def test_iss_missing_in_the_redirect(server: OAuthServer) -> None:
    """A server that promises to say who it is and does not is not believed."""
    server.changes["authorization"] = {"iss": MISSING}
    source = ServerSource(server)
    error = await refused(source, Visitor())
    assert isinstance(error, AuthorizationError)
    assert "without the issuer" in str(error)
    assert not source.forms


@pytest.mark.rule("R100", "R103")
@pytest.mark.parametrize("wrong", ["https://evil.example.com", "{}/", "{}\u200b"], ids=in_ascii)
async def test_iss_wrong_in_the_redirect(server: OAuthServer, wrong: str) -> None:
    """The code of another server is sent nowhere; a slash more is another server."""
    server.changes["authorization"] = {"iss": wrong.format(server.issuer)}
    source = ServerSource(server)
    error = await refused(source, Visitor(), allow_unadvertised_iss=True)
    assert isinstance(error, AuthorizationError)
    assert "another issuer" in str(error)
    assert "evil" not in str(error)
    assert not source.forms


@pytest.mark.rule("R096", "R102")
async def test_iss_twice_in_the_redirect(server: OAuthServer) -> None:
    """An answer with two issuers is none; the login goes on."""
    visitor = Visitor(lambda url: f"{url}&iss=https%3A%2F%2Fevil.example.com")
    token, _ = await login(ServerSource(server), visitor)
    assert token.is_valid()
    assert visitor.statuses == [400, 200]


@pytest.mark.rule("R100")
async def test_the_words_of_another_issuer_are_not_shown(server: OAuthServer) -> None:
    """A refusal is judged by its issuer as an answer is."""
    server.changes["authorization"] = {
        "iss": "https://evil.example.com",
        "code": MISSING,
        "error": "access_denied",
        "error_description": "call 555",
    }
    error = await refused(ServerSource(server), Visitor())
    assert isinstance(error, AuthorizationError)
    assert error.error is error.error_description is None
    assert "555" not in str(error)


@pytest.mark.rule("R101")
async def test_an_issuer_that_was_not_promised_is_taken_where_that_is_allowed(
    server: OAuthServer,
) -> None:
    """By default such an answer is discarded, even if it names the right issuer."""
    server.changes["metadata"] = {"authorization_response_iss_parameter_supported": MISSING}
    error = await refused(ServerSource(server), Visitor())
    assert "allow_unadvertised_iss=True" in str(error)
    token, _ = await login(ServerSource(server), Visitor(), allow_unadvertised_iss=True)
    assert token.is_valid()


@pytest.mark.parametrize("answer", [{}, {"iss": "https://whoever.example.com"}], ids=str)
async def test_without_an_issuer_there_is_nothing_to_compare(answer: dict[str, str]) -> None:
    """Endpoints that were configured one by one have no name."""
    source = ScriptedSource(issuer=None)
    visitor = Answering(code="abc", **answer)
    await AuthorizationCode(open_browser=visitor).request_token(source)
    await visitor.done()
    assert source.forms[0]["code"] == "abc"


async def test_an_issuer_that_promises_nothing_need_not_say_it() -> None:
    """Most servers have no iss."""
    visitor = Answering(code="abc")
    token = await AuthorizationCode(open_browser=visitor).request_token(ScriptedSource())
    await visitor.done()
    assert token.access_token == "abc"


@pytest.mark.rule("R095", "R116")
async def test_state_wrong(server: OAuthServer) -> None:
    """Wrong, missing, twice: no answer of this login, which waits on."""
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
async def test_code_twice(server: OAuthServer) -> None:
    """An answer with two codes is none, nor is one whose code is empty; the login waits on."""
    visitor = Visitor(lambda url: f"{url}&code=evil", lambda url: url.replace("code=", "code=&c="))
    source = ServerSource(server)
    token, _ = await login(source, visitor)
    assert token.is_valid()
    assert visitor.statuses == [400, 400, 200]
    assert source.forms[0]["code"] != "evil"


@pytest.mark.rule("R099")
async def test_unknown_parameters_in_the_redirect_are_ignored(server: OAuthServer) -> None:
    """As session_state, which some servers send."""
    visitor = Visitor(then=lambda url: f"{url}&session_state=x")
    token, _ = await login(ServerSource(server), visitor)
    assert token.is_valid()


@pytest.mark.rule("R091")
async def test_pkce_refused_in_the_browser() -> None:
    """A server that wants no S256 is not asked with plain."""
    visitor = Answering(error="invalid_request", error_description="no code_challenge")
    source = ScriptedSource()
    error = await refused(source, visitor)
    assert isinstance(error, AuthorizationError)
    assert error.error == "invalid_request"
    assert "no code_challenge" in str(error)
    assert len(visitor.opened) == 1
    assert not source.forms


@pytest.mark.rule("R091", "R097")
async def test_pkce_refused_at_the_token_endpoint(
    server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verifier that is not the challenge's gets no token, and no second try."""

    def wrong(_verifier: str) -> str:
        return "x" * 43

    monkeypatch.setattr(pkce, "challenge_of", wrong)
    source, visitor = ServerSource(server), Visitor()
    error = await refused(source, visitor)
    assert isinstance(error, TokenHTTPError)
    assert error.error == "invalid_grant"
    assert len(source.forms) == len(visitor.opened) == 1


@pytest.mark.rule("R091", "R094")
async def test_metadata_without_s256_changes_nothing(server: OAuthServer) -> None:
    """Challenge and state are sent whatever the server says of itself."""
    server.changes["metadata"] = {"code_challenge_methods_supported": ["plain"]}
    _, asked = await login(ServerSource(server), Visitor())
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["state"]


@pytest.mark.rule("R097")
async def test_a_code_is_sent_once_though_no_answer_came() -> None:
    """Nobody knows whether it was used: another login is what helps."""
    source = ScriptedSource(TokenConnectionError("timed out"))
    error = await refused(source, Answering(code="abc"))
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
async def test_access_denied_in_the_browser(error: str, kind: type[AuthorizationError]) -> None:
    """A no is an error of its own kind, with the server's words."""
    answer = Answering(error=error, error_uri="https://auth.example.com/why")
    caught = await refused(ScriptedSource(), answer)
    assert isinstance(caught, AuthorizationError)
    assert type(caught) is kind
    assert (caught.error, caught.error_uri) == (error, "https://auth.example.com/why")


@pytest.mark.rule("R114")
async def test_nobody_signs_in() -> None:
    """After the time that was given the login ends, and nothing listens any more."""
    opened: list[str] = []

    async def nobody(url: str) -> None:
        opened.append(url)

    grant = AuthorizationCode(open_browser=nobody, timeout=0.05)
    with pytest.raises(LoginTimeoutError, match=r"within 0\.05 seconds"):
        await grant.request_token(ScriptedSource())
    port = urlsplit(query_of(opened[0])["redirect_uri"][0]).port
    assert port is not None
    assert not await is_listening(port)


@pytest.mark.rule("R114")
async def test_a_login_that_is_cancelled_stops_listening() -> None:
    """Whoever waits may give up, without a time limit too."""
    opened: asyncio.Queue[str] = asyncio.Queue()
    grant = AuthorizationCode(open_browser=opened.put, timeout=None)
    task = asyncio.create_task(grant.request_token(ScriptedSource()))
    port = urlsplit(query_of(await opened.get())["redirect_uri"][0]).port
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert port is not None
    assert not await is_listening(port)


async def test_a_browser_that_cannot_be_opened_ends_the_login() -> None:
    """With what went wrong as the reason."""

    def broken(_url: str) -> None:
        raise OSError("no display")

    with pytest.raises(TokenError, match="browser could not be opened: OSError") as caught:
        await AuthorizationCode(open_browser=broken).request_token(ScriptedSource())
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.rule("R118")
async def test_without_a_browser_the_url_is_on_standard_error_and_not_in_the_log(
    server: OAuthServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person reads it there; in a log its state would stay."""
    visitor = Visitor()

    async def elsewhere(url: str) -> bool:
        await visitor(url)
        return False

    with caplog.at_level(logging.DEBUG):
        await AuthorizationCode(open_browser=elsewhere).request_token(ServerSource(server))
    await visitor.done()
    assert f"open this URL:\n\n    {visitor.opened[0]}\n" in capsys.readouterr().err
    assert query_of(visitor.opened[0])["state"][0] not in caplog.text


@pytest.mark.rule("R153", "R154")
async def test_a_request_is_pushed_when_that_is_asked_for(server: OAuthServer) -> None:
    """All is handed in behind the browser, which brings a name for it, used once."""
    source, visitor = ServerSource(server, TokenRequestParams("things")), Visitor()
    token, query = await login(source, visitor, par=True)
    assert token.is_valid()
    assert query.keys() == {"client_id", "request_uri"}
    pushed, exchanged = source.forms
    assert pushed.keys() >= {"client_id", "code_challenge", "redirect_uri", "scope", "state"}
    assert "request_uri" not in pushed
    assert pushed["redirect_uri"] == exchanged["redirect_uri"]


@pytest.mark.rule("R155")
async def test_a_request_is_pushed_when_the_server_requires_it(server: OAuthServer) -> None:
    """The plain URL would be refused."""
    server.require_pushed_authorization_requests = True
    _, query = await login(ServerSource(server), Visitor())
    assert query.keys() == {"client_id", "request_uri"}
    error = await refused(ServerSource(server), Visitor(), par=False)
    assert isinstance(error, TokenConfigurationError)
    assert "par=False" in str(error)


async def test_a_request_is_not_pushed_unless_there_is_need(server: OAuthServer) -> None:
    """Servers that can do it do not all require it."""
    _, query = await login(ServerSource(server), Visitor(), par=False)
    assert "request_uri" not in query


@pytest.mark.rule("R154")
async def test_each_login_is_pushed_anew(server: OAuthServer) -> None:
    """A request_uri is good for one login."""
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
async def test_a_pushed_request_without_request_uri_or_lifetime_opens_no_browser(
    posted: dict[str, object],
) -> None:
    """Both are required of the server."""
    visitor = Visitor()
    error = await refused(ScriptedSource(posted=posted), visitor, par=True)
    assert isinstance(error, TokenResponseError)
    assert "request_uri" in str(error)
    assert not visitor.opened


@pytest.mark.rule("R154")
async def test_a_pushed_request_that_has_expired_opens_no_browser(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when the answer took longer than what it names lives."""
    visitor = Visitor()
    source = ScriptedSource(posted={"request_uri": "urn:a", "expires_in": 1})
    loop = asyncio.get_running_loop()
    now = loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + (2 if source.posts else 0))
    error = await refused(source, visitor, par=True)
    assert isinstance(error, TokenResponseError)
    assert "expired before it could be used, after 1 seconds" in str(error)
    assert not visitor.opened


async def test_a_pushed_request_that_is_refused_is_an_error(server: OAuthServer) -> None:
    """As by invalid_target for a resource that the server does not know."""
    server.resources = ["https://api.example.com/"]
    source = ServerSource(server, TokenRequestParams(resource="https://other.example.com/"))
    error = await refused(source, Visitor(), par=True)
    assert isinstance(error, TokenHTTPError)
    assert error.error == "invalid_target"


async def test_a_server_without_a_place_to_push_to_is_a_configuration_error() -> None:
    """What to pass is said by whoever knows the endpoints."""
    source = ScriptedSource(posted=TokenConfigurationError("Missing endpoint"))
    error = await refused(source, Visitor(), par=True)
    assert isinstance(error, TokenConfigurationError)
    assert source.posts[0][0] == "pushed_authorization_request_endpoint"


@pytest.mark.rule("R007")
async def test_code_verifier_and_state_are_in_no_log_and_no_error(
    server: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Not when it goes well, nor when the server says them."""
    source, visitor = ServerSource(server), Visitor()
    with caplog.at_level(logging.DEBUG):
        await login(source, visitor)
    state = query_of(visitor.opened[0])["state"][0]
    secret = [state, str(source.forms[0]["code"]), str(source.forms[0]["code_verifier"])]
    assert not [text for text in secret if text in caplog.text]

    class Echo(Answering):
        async def _visit(self, url: str) -> None:
            asked = query_of(url)
            said = (asked["client_id"][0], asked["state"][0])
            self._answer["error_description"] = "wrong: {}, {}".format(*said)
            await super()._visit(url)

    echo = Echo(error="invalid_request")
    error = await refused(ScriptedSource(), echo)
    assert isinstance(error, AuthorizationError)
    state = query_of(echo.opened[0])["state"][0]
    assert state not in f"{error} {error.error_description}"
    assert error.error_description == "wrong: ***, ***"


def test_the_grant_begins_anew_and_keeps_its_refresh_token() -> None:
    """The person can be asked again; until then the refresh token serves."""
    assert AuthorizationCode.name == "authorization_code"
    assert AuthorizationCode.can_begin
    assert AuthorizationCode.keeps_refresh_token
