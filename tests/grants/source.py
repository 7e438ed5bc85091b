"""Two authorization servers to call a grant with: one sends real requests, one is scripted."""

import asyncio
from collections.abc import Mapping

import aiohttp
from yarl import URL

from aioalf._auth_server.authorization_rules import AuthorizationRules
from aioalf._auth_server.error_response import read_oauth_error
from aioalf._auth_server.request_params import AmendResponse, Form, TokenRequestParams
from aioalf._auth_server.response import read_object
from aioalf._auth_server.token_response import ResponsePolicy, read_token
from aioalf._urls import is_insecure
from aioalf.errors import TokenHTTPError, TokenResponseError
from aioalf.testing import OAuthServer
from aioalf.token import Token
from tests.testing.plain_client import basic


def pairs_of(form: Form) -> list[tuple[str, str]]:
    """Return the parameters as pairs, without empty values."""
    return [
        (name, value)
        for name, values in form.items()
        for value in ((values,) if isinstance(values, str) else values)
        if value
    ]


class ServerSource:
    """Send the requests of a grant to the test server, with plain aiohttp."""

    def __init__(
        self,
        server: OAuthServer,
        request_params: TokenRequestParams | None = None,
        *,
        client_id: str = "client-id",
        client_secret: str | None = "secret",
    ) -> None:
        self.client_id: str | None = client_id
        self.issuer: str | None = server.issuer
        self.is_public_client = client_secret is None
        self.authorization_rules = AuthorizationRules()
        self.request_params = request_params or TokenRequestParams()
        self.forms: list[Form] = []
        self.repeatable: list[bool] = []
        self._server = server
        self._secret = client_secret

    def is_insecure(self, url: URL) -> bool:
        """Tell whether a request to this URL is insecure."""
        return is_insecure(url)

    async def url_of(self, name: str) -> URL:
        """Return the URL of an endpoint in the metadata."""
        return URL(str((await self.metadata())[name]))

    async def metadata(self) -> Mapping[str, object]:
        """Return the server's metadata."""
        url = f"{self._server.issuer}/.well-known/openid-configuration"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return read_object(await response.read()) or {}

    async def request(
        self, form: Form, *, is_repeatable: bool = False, amend: AmendResponse | None = None
    ) -> Token:
        """Send a token request; return the token or raise the server's error."""
        self.forms.append(form)
        self.repeatable.append(is_repeatable)
        members = await self._send(
            URL(self._server.token_endpoint), {**self.request_params.form(), **form}
        )
        members = members if amend is None else amend(members)
        return read_token(members, ResponsePolicy(self.request_params.scope_set))

    async def post(self, name: str, form: Form) -> Mapping[str, object]:
        """Send a form to another endpoint; return the response or raise the server's error."""
        self.forms.append(form)
        return await self._send(await self.url_of(name), form)

    async def _send(self, url: URL, form: Form) -> Mapping[str, object]:
        pairs = pairs_of(form)
        headers = basic(self.client_id or "", self._secret) if self._secret is not None else {}
        if not headers and "client_id" not in form:
            pairs.append(("client_id", self.client_id or ""))
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=aiohttp.FormData(pairs), headers=headers) as response,
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
    """Respond with the given replies in order; the last one is repeated."""

    def __init__(
        self,
        *replies: Token | Exception,
        posted: Mapping[str, object] | Exception | None = None,
        request_params: TokenRequestParams | None = None,
        issuer: str | None = "https://auth.example.com",
        metadata: Mapping[str, object] | None = None,
        client_id: str | None = "client-id",
    ) -> None:
        self.client_id = client_id
        self.issuer = issuer
        self.is_public_client = True
        self.authorization_rules = AuthorizationRules()
        self.request_params = request_params or TokenRequestParams()
        self.forms: list[Form] = []
        self.posts: list[tuple[str, Form]] = []
        self.times: list[float] = []
        self.repeatable: list[bool] = []
        self.post_takes = 0.0
        self._replies = list(replies) or [Token("abc", 3600)]
        self._posted = posted
        self._metadata = metadata or {}

    def is_insecure(self, url: URL) -> bool:
        """Tell whether a request to this URL is insecure."""
        return is_insecure(url)

    async def url_of(self, name: str) -> URL:
        """Return the URL of an endpoint; no request is sent to it."""
        return URL(f"{self.issuer or 'https://auth.example.com'}/{name}")

    async def metadata(self) -> Mapping[str, object]:
        """Return the given metadata."""
        return self._metadata

    async def request(
        self, form: Form, *, is_repeatable: bool = False, amend: AmendResponse | None = None
    ) -> Token:
        """Return or raise the next reply."""
        self.forms.append(form)
        self.repeatable.append(is_repeatable)
        self.times.append(asyncio.get_running_loop().time())
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def post(self, name: str, form: Form) -> Mapping[str, object]:
        """Return or raise the given response after `post_takes` seconds."""
        self.posts.append((name, form))
        await asyncio.sleep(self.post_takes)
        if isinstance(self._posted, Exception):
            raise self._posted
        if self._posted is None:
            raise TokenResponseError("no response was given")
        return self._posted
