"""That the exchanges in the documents are what goes over the wire."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from yarl import URL

from aioalf import Client
from aioalf.testing import OAuthServer
from tests.project.docs.blocks import Block, blocks_in, inhabit

Conversation = list[tuple[str, bytearray]]
"""Who spoke, and what was said, in turn."""


@dataclass(frozen=True)
class Message:
    """A request or a response: its first line, its header fields, and its body."""

    first: str
    fields: dict[str, str]
    body: str

    @classmethod
    def read(cls, text: str) -> "Message":
        """Read a message, of a document or off the wire."""
        head, _, body = text.replace("\r\n", "\n").partition("\n\n")
        first, *lines = head.splitlines()
        fields = dict(line.split(": ", 1) for line in lines)
        return cls(first, fields, body.strip())

    def shows(self, real: "Message") -> bool:
        """Whether this is a picture of a message: ``…`` is anything, fields may be left out."""
        return (
            self.first == real.first
            and all(_matches(value, real.fields.get(name)) for name, value in self.fields.items())
            and (not self.body or _matches(self.body, real.body))
        )


def _matches(shown: str, real: str | None) -> bool:
    pattern = ".+".join(map(re.escape, shown.split("…")))
    return real is not None and re.fullmatch(pattern, real, re.DOTALL) is not None


@asynccontextmanager
async def tapped(port: int | None, conversation: Conversation) -> AsyncIterator[int]:
    """Pass on to a port of this machine what comes to the port that is given, and write it down."""

    async def pump(
        speaker: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while said := await reader.read(2**16):
            if not conversation or conversation[-1][0] != speaker:
                conversation.append((speaker, bytearray()))
            conversation[-1][1].extend(said)
            writer.write(said)
        writer.close()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump("client", reader, back), pump("server", there, writer))
        await asyncio.gather(back.wait_closed(), writer.wait_closed())

    server = await asyncio.start_server(pass_on, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def conversation(oauth_server: OAuthServer, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """What is said for one request of a client that has no token yet."""
    said: Conversation = []
    async with (
        tapped(URL(oauth_server.token_endpoint).port, said) as auth,
        tapped(URL(oauth_server.api_url).port, said) as api,
    ):
        inhabit(monkeypatch, oauth_server, auth=auth, api=api)
        client = Client("client-id", "secret", "https://auth.example.com/token")
        async with client, client.get("https://api.example.com/things") as response:
            await response.read()
    return [Message.read(text.decode()) for _, text in said]


def shown_in(block: Block) -> list[Message]:
    """The messages of a block: each begins with a request line or a status line."""
    texts = re.split(r"\n\n(?=[A-Z]+ /|HTTP/)", block.text)
    return [Message.read(text) for text in texts]


async def test_the_exchanges_are_those_of_a_first_request(conversation: list[Message]) -> None:
    """All blocks together are the conversation, message by message."""
    shown = [message for block in blocks_in("http") for message in shown_in(block)]
    assert len(shown) == len(conversation)
    for picture, real in zip(shown, conversation, strict=True):
        assert picture.shows(real), (picture, real)


@pytest.mark.parametrize(
    "picture",
    ["GET /b HTTP/1.1", "GET /a HTTP/1.1\nB: d", "GET /a HTTP/1.1\nX: c", "GET /a HTTP/1.1\n\nf"],
)
def test_a_picture_of_another_message_is_not_taken_for_it(picture: str) -> None:
    """Another line, field or body is seen."""
    real = Message.read("GET /a HTTP/1.1\r\nB: c\r\n\r\ne")
    assert Message.read("GET /a HTTP/1.1\nB: …\n\ne").shows(real)
    assert not Message.read(picture).shows(real)
