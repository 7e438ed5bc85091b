"""Code for 0.4.0: each row of docs/howto/migrate/from_0_4_0.rst, and what becomes of it.

The code runs with release 0.4.0, except where the row is about an error. The tests run it with this
release. The names of `PREAMBLE` are defined.
"""

from dataclasses import dataclass

from aioalf import TokenConfigurationError

PREAMBLE = """
import aiohttp
from logging import getLogger
import aioalf
from aioalf import implicit_manager
from aioalf.client import Client
from aioalf.implicit_manager import OAuthImplictTokenManager, TokenStorage, use_implicit_flow
from aioalf.manager import TokenManager
from aioalf.token import Token, TokenError, TokenHTTPError

TOKEN = "https://auth.example.com/token"
BROKEN = "https://auth.example.com/no-such-page"
THINGS = "https://api.example.com/things"

async def status(client):
    async with client:
        return (await client.request("GET", THINGS)).status

async def sent(client, **options):
    async with client:
        return await (await client.request("GET", THINGS, **options)).json()
"""


@dataclass(frozen=True)
class Row:
    """Code for 0.4.0 that has to be changed, its failure now, and the new code."""

    old: str
    error: type[Exception]
    new: str


UNCHANGED = {
    "Client(client_id, client_secret, token_endpoint, http_options, scope)": """
assert await status(Client("client-id", "secret", TOKEN, {}, "things")) == 200
assert await status(Client(client_id="client-id", client_secret="secret", token_endpoint=TOKEN,
                           http_options={}, scope="things")) == 200
""",
    "async with Client(...) as client": """
async with Client("client-id", "secret", TOKEN) as client:
    assert isinstance(client, Client)
""",
    "await client.close()": """
client = Client("client-id", "secret", TOKEN)
await client.request("GET", THINGS)
await client.close()
""",
    "await client.request(method, url, **options)": """
async with Client("client-id", "secret", TOKEN) as client:
    response = await client.request("POST", THINGS, params={"page": "2"}, data="{}")
    assert (await response.json())["query"] == "page=2"
""",
    "client.request(..., headers={...})": """
headers = {"Content-Type": "text/plain"}
answer = await sent(Client("client-id", "secret", TOKEN), headers=headers)
assert answer["content_type"] == "text/plain"
""",
    "class Own(Client): token_manager_class = OwnManager": """
class OwnManager:
    def __init__(self, token_endpoint, client_id, client_secret, http_options=None, scope=None):
        self.manager = TokenManager(token_endpoint, client_id, client_secret)

    async def get_token(self):
        return await self.manager.get_token()

    async def reset_token(self):
        await self.manager.reset_token()

class Own(Client):
    token_manager_class = OwnManager

assert await status(Own("client-id", "secret", TOKEN)) == 200
""",
    "class Own(Client): async def request(self, ...)": """
class Own(Client):
    async def request(self, method, url, **options):
        return await super().request(method, url + "/1", **options)

assert (await sent(Own("client-id", "secret", TOKEN)))["path"] == "/things/1"
""",
    "client._token_manager": """
async with Client("client-id", "secret", TOKEN) as client:
    assert await client._token_manager.get_token()
""",
    'http_options={"timeout": 5}': """
assert await status(Client("client-id", "secret", TOKEN, {"timeout": 5})) == 200
""",
    'scope=["a", "b"]': """
answer = await sent(Client("client-id", "secret", TOKEN, scope=["a", "b"]))
assert answer["scope"] == "a b"
""",
    "TokenManager(token_endpoint, client_id, client_secret, http_options, scope)": """
assert await TokenManager(TOKEN, "client-id", "secret", {}, "things").get_token()
assert await TokenManager(token_endpoint=TOKEN, client_id="client-id", client_secret="secret",
                          http_options={}, scope="things").get_token()
""",
    "await manager.get_token()": """
manager = TokenManager(TOKEN, "client-id", "secret")
assert await manager.get_token() == await manager.get_token()
""",
    "await manager.reset_token()": """
manager = TokenManager(TOKEN, "client-id", "secret")
first = await manager.get_token()
await manager.reset_token()
assert await manager.get_token() != first
""",
    "class Own(TokenManager): async def _request_token(self)": """
class Own(TokenManager):
    async def _request_token(self):
        response = await super()._request_token()
        return {"access_token": response["access_token"][::-1], "expires_in": 60}

assert await Own(TOKEN, "client-id", "secret").get_token()
""",
    "class Own(TokenManager): async def _get_token_data(self)": """
class Own(TokenManager):
    async def _get_token_data(self):
        self.response = await super()._get_token_data()
        return self.response

manager = Own(TOKEN, "client-id", "secret")
assert await manager.get_token() == manager.response["access_token"]
""",
    "manager._token_endpoint, _client_id, _client_secret, _http_options, _scope": """
manager = TokenManager("https://auth.example.com/other", "other-id", "")
manager._token_endpoint, manager._client_id, manager._client_secret = TOKEN, "client-id", "secret"
manager._http_options, manager._scope = {"timeout": 5}, "things"
assert await manager.get_token()
assert (manager._token_endpoint, manager._client_id) == (TOKEN, "client-id")
""",
    "manager._token": """
manager = TokenManager(TOKEN, "client-id", "secret")
assert manager._token is None
manager._token = Token("mine", 60)
assert await manager.get_token() == "mine"
assert manager._token.access_token == "mine"
""",
    "Token(access_token, expires_in)": """
assert Token("a", 60).access_token == Token(access_token="a", expires_in="60").access_token
""",
    "token.access_token, token.is_valid()": """
assert Token("a", 60).access_token == "a"
assert (Token("a", 60).is_valid(), Token("a").is_valid()) == (True, False)
""",
    "except TokenError": """
try:
    await TokenManager(BROKEN, "client-id", "secret").get_token()
except TokenError as error:
    assert str(error)
else:
    raise AssertionError
""",
    "except aiohttp.ClientConnectionError": """
try:
    await TokenManager("https://127.0.0.1:9/token", "client-id", "secret").get_token()
except aiohttp.ClientConnectionError as error:
    assert str(error)
else:
    raise AssertionError
""",
    "TokenHTTPError(message, response_status, response_text)": """
error = TokenHTTPError("no token", 401, "body")
assert (error.response_status, error.response_text) == (401, "body")
assert str(error) == "no token, StatusCode: 401, Body: body"
""",
    "await use_implicit_flow(TokenStorage(), (30000, 30009))": """
storage = TokenStorage()
storage.save("stored")
await use_implicit_flow(storage, (30000, 30009))
client = Client(token_endpoint=TOKEN, client_id="client-id", client_secret="")
assert await client._token_manager.get_token() == "stored"
""",
    "class Own(TokenStorage): save, load, clean": """
class Own(TokenStorage):
    kept = "stored"

    def save(self, token):
        Own.kept = token

    def load(self):
        return Own.kept

    def clean(self):
        Own.kept = None

await use_implicit_flow(Own(), (30000, 30009))
client = Client(token_endpoint=TOKEN, client_id="client-id", client_secret="")
assert await client._token_manager.get_token() == "stored"
""",
    "from aioalf.implicit_manager import OAuthImplictTokenManager": """
from aioalf.implicit_manager import OAuthImplictTokenManager
assert issubclass(OAuthImplictTokenManager, TokenManager)
""",
    "manager.storage = TokenStorage()": """
manager = OAuthImplictTokenManager(TOKEN, "client-id", "")
manager.storage = TokenStorage()
manager.storage.save("stored")
assert await manager.get_token() == "stored"
""",
    "implicit_manager.CLOSE_PAGE = ...": """
implicit_manager.CLOSE_PAGE = "<!DOCTYPE html><html><body>Pronto!</body></html>"
""",
    "class Own(OAuthImplictTokenManager): async def _ask_for_token(self)": """
class Own(OAuthImplictTokenManager):
    storage = TokenStorage()

    async def _ask_for_token(self):
        return {"access_token": "mine", "token_type": "Bearer", "expires_in": "60"}

assert await Own(TOKEN, "client-id", "").get_token() == "mine"
""",
    "aioalf.__version__": """
assert aioalf.__version__
""",
}

CHANGED = {
    "except TokenHTTPError at a request": Row(
        """
try:
    await status(Client("client-id", "secret", BROKEN))
except TokenHTTPError:
    pass
else:
    raise AssertionError
""",
        AssertionError,
        """
try:
    await status(Client("client-id", "secret", BROKEN, raise_token_errors=True))
except TokenError as error:
    assert error.response_status == 404
else:
    raise AssertionError
""",
    ),
    "Client(id, secret, None)": Row(
        """
client = Client("client-id", "secret", None)
try:
    await status(client)
except TokenError:
    pass
""",
        TokenConfigurationError,
        """
try:
    client = Client("client-id", "secret", None)
    await status(client)
except TokenError:
    pass
""",
    ),
    'headers["Authorization"] after a request': Row(
        """
headers = {"Content-Type": "text/plain"}
await sent(Client("client-id", "secret", TOKEN), headers=headers)
assert headers["Authorization"]
""",
        KeyError,
        """
async with Client("client-id", "secret", TOKEN) as client:
    await client.request("GET", THINGS)
    assert (await client.token()).access_token
""",
    ),
    "client._http_client": Row(
        """
async with Client("client-id", "secret", TOKEN) as client:
    assert isinstance(client._http_client, aiohttp.ClientSession)
""",
        AttributeError,
        """
async with aiohttp.ClientSession() as session:
    assert await status(Client("client-id", "secret", TOKEN, session=session)) == 200
""",
    ),
    "class Own(Client): async def _authorized_fetch(self, ...)": Row(
        """
called = []

class Own(Client):
    async def _authorized_fetch(self, method, url, **options):
        called.append(url)
        return await super()._authorized_fetch(method, url, **options)

await status(Own("client-id", "secret", TOKEN))
assert called
""",
        TokenConfigurationError,
        """
called = []

async def log(request, handler):
    called.append(request.url)
    return await handler(request)

await status(Client("client-id", "secret", TOKEN, middlewares=[log]))
assert called
""",
    ),
    "from aioalf.client import BAD_TOKEN": Row(
        """
from aioalf.client import BAD_TOKEN
assert BAD_TOKEN == 401
""",
        ImportError,
        """
BAD_TOKEN = 401
""",
    ),
    "from aioalf.token import TOKEN_FILTER": Row(
        """
from aioalf.token import TOKEN_FILTER
assert TOKEN_FILTER.match("Bearer abcdefghij")
""",
        ImportError,
        "pass",
    ),
    'getLogger("aioalf.client"), getLogger("aioalf.manager")': Row(
        """
from aioalf import client, manager
assert client.logger is getLogger("aioalf.client")
assert manager.logger is getLogger("aioalf.manager")
""",
        AttributeError,
        """
from logging import Handler
lines = []
handler = Handler()
handler.emit = lines.append
logger = getLogger("aioalf")
logger.addHandler(handler)
logger.setLevel("DEBUG")
assert await status(Client("client-id", "secret", TOKEN)) == 200
logger.setLevel("NOTSET")
logger.removeHandler(handler)
assert lines
""",
    ),
    "class Own(TokenManager): async def _fetch(self, ...)": Row(
        """
class Own(TokenManager):
    async def _fetch(self, url, method="GET", data=None, auth=None):
        return await super()._fetch(url, method, data, auth)

assert await Own(TOKEN, "client-id", "secret").get_token()
""",
        TokenConfigurationError,
        """
class Own(TokenManager):
    async def _request_token(self):
        return await super()._request_token()

assert await Own(TOKEN, "client-id", "secret", {"headers": {"X-Own": "1"}}).get_token()
""",
    ),
    "class Own(TokenManager): async def _update_token(self)": Row(
        """
class Own(TokenManager):
    async def _update_token(self):
        self._token = Token("mine", 60)

assert await Own(TOKEN, "client-id", "secret").get_token() == "mine"
""",
        TokenConfigurationError,
        """
class Own(TokenManager):
    async def _request_token(self):
        return {"access_token": "mine", "expires_in": 60}

assert await Own(TOKEN, "client-id", "secret").get_token() == "mine"
""",
    ),
    "class Own(TokenManager): def _has_token(self)": Row(
        """
class Own(TokenManager):
    def _has_token(self):
        return super()._has_token()

assert await Own(TOKEN, "client-id", "secret").get_token()
""",
        TokenConfigurationError,
        """
from aioalf import Renewal
manager = TokenManager(TOKEN, "client-id", "secret", renewal=Renewal(before_expiry=600))
assert await manager.get_token()
""",
    ),
    "await self._fetch(...)": Row(
        """
class Own(TokenManager):
    async def _request_token(self):
        return await self._fetch(
            url=self._token_endpoint,
            method="POST",
            auth=(self._client_id, self._client_secret),
            data={"grant_type": "client_credentials"},
        )

assert await Own(TOKEN, "client-id", "secret").get_token()
""",
        TokenConfigurationError,
        """
class Own(TokenManager):
    async def _request_token(self):
        return await super()._request_token()

assert await Own(TOKEN, "client-id", "secret").get_token()
""",
    ),
    "await manager._update_token()": Row(
        """
manager = TokenManager(TOKEN, "client-id", "secret")
await manager._update_token()
assert manager._token.is_valid()
""",
        AttributeError,
        """
manager = TokenManager(TOKEN, "client-id", "secret")
await manager.reset_token()
await manager.get_token()
assert manager._token.is_valid()
""",
    ),
    "manager._has_token()": Row(
        """
manager = TokenManager(TOKEN, "client-id", "secret")
assert not manager._has_token()
await manager.get_token()
assert manager._has_token()
""",
        AttributeError,
        """
manager = TokenManager(TOKEN, "client-id", "secret")
assert manager.cached_token() is None
await manager.get_token()
assert manager.cached_token() is not None
""",
    ),
    "manager._token_lock": Row(
        """
manager = TokenManager(TOKEN, "client-id", "secret")
async with manager._token_lock:
    pass
""",
        AttributeError,
        "assert await TokenManager(TOKEN, 'client-id', 'secret').get_token()",
    ),
    "token.expires_on > datetime.utcnow()": Row(
        """
from datetime import datetime
assert Token("a", 60).expires_on > datetime.utcnow()
""",
        TypeError,
        """
from datetime import UTC, datetime
assert Token("a", 60).expires_on > datetime.now(UTC)
""",
    ),
    "token._expires_in": Row(
        'assert Token("a", 60)._expires_in == 60',
        AttributeError,
        'assert Token("a", 60).expires_in == 60',
    ),
    "token.access_token = ...": Row(
        """
token = Token("a", 60)
token.access_token = "b"
""",
        AttributeError,
        'token = Token("b", 60)',
    ),
    "manager.reset_token() of OAuthImplictTokenManager": Row(
        """
manager = OAuthImplictTokenManager(TOKEN, "client-id", "")
manager.storage = TokenStorage()
manager.storage.save("stored")
coroutine = manager.reset_token()
if coroutine:
    coroutine.close()
assert manager.storage.load() is None
""",
        AssertionError,
        """
manager = OAuthImplictTokenManager(TOKEN, "client-id", "")
manager.storage = TokenStorage()
manager.storage.save("stored")
await manager.reset_token()
assert manager.storage.load() is None
""",
    ),
    "implicit_manager.DEFAULT_PAGE = ...": Row(
        """
implicit_manager.DEFAULT_PAGE = "<!DOCTYPE html><html><body>Aguarde</body></html>"
await use_implicit_flow(TokenStorage())
""",
        TokenConfigurationError,
        """
implicit_manager.DEFAULT_PAGE = (
    "<!DOCTYPE html><html><body>Aguarde"
    '<script>location.replace("/?" + location.hash.slice(1))</script></body></html>'
)
await use_implicit_flow(TokenStorage())
""",
    ),
    "class Own(OAuthImplictTokenManager): def _get_stored_token(self)": Row(
        """
class Own(OAuthImplictTokenManager):
    storage = TokenStorage()

    def _get_stored_token(self):
        return "stored"

assert await Own(TOKEN, "client-id", "").get_token() == "stored"
""",
        TokenConfigurationError,
        """
class OwnStorage(TokenStorage):
    def load(self):
        return "stored"

manager = OAuthImplictTokenManager(TOKEN, "client-id", "")
manager.storage = OwnStorage()
assert await manager.get_token() == "stored"
""",
    ),
    "class Own(OAuthImplictTokenManager): async def _retrieve_token(self)": Row(
        """
class Own(OAuthImplictTokenManager):
    storage = TokenStorage()

    async def _retrieve_token(self):
        return "mine"

assert await Own(TOKEN, "client-id", "").get_token() == "mine"
""",
        TokenConfigurationError,
        """
class Own(OAuthImplictTokenManager):
    storage = TokenStorage()

    async def _ask_for_token(self):
        return {"access_token": "mine", "expires_in": 60}

assert await Own(TOKEN, "client-id", "").get_token() == "mine"
""",
    ),
    "class Own(OAuthImplictTokenManager): def _shall_open_browser(self)": Row(
        """
class Own(OAuthImplictTokenManager):
    def _shall_open_browser(self):
        return False
""",
        TokenConfigurationError,
        "await use_implicit_flow(TokenStorage(), open_browser=print)",
    ),
    "OAuthImplictTokenManager.app, site, browser_has_been_opened": Row(
        """
OAuthImplictTokenManager.app, OAuthImplictTokenManager.site
assert OAuthImplictTokenManager.browser_has_been_opened is False
""",
        AttributeError,
        "pass",
    ),
    "implicit_manager._run_web_server(port_range)": Row(
        """
app, site = await implicit_manager._run_web_server((30000, 30009))
await site.stop()
""",
        AttributeError,
        "await use_implicit_flow(TokenStorage(), (30000, 30009))",
    ),
}
