"""Somebody between a client and one endpoint: passes on what comes, or not as it came.

Knows forms and answers, and nothing of what they mean. It stands for a lossy network, for another
make of server, and for a thief.
"""

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self, cast

from aiohttp import ClientSession, web

Form = dict[str, str]
Members = dict[str, object]


class Middleman:
    """Listens on a free loopback port, from `async with` to its end."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self.url = ""
        self.forms: list[Form] = []
        """What was sent, before any change."""
        self.change_form: Callable[[Form], Form] = dict
        self.change_answer: Callable[[Members], Members] = dict
        self.answer_instead: list[tuple[int, Members]] = []
        """What the next requests get, which are not passed on."""
        self.sends = 1
        """How often each request is passed on; the last answer counts."""
        self.loses_answers = 0
        """Of how many requests the answer does not arrive."""
        self.arrived = asyncio.Event()
        self.may_pass = _set()
        """Requests are held back while it is not set, and so are answers by the other one."""
        self.answered = asyncio.Event()
        self.may_answer = _set()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/", self._pass_on)
        self._session = ClientSession()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"
        return self

    async def is_asked(self, waiting: asyncio.Task[object]) -> None:
        """Wait until a request has arrived; what whoever waits for it fails with is raised."""
        arrived = asyncio.create_task(self.arrived.wait())
        await asyncio.wait({arrived, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not arrived.done():
            arrived.cancel()
            raise AssertionError(f"nothing was asked for {waiting.result()}")

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _pass_on(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        if self.answer_instead:
            status, members = self.answer_instead.pop(0)
            return web.json_response(members, status=status)
        self.arrived.set()
        await self.may_pass.wait()
        proof = request.headers.get("Authorization")
        headers = {} if proof is None else {"Authorization": proof}
        status, members = 0, Members()
        for _ in range(self.sends):
            status, members = await self._send(self.change_form(form), headers)
        self.answered.set()
        await self.may_answer.wait()
        if self.loses_answers and request.transport is not None:
            self.loses_answers -= 1
            request.transport.abort()
        return web.json_response(self.change_answer(members), status=status)

    async def _send(self, form: Form, headers: Mapping[str, str]) -> tuple[int, Members]:
        async with self._session.post(self._endpoint, data=form, headers=headers) as response:
            return response.status, cast("Members", await response.json())


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event
