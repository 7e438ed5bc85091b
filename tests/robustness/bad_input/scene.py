"""A server, a client with a file cache, and what is looked at when something went wrong."""

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
    """One client of one server, which makes each request once only, and somebody who signs in."""

    def __init__(self, server: OAuthServer, cache: Path, other: OtherProcess) -> None:
        server.auto_sign_in = "Ada"
        self.server = server
        self.cache = cache
        self.visitor = Visitor()
        self._made: list[Client] = []
        self.client = self.make()
        self._other = other

    def make(self, grant: Grant | None = None, **options: Any) -> Client:
        """Another client, in place of the one that there is."""
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
        """Close every client, and the browser."""
        for client in self._made:
            await client.close()
        await self.visitor.gone()

    async def get(self) -> Mapping[str, Any]:
        """What the API says to an authorized request of the client."""
        async with (
            asyncio.timeout(20),
            self.client.get(self.server.url("/things")) as response,
        ):
            assert response.status == 200, await response.text()
            members: dict[str, Any] = await response.json()
            return members

    async def log_in(self) -> None:
        """Sign in, and let the token that came be worth nothing: the next request refreshes."""
        await self.get()
        self.server.revoke_all()
        self.server.reset_counters()

    async def fails(self, kind: type[TokenError], advice: str) -> TokenError:
        """The error of a request: of just this class, with advice, without secrets, and alone."""
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

    async def goes_on(self, *, logins: int) -> None:
        """See that client and another process make requests, after so many logins more."""
        before = self.server.logins
        await self.get()
        self.server.revoke_all()  # what the other one needs is the refresh token
        assert await self.elsewhere() == {"status": 200}
        await self.get()
        assert self.server.logins == before + logins

    async def elsewhere(self) -> dict[str, Any]:
        """What comes of a request of another process, for which nobody signs in."""
        url = self.server.url("/things")
        said = await self._other.get(self.server.issuer, self.cache, url)
        del said["pid"]
        return said

    def doing(self, **how: str) -> Any:
        """Another process while it makes a request."""
        url = self.server.url("/things")
        return self._other.doing(self.server.issuer, self.cache, url, **how)
