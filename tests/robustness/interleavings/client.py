"""Scenarios of `Client`: calls of many kinds, whose requests go over a network in memory.

All of aiohttp and of the client runs, token requests too. A `Watch` judges the tokens; here is what
a caller and an API see: what is sent, how often, and which answer comes back. In some scenarios the
session was given, in some aiohttp's sending is replaced, as mocks and recorders do.
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
from tests.robustness.interleavings import Scenario
from tests.robustness.interleavings.calls import API, BODIES, Call, body_in, data_of
from tests.robustness.interleavings.network import Network, Received, answer_of
from tests.robustness.interleavings.oracle import MARK, Watch, World
from tests.robustness.interleavings.shown import words_of
from tests.support.virtual_time import VirtualTimeLoop

_SECRET = f"{MARK}-secret"
_AS = "as.example.com"
_LONGEST = 45.0  # seconds: two attempts, each behind others that have the connections
_LIMITS = (0.6, 1.1, 3.1)  # off the grid: aiohttp takes a cancellation at that moment for its own
_HAIR = 0.01


class ObservedGrant(Grant):
    """The client credentials grant, which a `Watch` hears of."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    async def request_token(self, endpoint: AuthorizationServer) -> Token:
        """As it is."""
        flight = self._watch.take_off(self)
        try:
            token = await CLIENT_CREDENTIALS.request_token(endpoint)
        except BaseException as error:
            self._watch.fail(flight, error)
            raise
        self._watch.land(flight, token.access_token, token.expires_in)
        return token


class ClientScenario(Scenario):
    """One client, an API and an authorization server; calls, logouts, resets and closes."""

    def __init__(self, loop: VirtualTimeLoop, seed: int) -> None:
        super().__init__(loop, seed)
        self.is_replaced = self.world.likely(0.3)
        self.is_given = self.world.likely(0.3)
        self.raises = self.is_given and self.world.likely(0.5)
        self.is_stalling = self.world.likely(0.3)
        """Whether the API never ends a refusal: its connection cannot serve again."""
        self.calls: list[Call] = []
        self.callers: dict[object, Call] = {}
        self.closings = self.openings = self.leaving = 0
        self.headers = {"X-Mine": "1"}
        self.http_options: dict[str, Any] = {"headers": {"X-Tenant": "one"}}
        self.network = Network(
            loop, self._serve, self._see_off_request, self.script.choice([1, 2, 9])
        )

    def _make_managers(self) -> tuple[Watch, Sequence[Any]]:
        watch = Watch(self.world, self.renewal, self.server.expiry_of)
        watch.longest = _LONGEST
        return watch, []  # the client's own is made where a loop runs, as a session is

    async def play(self) -> None:
        """As all, with aiohttp in memory."""
        given = deepcopy((self.headers, self.http_options))
        with pytest.MonkeyPatch.context() as patches:
            self.network.carry(patches)
            if self.is_replaced:
                patches.setattr(ClientSession, "_request", self._replaced(ClientSession._request))  # noqa: SLF001 - as mocks do
            try:
                await self._play_with(self._make_client())
            finally:
                await self.network.close()
        self.world.must(
            "what a caller hands in is not changed",
            holds=(self.headers, self.http_options) == given,
        )

    async def _play_with(self, client: Client) -> None:
        self.client = client
        await super().play()
        await self.network.fall_silent()

    def _make_client(self) -> Client:
        self.session = None
        if self.is_given:
            self.session = self.network.session(raise_for_status=self.raises)
        client = Client(
            "id",
            _SECRET,
            f"https://{_AS}/token",
            self.http_options,
            endpoints={"revocation_endpoint": f"https://{_AS}/revoke"},
            grant=ObservedGrant(self.watch),
            renewal=self.renewal,
            retry=Retry(attempts=self.script.choice([1, 1, 2]), wait_initial=0.5),
            session=self.session,
        )
        self.manager = cast("TokenManager", client._token_manager)  # noqa: SLF001 - to be observed
        self._observe(self.manager)
        return client

    def _observe(self, manager: TokenManager) -> None:
        """Hear what the client tells its manager, which stays of a class that it knows."""
        renew_token, reject, accept = (
            manager.renew_token,
            manager.mark_rejected,
            manager.mark_accepted,
        )

        async def observed_renewal(rejected: str) -> str:
            self.watch.refuse(rejected, is_heard=manager.can_renew(rejected))
            self.callers[asyncio.current_task()].asked = self.watch.moment(other_than=rejected)
            return await renew_token(rejected)

        def observed_rejection(token: str) -> None:
            self.watch.refuse(token, is_heard=manager.can_renew(token))
            reject(token)

        def observed_acceptance() -> None:
            statuses = self.callers[asyncio.current_task()].statuses
            self.world.must("who says that a token was good was let in", holds=statuses[-1] == 200)
            self.watch.mark_accepted()
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
                "close() leaves the caller's session (R077)", holds=not self.session.closed
            )
            await self.session.close()
        self._nothing_is_open()

    def _nothing_is_open(self) -> None:
        self.world.must(
            "close() leaves no open connection (R077)", holds=not self.network.is_in_use
        )

    def _helpers(self) -> set[Any]:
        return set(self.network.serving)

    # What the servers do.

    async def _serve(self, request: Received) -> bytes | None:
        if request.url.host == API:
            call = self.calls[int(request.url.name)]
            self._see_request(call, request)
            status = await self._respond(call)
            missing = 100 if status == 401 and self.is_stalling else 0
            return answer_of(status, {}, self._fields(call), missing=missing)
        if request.url.path == "/revoke":
            return await self._revoke_one(request)
        return await self._issue(request)

    async def _issue(self, request: Received) -> bytes | None:
        said = f"{request.headers['Authorization']} is {_SECRET}"  # some say what they were sent
        try:
            token, lifetime = await self.server.answer()
        except TokenHTTPError as error:
            fields = (
                {} if error.retry_after is None else {"Retry-After": f"{error.retry_after:.0f}"}
            )
            words = {"error": "invalid_client", "error_description": said}
            return answer_of(error.response_status or 500, words, fields)
        except TokenConnectionError:
            return None
        except TokenError:
            return f"HTTP/1.1 200 OK\r\n{MARK}-t: {said}\r\n broken {MARK}\r\r\n\r\n".encode()
        except Exception:  # noqa: BLE001 - whatever it is
            return answer_of(
                200, {"refresh_token": MARK, "error": "none", "error_description": said}
            )
        members = {"access_token": token, "token_type": "Bearer"}
        return answer_of(200, members if lifetime is None else {**members, "expires_in": lifetime})

    async def _revoke_one(self, request: Received) -> bytes:
        token = URL(f"?{request.body.decode()}").query["token"]
        self.world.note("revoke", token)
        await self.world.pass_time()
        self.server.revoked.add(token)
        return answer_of(200, {})

    def _see_off_request(self, url: URL, headers: Mapping[str, str]) -> None:
        """A request begins to look for a connection: its token has been chosen."""
        must = self.world.must
        self.world.keep_secret("a URL", str(url))
        if url.host != API:
            return
        sent = CIMultiDict(headers).getall("Authorization", [])
        must("no request leaves without a token (R062)", holds=len(sent) == 1)
        token = "".join(sent).removeprefix("Bearer ")
        call = self.calls[int(url.name)]
        call.seen_off += 1
        self.watch.hand_out(token, call.asked)

    def _see_request(self, call: Call, request: Received) -> None:
        must, headers = self.world.must, request.headers
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        self.world.note("arrives", (call.number, call.kind, token))
        must("a request is sent twice at most (R060)", holds=len(call.tokens) < 2)
        must(
            "a request is sent again after a refusal only (R060)",
            holds=not call.tokens or call.statuses[-1:] == [401],
        )
        must(
            "a body that cannot be sent again is sent once (R061)",
            holds=not call.tokens or call.is_repeatable,
        )
        must(
            "what is sent is whole, each time (R061)",
            holds=(request.method, request.body) == (call.method, call.body)
            and request.url.query == call.options.get("params", {})
            and all(headers.get(name) == value for name, value in call.headers.items()),
        )
        call.tokens.append(token)

    async def _respond(self, call: Call) -> int:
        token = call.tokens[-1]
        await self.world.pass_time(self.server.steps)
        is_accepted = self.server.accepts(token)
        await self.world.pass_time(self.server.steps)
        call.can_be_helped = self._can_be_helped(token)
        call.refused = self.watch.current
        call.statuses.append(200 if is_accepted else 401)
        return call.statuses[-1]

    def _can_be_helped(self, token: str) -> bool:
        return self.watch.can_renew(token) and not self.client.closed

    @staticmethod
    def _fields(call: Call) -> Mapping[str, str]:
        return {"X-Answers": f"{call.number} {len(call.statuses)}"}

    def _replaced(self, request: Callable[..., Awaitable[ClientResponse]]) -> Any:
        """Return what stands for aiohttp's sending: calls have their answers without it."""

        async def answered(
            session: object, method: str, url: Any, **options: Any
        ) -> ClientResponse:
            url = URL(url)
            if url.host != API:
                return await request(session, method, url, **options)
            call, headers = self.calls[int(url.name)], options["headers"]
            self._see_off_request(url, headers)
            async with asyncio.timeout(options.get("timeout", ClientTimeout()).total):
                body = await body_in(options)
                sent = Received(method, url.with_query(options.get("params")), headers, body)
                self._see_request(call, sent)
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

    # Errands.

    async def _ask(self) -> None:
        await self._call()

    async def _renew(self) -> None:
        await self._call()

    async def _call(self) -> None:
        call = self._draw_call()
        before = deepcopy(call.given)
        self.callers[asyncio.current_task()] = call
        send = self.client.post if call.method == "POST" else self.client.get
        try:
            response = await send(call.url, **call.options)
        except TokenError as error:
            self.watch.turn_away(error, call.asked)
            raise
        except ClientResponseError as error:
            self.world.errors.append(error)
            self._see_answer(call, error.status, error.request_info.url, error.headers or {})
            raise
        except (ClientError, RuntimeError, TimeoutError) as error:
            self.world.errors.append(error)
            self._see_failure(call, error)
            raise
        except asyncio.CancelledError as error:
            if self._was_cancelled_by_aiohttp(call):
                raise _cut_off(self.world) from error
            raise
        finally:
            del self.callers[asyncio.current_task()]
            self.world.must("what a caller hands in is not changed", holds=call.given == before)
        self._see_answer(call, response.status, response.url, response.headers)
        response.release()

    def _draw_call(self) -> Call:
        kind = self.script.choice(["short", "short", "options", *BODIES])
        options: dict[str, Any] = data_of(kind) if kind in BODIES else {}
        limit = None
        if kind != "short":
            options["headers"] = self.headers
            if self.world.likely(0.2):
                limit = self.script.choice(_LIMITS)
                options["timeout"] = ClientTimeout(total=limit)
        if kind == "options":
            options["params"] = {"page": "2"}
        once = {"stream", "file"} if self.is_replaced else {"stream"}
        call = Call(
            number=len(self.calls),
            kind=kind,
            options=options,
            asked=self.watch.moment(),
            is_repeatable=kind not in once,
            closings=self.closings,
            began=self.world.loop.time(),
            limit=limit,
        )
        self.calls.append(call)
        return call

    def _see_answer(self, call: Call, status: int, url: URL, headers: Mapping[str, str]) -> None:
        must = self.world.must
        if url.host == _AS:
            self.world.note("the token endpoint's answer is returned", status)
            self.watch.turn_away(TokenHTTPError("returned", status), call.asked)
            return
        self.world.note("is answered", (call.number, status))
        must(
            "an answer is to one's own request, and the last (R061)",
            holds=headers.get("X-Answers") == self._fields(call)["X-Answers"],
        )
        if call.limit is not None:
            is_late = self.world.loop.time() > call.began + call.limit + _HAIR
            must("an answer comes in time, a repeat's too", holds=not is_late)
        if status == 401 and len(call.tokens) == 1 and call.can_be_helped:
            self._see_refusal(call)

    def _see_refusal(self, call: Call) -> None:
        """A call was refused where another token was to be had, and was not sent again."""
        must, token, current = self.world.must, call.tokens[0], self.watch.current
        can_be_helped = self._can_be_helped(token)
        must(
            "who is refused, and can be helped, is (R060)",
            holds=not (call.is_repeatable and can_be_helped),
        )
        must(
            "a refusal is heard, also of what cannot be sent again (R060)",
            holds=not can_be_helped
            or current is None
            or current is not call.refused
            or current.token != token,
        )

    def _see_failure(self, call: Call, error: Exception) -> None:
        now = self.world.loop.time()
        if isinstance(error, TimeoutError):
            is_over = call.limit is not None and abs(now - call.began - call.limit) <= _HAIR
            self.world.must(f"time runs out at its end: {error!r}", holds=is_over)
            return
        self.world.must(
            f"only a close ends what is under way (R077): {error!r}",
            holds=self.client.closed or self.closings > call.closings,
        )

    def _was_cancelled_by_aiohttp(self, call: Call) -> bool:
        """Tell whether the call waited for a connection that a close has taken away."""
        task = asyncio.current_task()
        was_waiting = call.seen_off > len(call.tokens) and self.closings > call.closings
        return was_waiting and task is not None and not task.cancelling()

    def _words_of(self, error: BaseException) -> str:
        # aiohttp's own, of an answer that is an error: its repr has the request's headers.
        return str(error) if isinstance(error, ClientResponseError) else words_of(error)

    async def _reset(self) -> None:
        await self._forget(self.manager.reset_token)

    async def _logout(self) -> None:
        self.world.note("logout")
        self.leaving += 1
        try:
            await self._forget(self.client.logout)
        except TokenError as error:
            self.world.errors.append(error)
            raise
        finally:
            self.leaving -= 1

    async def _forget(self, forget: Callable[[], Awaitable[None]]) -> None:
        begun, is_done = self.watch.begin_reset(), False
        try:
            await forget()
            is_done = True
        finally:
            self.watch.end_reset(begun, is_done=is_done)

    async def _close(self) -> None:
        self.closings += 1
        openings = self.openings
        ending = self.watch.begin_close(self)
        await self.client.close()
        self.watch.end_close(ending)
        # A logout that is waited for goes on, with a connection of its own.
        if not (self.is_given or self.leaving) and openings == self.openings:
            self._nothing_is_open()
        await self.world.pass_time()
        self.openings += 1
        await self.client.__aenter__()


def _cut_off(world: World) -> Exception:
    error = ClientError("cut off while it waited for a connection")
    world.note("is cut off")
    world.errors.append(error)
    return error
