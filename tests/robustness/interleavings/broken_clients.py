"""Defects for the client: each breaks one promise, and the scenarios must notice it.

A scenario that never fails proves little. So each function here puts one defect into the client,
and test_interleavings.py plays seeds of a kind until the oracle reports the promise as broken.
"""

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import nullcontext, suppress
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession
from aiohttp.typedefs import StrOrURL
from yarl import URL

from aioalf import Client, TokenError, _closing
from aioalf._auth_server import request_params
from aioalf._auth_server.granted_scope import GrantedScope
from aioalf._auth_server.http import AuthServerHTTP
from aioalf._auth_server.http_options import DEFAULT_TIMEOUT
from aioalf._auth_server.session import AuthSession
from aioalf._auth_server.token_response import read_token
from aioalf._closing import MustFinish, run_to_completion
from aioalf._implicit_storage import SharedStorage
from aioalf._key_locks import KeyLocks
from aioalf._login import cache_calls, cache_entry
from aioalf._login.cache_entry import CacheEntry
from aioalf._login.cache_entry_format import StoredLogin, write_stored_login
from aioalf._login.entry_claims import EntryClaims
from aioalf._login.login_state import LoginState
from aioalf._login.logout import TokensToRevoke
from aioalf._login.section import Section
from aioalf._login.shared_fetch import SharedFetch, Steps
from aioalf._requests.authorization_header import AuthorizationHeader
from aioalf._requests.dispatcher import RequestDispatcher
from aioalf._requests.session import SessionProvider
from aioalf._single_flight import SingleFlight
from aioalf.caches import Claim, MemoryCache
from aioalf.grants import AuthorizationServer
from aioalf.manager import TokenManager
from aioalf.token import Token
from tests.login.scripted import stored_in

logger = logging.getLogger("aioalf")

Defect = Callable[[pytest.MonkeyPatch], None]
BROKEN_CLIENTS: dict[str, tuple[str, str, Defect]] = {}


def breaks(promise: str, *, kind: str = "plain") -> Callable[[Defect], Defect]:
    """Register a defect, the promise that it breaks, and the kind of scenario that finds it."""

    def register(put_in: Defect) -> Defect:
        BROKEN_CLIENTS[put_in.__name__] = (kind, promise, put_in)
        return put_in

    return register


Call = Callable[[], Coroutine[object, object, Token]]


@breaks("only the cancelled caller is cancelled")
def flight_not_shielded(patch: pytest.MonkeyPatch) -> None:
    """Cancelling a caller cancels the shared token request."""

    async def run(self: SingleFlight[Token], call: Call) -> Token:
        return await self.start(call)

    patch.setattr(SingleFlight, "run", run)


@breaks("no caller hangs")
def flight_in_first_caller(patch: pytest.MonkeyPatch) -> None:
    """The first caller makes the request; if it is cancelled, the others wait forever."""

    async def run(self: SingleFlight[Token], call: Call) -> Token:
        if self.is_running and self._current is not None:
            return await asyncio.shield(self._current[0])
        landing: Any = asyncio.get_running_loop().create_future()
        self._current = landing, {}
        token = await call()
        landing.set_result(token)
        return token

    patch.setattr(SingleFlight, "run", run)
    patch.setattr(SingleFlight, "end", SingleFlight.abandon)  # the flight is a future, not a task


@breaks("only the cancelled caller is cancelled")
def close_cancels_waiting_callers(patch: pytest.MonkeyPatch) -> None:
    """Callers get the CancelledError of the token request."""
    patch.setattr("aioalf._single_flight.FlightCancelledError", asyncio.CancelledError)


@breaks("each caller gets its own error object")
def shared_errors(patch: pytest.MonkeyPatch) -> None:
    """All callers get the same error object."""
    patch.setattr("aioalf._single_flight.copy_exception", lambda error: error)


@breaks("after a reset no older token is returned")
def reset_without_generation(patch: pytest.MonkeyPatch) -> None:
    """A token request in flight during a reset still stores its token."""

    async def reset_token(self: TokenManager) -> None:
        self._token = self._failure = None
        self._flight.abandon()

    patch.setattr(TokenManager, "reset_token", reset_token)


@breaks("after a reset no older token is returned")
def reset_keeps_flight(patch: pytest.MonkeyPatch) -> None:
    """Callers after a reset join a token request from before it."""
    patch.setattr(SingleFlight, "abandon", lambda _: None)


@breaks("after a reset no older token is returned")
def logout_keeps_flight(patch: pytest.MonkeyPatch) -> None:
    """A logout drops the token, but not the token request in flight."""

    async def logout(self: TokenManager) -> None:
        self._token = self._failure = None

    patch.setattr(TokenManager, "logout", logout)


@breaks("no unneeded token request")
def renewal_not_keyed(patch: pytest.MonkeyPatch) -> None:
    """Each rejection drops the current token, even if an older one was rejected."""

    async def renew_token(self: TokenManager, rejected: str) -> str:
        self._token = None
        return await self.get_token()

    patch.setattr(TokenManager, "renew_token", renew_token)


@breaks("no unneeded token request")
def useless_renewals_repeated(patch: pytest.MonkeyPatch) -> None:
    """An API that rejects everything causes a token request each time."""
    patch.setattr(TokenManager, "can_renew", lambda *_: True)


@breaks("a rejected token is not returned again")
def rejection_ignored(patch: pytest.MonkeyPatch) -> None:
    """`renew_token` returns the rejected token."""

    async def renew_token(self: TokenManager, rejected: str) -> str:
        return await self.get_token()

    patch.setattr(TokenManager, "renew_token", renew_token)


@breaks("no token request during the backoff")
def backoff_ignored(patch: pytest.MonkeyPatch) -> None:
    """Every caller sends a token request while the endpoint is down."""
    patch.setattr(TokenManager, "retry_after", 0.0)


@breaks("no token request during the backoff")
def background_renewal_ignores_backoff(patch: pytest.MonkeyPatch) -> None:
    """Every caller near expiry sends a token request while the endpoint is down."""

    def renew(self: TokenManager) -> None:
        self._flight.start(self._run_flight)

    patch.setattr(TokenManager, "_renew_in_background", renew)


@breaks("one token request at a time")
def second_background_renewal(patch: pytest.MonkeyPatch) -> None:
    """A renewal starts although one is in flight."""

    def renew(self: TokenManager) -> None:
        if asyncio.get_running_loop().time() >= self._paused_until:
            self._flight.abandon()
            self._flight.start(self._run_flight)

    patch.setattr(TokenManager, "_renew_in_background", renew)


@breaks("callers do not wait while a token is valid")
def waiting_near_expiry(patch: pytest.MonkeyPatch) -> None:
    """A token that is due for renewal is treated as expired."""

    def cached_token(self: TokenManager) -> str | None:
        token = self._token
        return None if token is None or time_of() >= self._renew_at else token.access_token

    patch.setattr(TokenManager, "cached_token", cached_token)


@breaks("callers get no error while a token is valid")
def failure_drops_token(patch: pytest.MonkeyPatch) -> None:
    """A failed renewal drops the token that is still valid."""
    note_failure = TokenManager._note_failure  # noqa: SLF001 - the defect is inside

    def note(self: TokenManager, error: Exception, generation: int) -> None:
        note_failure(self, error, generation)
        self._token = None

    patch.setattr(TokenManager, "_note_failure", note)


@breaks("a returned token is valid")
def expiry_ignored(patch: pytest.MonkeyPatch) -> None:
    """A token is used until it is rejected."""

    def cached_token(self: TokenManager) -> str | None:
        return None if self._token is None else self._token.access_token

    patch.setattr(TokenManager, "cached_token", cached_token)


@breaks("a returned token is valid")
def lifetime_from_response(patch: pytest.MonkeyPatch) -> None:
    """The lifetime starts when the response arrives, not when the request is sent."""

    async def fetch(self: TokenManager, *, is_ahead: bool) -> Token:
        data = await self._get_token_data()
        if isinstance(data, Token):
            return data
        return read_token(data, self._policy, sent_at=time_of())

    patch.setattr(TokenManager, "_fetch_token", fetch)


@breaks("close() waits for token requests in flight")
def close_does_not_wait(patch: pytest.MonkeyPatch) -> None:
    """close() cancels token requests but does not wait for their end."""

    async def close(self: SingleFlight[Token]) -> None:
        self.abandon()
        for task in self._abandoned:
            task.cancel()

    patch.setattr(SingleFlight, "close", close)


@breaks("no task is left after close()")
def close_does_nothing(patch: pytest.MonkeyPatch) -> None:
    """close() leaves token requests in flight."""

    async def close(self: TokenManager) -> None:
        """Do nothing."""

    patch.setattr(TokenManager, "close", close)


@breaks("one sign-in at a time", kind="implicit")
def sign_in_without_lock(patch: pytest.MonkeyPatch) -> None:
    """Two managers of one flow sign in at the same time."""
    patch.setattr(SharedStorage, "lock", lambda _: asyncio.Lock())


@breaks("after a reset no older token is returned", kind="implicit")
def storage_cleaned_too_early(patch: pytest.MonkeyPatch) -> None:
    """A reset does not wait until the token is saved."""
    patch.setattr(SharedStorage, "clean", lambda self: self.storage.clean())


@breaks("a rejected token is not returned again", kind="implicit")
def stale_token_from_storage(patch: pytest.MonkeyPatch) -> None:
    """A loaded token is used although a newer one was stored meanwhile."""
    patch.setattr(SharedStorage, "load", lambda self: self.storage.load())


@breaks("a refresh in flight is not cancelled", kind="login")
def refresh_cancelled(patch: pytest.MonkeyPatch) -> None:
    """Closing the client cancels a refresh in flight and loses its response."""

    async def cut(_self: MustFinish, call: Coroutine[object, object, Token]) -> Token:
        return await call

    patch.setattr(MustFinish, "run", cut)


@breaks("a refresh token is in one request at a time", kind="login")
def refresh_without_lock(patch: pytest.MonkeyPatch) -> None:
    """Two managers send the same refresh token."""

    async def claim(_self: EntryClaims) -> Claim:
        claim = await MemoryCache().claim("")
        assert claim is not None
        return claim

    patch.setattr(EntryClaims, "claim", claim)
    patch.setattr(Section, "is_running", False)
    patch.setattr(KeyLocks, "hold", lambda *_: nullcontext())


@breaks("a used refresh token is sent again only if the response was lost", kind="login")
def used_refresh_token_in_cache(patch: pytest.MonkeyPatch) -> None:
    """The cache keeps the refresh token that a refresh has replaced."""
    write = CacheEntry.write

    async def keep(
        self: CacheEntry, stored: StoredLogin, server: AuthorizationServer, claim: Claim | None
    ) -> bool:
        before = None if self.cache is None else await stored_in(self.cache, self._key)
        if before is not None:
            stored = stored._replace(refresh_token=before.refresh_token)
        return await write(self, stored, server, claim)

    patch.setattr(CacheEntry, "write", keep)


@breaks("after a logout no older token is returned", kind="login")
def login_misses_logout(patch: pytest.MonkeyPatch) -> None:
    """A token that arrives during a logout is kept."""

    def start_logout(self: LoginState) -> TokensToRevoke:
        self.forget()
        return TokensToRevoke()

    patch.setattr(LoginState, "start_logout", start_logout)


@breaks("no secret is visible: a manager")
def token_in_repr_of_manager(patch: pytest.MonkeyPatch) -> None:
    """The repr of a manager shows the token."""
    patch.setattr(TokenManager, "__repr__", lambda self: f"<{_in_place(self)}>")


@breaks("no secret is visible: a log")
def token_in_log(patch: pytest.MonkeyPatch) -> None:
    """A log record of level DEBUG shows the token."""
    keep = TokenManager._keep  # noqa: SLF001 - the defect is inside

    def log(self: TokenManager, token: Token) -> None:
        logger.debug("got %s", token.access_token)
        keep(self, token)

    patch.setattr(TokenManager, "_keep", log)


@breaks("no secret is visible: a log")
def token_in_logged_traceback(patch: pytest.MonkeyPatch) -> None:
    """The traceback of a log record shows the token, its message does not."""
    reject = TokenManager.mark_rejected

    def log(self: TokenManager, token: str) -> None:
        logger.debug("refused", exc_info=ValueError(token))
        reject(self, token)

    patch.setattr(TokenManager, "mark_rejected", log)


@breaks("no secret is visible: an error")
def token_in_cause(patch: pytest.MonkeyPatch) -> None:
    """The cause of an error shows the token, its message does not."""
    renew_token = TokenManager.renew_token

    async def renew(self: TokenManager, rejected: str) -> str:
        try:
            return await renew_token(self, rejected)
        except TokenError as error:
            raise error from KeyError(rejected)

    patch.setattr(TokenManager, "renew_token", renew)


@breaks("no secret is visible: an error")
def response_body_in_error(patch: pytest.MonkeyPatch) -> None:
    """The excerpt of a response body is not masked."""
    patch.setattr("aioalf.errors.excerpt", lambda text: text)


@breaks("no secret is visible: an error", kind="login")
def secret_quoted_by_server(patch: pytest.MonkeyPatch) -> None:
    """Secrets that the server repeats in its error are not masked."""
    patch.setattr(
        "aioalf._auth_server.authenticated_requests.secrets_in_request", lambda *_: frozenset()
    )


@breaks("no secret is visible: an error", kind="client")
def traffic_in_cause(patch: pytest.MonkeyPatch) -> None:
    """The cause is an aiohttp error that quotes the malformed response."""
    patch.setattr("aioalf._auth_server.http._without_traffic", lambda error: error)


@breaks("a token has the requested scope and resource", kind="login")
def narrower_token_accepted(patch: pytest.MonkeyPatch) -> None:
    """A token with less scope than requested is accepted."""
    granted = GrantedScope(frozenset({"a", "b"}))
    patch.setattr("aioalf._auth_server.token_response.read_scope", lambda *_: granted)


@breaks("arguments of the caller are not modified", kind="login")
def resource_sorted_in_place(patch: pytest.MonkeyPatch) -> None:
    """The caller's list of resources is sorted."""
    several = request_params._several  # noqa: SLF001 - the defect is inside

    def sort(name: str, values: Any) -> tuple[str, ...]:
        if isinstance(values, list):
            values.sort()
        return several(name, values)

    patch.setattr("aioalf._auth_server.request_params._several", sort)


@breaks("arguments of the caller are not modified", kind="client")
def header_in_callers_dict(patch: pytest.MonkeyPatch) -> None:
    """The Authorization header is written to the caller's headers."""

    def write(options: Mapping[str, Any], authorization: str) -> dict[str, Any]:
        headers = options.get("headers", {})
        headers["Authorization"] = authorization
        return {**options, "headers": headers}

    patch.setattr("aioalf._requests.dispatcher.with_header", write)


@breaks("arguments of the caller are not modified", kind="client")
def http_options_completed_in_place(patch: pytest.MonkeyPatch) -> None:
    """Defaults are written to the caller's http_options."""

    def complete(http_options: Any) -> Mapping[str, Any]:
        http_options.setdefault("timeout", DEFAULT_TIMEOUT)
        options: Mapping[str, Any] = http_options
        return options

    patch.setattr("aioalf._auth_server.http.read_http_options", complete)


@breaks("a returned token is valid")
def header_kept_too_long(patch: pytest.MonkeyPatch) -> None:
    """The Authorization header is cached beyond the expiry of the token."""
    cached = AuthorizationHeader.cached

    def keep(self: AuthorizationHeader) -> str | None:
        kept = self._value
        return cached(self) and (kept or self._value)

    patch.setattr(AuthorizationHeader, "cached", keep)


@breaks("after a reset no older token is returned", kind="client")
def logout_not_passed_on(patch: pytest.MonkeyPatch) -> None:
    """The manager is not told about a logout."""
    patch.setattr(AuthorizationHeader, "logout", _nothing)


@breaks("a rejected token is not returned again", kind="client")
def repeat_with_rejected_token(patch: pytest.MonkeyPatch) -> None:
    """The repeated request has the rejected token again."""

    async def renew(self: AuthorizationHeader, rejected: str, _: ClientSession) -> str:
        await self.manager.renew_token(rejected.removeprefix("Bearer "))
        return rejected

    patch.setattr(AuthorizationHeader, "renew", renew)


@breaks("a token is reported as accepted only after a 200", kind="client")
def second_rejection_counts_as_accepted(patch: pytest.MonkeyPatch) -> None:
    """Any response to the repeated request counts as acceptance of the new token."""
    patch.setattr(AuthorizationHeader, "note_result", lambda self, _: self.manager.mark_accepted())


@breaks("a rejection is noted, even if the request cannot be repeated", kind="client")
def rejection_not_passed_on(patch: pytest.MonkeyPatch) -> None:
    """The manager is not told that a token was rejected."""
    patch.setattr(AuthorizationHeader, "mark_rejected", lambda *_: None)


@breaks("a request is sent at most twice", kind="client")
def repeat_by_both(patch: pytest.MonkeyPatch) -> None:
    """`Client` repeats a request that the middleware has already repeated."""
    can_repeat = RequestDispatcher._can_repeat  # noqa: SLF001 - the defect is inside

    def forget_middleware(
        self: RequestDispatcher,
        response: Any,
        options: Mapping[str, object],
        sent: str,
        target: StrOrURL,
    ) -> bool:
        return can_repeat(self, response, options, str(sent), target)

    patch.setattr(RequestDispatcher, "_can_repeat", forget_middleware)


@breaks("a rejected request is repeated if a new token is available", kind="client")
def client_repeats_nothing(patch: pytest.MonkeyPatch) -> None:
    """Only the middleware repeats requests."""
    patch.setattr(RequestDispatcher, "_can_repeat", lambda *_: False)


@breaks("a rejected request is repeated if a new token is available", kind="client")
def middleware_repeats_nothing(patch: pytest.MonkeyPatch) -> None:
    """The middleware does not repeat requests."""
    patch.setattr("aioalf._requests.retry_on_401.renew_for_hop", _nothing)


@breaks("a body that can be read once is sent once", kind="client")
def stream_sent_again(patch: pytest.MonkeyPatch) -> None:
    """A consumed stream is sent again."""
    patch.setattr("aioalf._requests.retry_on_401._is_replayable", lambda _: True)


@breaks("a body that can be read once is sent once", kind="client")
def stream_passed_again(patch: pytest.MonkeyPatch) -> None:
    """A consumed stream is passed again to the replaced `ClientSession._request`."""
    patch.setattr("aioalf._requests.dispatcher._REPEATABLE", object)


@breaks("each attempt sends the complete request", kind="client")
def repeat_without_options(patch: pytest.MonkeyPatch) -> None:
    """The repeated request has neither the body nor the headers of the caller."""
    send_again = RequestDispatcher._send_again  # noqa: SLF001 - the defect is inside

    async def bare(self: RequestDispatcher, *arguments: Any) -> ClientResponse:
        session, method, url, _, *rest = arguments
        return await send_again(self, session, method, url, {}, *rest)

    patch.setattr(RequestDispatcher, "_send_again", bare)


@breaks("responses arrive within the timeout, repeated requests included", kind="client")
def repeat_with_new_timeout(patch: pytest.MonkeyPatch) -> None:
    """The timeout starts again for the repeated request."""
    patch.setattr("aioalf._requests.time_limit.TimeLimit._left", lambda _: 30.0)


@breaks("the timeout expires on time", kind="client")
def connection_of_401_kept(patch: pytest.MonkeyPatch) -> None:
    """The response with the 401 keeps its connection."""
    patch.setattr("aioalf._requests.retry_on_401._end_hop", _nothing)


@breaks("close() closes all connections", kind="client")
def session_left_open(patch: pytest.MonkeyPatch) -> None:
    """`Client.close` closes only the manager."""
    patch.setattr(SessionProvider, "close", _nothing)


@breaks("close() leaves the caller's session open", kind="client")
def callers_session_closed(patch: pytest.MonkeyPatch) -> None:
    """`Client.close` closes the session of the caller."""

    async def close(self: SessionProvider) -> None:
        session = self.given
        if session is not None:
            await session.close()

    patch.setattr(SessionProvider, "close", close)


@breaks("a caller gets the last response to its own request", kind="client")
def response_returned_twice(patch: pytest.MonkeyPatch) -> None:
    """Every second GET returns the response of the one before."""
    send, kept = RequestDispatcher.send, list[ClientResponse]()

    async def serve(self: RequestDispatcher, method: str, *arguments: Any) -> ClientResponse:
        if method != "GET":
            return await send(self, method, *arguments)
        if kept:
            return kept.pop()
        kept.append(await send(self, method, *arguments))
        return kept[0]

    patch.setattr(RequestDispatcher, "send", serve)


@breaks("no request is sent without a token", kind="client")
def request_without_header(patch: pytest.MonkeyPatch) -> None:
    """Requests with options are sent without the Authorization header."""
    patch.setattr("aioalf._requests.dispatcher.with_header", lambda options, _: dict(options))


@breaks("no secret is visible: a URL", kind="client")
def token_in_url(patch: pytest.MonkeyPatch) -> None:
    """The token is in the query of the URL."""
    send = RequestDispatcher.send

    async def show(
        self: RequestDispatcher, method: str, url: StrOrURL, *others: Any
    ) -> ClientResponse:
        shown = URL(url).update_query(access_token=str(self._header.cached()))
        return await send(self, method, shown, *others)

    patch.setattr(RequestDispatcher, "send", show)


@breaks("no secret is visible: a client", kind="client")
def token_in_repr_of_client(patch: pytest.MonkeyPatch) -> None:
    """The repr of a client shows the token."""
    patch.setattr(Client, "__repr__", lambda self: f"<Client {_in_place(self._token_manager)}>")


@breaks("errors are TokenErrors", kind="cache")
def errors_of_cache_not_translated(patch: pytest.MonkeyPatch) -> None:
    """Whatever a cache raises reaches the callers."""

    async def ask(
        method: Callable[..., Awaitable[object]], *arguments: object, limit: float = 5.0
    ) -> object:
        async with asyncio.timeout(limit):
            return await method(*arguments)

    patch.setattr(cache_entry, "ask", ask)
    patch.setattr(cache_calls, "ask", ask)


@breaks("no caller waits too long", kind="cache")
def cache_calls_without_limit(patch: pytest.MonkeyPatch) -> None:
    """A cache that does not answer is awaited forever."""
    ask = cache_calls.ask

    async def wait(
        method: Callable[..., Awaitable[object]], *arguments: object, limit: float = 0.0
    ) -> object:
        return await ask(method, *arguments, limit=1e9)

    patch.setattr(cache_entry, "ask", wait)
    patch.setattr(cache_calls, "ask", wait)


@breaks("a service gets its token whenever the endpoint answers", kind="service")
def service_needs_cache(patch: pytest.MonkeyPatch) -> None:
    """A service sends no request while its cache fails."""
    run = SharedFetch.run

    async def run_with_cache(self: SharedFetch, steps: Steps, *, is_ahead: bool) -> Token:
        return await run(self, steps._replace(needs_cache=True), is_ahead=is_ahead)

    patch.setattr(SharedFetch, "run", run_with_cache)


@breaks("after a logout no older token is returned", kind="service")
def logout_forgets_one_manager(patch: pytest.MonkeyPatch) -> None:
    """Derived managers keep their tokens at a logout."""
    patch.setattr(TokenManager, "_family", lambda self: [self._root or self])


@breaks("a used refresh token is sent again only if the response was lost", kind="cache")
def failed_write_forgotten(patch: pytest.MonkeyPatch) -> None:
    """The entry is used again although it could not be replaced."""
    patch.setattr(CacheEntry, "supersede", lambda _: None)
    patch.setattr(CacheEntry, "delete_unsaved", _nothing)


@breaks("a refresh token is in one request at a time", kind="cache")
def refresh_without_cache(patch: pytest.MonkeyPatch) -> None:
    """A login does without its cache while the cache fails, like a service."""
    run = SharedFetch.run

    async def run_anyway(self: SharedFetch, steps: Steps, *, is_ahead: bool) -> Token:
        return await run(self, steps._replace(needs_cache=False), is_ahead=is_ahead)

    patch.setattr(SharedFetch, "run", run_anyway)


@breaks("a login is replaced only under its claim", kind="cache")
def late_holder_replaces_login(patch: pytest.MonkeyPatch) -> None:
    """A client that has lost the claim stores its login nevertheless."""
    write = CacheEntry._replace

    async def replace(
        self: CacheEntry, stored: StoredLogin, server: AuthorizationServer, claim: Claim | None
    ) -> None:
        if claim is None or claim.is_held or self.cache is None:
            await write(self, stored, server, claim)
        else:
            await self.cache.set(self._key, write_stored_login(stored), None)

    patch.setattr(CacheEntry, "_replace", replace)


@breaks("a login is deleted only under its claim", kind="cache")
def late_holder_deletes_login(patch: pytest.MonkeyPatch) -> None:
    """A client whose refresh token was refused deletes the entry without its claim."""

    async def delete(self: CacheEntry, _: Claim | None) -> None:
        if self.cache is not None:
            await self._try(self.cache.delete(self._key))

    patch.setattr(CacheEntry, "delete", delete)


@breaks("a refresh or a code that was sent is stored", kind="closing")
def cancelled_close_does_not_wait(patch: pytest.MonkeyPatch) -> None:
    """A close that is cancelled leaves refreshes in flight."""

    async def run(call: Coroutine[object, object, object]) -> object:
        return await call

    patch.setattr("aioalf.manager.run_to_completion", run)


@breaks("a cancelled close or logout ends with the cancellation", kind="closing")
def close_swallows_cancellation(patch: pytest.MonkeyPatch) -> None:
    """A close that is cancelled ends as if it was not."""

    async def run(call: Coroutine[object, object, object]) -> None:
        with suppress(asyncio.CancelledError):
            await run_to_completion(call)

    patch.setattr("aioalf.manager.run_to_completion", run)


@breaks("a cancelled close or logout does not keep the processor busy", kind="closing")
def busy_in_cancelled_scope(patch: pytest.MonkeyPatch) -> None:
    """A scope of anyio cancels a waiting close at each turn of the event loop, for a long time."""
    shield = _closing._shield_of_anyio  # noqa: SLF001 - the defect is inside
    turns = iter(range(5000))  # time stands still meanwhile
    patch.setattr(
        _closing,
        "_shield_of_anyio",
        lambda: shield() if next(turns, None) is None else nullcontext(),
    )


@breaks("a logout empties the cache, also if it is cancelled", kind="closing")
def cancelled_logout_keeps_entry(patch: pytest.MonkeyPatch) -> None:
    """A logout that is cancelled while it waits does not empty the cache entry."""

    async def finish(
        self: CacheEntry,
        server: AuthorizationServer,
        to_revoke: TokensToRevoke,
        requests: MustFinish,
    ) -> None:
        try:
            await requests.wait()
            async with self.claims.claimed() as claim:
                await self._empty(server, claim)
        finally:
            to_revoke.is_complete = True
            self._pending_logout = None

    patch.setattr(CacheEntry, "finish_logout", finish)


@breaks("a refresh that was sent is stored, whatever is closed", kind="sessions")
def refresh_on_session_of_program(patch: pytest.MonkeyPatch) -> None:
    """Token requests use the connections of the session that the program closes."""

    def use(self: AuthServerHTTP, session: ClientSession) -> None:
        self._auth_session = AuthSession(session)

    patch.setattr(AuthServerHTTP, "use_session", use)


def _in_place(manager: Any) -> str | None:
    token = manager._token  # noqa: SLF001 - the defect is inside
    return None if token is None else token.access_token


async def _nothing(*_: object) -> None:
    """Do nothing."""


def time_of() -> float:
    """Return the time of the running loop."""
    return asyncio.get_running_loop().time()
