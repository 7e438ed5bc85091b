"""Jobs for processes that share one login: a fork server, `python -m tests.caches.shared_login`.

Each process is a complete client with the file cache. The server runs in the process of the test.
"""

import asyncio
import json
import resource
import signal
from collections.abc import Coroutine
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from aioalf import Client
from aioalf._callbacks import OpenBrowser
from aioalf._login.cache_entry_format import StoredLogin, read_stored_login
from aioalf.caches import FileCache
from aioalf.grants import AuthorizationCode
from aioalf.testing import OAuthServer
from tests.caches.fork_server import main, tell
from tests.grants.visitor import Visitor

MODULE = "tests.caches.shared_login"


@dataclass(frozen=True)
class SharedLogin:
    """The directory of a login, and its client, server and API."""

    directory: str
    issuer: str
    api: str
    client_id: str
    client_secret: str

    @classmethod
    def at(cls, server: OAuthServer, directory: Path) -> "SharedLogin":
        """Return a login of the server's default client, stored in a directory."""
        api = server.url("/things")
        return cls(str(directory), server.issuer, api, server.client_id, server.client_secret)

    def __str__(self) -> str:
        return json.dumps(asdict(self))

    def client(self, open_browser: OpenBrowser) -> Client:
        """Return a client that uses the stored login, or opens the browser to sign in."""
        return Client(
            issuer=self.issuer,
            client_id=self.client_id,
            client_secret=self.client_secret,
            grant=AuthorizationCode(open_browser=open_browser),
            cache=FileCache(self.directory),
        )

    async def visit(self, visitor: Visitor) -> int:
        """Make one request as a new client, with this visitor at the browser; return the status."""
        async with self.client(visitor) as client, client.get(self.api) as response:
            await visitor.done()
            return response.status

    def file(self) -> Path:
        """Return the only cache file."""
        [path] = Path(self.directory).glob("*.json")
        return path

    def key(self) -> str:
        """Return the key in the cache."""
        return str(self._content()["key"])

    def record(self) -> StoredLogin:
        """Return the stored login, read from the disk."""
        record = read_stored_login(self._content()["value"], now=datetime.now(UTC), monotonic=0)
        assert record is not None
        return record

    def expire(self) -> None:
        """Let the stored token have expired yesterday."""
        content = self._content()
        value = json.loads(content["value"])
        expires_on = datetime.fromisoformat(value["expires_on"]) - timedelta(days=1)
        value["expires_on"] = expires_on.isoformat()
        self.file().write_text(json.dumps({**content, "value": json.dumps(value)}))

    def _content(self) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(self.file().read_bytes()))


def sent(server: OAuthServer) -> list[tuple[str, int | None]]:
    """Return the refresh tokens that the server received, each with the status of its response."""
    forms = [(exchange.form, exchange.status) for exchange in server.log]
    return [(form["refresh_token"], status) for form, status in forms if "refresh_token" in form]


async def go_on(argument: str) -> None:
    """Make one request with the stored login; print a line if it requires a sign-in."""
    login = SharedLogin(**json.loads(argument))

    def refuse(url: str) -> None:
        tell("login required")
        raise OSError("no browser")

    async with login.client(refuse) as client:
        tell("ready")
        async with client.get(login.api) as response:
            tell(str(response.status))


async def go_on_and_stay(argument: str) -> None:
    """The same, but do not exit: the pid of a process to be killed must not be reused."""
    await go_on(argument)
    await asyncio.Event().wait()


async def go_on_without_room(argument: str) -> None:
    """The same, but the system refuses to write to any file."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    await go_on(argument)


def go_on_until_interrupted(argument: str) -> Coroutine[object, object, None]:
    """The same, as in a terminal: `asyncio.run` handles Ctrl-C."""
    # A shell ignores SIGINT in jobs started with &.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return go_on(argument)


async def sign_in(argument: str) -> None:
    """Make one request, signing in if required; print the number of sign-ins."""
    visitor = Visitor()
    tell("ready")
    status = await SharedLogin(**json.loads(argument)).visit(visitor)
    tell(f"{status} after {len(visitor.opened)} logins")


JOBS = {
    job.__name__: job
    for job in (go_on, go_on_and_stay, go_on_without_room, go_on_until_interrupted, sign_in)
}

if __name__ == "__main__":
    main(JOBS)
