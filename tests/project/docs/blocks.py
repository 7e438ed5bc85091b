"""The code blocks of the documents, and the fake network that they run in.

``auth.example.com``, ``token.endpoint`` and ``id.example.com`` lead to the authorization server of
`aioalf.testing`, whose issuer is the last one. ``api.example.com`` leads to its API. Connections to
these names go to local ports without TLS; the rest of aiohttp is not changed.
"""

import ast
import asyncio
import inspect
import io
import re
import webbrowser
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import cast

import pytest
from aiohttp import ClientRequest, ClientSession, ClientTimeout, TCPConnector
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace
from docutils.nodes import literal_block
from yarl import URL

from aioalf.testing import OAuthServer
from tests.support.pages import ROOT, parse
from tests.support.person import Person

ISSUER = "https://id.example.com"
TESTED_ELSEWHERE = {
    "docs/howto/client_authentication.rst",
    "docs/howto/testing.rst",
    "docs/reference/cli.rst",
    "docs/tutorials/command_line.rst",
}
OTHER_LIBRARIES = {
    "aiohttp_oauth2_client",
    "authlib",
    "httpx_auth",
    "oauthlib",
    "requests_oauthlib",
}
"""The packages that are replaced in the guides to migrate; they are not installed here."""


@dataclass(frozen=True)
class Block:
    """A literal block of a document: its language (``""`` if it has none) and its text."""

    document: str
    number: int
    language: str
    text: str
    name: str = ""
    """The file that a guide tells the reader to save the block as."""

    def __str__(self) -> str:
        return f"{self.document}-{self.number}"

    @property
    def is_program(self) -> bool:
        """Whether the block is a whole program of a guide."""
        return self.name.endswith(".py")

    @property
    def is_script(self) -> bool:
        """Whether the block is another program that runs its own event loop."""
        return not self.is_program and self.language == "python" and "asyncio.run(" in self.text

    @property
    def is_of_another_library(self) -> bool:
        """Whether the block shows the use of a library that is not installed."""
        return (
            re.search(rf"^from ({'|'.join(OTHER_LIBRARIES)})\b", self.text, re.MULTILINE)
            is not None
        )

    @property
    def is_snippet(self) -> bool:
        """Whether the block is the body of a coroutine, or a module."""
        special = self.is_program or self.is_script or self.is_of_another_library
        return self.language == "python" and not special


def all_blocks() -> Iterator[Block]:
    """Yield every block of every document, except blocks that other tests run."""
    for path in sorted([*ROOT.glob("*.rst"), *(ROOT / "docs").rglob("*.rst")]):
        name = path.relative_to(ROOT).as_posix()
        if name not in TESTED_ELSEWHERE and not name.startswith("docs/providers/"):
            yield from blocks_of(path)


def blocks_of(path: Path) -> Iterator[Block]:
    """Yield every block of a document."""
    for number, node in enumerate(parse(path).findall(literal_block), 1):
        (language,) = set(node["classes"]) - {"code"} or {""}
        name, names = path.relative_to(ROOT).as_posix(), " ".join(node["names"])
        yield Block(name, number, language, node.astext(), names)


BLOCKS = list(all_blocks())


def blocks_in(*languages: str) -> list[Block]:
    """Return the blocks of these languages."""
    return [block for block in BLOCKS if block.language in languages]


async def run(block: Block) -> Mapping[str, object]:
    """Run a Python block unchanged, then the tests that it defines; return its names."""
    names: dict[str, object] = {"__name__": str(block)}
    code = compile(block.text, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result: object = eval(code, names)  # noqa: S307 - the document is the project's own
    if inspect.isawaitable(result):
        await result
    for name, value in names.items():
        if name.startswith("test_"):
            await cast("Callable[[], Awaitable[None]]", value)()
    return names


class Terminal(io.StringIO):
    """A terminal whose reader opens the page that it shows, and enters the user code there."""

    reader: Thread | None = None

    def write(self, text: str) -> int:
        """Write the text; the reader follows its instructions while the program goes on."""
        shown = super().write(text)
        told = re.search(
            r"(https://\S+/device)\s+and enter (?:the code +)?(\S+)\s", self.getvalue()
        )
        if told is not None and self.reader is None:
            self.reader = Thread(target=asyncio.run, args=[self._approve(told[1], told[2])])
            self.reader.start()
        return shown

    async def _approve(self, page: str, code: str) -> None:
        form = {"user_code": code, "username": "Ada", "decision": "approve"}
        async with ClientSession() as telephone, telephone.post(page, data=form) as response:
            assert "The device is signed in." in await response.text()


def run_script(block: Block) -> str:
    """Run a program and return everything that it printed.

    Call it in another thread than the server's, because the program starts its own event loop.
    """
    code = compile(block.text, str(block), "exec")
    terminal = Terminal()
    with redirect_stdout(terminal), redirect_stderr(terminal):
        exec(code, {"__name__": "__main__"})  # noqa: S102 - the document is the project's own
    if terminal.reader is not None:
        terminal.reader.join()
    return terminal.getvalue()


def fake_network(
    monkeypatch: pytest.MonkeyPatch,
    server: OAuthServer,
    *,
    api_hosts: Iterable[str] = (),
    **ports: int | None,
) -> None:
    """Connect the host names of the documents to the server, or to the local ports in `ports`.

    `api_hosts` are further host names of the API.
    """
    places = {
        "auth.example.com": ports.get("auth") or URL(server.token_endpoint).port,
        "token.endpoint": URL(server.token_endpoint).port,
        "id.example.com": URL(server.token_endpoint).port,
        **dict.fromkeys(
            ("api.example.com", *api_hosts), ports.get("api") or URL(server.api_url).port
        ),
    }
    server.add_client("glBQ3nYU/8/kaVi/bIgXGA==", "")
    server.add_client("desktop")
    # As behind a TLS proxy: metadata, pages and `iss` use the public name.
    monkeypatch.setattr(server._authorization, "_origin", lambda: ISSUER)  # noqa: SLF001 - no option
    original = TCPConnector._create_connection  # noqa: SLF001 - where a name becomes a socket

    async def connect(
        self: TCPConnector, request: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> ResponseHandler:
        port = places.get(request.url.host or "")
        if port is None:
            return await original(self, request, traces, timeout)
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(self._factory, "127.0.0.1", port)
        return protocol

    monkeypatch.setattr(TCPConnector, "_create_connection", connect)


def fake_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the default browser by a user who signs in."""

    async def visit(url: str) -> None:
        person = Person()
        await person(url)
        await person.done()
        assert person.outcomes == ["signed-in"]

    def open_browser(url: str) -> bool:
        asyncio.run(visit(url))
        return True

    monkeypatch.setattr(webbrowser, "open", open_browser)
