"""A proxy for one endpoint that can change, delay, repeat and drop what passes through it.

It simulates a lossy network, another kind of server, or an attacker. Must not know what the forms
and responses mean.
"""

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self, cast

from aiohttp import ClientSession, web

Form = dict[str, str]
Members = dict[str, object]


class EndpointProxy:
    """Listens on a free loopback port while the context manager is open."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self.url = ""
        self.forms: list[Form] = []
        """The forms as received."""
        self.change_form: Callable[[Form], Form] = dict
        self.change_response: Callable[[Members], Members] = dict
        self.canned_responses: list[tuple[int, Members]] = []
        """Responses to the next requests, which are then not forwarded."""
        self.send_count = 1
        """The number of times each request is forwarded; the last response is returned."""
        self.responses_to_lose = 0
        """The number of responses to drop."""
        self.arrived = asyncio.Event()
        self.may_forward = _set()
        """Requests are held back until it is set; `may_respond` holds back responses."""
        self.responded = asyncio.Event()
        self.may_respond = _set()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/", self._forward)
        self._session = ClientSession()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"
        return self

    async def wait_for_request(self, waiting: asyncio.Task[object]) -> None:
        """Wait until a request has arrived; raise the error of `waiting` if it fails first."""
        arrived = asyncio.create_task(self.arrived.wait())
        await asyncio.wait({arrived, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not arrived.done():
            arrived.cancel()
            raise AssertionError(f"no request was sent: {waiting.result()}")

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _forward(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        if self.canned_responses:
            status, members = self.canned_responses.pop(0)
            return web.json_response(members, status=status)
        self.arrived.set()
        await self.may_forward.wait()
        credentials = request.headers.get("Authorization")
        headers = {} if credentials is None else {"Authorization": credentials}
        status, members = 0, Members()
        for _ in range(self.send_count):
            status, members = await self._send(self.change_form(form), headers)
        self.responded.set()
        await self.may_respond.wait()
        if self.responses_to_lose and request.transport is not None:
            self.responses_to_lose -= 1
            request.transport.abort()
        return web.json_response(self.change_response(members), status=status)

    async def _send(self, form: Form, headers: Mapping[str, str]) -> tuple[int, Members]:
        async with self._session.post(self._endpoint, data=form, headers=headers) as response:
            return response.status, cast("Members", await response.json())


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event
