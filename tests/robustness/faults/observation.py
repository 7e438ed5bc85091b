"""What is seen of one fault: by a hundred callers at once, and by the traffic around them.

It lets a case of the catalogue happen to a scene, and judges what came of it.
"""

import asyncio
import contextlib
import enum
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aiohttp import ClientError

from aioalf import TokenError
from tests.robustness.faults.catalogue import OK, Case
from tests.robustness.faults.scene import Pace, Scene, scene

CALLERS: Final = 100
_TIME_LIMIT: Final = 30.0  # for the fault to be met, and for what comes after it


class Token(enum.Enum):
    """In which part of its life the client's token is, which lives for an hour."""

    IN_ITS_WINDOW = "in its window"
    EXPIRED = "expired"

    @property
    def age(self) -> float:
        """In seconds: three minutes are left, or none; the window is the last five or less."""
        return 3600 - 180 if self is Token.IN_ITS_WINDOW else 3600 + 1


@dataclass(frozen=True)
class Answer:
    """What one request came to, and when."""

    begun: float
    ended: float
    outcome: str
    token_number: int


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was seen; times in seconds."""

    case: Case
    token: Token
    saw: Counter[str]
    """Of the callers: how many got which status or error."""
    longest_wait: float
    requests: int
    lost: int
    """Requests that did not end in a 200, the callers' and the traffic's."""
    token_requests: int
    recovery: float
    """From the end of the fault to the first 200 with a new token; 0 when it was there before."""
    bound: int
    """More token requests than this would be too many."""
    without_token: int
    """Requests that reached the API without one."""

    def problems(self) -> Iterator[str]:
        """Say what is not as promised."""
        if strange := set(self.saw) - {OK, self.case.sees}:
            yield f"callers saw {strange}"
        if self.token is Token.IN_ITS_WINDOW and self.lost:
            yield f"{self.lost} requests were lost while there was a valid token"
        if self.token_requests > self.bound:
            yield f"{self.token_requests} token requests were made, more than {self.bound}"
        if self.without_token:
            yield f"{self.without_token} requests came to the API without a token"


class _Observer:
    """Sends requests and notes what came."""

    def __init__(self, watched: Scene) -> None:
        self._scene = watched
        self._url = watched.server.url("/things")
        self.answers: list[Answer] = []
        self.renewed = asyncio.Event()
        self.enough = asyncio.Event()

    async def call(self) -> Answer:
        """Send one request."""
        begun = _now()
        outcome, number = await self._outcome()
        answer = Answer(begun, _now(), outcome, number)
        self.answers.append(answer)
        if number > 1:
            self.renewed.set()
        return answer

    async def _outcome(self) -> tuple[str, int]:
        try:
            async with self._scene.client.get(self._url) as response:
                seen = await response.json() if response.status == 200 else {"token_number": 0}
                return str(response.status), int(seen["token_number"])
        except (TokenError, ClientError, OSError) as error:
            return type(error).__name__, 0

    async def traffic(self) -> None:
        """Send requests until there are enough, each when its time has come."""
        async with asyncio.TaskGroup() as calls:
            while not self.enough.is_set():
                calls.create_task(self.call())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.enough.wait(), self._scene.pace.interval)


async def observe(case: Case, token: Token, pace: Pace) -> Observation:
    """Let a fault happen in the midst of traffic, and end when it has been met.

    Raises TimeoutError when there is no recovery.
    """
    async with scene(pace, is_tls=case.is_tls, connections=case.connections) as watched:
        observer = _Observer(watched)
        await observer.call()
        before = watched.token_requests.requests
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(observer.traffic())
            await asyncio.sleep(pace.calm)
            begun = _now()
            async with case.trouble(watched):
                watched.clock.ahead = token.age
                callers = [tasks.create_task(observer.call()) for _ in range(CALLERS)]
                await asyncio.sleep(pace.lasts)
                async with asyncio.timeout(_TIME_LIMIT):
                    await watched.token_requests.reached(before + (2 if case.fails else 1))
            ended = _now()
            async with asyncio.timeout(_TIME_LIMIT):
                await observer.renewed.wait()
                answers = await asyncio.gather(*callers)
            await asyncio.sleep(pace.calm)
            observer.enough.set()
        flights = 1 + (_now() - begun) / pace.renewal.failure_backoff
        api_log = [exchange for exchange in watched.server.log if exchange.server == "api"]
        return Observation(
            case=case,
            token=token,
            saw=Counter(answer.outcome for answer in answers),
            longest_wait=max(answer.ended - answer.begun for answer in answers),
            requests=len(observer.answers),
            lost=sum(answer.outcome != OK for answer in observer.answers),
            token_requests=watched.token_requests.requests - before,
            recovery=max(0.0, _first_renewed(observer.answers) - ended),
            bound=int(pace.retry.attempts * flights),
            without_token=sum("Authorization" not in exchange.headers for exchange in api_log),
        )


def _first_renewed(answers: list[Answer]) -> float:
    return min(answer.ended for answer in answers if answer.token_number > 1)


def _now() -> float:
    return asyncio.get_running_loop().time()
