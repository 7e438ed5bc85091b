"""Canaille as a child process: a second server, of another make.

It is set up as who runs one does it: by its configuration file, with clients that register
themselves (RFC 7591) and people who sign up at its page. Knows nothing of aioalf.
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

from tests.interop import parts

TRUSTED = "trusted.example"
"""Whose clients need nobody's consent."""

START_SECONDS = 20.0
END_SECONDS = 5.0

# TOML. The key is the server's own: RS256 is what OpenID Connect has it sign with.
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
    """A client as the server registered it."""

    client_id: str
    client_secret: str = field(repr=False)


class CanailleError(Exception):
    """Canaille did not start; the message holds what it printed."""


class Canaille:
    """Runs from `with` to its end. ``key`` is the server's private key, a JWK of kind RSA."""

    def __init__(self, key: Mapping[str, str], printed: IO[str]) -> None:
        self._key = key
        self._printed = printed
        self.issuer = ""

    @property
    def token_endpoint(self) -> str:
        """Where tokens are asked for."""
        return f"{self.issuer}/oauth/token"

    @property
    def userinfo_endpoint(self) -> str:
        """An API of its own, which tells who the token is for."""
        return f"{self.issuer}/oauth/userinfo"

    @property
    def new_client_page(self) -> str:
        """Where a person who may do that registers a client by hand, and everybody may."""
        return f"{self.issuer}/admin/client/add"

    @property
    def sign_up_page(self) -> str:
        """Where a person gets an account."""
        return f"{self.issuer}/register"

    async def register(
        self, session: ClientSession, method: str, **metadata: object
    ) -> RegisteredClient:
        """Register a client that authenticates by this method (RFC 7591)."""
        asked = {"client_name": "Alf's tool", "token_endpoint_auth_method": method, **metadata}
        async with session.post(f"{self.issuer}/oauth/register", json=asked) as response:
            response.raise_for_status()
            said = cast("dict[str, str]", await response.json())
        return RegisteredClient(said["client_id"], said["client_secret"])

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory()
        try:
            with socket.create_server(("127.0.0.1", 0)) as listening:
                port = listening.getsockname()[1]
                self._process = self._start(listening.fileno(), port)
            try:
                self._await(port)
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
            # -I: nothing of this directory is in the way of what it imports.
            [parts.canaille(), "-I", str(parts.HERE / "canaille_process.py")],
            cwd=self._directory.name,
            env={**os.environ, "CANAILLE_CONFIG": str(configuration)},
            pass_fds=[descriptor],
            stdin=subprocess.PIPE,
            stdout=self._printed,
            stderr=self._printed,
        )

    def _await(self, port: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
        try:
            connection.request("GET", "/.well-known/openid-configuration")
            answer = connection.getresponse()
            answer.read()
        except (OSError, HTTPException) as error:
            raise self._not_ready(repr(error)) from error
        finally:
            connection.close()
        if answer.status != 200:
            raise self._not_ready(str(answer.status))

    def _not_ready(self, reason: str) -> CanailleError:
        self._printed.seek(0)
        return CanailleError(f"{reason}: {self._printed.read()}")

    def _end(self) -> None:
        self._process.kill()
        self._process.wait(END_SECONDS)
        cast("IO[bytes]", self._process.stdin).close()
