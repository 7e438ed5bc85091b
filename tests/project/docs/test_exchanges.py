"""The HTTP messages shown in the documents are really sent."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from yarl import URL

from aioalf import Client
from aioalf.testing import OAuthServer
from tests.project.docs.blocks import Block, blocks_in, fake_network

Conversation = list[tuple[str, bytearray]]
"""The sender and the bytes of each message, in order."""


@dataclass(frozen=True)
class Message:
    """A request or a response: its first line, its headers and its body."""

    first: str
    headers: dict[str, str]
    body: str

    @classmethod
    def parse(cls, text: str) -> "Message":
        """Parse a message from a document or from a connection."""
        head, _, body = text.replace("\r\n", "\n").partition("\n\n")
        first, *lines = head.splitlines()
        headers = dict(line.split(": ", 1) for line in lines)
        return cls(first, headers, body.strip())

    def shows(self, real: "Message") -> bool:
        """Whether this shows `real`: ``…`` matches any text, and headers may be omitted."""
        return (
            self.first == real.first
            and all(_matches(value, real.headers.get(name)) for name, value in self.headers.items())
            and (not self.body or _matches(self.body, real.body))
        )


def _matches(shown: str, real: str | None) -> bool:
    pattern = ".+".join(map(re.escape, shown.split("…")))
    return real is not None and re.fullmatch(pattern, real, re.DOTALL) is not None


@asynccontextmanager
async def recorded(port: int | None, conversation: Conversation) -> AsyncIterator[int]:
    """Yield a local port that forwards connections to `port` and records their messages."""

    async def pump(sender: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**16):
            if not conversation or conversation[-1][0] != sender:
                conversation.append((sender, bytearray()))
            conversation[-1][1].extend(data)
            writer.write(data)
        writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump("client", reader, back), pump("server", there, writer))
        await asyncio.gather(back.wait_closed(), writer.wait_closed())

    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def conversation(oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """Return the messages of one request by a client that has no token yet."""
    recording: Conversation = []
    async with (
        recorded(URL(oauth_server.token_endpoint).port, recording) as auth,
        recorded(URL(oauth_server.api_url).port, recording) as api,
    ):
        fake_network(monkeypatch, oauth_server, auth=auth, api=api)
        client = Client("client-id", "secret", "https://auth.example.com/token")
        async with client, client.get("https://api.example.com/things") as response:
            await response.read()
    return [Message.parse(text.decode()) for _, text in recording]


def shown_in(block: Block) -> list[Message]:
    """Return the messages of a block; each starts with a request line or a status line."""
    texts = re.split(r"\n\n(?=[A-Z]+ /|HTTP/)", block.text)
    return [Message.parse(text) for text in texts]


async def test_shown_messages_are_those_of_a_first_request(conversation: list[Message]) -> None:
    """The blocks of the documents show all messages of the first request, in order."""
    shown = [message for block in blocks_in("http") for message in shown_in(block)]
    assert len(shown) == len(conversation)
    for expected, real in zip(shown, conversation, strict=True):
        assert expected.shows(real), (expected, real)


@pytest.mark.parametrize(
    "text",
    ["GET /b HTTP/1.1", "GET /a HTTP/1.1\nB: d", "GET /a HTTP/1.1\nX: c", "GET /a HTTP/1.1\n\nf"],
)
def test_other_messages_do_not_match(text: str) -> None:
    """A message with another first line, header or body does not match."""
    real = Message.parse("GET /a HTTP/1.1\r\nB: c\r\n\r\ne")
    assert Message.parse("GET /a HTTP/1.1\nB: …\n\ne").shows(real)
    assert not Message.parse(text).shows(real)
