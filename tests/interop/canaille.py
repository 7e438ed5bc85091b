"""Run Canaille, a second authorization server, as a child process.

It is set up through its configuration file. Clients register themselves (RFC 7591) and users sign
up on its page. Must not know aioalf.
"""

import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

from aiohttp import ClientSession

from tests.interop import dependencies

TRUSTED = "trusted.example"
"""A domain whose clients need no consent."""

START_SECONDS = 20.0
END_SECONDS = 5.0

# TOML. The key must be RSA, because OpenID Connect requires RS256.
_CONFIGURATION = """
SECRET_KEY = "for the cookies of one test"
SERVER_NAME = "127.0.0.1:{port}"
PREFERRED_URL_SCHEME = "http"

[CANAILLE]
ENABLE_REGISTRATION = true
EMAIL_CONFIRMATION = false
ACL.DEFAULT.PERMISSIONS = ["edit_self", "use_oidc", "manage_oidc"]

[CANAILLE_OIDC]
DYNAMIC_CLIENT_REGISTRATION_OPEN = true
REQUIRE_NONCE = false
TRUSTED_DOMAINS = ["{trusted}"]
ACTIVE_JWKS = [{key}]

[CANAILLE_HYPERCORN]
BIND = ["fd://{descriptor}"]
WORKERS = 0
"""


@dataclass(frozen=True)
class RegisteredClient:
    """A client that the server has registered."""

    client_id: str
    client_secret: str = field(repr=False)


class CanailleError(Exception):
    """Canaille did not start; the message has its output."""


class Canaille:
    """Runs while the context manager is open. ``key`` is the private RSA JWK of the server."""

    def __init__(self, key: Mapping[str, str], output: IO[str]) -> None:
        self._key = key
        self._output = output
        self.issuer = ""

    @property
    def token_endpoint(self) -> str:
        """The URL of the token endpoint."""
        return f"{self.issuer}/oauth/token"

    @property
    def userinfo_endpoint(self) -> str:
        """An API of Canaille that returns the user of the token."""
        return f"{self.issuer}/oauth/userinfo"

    @property
    def new_client_page(self) -> str:
        """The page where a user registers a client by hand."""
        return f"{self.issuer}/admin/client/add"

    @property
    def sign_up_page(self) -> str:
        """The page where a user creates an account."""
        return f"{self.issuer}/register"

    async def register(
        self, session: ClientSession, method: str, **metadata: object
    ) -> RegisteredClient:
        """Register a client with a client authentication method (RFC 7591)."""
        body = {"client_name": "Alf's tool", "token_endpoint_auth_method": method, **metadata}
        async with session.post(f"{self.issuer}/oauth/register", json=body) as response:
            response.raise_for_status()
            registered = cast("dict[str, str]", await response.json())
        return RegisteredClient(registered["client_id"], registered["client_secret"])

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory()
        try:
            with socket.create_server(("127.0.0.1", 0)) as listening:
                port = listening.getsockname()[1]
                self._process = self._start(listening.fileno(), port)
            try:
                self._wait_until_ready(port)
            except BaseException:
                self._end()
                raise
        except BaseException:
            self._directory.cleanup()
            raise
        self.issuer = f"http://127.0.0.1:{port}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
        self._directory.cleanup()

    def _start(self, descriptor: int, port: int) -> subprocess.Popen[bytes]:
        key = ", ".join(f"{name} = {json.dumps(value)}" for name, value in self._key.items())
        configuration = Path(self._directory.name, "canaille.toml")
        configuration.write_text(
            _CONFIGURATION.format(
                port=port, key=f"{{ {key} }}", descriptor=descriptor, trusted=TRUSTED
            )
        )
        return subprocess.Popen(
            # -I: this directory must not shadow modules that Canaille imports.
            [dependencies.canaille(), "-I", str(dependencies.HERE / "canaille_process.py")],
            cwd=self._directory.name,
            env={**os.environ, "CANAILLE_CONFIG": str(configuration)},
            pass_fds=[descriptor],
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=self._output,
        )

    def _wait_until_ready(self, port: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
        try:
            connection.request("GET", "/.well-known/openid-configuration")
            response = connection.getresponse()
            response.read()
        except (OSError, HTTPException) as error:
            raise self._not_ready(repr(error)) from error
        finally:
            connection.close()
        if response.status != 200:
            raise self._not_ready(str(response.status))

    def _not_ready(self, reason: str) -> CanailleError:
        self._output.seek(0)
        return CanailleError(f"{reason}: {self._output.read()}")

    def _end(self) -> None:
        self._process.kill()
        self._process.wait(END_SECONDS)
        cast("IO[bytes]", self._process.stdin).close()
