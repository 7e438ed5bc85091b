"""The implicit flow: the login page, its form, and where the browser goes from there."""

import re
from html import unescape
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from aiohttp import ClientSession

from aioalf.testing import MISSING, Json, OAuthServer
from tests.testing.plain_client import Answered, bearer, send

HERE = "http://localhost:32000"


async def open_page(session: ClientSession, server: OAuthServer, **changed: str | None) -> Answered:
    """Ask for a sign-in as a browser does; None leaves a parameter out."""
    asked = {
        "response_type": "token",
        "client_id": "client-id",
        "redirect_uri": HERE,
        "state": "a state+&",
        **changed,
    }
    params = {name: value for name, value in asked.items() if value is not None}
    return await send(session, "GET", server.authorization_endpoint, params=params)


def ticket_of(page: Answered) -> str:
    """The single-use ticket in the page's form."""
    found = re.search(r'name="ticket" value="([^"]+)"', page.text)
    assert found is not None
    return unescape(found[1])


async def press(
    session: ClientSession, server: OAuthServer, page: Answered, decision: str, name: str = "Ada"
) -> Answered:
    """Fill in the form and press one of its buttons."""
    form = {"ticket": ticket_of(page), "username": name, "decision": decision}
    return await send(session, "POST", server.authorization_endpoint, data=form)


def fragment_of(answered: Answered, target: str = HERE) -> dict[str, str]:
    """The fragment's parameters, once it is sure that the browser is sent to the target."""
    assert answered.status == 303
    sent_to, _, fragment = answered.headers["Location"].partition("#")
    assert sent_to.removesuffix("/") == target
    pairs = parse_qsl(fragment, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


async def test_signing_in_sends_the_token_in_the_fragment(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Token, type, lifetime, scope and the state as it came (RFC 6749 §4.2.2)."""
    page = await open_page(session, oauth_server, scope="read write")
    sent = fragment_of(await press(session, oauth_server, page, "sign-in"))
    token = sent.pop("access_token")
    assert sent == {
        "token_type": "Bearer",
        "expires_in": "3600",
        "scope": "read write",
        "state": "a state+&",
        "iss": oauth_server.issuer,
    }
    answered = await send(session, "GET", oauth_server.url("/"), headers=bearer(token))
    assert answered.json["user"] == "Ada"
    assert oauth_server.logins == 1


async def test_what_was_not_asked_for_is_not_sent(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """No state and no scope in, none out."""
    page = await open_page(session, oauth_server, state=None)
    sent = fragment_of(await press(session, oauth_server, page, "sign-in"))
    assert set(sent) == {"access_token", "token_type", "expires_in", "iss"}


@pytest.mark.parametrize(("expires_in", "text"), [("3600", "3600"), (True, "true"), (1.5, "1.5")])
async def test_expires_in_is_text_in_the_fragment(
    oauth_server: OAuthServer, session: ClientSession, expires_in: Json, text: str
) -> None:
    """A string goes out as it is, anything else as JSON."""
    oauth_server.expires_in = expires_in
    page = await open_page(session, oauth_server)
    sent = fragment_of(await press(session, oauth_server, page, "sign-in"))
    assert sent["expires_in"] == text


async def test_expires_in_can_be_left_out_of_the_fragment(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A fragment has no null: None and `MISSING` are the same there."""
    for nothing in (None, MISSING):
        oauth_server.expires_in = nothing
        page = await open_page(session, oauth_server)
        sent = fragment_of(await press(session, oauth_server, page, "sign-in"))
        assert "expires_in" not in sent


async def test_cancel_sends_access_denied(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The refusal goes to the client, with the state, and is no login."""
    page = await open_page(session, oauth_server)
    assert fragment_of(await press(session, oauth_server, page, "cancel")) == {
        "error": "access_denied",
        "error_description": "The sign-in was cancelled.",
        "state": "a state+&",
        "iss": oauth_server.issuer,
    }
    assert oauth_server.logins == 0


async def test_the_page_names_the_client_and_the_scopes(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """A person sees who asks and for what; what a client sends is text, never markup."""
    oauth_server.add_client("<b>me&you</b>", "")
    page = await open_page(session, oauth_server, client_id="<b>me&you</b>", scope="<i> write")
    assert page.status == 200
    assert "&lt;b&gt;me&amp;you&lt;/b&gt;" in page.text
    assert "<li>&lt;i&gt;</li><li>write</li>" in page.text
    assert "<b>" not in page.text
    assert "<i>" not in page.text


@pytest.mark.parametrize("query", [{}, {"client_id": "nobody"}])
async def test_pages_are_sealed(
    oauth_server: OAuthServer, session: ClientSession, query: dict[str, str]
) -> None:
    """No script, nothing from elsewhere, nothing stored, no referrer, no frame."""
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


async def test_no_two_pages_share_a_nonce(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The nonce of one page opens no other."""
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
async def test_the_forms_redirect_is_allowed_by_the_page(
    oauth_server: OAuthServer, session: ClientSession, redirect_uri: str, form_action: str
) -> None:
    """`form-action` lets the browser follow to the client, and to nowhere else."""
    known = ("http://localhost", "http://[::1]", redirect_uri)
    oauth_server.add_client("client-id", "", redirect_uris=known)
    page = await open_page(session, oauth_server, redirect_uri=redirect_uri)
    assert f"form-action {form_action};" in page.headers["Content-Security-Policy"]
    assert fragment_of(
        await press(session, oauth_server, page, "cancel"), redirect_uri.removesuffix("/")
    )


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("rest", ["", "/", ":1", ":65535/"])
async def test_any_port_of_this_machine_will_do(
    oauth_server: OAuthServer, session: ClientSession, host: str, rest: str
) -> None:
    """A redirect URI on loopback is compared without its port (RFC 8252 §7.3)."""
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
async def test_nobody_is_sent_where_the_client_is_not_at_home(
    oauth_server: OAuthServer, session: ClientSession, redirect_uri: str | None
) -> None:
    """A page says so, and neither redirects nor links anywhere."""
    known = ("http://localhost", "http://app.example.com/cb")
    oauth_server.add_client("client-id", "", redirect_uris=known)
    page = await open_page(session, oauth_server, redirect_uri=redirect_uri)
    assert page.status == 400
    assert "has not registered" in page.text
    assert "Location" not in page.headers
    assert "href" not in page.text


async def test_a_line_break_in_a_redirect_uri_reaches_no_header(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """What is sent is the address as it was understood."""
    page = await open_page(session, oauth_server, redirect_uri=HERE + "\r\n", response_type="both")
    assert fragment_of(page)["error"] == "unsupported_response_type"


@pytest.mark.parametrize("client_id", [None, "", "nobody"])
async def test_an_unknown_client_is_told_to_the_person(
    oauth_server: OAuthServer, session: ClientSession, client_id: str | None
) -> None:
    """A page, and no redirect to an address that nobody vouches for."""
    page = await open_page(session, oauth_server, client_id=client_id)
    assert page.status == 400
    assert "not known here" in page.text
    assert "Location" not in page.headers


async def test_a_repeated_parameter_is_told_to_the_person(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Of two redirect URIs neither is trusted."""
    query = f"client_id=client-id&redirect_uri={HERE}&redirect_uri={HERE}"
    page = await send(session, "GET", f"{oauth_server.authorization_endpoint}?{query}")
    assert page.status == 400
    assert "more than once" in page.text


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "both"}, "unsupported_response_type"),
        ({"scope": "read admin"}, "invalid_scope"),
    ],
)
async def test_the_client_is_told_of_its_own_mistakes(
    oauth_server: OAuthServer,
    session: ClientSession,
    asked: dict[str, str | None],
    error: str,
) -> None:
    """Once client and address are known to be right, errors go there (RFC 6749 §4.2.2.1)."""
    oauth_server.add_client("client-id", "", scopes=["read"])
    sent = fragment_of(await open_page(session, oauth_server, **asked))
    assert (sent["error"], sent["state"]) == (error, "a state+&")


async def test_a_page_can_be_answered_once(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """The second press of a button, whichever, gives a page and no token."""
    page = await open_page(session, oauth_server)
    await press(session, oauth_server, page, "cancel")
    again = await press(session, oauth_server, page, "sign-in")
    assert again.status == 400
    assert "answered already" in again.text
    assert oauth_server.logins == 0


async def test_a_page_does_not_stay_good(session: ClientSession) -> None:
    """After `login_lifetime` seconds the form is too old."""
    async with OAuthServer(login_lifetime=0) as server:
        late = await press(session, server, await open_page(session, server), "sign-in")
    assert late.status == 400
    assert "too old" in late.text


@pytest.mark.parametrize("ticket", ["", "forged"])
async def test_a_form_that_the_server_did_not_make_is_refused(
    oauth_server: OAuthServer, session: ClientSession, ticket: str
) -> None:
    """Without a ticket of this server nobody is signed in."""
    form = {"ticket": ticket, "username": "Ada", "decision": "sign-in"}
    answered = await send(session, "POST", oauth_server.authorization_endpoint, data=form)
    assert answered.status == 400
    assert "Location" not in answered.headers


async def test_a_post_that_is_no_form_is_refused(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """Neither JSON nor nothing at all signs anybody in."""
    for headers in ({"Content-Type": "application/json"}, {}):
        url = oauth_server.authorization_endpoint
        assert (await send(session, "POST", url, headers=headers)).status == 400


@pytest.mark.parametrize("name", ["", "  "])
async def test_without_a_name_the_page_comes_again(
    oauth_server: OAuthServer, session: ClientSession, name: str
) -> None:
    """It says what is missing, and its form works."""
    page = await open_page(session, oauth_server)
    again = await press(session, oauth_server, page, "sign-in", name=name)
    assert again.status == 400
    assert 'role="alert">Please type a name.' in again.text
    sent = fragment_of(await press(session, oauth_server, again, "sign-in"))
    assert sent["state"] == "a state+&"


async def test_the_page_is_also_below_the_token_endpoint(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """`{token_endpoint}/authorize` is the same page, and its form posts to where it came from."""
    url = oauth_server.token_endpoint + "/authorize"
    query = urlsplit(f"?response_type=token&client_id=client-id&redirect_uri={HERE}").query
    page = await send(session, "GET", f"{url}?{query}")
    form = {"ticket": ticket_of(page), "username": "Ada", "decision": "sign-in"}
    answered = await send(session, "POST", f"{url}?{query}", data=form)
    assert "access_token" in parse_qs(urlsplit(answered.headers["Location"]).fragment)


async def test_the_page_takes_no_other_method(
    oauth_server: OAuthServer, session: ClientSession
) -> None:
    """405, which names those that it takes."""
    answered = await send(session, "PUT", oauth_server.authorization_endpoint)
    assert (answered.status, answered.headers["Allow"]) == (405, "GET, HEAD, POST")
