"""What stands for the token endpoint in the tests of grants: real requests, or answers by hand."""

import asyncio
from collections.abc import Mapping

import aiohttp
from yarl import URL

from aioalf._auth_server.request_params import Form, TokenRequestParams
from aioalf._auth_server.token_response import (
    ResponsePolicy,
    read_oauth_error,
    read_object,
    read_token,
)
from aioalf.errors import TokenHTTPError, TokenResponseError
from aioalf.testing import OAuthServer
from aioalf.token import Token
from tests.testing.plain_client import basic


def pairs_of(form: Form) -> list[tuple[str, str]]:
    """The parameters one by one, empty ones left out."""
    return [
        (name, value)
        for name, values in form.items()
        for value in ((values,) if isinstance(values, str) else values)
        if value
    ]


class ServerSource:
    """Sends a grant's requests to the server of tests, with bare aiohttp."""

    def __init__(
        self,
        server: OAuthServer,
        asked: TokenRequestParams | None = None,
        *,
        client_id: str = "client-id",
        client_secret: str | None = "secret",
    ) -> None:
        self.client_id: str | None = client_id
        self.issuer: str | None = server.issuer
        self.asked = asked or TokenRequestParams()
        self.forms: list[Form] = []
        self.repeatable: list[bool] = []
        self._server = server
        self._secret = client_secret

    async def url_of(self, name: str) -> URL:
        """An endpoint of the metadata."""
        return URL(str((await self.metadata())[name]))

    async def metadata(self) -> Mapping[str, object]:
        """What the server says of itself."""
        url = f"{self._server.issuer}/.well-known/openid-configuration"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return read_object(await response.read()) or {}

    async def request(self, form: Form, *, is_repeatable: bool = False) -> Token:
        """A token, or the error that the server answered."""
        self.forms.append(form)
        self.repeatable.append(is_repeatable)
        members = await self._send(URL(self._server.token_endpoint), {**self.asked.form(), **form})
        return read_token(members, ResponsePolicy(self.asked.scope_set))

    async def post(self, name: str, form: Form) -> Mapping[str, object]:
        """The members of an answer, or the error that it is."""
        self.forms.append(form)
        return await self._send(await self.url_of(name), form)

    async def _send(self, url: URL, form: Form) -> Mapping[str, object]:
        pairs = pairs_of(form)
        fields = basic(self.client_id or "", self._secret) if self._secret is not None else {}
        if not fields and "client_id" not in form:
            pairs.append(("client_id", self.client_id or ""))
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=aiohttp.FormData(pairs), headers=fields) as response,
        ):
            members = read_object(await response.read()) or {}
            words = read_oauth_error(members)
            if response.status >= 300:
                raise TokenHTTPError(
                    f"refused: {words}",
                    response.status,
                    error=words.error,
                    error_description=words.error_description,
                )
            return members


class ScriptedSource:
    """Answers what it was given, in order; the last answer stays."""

    def __init__(
        self,
        *replies: Token | Exception,
        posted: Mapping[str, object] | Exception | None = None,
        asked: TokenRequestParams | None = None,
        issuer: str | None = "https://auth.example.com",
        metadata: Mapping[str, object] | None = None,
        client_id: str | None = "client-id",
    ) -> None:
        self.client_id = client_id
        self.issuer = issuer
        self.asked = asked or TokenRequestParams()
        self.forms: list[Form] = []
        self.posts: list[tuple[str, Form]] = []
        self.times: list[float] = []
        self.repeatable: list[bool] = []
        self.post_takes = 0.0
        self._replies = list(replies) or [Token("abc", 3600)]
        self._posted = posted
        self._metadata = metadata or {}

    async def url_of(self, name: str) -> URL:
        """An endpoint of a server that nobody asks."""
        return URL(f"{self.issuer or 'https://auth.example.com'}/{name}")

    async def metadata(self) -> Mapping[str, object]:
        """What the test says."""
        return self._metadata

    async def request(self, form: Form, *, is_repeatable: bool = False) -> Token:
        """The next answer."""
        self.forms.append(form)
        self.repeatable.append(is_repeatable)
        self.times.append(asyncio.get_running_loop().time())
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def post(self, name: str, form: Form) -> Mapping[str, object]:
        """What the test says, after the time that it says."""
        self.posts.append((name, form))
        await asyncio.sleep(self.post_takes)
        if isinstance(self._posted, Exception):
            raise self._posted
        if self._posted is None:
            raise TokenResponseError("nothing to answer")
        return self._posted
