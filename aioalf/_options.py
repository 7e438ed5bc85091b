"""The keyword options of `TokenManager` and `Client`: their names, their types and their checks.

A new option of both has its name here. Must not import the manager.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypedDict, cast

from aiohttp import (
    BaseConnector,
    ClientMiddlewareType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    HttpVersion,
    TraceConfig,
)
from aiohttp.abc import AbstractCookieJar
from aiohttp.helpers import BasicAuth
from aiohttp.typedefs import JSONEncoder, LooseCookies, LooseHeaders, StrOrURL
from yarl import URL

from aioalf._auth_server.session import AuthSessionOption
from aioalf._cache_protocol import TokenCache
from aioalf._callbacks import OnToken
from aioalf.client_auth import ClientAuth
from aioalf.errors import TokenConfigurationError
from aioalf.grants import Grant
from aioalf.renewal import Renewal
from aioalf.retry import Retry

if TYPE_CHECKING:
    from aioalf.providers import Provider


class TokenRequestOptions(TypedDict, total=False):
    """The parameters of each token request. `TokenManager` documents each option."""

    scope: str | Collection[str] | None
    resource: str | Collection[str] | None
    audience: str | Collection[str] | None
    extra_params: Mapping[str, str] | None


class TokenManagerOptions(TypedDict, total=False):
    """The keyword-only options of a token manager. `TokenManager` documents each option."""

    provider: "Provider | None"
    issuer: str | None
    metadata_url: str | URL | None
    metadata: Mapping[str, object] | None
    endpoints: Mapping[str, str | URL] | None
    allow_http_hosts: Collection[str] | None
    resource: str | Collection[str] | None
    audience: str | Collection[str] | None
    extra_params: Mapping[str, str] | None
    client_auth: ClientAuth | None
    grant: Grant | None
    cache: TokenCache | None
    cache_namespace: str | None
    on_token: OnToken | None
    default_expires_in: float | None
    require_scope: bool
    renewal: Renewal | None
    retry: Retry | None
    auth_session: AuthSessionOption | None
    auth_trace_configs: Sequence[TraceConfig] | None
    token_scheme: str | None
    token_header: str | None
    api_headers: Mapping[str, str] | None
    base_url_member: str | None


class SessionOptions(TypedDict, total=False):
    """The arguments of a client's own session. `Client` documents each option."""

    base_url: StrOrURL | None
    headers: LooseHeaders | None
    cookies: LooseCookies | None
    skip_auto_headers: Sequence[str] | None
    timeout: ClientTimeout | None
    trust_env: bool | None
    proxy: StrOrURL | None
    proxy_auth: BasicAuth | None
    raise_for_status: bool | Callable[[ClientResponse], Awaitable[None]] | None
    json_serialize: JSONEncoder | None
    json_serialize_bytes: Callable[[Any], bytes] | None
    trace_configs: Sequence[TraceConfig] | None
    cookie_jar: AbstractCookieJar | Callable[[], AbstractCookieJar] | None
    connector: BaseConnector | Callable[[], BaseConnector] | None
    connector_owner: bool | None
    auto_decompress: bool | None
    requote_redirect_url: bool | None
    read_bufsize: int | None
    max_line_size: int | None
    max_field_size: int | None
    max_headers: int | None
    fallback_charset_resolver: Callable[[ClientResponse, bytes], str] | None
    version: HttpVersion | None
    request_class: type[ClientRequest] | None
    response_class: type[ClientResponse] | None
    ws_response_class: type[ClientWebSocketResponse] | None
    middlewares: Sequence[ClientMiddlewareType] | None


class ClientOptions(TokenManagerOptions, SessionOptions, total=False):
    """The keyword options that `Client` passes on to its token manager or to its session."""


_NOT_TAKEN: Final = {
    "auth": (
        "the token is in the Authorization header; client_secret or client_auth authenticates the "
        "client, and proxy_auth is for a proxy"
    ),
    "conn_timeout": "pass timeout=aiohttp.ClientTimeout(connect=...)",
    "loop": "a client uses the running event loop",
    "read_timeout": "pass timeout=aiohttp.ClientTimeout(total=...)",
    "ssl_shutdown_timeout": (
        "pass connector=..., a function that makes an aiohttp.TCPConnector with this argument"
    ),
}
"""The arguments of `aiohttp.ClientSession` that a client does not take, and what to do instead."""

_KINDS: dict[str, type] = {
    "endpoints": Mapping,
    "metadata": Mapping,
    "renewal": Renewal,
    "retry": Retry,
    "auth_trace_configs": Sequence,
}
_METHODS: Mapping[str, tuple[str, str]] = {
    "cache": ("claim", "a token cache such as FileCache('tokens')"),
    "client_auth": ("authenticate", "a client authentication method such as ClientSecretPost()"),
    "grant": ("request_token", "a grant such as ClientCredentials()"),
}
"""Options with a protocol: one of its methods, and what to pass."""


def check_names(options: Mapping[str, object], known: type) -> None:
    """Raise TypeError if an option is not one of the keys of the TypedDict `known`."""
    if unknown := options.keys() - known.__annotations__.keys():
        name = min(unknown)
        reason = _NOT_TAKEN.get(name) if known is ClientOptions else None
        raise TypeError(
            f"got an unexpected keyword argument {name!r}" + (f": {reason}" if reason else "")
        )


def split_options(options: ClientOptions) -> tuple[dict[str, object], SessionOptions]:
    """Return the options of the manager that are neither None nor False, and of the session.

    Raises TypeError as `check_names`, and TokenConfigurationError for two base URLs.
    """
    check_names(options, ClientOptions)
    if options.get("base_url") is not None and options.get("base_url_member") is not None:
        raise TokenConfigurationError(
            "base_url and base_url_member contradict each other: pass one of them"
        )
    session_names = SessionOptions.__annotations__
    session = {name: value for name, value in options.items() if name in session_names}
    manager = {
        name: value
        for name, value in options.items()
        if name not in session and value is not None and value is not False
    }
    return manager, cast("SessionOptions", session)


def check_options(options: TokenManagerOptions) -> None:
    """Check the names and kinds of options.

    Raises:
        TypeError: If there is no option of this name.
        TokenConfigurationError: If a value is a class, or is not of the option's kind.
    """
    check_names(options, TokenManagerOptions)
    for name, value in options.items():
        if isinstance(value, type) and name != "on_token":
            raise TokenConfigurationError(f"{name} must be an object, not a class: call it")
        kind = _KINDS.get(name)
        if kind is not None and not isinstance(value, kind | None):
            raise TokenConfigurationError(
                f"{name} must be a {kind.__name__}, not {type(value).__name__}"
            )
    for name, (method, expected) in _METHODS.items():
        value = options.get(name)
        if value is not None and not hasattr(value, method):
            raise TokenConfigurationError(f"{name} must be {expected}, not {type(value).__name__}")
    if not callable(on_token := options.get("on_token") or print):
        raise TokenConfigurationError(f"on_token must be callable, not {type(on_token).__name__}")
    auth_session = options.get("auth_session")
    if not (
        auth_session is None or isinstance(auth_session, ClientSession) or callable(auth_session)
    ):
        raise TokenConfigurationError(
            "auth_session must be an aiohttp.ClientSession, or a function that returns one, not "
            f"{type(auth_session).__name__}"
        )
    if not all(isinstance(each, TraceConfig) for each in options.get("auth_trace_configs") or ()):
        raise TokenConfigurationError("auth_trace_configs must be a list of aiohttp.TraceConfig")
