"""Scenarios of `Client`: many kinds of requests over a network in memory.

All code of aiohttp and of the client runs, including token requests. The `Oracle` checks tokens;
this module checks requests: what is sent, how often, and which response is returned. In some
scenarios the caller passes a session; in some, `ClientSession._request` is replaced, as mocks do.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import deepcopy
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import ClientError, ClientResponse, ClientResponseError, ClientSession, ClientTimeout
from multidict import CIMultiDict
from yarl import URL

from aioalf import Client, Retry, Token, TokenConnectionError, TokenError, TokenHTTPError
from aioalf.grants import AuthorizationServer, Grant
from aioalf.grants.client_credentials import CLIENT_CREDENTIALS
from aioalf.manager import TokenManager
from tests.robustness.interleavings.client_calls import API, BODIES, Call, body_in, data_of
from tests.robustness.interleavings.memory_network import Network, Received, answer_of
from tests.robustness.interleavings.oracle import Oracle
from tests.robustness.interleavings.scenario import Scenario
from tests.robustness.interleavings.visible_text import text_of_error
from tests.robustness.interleavings.world import SECRET_MARK, World
from tests.support.virtual_time import VirtualTimeLoop

_SECRET = f"{SECRET_MARK}-secret"
_AS = "as.example.com"
_LONGEST = 45.0  # seconds: two attempts, each waiting for a connection
_LIMITS = (
    0.6,
    1.1,
    3.1,
)  # not on the grid: aiohttp confuses a cancellation at the same moment with its timeout
_TOLERANCE = 0.01


class ObservedGrant(Grant):
    """The client credentials grant, which reports to an `Oracle`."""

    def __init__(self, oracle: Oracle, attempts: int) -> None:
        self._oracle = oracle
        self._attempts = attempts

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Request a token and report it."""
        token_request = self._oracle.note_request(self)
        try:
            token = await CLIENT_CREDENTIALS.request_token(server)
        except BaseException as error:
            self._oracle.note_failure(token_request, error)
            raise
        if self._attempts > 1 and token.expires_in is not None:  # it counts from the last attempt
            sent_at = token.deadline - token.expires_in
            token_request.sent_at = max(token_request.sent_at, sent_at)
        self._oracle.note_token(token_request, token.access_token, token.expires_in)
        return token


class ClientScenario(Scenario):
    """One client, an API and an authorization server."""

    def __init__(self, loop: VirtualTimeLoop, seed: int) -> None:
        super().__init__(loop, seed)
        self.is_replaced = self.world.likely(0.3)
        self.has_own_session = self.world.likely(0.3)
        self.raises = self.has_own_session and self.world.likely(0.5)
        self.is_stalling = self.world.likely(0.3)
        """Whether the body of a 401 never ends, so that its connection cannot be reused."""
        self.calls: list[Call] = []
        self.calls_by_task: dict[object, Call] = {}
        self.closings = self.done_closings = self.openings = self.leaving = 0
        self.headers = {"X-Mine": "1"}
        self.http_options: dict[str, Any] = {"headers": {"X-Tenant": "one"}}
        self.network = Network(
            loop, self._serve, self._check_departure, self.choices.choice([1, 2, 9])
        )

    def _make_managers(self) -> tuple[Oracle, Sequence[Any]]:
        oracle = Oracle(self.world, self.renewal, self.server.expiry_of)
        oracle.longest_wait = _LONGEST
        return oracle, []  # the client creates its manager in `play`

    async def play(self) -> None:
        """Play the scenario with aiohttp on the network in memory."""
        given = deepcopy((self.headers, self.http_options))
        with pytest.MonkeyPatch.context() as patches:
            self.network.install(patches)
            if self.is_replaced:
                patches.setattr(ClientSession, "_request", self._replaced(ClientSession._request))  # noqa: SLF001 - as mocks do
            try:
                await self._play_with(self._make_client())
            finally:
                await self.network.close()
        self.world.must(
            "arguments of the caller are not modified",
            holds=(self.headers, self.http_options) == given,
        )

    async def _play_with(self, client: Client) -> None:
        self.client = client
        await super().play()
        await self.network.wait_for_servers()

    def _make_client(self) -> Client:
        self.session = None
        if self.has_own_session:
            self.session = self.network.session(raise_for_status=self.raises)
        attempts = self.choices.choice([1, 1, 2])
        client = Client(
            "id",
            _SECRET,
            f"https://{_AS}/token",
            self.http_options,
            endpoints={"revocation_endpoint": f"https://{_AS}/revoke"},
            grant=ObservedGrant(self.oracle, attempts),
            renewal=self.renewal,
            retry=Retry(attempts=attempts, wait_initial=0.5),
            session=self.session,
        )
        self.manager = cast("TokenManager", client._token_manager)  # noqa: SLF001 - to observe it
        self._observe(self.manager)
        return client

    def _observe(self, manager: TokenManager) -> None:
        """Report calls of the manager, whose class must stay `TokenManager` for the client."""
        renew_token, reject, accept = (
            manager.renew_token,
            manager.mark_rejected,
            manager.mark_accepted,
        )

        async def observed_renewal(rejected: str) -> str:
            self.oracle.note_rejection(rejected, is_applied=manager.can_renew(rejected))
            self.calls_by_task[asyncio.current_task()].started = self.oracle.moment(
                other_than=rejected
            )
            return await renew_token(rejected)

        def observed_rejection(token: str) -> None:
            self.oracle.note_rejection(token, is_applied=manager.can_renew(token))
            reject(token)

        def observed_acceptance() -> None:
            statuses = self.calls_by_task[asyncio.current_task()].statuses
            self.world.must(
                "a token is reported as accepted only after a 200", holds=statuses[-1] == 200
            )
            self.oracle.mark_accepted()
            accept()

        vars(manager).update(
            renew_token=observed_renewal,
            mark_rejected=observed_rejection,
            mark_accepted=observed_acceptance,
        )

    async def _end(self) -> None:
        await self.client.close()
        self.world.keep_secret("a client", f"{self.client!r} {self.manager!r}")
        if self.session is not None:
            self.world.must(
                "close() leaves the caller's session open (R077)", holds=not self.session.closed
            )
            await self.session.close()
        self._nothing_is_open()

    def _nothing_is_open(self) -> None:
        self.world.must("close() closes all connections (R077)", holds=not self.network.is_in_use)

    def _server_tasks(self) -> set[Any]:
        return set(self.network.serving)

    # Servers.

    async def _serve(self, request: Received) -> bytes | None:
        if request.url.host == API:
            call = self.calls[int(request.url.name)]
            self._check_arrival(call, request)
            status = await self._respond(call)
            missing = 100 if status == 401 and self.is_stalling else 0
            return answer_of(status, {}, self._fields(call), missing=missing)
        if request.url.path == "/revoke":
            return await self._revoke_one(request)
        return await self._issue(request)

    async def _issue(self, request: Received) -> bytes | None:
        # Some servers repeat the request in their errors.
        said = f"{request.headers['Authorization']} is {_SECRET}"
        try:
            token, lifetime = await self.server.answer()
        except TokenHTTPError as error:
            fields = (
                {} if error.retry_after is None else {"Retry-After": f"{error.retry_after:.0f}"}
            )
            words = {"error": "invalid_request", "error_description": said}
            return answer_of(error.response_status or 500, words, fields)
        except TokenConnectionError:
            return None
        except TokenError:
            lines = ("HTTP/1.1 200 OK", f"{SECRET_MARK}-t: {said}", f" broken {SECRET_MARK}\r")
            return "\r\n".join([*lines, "", ""]).encode()  # not valid HTTP
        except Exception:  # noqa: BLE001 - any other random error
            return answer_of(
                200, {"refresh_token": SECRET_MARK, "error": "none", "error_description": said}
            )
        members = {"access_token": token, "token_type": "Bearer"}
        return answer_of(200, members if lifetime is None else {**members, "expires_in": lifetime})

    async def _revoke_one(self, request: Received) -> bytes:
        token = URL(f"?{request.body.decode()}").query["token"]
        self.world.note("revocation request", token)
        await self.world.pass_time()
        self.server.revoked.add(token)
        return answer_of(200, {})

    def _check_departure(self, url: URL, headers: Mapping[str, str]) -> None:
        """Check a request that starts to look for a connection: its token is fixed now."""
        must = self.world.must
        self.world.keep_secret("a URL", str(url))
        if url.host != API:
            return
        sent = CIMultiDict(headers).getall("Authorization", [])
        must("no request is sent without a token (R062)", holds=len(sent) == 1)
        token = "".join(sent).removeprefix("Bearer ")
        call = self.calls[int(url.name)]
        call.departures += 1
        self.oracle.note_result(token, call.started)

    def _check_arrival(self, call: Call, request: Received) -> None:
        must, headers = self.world.must, request.headers
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        self.world.note("API request", (call.number, call.kind, token))
        must("a request is sent at most twice (R060)", holds=len(call.tokens) < 2)
        must(
            "a request is repeated only after a 401 (R060)",
            holds=not call.tokens or call.statuses[-1:] == [401],
        )
        must(
            "a body that can be read once is sent once (R061)",
            holds=not call.tokens or call.is_repeatable,
        )
        must(
            "each attempt sends the complete request (R061)",
            holds=(request.method, request.body) == (call.method, call.body)
            and request.url.query == call.options.get("params", {})
            and all(headers.get(name) == value for name, value in call.headers.items()),
        )
        call.tokens.append(token)

    async def _respond(self, call: Call) -> int:
        token = call.tokens[-1]
        await self.world.pass_time(self.server.delays)
        is_accepted = self.server.accepts(token)
        await self.world.pass_time(self.server.delays)
        call.could_renew = self._can_renew(token)
        call.rejected_request = self.oracle.current
        call.statuses.append(200 if is_accepted else 401)
        return call.statuses[-1]

    def _can_renew(self, token: str) -> bool:
        return self.oracle.can_renew(token) and not self.client.closed

    @staticmethod
    def _fields(call: Call) -> Mapping[str, str]:
        return {"X-Answers": f"{call.number} {len(call.statuses)}"}

    def _replaced(self, request: Callable[..., Awaitable[ClientResponse]]) -> Any:
        """Return a replacement of `ClientSession._request` that answers API requests itself."""

        async def answered(
            session: object, method: str, url: Any, **options: Any
        ) -> ClientResponse:
            url = URL(url)
            if url.host != API:
                return await request(session, method, url, **options)
            call, headers = self.calls[int(url.name)], options["headers"]
            self._check_departure(url, headers)
            async with asyncio.timeout(options.get("timeout", ClientTimeout()).total):
                body = await body_in(options)
                sent = Received(method, url.with_query(options.get("params")), headers, body)
                self._check_arrival(call, sent)
                status = await self._respond(call)
            response = SimpleNamespace(
                status=status,
                headers=CIMultiDict(self._fields(call)),
                request_info=SimpleNamespace(url=url),
                url=url,
                history=(),
                release=lambda: None,
            )
            return cast("ClientResponse", response)

        return answered

    # Actions of callers.

    async def _get_token(self) -> None:
        await self._send_request()

    async def _renew_token(self) -> None:
        await self._send_request()

    async def _send_request(self) -> None:
        call = self._draw_call()
        before = deepcopy(call.given)
        self.calls_by_task[asyncio.current_task()] = call
        send = self.client.post if call.method == "POST" else self.client.get
        try:
            response = await send(call.url, **call.options)
        except TokenError as error:
            self.oracle.note_error(error, call.started)
            raise
        except ClientResponseError as error:
            self.world.errors.append(error)
            self._check_answer(call, error.status, error.request_info.url, error.headers or {})
            raise
        except (ClientError, RuntimeError, TimeoutError) as error:
            self.world.errors.append(error)
            self._check_failure(call, error)
            raise
        except asyncio.CancelledError as error:
            if self._was_cancelled_by_aiohttp(call):
                raise _cut_off_error(self.world) from error
            raise
        finally:
            del self.calls_by_task[asyncio.current_task()]
            self.world.must("arguments of the caller are not modified", holds=call.given == before)
        self._check_answer(call, response.status, response.url, response.headers)
        response.release()

    def _draw_call(self) -> Call:
        kind = self.choices.choice(["short", "short", "options", *BODIES])
        options: dict[str, Any] = data_of(kind) if kind in BODIES else {}
        limit = None
        if kind != "short":
            options["headers"] = self.headers
            if self.world.likely(0.2):
                limit = self.choices.choice(_LIMITS)
                options["timeout"] = ClientTimeout(total=limit)
        if kind == "options":
            options["params"] = {"page": "2"}
        once = {"stream", "file"} if self.is_replaced else {"stream"}
        call = Call(
            number=len(self.calls),
            kind=kind,
            options=options,
            started=self.oracle.moment(),
            is_repeatable=kind not in once,
            closings=self.done_closings,
            began=self.world.loop.time(),
            limit=limit,
        )
        self.calls.append(call)
        return call

    def _check_answer(self, call: Call, status: int, url: URL, headers: Mapping[str, str]) -> None:
        must = self.world.must
        if url.host == _AS:
            self.world.note("token endpoint error returned", status)
            self.oracle.note_error(TokenHTTPError("returned", status), call.started)
            return
        self.world.note("API response", (call.number, status))
        must(
            "a caller gets the last response to its own request (R061)",
            holds=headers.get("X-Answers") == self._fields(call)["X-Answers"],
        )
        if call.limit is not None:
            is_late = self.world.loop.time() > call.began + call.limit + _TOLERANCE
            must(
                "responses arrive within the timeout, repeated requests included", holds=not is_late
            )
        if status == 401 and len(call.tokens) == 1 and call.could_renew:
            self._check_rejection(call)

    def _check_rejection(self, call: Call) -> None:
        """Check a call that ended with a 401 although another token was available."""
        must, token, current = self.world.must, call.tokens[0], self.oracle.current
        could_renew = self._can_renew(token)
        must(
            "a rejected request is repeated if a new token is available (R060)",
            holds=not (call.is_repeatable and could_renew),
        )
        must(
            "a rejection is noted, even if the request cannot be repeated (R060)",
            holds=not could_renew
            or current is None
            or current is not call.rejected_request
            or current.token != token,
        )

    def _check_failure(self, call: Call, error: Exception) -> None:
        now = self.world.loop.time()
        if isinstance(error, TimeoutError):
            is_over = call.limit is not None and abs(now - call.began - call.limit) <= _TOLERANCE
            if call.departures > len(call.tokens) and not self.network.is_in_use:
                # aiohttp forgets the others that wait for a connection if the first of them is
                # cancelled at the moment at which it gets the connection.
                is_over = True
            self.world.must(f"the timeout expires on time: {error!r}", holds=is_over)
            return
        self.world.must(
            f"only close() aborts requests in flight (R077): {error!r}",
            holds=self.client.closed or self.closings > call.closings,
        )

    def _was_cancelled_by_aiohttp(self, call: Call) -> bool:
        """Whether the call waited for a connection when close() ended it."""
        task = asyncio.current_task()
        was_waiting = call.departures > len(call.tokens) and self.closings > call.closings
        return was_waiting and task is not None and not task.cancelling()

    def _text_of_error(self, error: BaseException) -> str:
        # The repr of aiohttp's ClientResponseError contains the request headers.
        return str(error) if isinstance(error, ClientResponseError) else text_of_error(error)

    async def _reset(self) -> None:
        manager = self.manager
        has_nothing = manager._token is None and manager._failure is None  # noqa: SLF001 - to observe it
        keeps_request = has_nothing and manager._flight.is_running  # noqa: SLF001 - as above
        await self._observe_reset(self.manager.reset_token, keeps_request=keeps_request)

    async def _logout(self) -> None:
        self.world.note("logout")
        self.leaving += 1
        try:
            await self._observe_reset(self.client.logout)
        except TokenError as error:
            self.world.errors.append(error)
            raise
        finally:
            self.leaving -= 1

    async def _observe_reset(
        self, forget: Callable[[], Awaitable[None]], *, keeps_request: bool = False
    ) -> None:
        begun, is_done = self.oracle.begin_reset(keeps_request=keeps_request), False
        try:
            await forget()
            is_done = True
        finally:
            self.oracle.end_reset(begun, is_done=is_done)

    async def _close(self) -> None:
        self.closings += 1
        openings = self.openings
        ending = self.oracle.begin_close(self)
        try:
            await self.client.close()
        finally:
            self.done_closings += 1
        self.oracle.end_close(ending)
        # A logout in progress continues, on its own connection.
        if not (self.has_own_session or self.leaving) and openings == self.openings:
            self._nothing_is_open()
        await self.world.pass_time()
        self.openings += 1
        await self.client.__aenter__()


def _cut_off_error(world: World) -> Exception:
    error = ClientError("cut off while it waited for a connection")
    world.note("cut off by close")
    world.errors.append(error)
    return error
