"""A server, a client with a file cache, and the checks after an error."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from aioalf import Client, Renewal, Retry, TokenError
from aioalf.caches import FileCache
from aioalf.grants import AuthorizationCode, Grant
from aioalf.testing import OAuthServer
from tests.grants.visitor import Visitor
from tests.robustness.bad_input.other_process import OtherProcess

SECRETS = ("refresh_token", "code", "code_verifier", "device_code", "client_assertion")


class Scene:
    """A server, a client without retries, and a user who signs in."""

    def __init__(self, server: OAuthServer, cache: Path, other: OtherProcess) -> None:
        server.auto_sign_in = "Ada"
        self.server = server
        self.cache = cache
        self.visitor = Visitor()
        self._made: list[Client] = []
        self.client = self.make()
        self._other = other

    def make(self, grant: Grant | None = None, **options: Any) -> Client:
        """Replace the client by a new one."""
        usual: dict[str, Any] = {
            "client_id": "client-id",
            "client_secret": "secret",
            "issuer": self.server.issuer,
            "grant": grant or AuthorizationCode(open_browser=self.visitor),
            "cache": FileCache(self.cache),
            "retry": Retry(attempts=1),
            "renewal": Renewal(failure_backoff=0),
            "raise_token_errors": True,
        }
        self.client = Client(**{**usual, **options})
        self._made.append(self.client)
        return self.client

    async def end(self) -> None:
        """Close all clients and the browser."""
        for client in self._made:
            await client.close()
        await self.visitor.gone()

    async def get(self) -> Mapping[str, Any]:
        """Send a request with the client; return the JSON of the API."""
        async with (
            asyncio.timeout(20),
            self.client.get(self.server.url("/things")) as response,
        ):
            assert response.status == 200, await response.text()
            members: dict[str, Any] = await response.json()
            return members

    async def log_in(self) -> None:
        """Sign in, then revoke the access token: the next request refreshes it."""
        await self.get()
        self.server.revoke_all()
        self.server.reset_counters()

    async def fails(self, kind: type[TokenError], advice: str) -> TokenError:
        """Send a request that must fail, and return its error.

        It must be of exactly this class, match `advice` and show no secret; the API is not reached.
        """
        before = self._accepted
        with pytest.raises(TokenError, match=advice) as caught:
            await self.get()
        assert type(caught.value) is kind
        forms = [exchange.form for exchange in self.server.log]
        secrets = {form[name] for form in forms for name in SECRETS if name in form}
        assert not [secret for secret in secrets if secret in str(caught.value)]
        assert self._accepted == before
        return caught.value

    @property
    def _accepted(self) -> int:
        return self.server.api_requests - self.server.rejected_requests

    async def recovers(self, *, logins: int) -> None:
        """Check that this client and another process can send requests, after `logins` sign-ins."""
        before = self.server.logins
        # A user who refused is not asked again for a minute, unless the program wants to.
        await self.client._token_manager.reset_token()  # type: ignore[misc]  # noqa: SLF001 - has no public name
        await self.get()
        self.server.revoke_all()  # the other process needs the refresh token
        assert await self.elsewhere() == {"status": 200}
        await self.get()
        assert self.server.logins == before + logins

    async def elsewhere(self) -> dict[str, Any]:
        """Send a request in another process, without a user who signs in; return the result."""
        url = self.server.url("/things")
        result = await self._other.get(self.server.issuer, self.cache, url)
        del result["pid"]
        return result

    def running(self, **how: str) -> Any:
        """Send a request in another process; see `OtherProcess.running`."""
        url = self.server.url("/things")
        return self._other.running(self.server.issuer, self.cache, url, **how)
