"""The programs of the tutorials and how-to guides run, and print the output that a page shows."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp.test_utils import TestClient, TestServer
from docutils.nodes import section, title

from aioalf.testing import Fault, OAuthServer
from tests.project.docs.blocks import BLOCKS
from tests.project.docs.guide_programs import (
    AUTHORIZATION_SERVER,
    PROGRAMS,
    Ended,
    addresses_of,
    matches,
    module_of,
    run_file,
    shown_after,
    source_of,
)
from tests.support.http_proxy import HTTPProxy
from tests.support.pages import DOCS, ROOT, parse
from tests.support.ports import free_port
from tests.support.tls import server_context

PARTS = ["Program", "How it works", "Troubleshooting", "Next"]
PAGES_WITH_PROGRAMS = sorted({block.document for block in PROGRAMS.values()} - {"README.rst"})
SPECIAL = {
    "behind_proxy.py",
    "many_users.py",
    "private_ca.py",
    "things_fastapi.py",
    "things_web.py",
    "watch.py",
}
"""Programs that need another server, or are servers themselves; each has a test of its own.

`tests/interop/test_fastapi.py` runs the one for FastAPI.
"""


@pytest.fixture
def server(oauth_server: OAuthServer) -> OAuthServer:
    """A server with the clients of ``aioalf serve``."""
    oauth_server.add_client("desktop")
    oauth_server.device_interval = 0.1
    return oauth_server


Run = Callable[..., Awaitable[Ended]]
"""Runs a program of the pages with arguments and environment variables."""


@pytest.fixture
def run(server: OAuthServer, tmp_path: Path) -> Run:
    """Run a program of the pages against the server."""

    async def run_program(name: str, *arguments: str, **environment: str) -> Ended:
        program = PROGRAMS[name]
        addresses = addresses_of(server, program)
        environment = {"CLIENT_SECRET": "secret", **environment}
        ended = await run_file(
            source_of(program, addresses), tmp_path, server, *arguments, **environment
        )
        return ended.with_addresses({new: old for old, new in addresses.items()})

    return run_program


@pytest.mark.parametrize("name", sorted(PROGRAMS.keys() - SPECIAL))
async def test_program_prints_the_shown_output(name: str, run: Run) -> None:
    """The program ends without an error, and prints the text block that follows it."""
    ended = await run(name)
    assert ended.code == 0, ended.stderr
    assert matches(shown_after(PROGRAMS[name]), ended.stdout), ended.stdout


def test_every_guide_runs_against_the_test_server() -> None:
    """Programs use the addresses of ``aioalf serve``, except those with another server."""
    others = {name for name, block in PROGRAMS.items() if AUTHORIZATION_SERVER not in block.text}
    assert others == {"behind_proxy.py", "private_ca.py"}


# Requests


async def test_service_sends_one_token_request(server: OAuthServer, run: Run) -> None:
    """Three concurrent requests share it."""
    await run("service.py")
    assert (server.token_requests, server.api_requests) == (1, 3)


async def test_service_explains_each_failure(server: OAuthServer, run: Run) -> None:
    """The page shows the message for a wrong secret, a failing server, and no server."""
    shown = [block.text for block in BLOCKS if block.document == "docs/tutorials/service.rst"]
    wrong, failing, down = [text for text in shown if text.startswith("No token: ")]
    assert matches(wrong, (await run("service.py", CLIENT_SECRET="typo")).stderr)
    server.token_fault = Fault.status(503)
    server.reset_counters()
    assert matches(failing, (await run("service.py")).stderr)
    assert server.token_requests == 3
    server.faults["metadata"] = Fault.hang_up()
    assert matches(down, (await run("service.py")).stderr)


async def test_renewed_token_does_not_delay_requests(server: OAuthServer, run: Run) -> None:
    """The token is renewed while the program runs, and no request is slow."""
    server.expires_in = 2
    ended = await run("watch.py")
    assert matches(shown_after(PROGRAMS["watch.py"]), ended.stdout), ended.stderr
    tokens = [int(number) for number in re.findall(r"token (\d+)", ended.stdout)]
    assert tokens == sorted(tokens)
    assert len(set(tokens)) > 1


async def test_processes_share_one_token(server: OAuthServer, run: Run) -> None:
    """Four processes with twenty jobs send one token request."""
    await run("workers.py")
    assert (server.token_requests, server.api_requests) == (1, 20)


async def test_requests_go_through_the_proxy(server: OAuthServer, tmp_path: Path) -> None:
    """The token request and the request to the API use the proxy."""
    program = PROGRAMS["behind_proxy.py"]
    async with HTTPProxy() as proxy:
        addresses = {"https://": "http://", "http://proxy.example.com:3128": proxy.url.rstrip("/")}
        ended = await run_file(source_of(program, addresses), tmp_path, server)
        assert proxy.requested == ["http://auth.example.com/token", "http://api.example.com/things"]
    assert matches(shown_after(program), ended.stdout), ended.stderr


async def test_private_authority_is_trusted(tmp_path: Path) -> None:
    """Metadata and token are requested over TLS with the authority of the file."""
    authority = trustme.CA()
    program = PROGRAMS["private_ca.py"]
    authority.cert_pem.write_to_path(str(tmp_path / "company-ca.pem"))
    async with OAuthServer(ssl_context=server_context(authority)) as server:
        addresses = {
            "https://id.example.com": server.issuer,
            "https://api.example.com": server.api_url,
        }
        ended = await run_file(source_of(program, addresses), tmp_path, server)
        assert server.token_requests == 1
    assert matches(shown_after(program), ended.stdout), ended.stderr


# Sign-ins


@pytest.mark.parametrize("name", ["desktop.py", "device.py", "keep_tokens.py"])
async def test_second_start_needs_no_sign_in(name: str, server: OAuthServer, run: Run) -> None:
    """The login is found in the files."""
    first, second = await run(name), await run(name)
    assert first.stdout == second.stdout == "Hello Ada\n"
    assert server.logins == 1


async def test_signing_out_ends_the_login(server: OAuthServer, run: Run) -> None:
    """The tokens are revoked, and the next start needs a sign-in."""
    await run("desktop.py")
    await run("sign_out.py")
    assert server.requests["revocation"] > 0
    await run("desktop.py")
    assert server.logins == 2


async def test_keep_tokens_can_sign_out(server: OAuthServer, run: Run) -> None:
    """The argument of the program ends the login."""
    await run("keep_tokens.py")
    assert (await run("keep_tokens.py", "--sign-out")).code == 0
    await run("keep_tokens.py")
    assert server.logins == 2


async def test_user_on_ssh_signs_in_on_another_device(server: OAuthServer, run: Run) -> None:
    """The program shows a code instead of opening a browser."""
    ended = await run("sign_in.py", SSH_CONNECTION="192.0.2.1 50000 192.0.2.2 22")
    assert ended.stdout == "Hello Ada\n"
    assert list(server.granted) == ["urn:ietf:params:oauth:grant-type:device_code"]


# Web applications


async def test_aiohttp_application_has_one_client(server: OAuthServer) -> None:
    """All visitors share a token; an API that fails is a 502."""
    app = module_of("things_web.py", server)["make_app"]()
    async with TestClient(TestServer(app)) as visitor:
        for _ in range(2):
            async with visitor.get("/things") as response:
                assert (response.status, (await response.json())["path"]) == (200, "/things")
        server.api_fault = Fault.status(503)
        async with visitor.get("/things") as response:
            assert response.status == 502
    assert server.token_requests == 1


class Visitor:
    """A person with a browser, at the application for many users."""

    def __init__(
        self,
        server: OAuthServer,
        application: TestServer,
        browser: aiohttp.ClientSession,
        name: str,
    ) -> None:
        self._server = server
        self._application = application
        self._browser = browser
        self._name = name

    async def open(self, path: str, method: str = "GET") -> tuple[int, str]:
        """Open a page, and sign in if the application asks for it. Return status and text."""
        self._server.auto_sign_in = self._name
        url = self._application.make_url(path)
        async with self._browser.request(method, url) as response:
            return response.status, await response.text()


@pytest.fixture
async def visitors(server: OAuthServer) -> AsyncIterator[tuple[Visitor, Visitor]]:
    """Two users of the running application, Ada and Eve."""
    port = free_port()
    own = {"http://127.0.0.1:8080": f"http://127.0.0.1:{port}"}
    app = module_of("many_users.py", server, own)["make_app"]()
    application = TestServer(app, host="127.0.0.1", port=port)
    async with (
        application,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as first,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as second,
    ):
        yield (
            Visitor(server, application, first, "Ada"),
            Visitor(server, application, second, "Eve"),
        )


async def test_each_user_has_a_login(
    server: OAuthServer, visitors: tuple[Visitor, Visitor]
) -> None:
    """Each user sees own data and signs in once, also if the first token becomes invalid."""
    ada, eve = visitors
    for _ in range(2):
        assert await ada.open("/me") == (200, "Hello Ada\n")
        assert await eve.open("/me") == (200, "Hello Eve\n")
        server.revoke_all()
    assert (server.logins, server.granted["refresh_token"]) == (2, 2)


async def test_requests_of_a_user_share_a_refresh(
    server: OAuthServer, visitors: tuple[Visitor, Visitor]
) -> None:
    """The refresh token is used once, although each request has a client of its own."""
    ada, _ = visitors
    await ada.open("/me")
    server.revoke_all()
    await asyncio.gather(*(ada.open("/me") for _ in range(5)))
    assert (server.logins, server.granted["refresh_token"]) == (1, 1)


async def test_user_who_signed_out_signs_in_again(
    server: OAuthServer, visitors: tuple[Visitor, Visitor]
) -> None:
    """The tokens are revoked, and other users stay signed in."""
    ada, eve = visitors
    await ada.open("/me")
    await eve.open("/me")
    assert await ada.open("/logout", "POST") == (200, "Signed out\n")
    assert server.requests["revocation"] > 0
    assert await eve.open("/me") == (200, "Hello Eve\n")
    assert server.logins == 2
    assert await ada.open("/me") == (200, "Hello Ada\n")
    assert server.logins == 3


async def test_callback_without_a_sign_in_is_refused(
    server: OAuthServer, visitors: tuple[Visitor, Visitor]
) -> None:
    """A redirect that another person began sends no token request."""
    ada, _ = visitors
    assert (await ada.open("/callback?code=a&state=b"))[0] == 403
    await ada.open("/me")
    assert (await ada.open("/callback?code=a&state=b"))[0] == 403
    assert server.token_requests == 1


# Pages


@pytest.mark.parametrize("document", PAGES_WITH_PROGRAMS)
def test_page_has_the_required_parts(document: str) -> None:
    """Each page with a program has the same parts, in the same order."""
    tree = parse(ROOT / document)
    headings = [next(part.findall(title)).astext() for part in tree.findall(section)]
    assert [heading for heading in headings if heading in PARTS] == PARTS


@pytest.mark.parametrize("directory", ["tutorials", "howto", "howto/migrate"])
def test_index_describes_each_page(directory: str) -> None:
    """An index describes exactly the pages in its table of contents, and lists all pages."""
    text = (DOCS / directory / "index.rst").read_text(encoding="utf-8")
    contents = re.findall(r"^   ([\w/]+)$", text.partition(".. toctree::")[2], re.MULTILINE)
    described = re.findall(r"^\* :doc:`([\w/]+)`: \w", text, re.MULTILINE)
    assert sorted(described) == sorted(contents)
    pages = {path.stem for path in (DOCS / directory).glob("*.rst")} - {"index"}
    assert pages <= set(described)
