"""The implicit flow: the login page, its form, and the redirect."""

import re
from html import unescape
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from aiohttp import ClientSession

from aioalf.testing import MISSING, Json, OAuthServer
from tests.testing.plain_client import ReadResponse, bearer, send

REDIRECT_URI = "http://localhost:32000"


async def open_page(
    session: ClientSession, server: OAuthServer, **changed: str | None
) -> ReadResponse:
    """Send an authorization request as a browser does; None leaves a parameter out."""
    params = {
        "response_type": "token",
        "client_id": "client-id",
        "redirect_uri": REDIRECT_URI,
        "state": "a state+&",
        **changed,
    }
    sent = {name: value for name, value in params.items() if value is not None}
    return await send(session, "GET", server.authorization_endpoint, params=sent)


def ticket_of(page: ReadResponse) -> str:
    """Return the single-use ticket in the form of the page."""
    found = re.search(r'name="ticket" value="([^"]+)"', page.text)
    assert found is not None
    return unescape(found[1])


async def submit(
    session: ClientSession,
    server: OAuthServer,
    page: ReadResponse,
    decision: str,
    name: str = "Ada",
) -> ReadResponse:
    """Fill in the form and submit it with one of its buttons."""
    form = {"ticket": ticket_of(page), "username": name, "decision": decision}
    return await send(session, "POST", server.authorization_endpoint, data=form)


def fragment_of(response: ReadResponse, target: str = REDIRECT_URI) -> dict[str, str]:
    """Return the fragment parameters of a redirect to the target."""
    assert response.status == 303
    sent_to, _, fragment = response.headers["Location"].partition("#")
    assert sent_to.removesuffix("/") == target
    pairs = parse_qsl(fragment, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


async def test_signing_in_sends_the_token_in_the_fragment(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The fragment has token, type, lifetime, scope and the same state (RFC 6749 §4.2.2)."""
    page = await open_page(session, oauth_server, scope="read write")
    sent = fragment_of(await submit(session, oauth_server, page, "sign-in"))
    token = sent.pop("access_token")
    assert sent == {
        "token_type": "Bearer",
        "expires_in": "3600",
        "scope": "read write",
        "state": "a state+&",
        "iss": oauth_server.issuer,
    }
    response = await send(session, "GET", oauth_server.url("/"), headers=bearer(token))
    assert response.json["user"] == "Ada"
    assert oauth_server.logins == 1


async def test_state_and_scope_are_left_out_if_not_requested(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The fragment has no state and no scope if the request had none."""
    page = await open_page(session, oauth_server, state=None)
    sent = fragment_of(await submit(session, oauth_server, page, "sign-in"))
    assert set(sent) == {"access_token", "token_type", "expires_in", "iss"}


@pytest.mark.parametrize(("expires_in", "text"), [("3600", "3600"), (True, "true"), (1.5, "1.5")])
async def test_expires_in_is_text_in_the_fragment(
    oauth_server: OAuthServer, session: ClientSession, expires_in: Json, text: str
) -> None:
    """A string is sent unchanged, other values as JSON."""
    oauth_server.expires_in = expires_in
    page = await open_page(session, oauth_server)
    sent = fragment_of(await submit(session, oauth_server, page, "sign-in"))
    assert sent["expires_in"] == text


async def test_expires_in_can_be_left_out_of_the_fragment(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """None and `MISSING` both leave it out, since a fragment cannot express null."""
    for nothing in (None, MISSING):
        oauth_server.expires_in = nothing
        page = await open_page(session, oauth_server)
        sent = fragment_of(await submit(session, oauth_server, page, "sign-in"))
        assert "expires_in" not in sent


async def test_cancel_sends_access_denied(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The error goes to the client with the state, and is not counted as a login."""
    page = await open_page(session, oauth_server)
    assert fragment_of(await submit(session, oauth_server, page, "cancel")) == {
        "error": "access_denied",
        "error_description": "The sign-in was cancelled.",
        "state": "a state+&",
        "iss": oauth_server.issuer,
    }
    assert oauth_server.logins == 0


async def test_page_shows_client_and_scopes_escaped(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Markup in client ids and scopes is escaped."""
    oauth_server.add_client("<b>me&you</b>", "")
    page = await open_page(session, oauth_server, client_id="<b>me&you</b>", scope="<i> write")
    assert page.status == 200
    assert "&lt;b&gt;me&amp;you&lt;/b&gt;" in page.text
    assert "<li>&lt;i&gt;</li><li>write</li>" in page.text
    assert "<b>" not in page.text
    assert "<i>" not in page.text


@pytest.mark.parametrize("query", [{}, {"client_id": "nobody"}])
async def test_pages_have_strict_security_headers(
    oauth_server: OAuthServer, session: ClientSession, query: dict[str, str]
) -> None:
    """Pages use no scripts and no other resources, and are not cached or framed."""
    page = await open_page(session, oauth_server, **query)
    policy = page.headers["Content-Security-Policy"]
    nonce = re.search(r"style-src 'nonce-([^']+)'", policy)
    assert nonce is not None
    assert f'<style nonce="{nonce[1]}">' in page.text
    assert policy.startswith("default-src 'none';")
    assert "base-uri 'none'; frame-ancestors 'none'" in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"<script|https?://|style=|url\(|@import", page.text)
    assert "prefers-color-scheme: dark" in page.text


async def test_each_page_has_its_own_nonce(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A nonce is used for one page only."""
    pages = [await open_page(session, oauth_server) for _ in range(2)]
    assert len({page.headers["Content-Security-Policy"] for page in pages}) == 2


@pytest.mark.parametrize(
    ("redirect_uri", "form_action"),
    [
        ("http://localhost:32000", "'self' http://localhost:32000"),
        ("http://[::1]:32000/", "'self' http:"),
        ("https://app.example.com/cb?x=1", "'self' https://app.example.com"),
        ("com.example.app:/cb", "'self' com.example.app:"),
    ],
)
async def test_form_action_allows_the_redirect_only(
    oauth_server: OAuthServer, session: ClientSession, redirect_uri: str, form_action: str
) -> None:
    """`form-action` lets the browser follow the redirect to the client, and nowhere else."""
    known = ("http://localhost", "http://[::1]", redirect_uri)
    oauth_server.add_client("client-id", "", redirect_uris=known)
    page = await open_page(session, oauth_server, redirect_uri=redirect_uri)
    assert f"form-action {form_action};" in page.headers["Content-Security-Policy"]
    assert fragment_of(
        await submit(session, oauth_server, page, "cancel"), redirect_uri.removesuffix("/")
    )


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("rest", ["", "/", ":1", ":65535/"])
async def test_loopback_redirect_uri_may_have_any_port(
    oauth_server: OAuthServer, session: ClientSession, host: str, rest: str
) -> None:
    """Redirect URIs on loopback are compared without the port (RFC 8252 §7.3)."""
    page = await open_page(session, oauth_server, redirect_uri=f"http://{host}{rest}")
    assert page.status == 200


@pytest.mark.parametrize(
    "redirect_uri",
    [
        None,
        "http://localhost:32000/other",
        "http://localhost:32000?x=1",
        "http://localhost:32000#x",
        "https://localhost:32000",
        "http://user@localhost:32000",
        "http://localhost:32000@evil.example",
        "http://localhost.evil.example:32000",
        "http://app.example.com:8080/cb",
        "//localhost:32000",
        "http://localhost:port",
        "http://[::1",
        "javascript:alert(1)",
    ],
)
async def test_unregistered_redirect_uri_gets_an_error_page(
    oauth_server: OAuthServer, session: ClientSession, redirect_uri: str | None
) -> None:
    """The page contains no redirect and no link."""
    known = ("http://localhost", "http://app.example.com/cb")
    oauth_server.add_client("client-id", "", redirect_uris=known)
    page = await open_page(session, oauth_server, redirect_uri=redirect_uri)
    assert page.status == 400
    assert "is not registered" in page.text
    assert "Location" not in page.headers
    assert "href" not in page.text


async def test_line_break_in_redirect_uri_is_not_sent_in_a_header(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The Location header has the normalized redirect URI."""
    page = await open_page(
        session, oauth_server, redirect_uri=REDIRECT_URI + "\r\n", response_type="both"
    )
    assert fragment_of(page)["error"] == "unsupported_response_type"


@pytest.mark.parametrize("client_id", [None, "", "nobody"])
async def test_unknown_client_gets_an_error_page(
    oauth_server: OAuthServer, session: ClientSession, client_id: str | None
) -> None:
    """There is no redirect to an unverified redirect URI."""
    page = await open_page(session, oauth_server, client_id=client_id)
    assert page.status == 400
    assert "client_id is unknown" in page.text
    assert "Location" not in page.headers


async def test_repeated_parameter_gets_an_error_page(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Neither of two redirect URIs is trusted."""
    query = f"client_id=client-id&redirect_uri={REDIRECT_URI}&redirect_uri={REDIRECT_URI}"
    page = await send(session, "GET", f"{oauth_server.authorization_endpoint}?{query}")
    assert page.status == 400
    assert "must not be repeated" in page.text


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "both"}, "unsupported_response_type"),
        ({"scope": "read admin"}, "invalid_scope"),
    ],
)
async def test_request_errors_are_sent_to_the_client(
    oauth_server: OAuthServer,
    session: ClientSession,
    params: dict[str, str | None],
    error: str,
) -> None:
    """If client and redirect URI are valid, errors are sent there (RFC 6749 §4.2.2.1)."""
    oauth_server.add_client("client-id", "", scopes=["read"])
    sent = fragment_of(await open_page(session, oauth_server, **params))
    assert (sent["error"], sent["state"]) == (error, "a state+&")


async def test_login_page_can_be_submitted_once(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A second submit gets an error page and no token."""
    page = await open_page(session, oauth_server)
    await submit(session, oauth_server, page, "cancel")
    again = await submit(session, oauth_server, page, "sign-in")
    assert again.status == 400
    assert "was submitted before" in again.text
    assert oauth_server.logins == 0


async def test_login_page_expires(session: ClientSession) -> None:
    """The page expires after `login_lifetime` seconds."""
    async with OAuthServer(login_lifetime=0) as server:
        late = await submit(session, server, await open_page(session, server), "sign-in")
    assert late.status == 400
    assert "has expired" in late.text


@pytest.mark.parametrize("ticket", ["", "forged"])
async def test_form_with_unknown_ticket_is_rejected(
    oauth_server: OAuthServer, session: ClientSession, ticket: str
) -> None:
    """The form needs a ticket that this server issued."""
    form = {"ticket": ticket, "username": "Ada", "decision": "sign-in"}
    response = await send(session, "POST", oauth_server.authorization_endpoint, data=form)
    assert response.status == 400
    assert "Location" not in response.headers


async def test_post_without_form_is_rejected(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """JSON and an empty body get 400."""
    for headers in ({"Content-Type": "application/json"}, {}):
        url = oauth_server.authorization_endpoint
        assert (await send(session, "POST", url, headers=headers)).status == 400


@pytest.mark.parametrize("name", ["", "  "])
async def test_page_is_shown_again_without_a_name(
    oauth_server: OAuthServer, session: ClientSession, name: str
) -> None:
    """The page says what is missing, and its form works."""
    page = await open_page(session, oauth_server)
    again = await submit(session, oauth_server, page, "sign-in", name=name)
    assert again.status == 400
    assert 'role="alert">Please type a name.' in again.text
    sent = fragment_of(await submit(session, oauth_server, again, "sign-in"))
    assert sent["state"] == "a state+&"


async def test_the_page_is_also_below_the_token_endpoint(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`{token_endpoint}/authorize` shows the same page, and its form posts to the same URL."""
    url = oauth_server.token_endpoint + "/authorize"
    query = urlsplit(f"?response_type=token&client_id=client-id&redirect_uri={REDIRECT_URI}").query
    page = await send(session, "GET", f"{url}?{query}")
    form = {"ticket": ticket_of(page), "username": "Ada", "decision": "sign-in"}
    response = await send(session, "POST", f"{url}?{query}", data=form)
    assert "access_token" in parse_qs(urlsplit(response.headers["Location"]).fragment)


async def test_page_rejects_other_methods(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """405 with the allowed methods."""
    response = await send(session, "PUT", oauth_server.authorization_endpoint)
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD, POST")


async def test_only_the_named_users_can_sign_in(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The page shows the names, and it is shown again for any other name."""
    oauth_server.users = ["Ada", "Grace"]
    page = await open_page(session, oauth_server)
    assert 'placeholder="Ada or Grace, no password"' in page.text
    for name in ("Eve", ""):
        page = await submit(session, oauth_server, page, "sign-in", name)
        assert (page.status, "The users are: Ada, Grace." in page.text) == (400, True)
    fragment_of(await submit(session, oauth_server, page, "sign-in", "Grace"))
    assert oauth_server.logins == 1
