"""What processes do that share one login: `python -m tests.caches.logins` is their nursery.

Each is a whole client with the file cache. The server is elsewhere, in the test's own process.
"""

import asyncio
import json
import resource
import signal
from collections.abc import Coroutine
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from aioalf import Client
from aioalf._browser.open_url import OpenBrowser
from aioalf._login.stored_login import StoredLogin, read_stored_login
from aioalf.caches import FileCache
from aioalf.grants import AuthorizationCode
from aioalf.testing import OAuthServer
from tests.caches.nursery import main, tell
from tests.grants.visitor import Visitor

MODULE = "tests.caches.logins"


@dataclass(frozen=True)
class Login:
    """Where a login is kept, and where it counts."""

    directory: str
    issuer: str
    api: str
    client_id: str
    client_secret: str

    @classmethod
    def at(cls, server: OAuthServer, directory: Path) -> "Login":
        """The login of the server's own client, kept in a directory."""
        api = server.url("/things")
        return cls(str(directory), server.issuer, api, server.client_id, server.client_secret)

    def __str__(self) -> str:
        return json.dumps(asdict(self))

    def client(self, open_browser: OpenBrowser) -> Client:
        """A client that goes on with it, or has somebody sign in."""
        return Client(
            issuer=self.issuer,
            client_id=self.client_id,
            client_secret=self.client_secret,
            grant=AuthorizationCode(open_browser=open_browser),
            cache=FileCache(self.directory),
        )

    async def visit(self, visitor: Visitor) -> int:
        """Make one request as a new client, this person at the browser; return the status."""
        async with self.client(visitor) as client, client.get(self.api) as response:
            await visitor.done()
            return response.status

    def file(self) -> Path:
        """The one file that it is kept in."""
        [path] = Path(self.directory).glob("*.json")
        return path

    def key(self) -> str:
        """Its key in the cache."""
        return str(self._envelope()["key"])

    def record(self) -> StoredLogin:
        """What is kept, read from the disk; AssertionError where that is no record."""
        record = read_stored_login(self._envelope()["value"], now=datetime.now(UTC), monotonic=0)
        assert record is not None
        return record

    def _envelope(self) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(self.file().read_bytes()))


def sent(server: OAuthServer) -> list[tuple[str, int | None]]:
    """The refresh tokens that arrived at the server, and what was answered, in order."""
    forms = [(exchange.form, exchange.status) for exchange in server.log]
    return [(form["refresh_token"], status) for form, status in forms if "refresh_token" in form]


async def go_on(about: str) -> None:
    """Make one request; where that needs somebody to sign in, tell so."""
    login = Login(**json.loads(about))

    def ask(url: str) -> None:
        tell("asked for a login")
        raise OSError("nobody is there")

    async with login.client(ask) as client:
        tell("ready")
        async with client.get(login.api) as response:
            tell(str(response.status))


async def go_on_and_stay(about: str) -> None:
    """The same, and stay: who is to be killed must not be gone, its pid another's."""
    await go_on(about)
    await asyncio.Event().wait()


async def go_on_without_room(about: str) -> None:
    """The same where the system lets nothing be written to any file."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    await go_on(about)


def go_on_until_interrupted(about: str) -> Coroutine[object, object, None]:
    """The same at a terminal, whose Ctrl-C `asyncio.run` hears."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # off for what shells start with &
    return go_on(about)


async def sign_in(about: str) -> None:
    """Make one request, with somebody there to sign in; tell how often they had to."""
    visitor = Visitor()
    tell("ready")
    status = await Login(**json.loads(about)).visit(visitor)
    tell(f"{status} after {len(visitor.opened)} logins")


JOBS = MappingProxyType(
    {
        job.__name__: job
        for job in (go_on, go_on_and_stay, go_on_without_room, go_on_until_interrupted, sign_in)
    }
)

if __name__ == "__main__":
    main(JOBS)
