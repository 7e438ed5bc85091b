"""The keyword options of `TokenManager` and `Client`: their names, their types and their checks.

A new option of both has its name here. Must not import the manager.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from aiohttp import ClientSession, TraceConfig
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
    """What to request with each token. `TokenManager` documents each option."""

    scope: str | Collection[str] | None
    resource: str | Collection[str] | None
    audience: str | Collection[str] | None
    extra_params: Mapping[str, str] | None


class TokenManagerOptions(TypedDict, total=False):
    """The keyword-only options of a token manager. `TokenManager` documents each option."""

    provider: Provider | None
    issuer: str | None
    endpoints: Mapping[str, str | URL] | None
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


_KINDS: dict[str, type] = {
    "endpoints": Mapping,
    "renewal": Renewal,
    "retry": Retry,
    "auth_trace_configs": Sequence,
}


def check_names(options: Mapping[str, object], known: type) -> None:
    """Raise TypeError if an option is not one of the keys of the TypedDict `known`."""
    if unknown := options.keys() - known.__annotations__.keys():
        raise TypeError(f"got an unexpected keyword argument {min(unknown)!r}")


def without_defaults(options: TokenManagerOptions) -> dict[str, object]:
    """Return the options that are neither None nor False. Raises TypeError as `check_names`."""
    check_names(options, TokenManagerOptions)
    return {
        name: value for name, value in options.items() if value is not None and value is not False
    }


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
    cache = options.get("cache")
    if cache is not None and not hasattr(cache, "claim"):
        raise TokenConfigurationError(
            f"cache must be a token cache such as FileCache('tokens'), not {type(cache).__name__}"
        )
    if not callable(options.get("on_token") or print):
        raise TokenConfigurationError("on_token must be callable")
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
