"""Measures the effect of one fault on a hundred concurrent callers and on background traffic.

It injects a case of `cases` into an `Environment`, and checks the result against the promises.
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
from tests.robustness.faults.cases import OK, Case
from tests.robustness.faults.environment import Environment, Timing, prepared_environment

CALLERS: Final = 100
_TIMEOUT: Final = 30.0  # seconds, for the fault to take effect and for the recovery
_LIFETIME: Final = 3600  # seconds, of each token


class TokenAge(enum.Enum):
    """The age of the client's token when the fault starts."""

    IN_WINDOW = "in the renewal window"
    EXPIRED = "expired"

    @property
    def seconds(self) -> float:
        """The age in seconds; in the window, which is at most five minutes, three are left."""
        return _LIFETIME - 180 if self is TokenAge.IN_WINDOW else _LIFETIME + 1


@dataclass(frozen=True)
class Result:
    """The result of one API request: status or error, and the number of its token."""

    started: float
    ended: float
    outcome: str
    token_number: int


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """The measured effect of one fault; times are in seconds."""

    case: Case
    age: TokenAge
    outcomes: Counter[str]
    """The number of callers for each status or error."""
    longest_wait: float
    """The longest time that one of the callers waited."""
    requests: int
    """API requests of callers and background traffic."""
    lost: int
    """API requests that did not end with 200."""
    token_requests: int
    recovery: float
    """From the end of the fault to the first 200 with a new token; 0 if that came earlier."""
    max_token_requests: int
    """The number of token requests that retries and backoff allow."""
    without_token: int
    """Requests that reached the API without a token."""

    def problems(self) -> Iterator[str]:
        """Yield every broken promise."""
        if unexpected := set(self.outcomes) - {OK, self.case.worst_outcome}:
            yield f"callers got {unexpected}"
        if self.age is TokenAge.IN_WINDOW and self.lost:
            yield f"{self.lost} requests were lost while there was a valid token"
        if self.token_requests > self.max_token_requests:
            yield (
                f"{self.token_requests} token requests were made, more than "
                f"{self.max_token_requests}"
            )
        if self.without_token:
            yield f"{self.without_token} requests reached the API without a token"


class _Traffic:
    """Sends API requests and keeps their results."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._url = environment.server.url("/things")
        self.results: list[Result] = []
        self.renewed = asyncio.Event()
        self.stopped = asyncio.Event()

    async def call(self) -> Result:
        """Send one API request."""
        started = _now()
        outcome, number = await self._outcome()
        result = Result(started, _now(), outcome, number)
        self.results.append(result)
        if number > 1:
            self.renewed.set()
        return result

    async def _outcome(self) -> tuple[str, int]:
        try:
            async with self._environment.client.get(self._url) as response:
                body = await response.json() if response.status == 200 else {"token_number": 0}
                return str(response.status), int(body["token_number"])
        except (TokenError, ClientError, OSError) as error:
            return type(error).__name__, 0

    async def send_until_stopped(self) -> None:
        """Send requests at a fixed interval until ``stopped`` is set."""
        async with asyncio.TaskGroup() as calls:
            while not self.stopped.is_set():
                calls.create_task(self.call())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.stopped.wait(), self._environment.timing.interval)


async def measure(case: Case, age: TokenAge, timing: Timing) -> Measurement:
    """Inject a fault into running traffic, end it, and wait for recovery.

    Raises TimeoutError if there is no recovery.
    """
    async with prepared_environment(
        timing, is_tls=case.is_tls, connections=case.connections
    ) as environment:
        traffic = _Traffic(environment)
        await traffic.call()
        before = environment.token_requests.requests
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(traffic.send_until_stopped())
            await asyncio.sleep(timing.calm)
            started = _now()
            async with case.inject(environment):
                environment.clock.ahead = age.seconds
                callers = [tasks.create_task(traffic.call()) for _ in range(CALLERS)]
                await asyncio.sleep(timing.fault)
                async with asyncio.timeout(_TIMEOUT):
                    await environment.token_requests.reached(before + (2 if case.fails else 1))
            ended = _now()
            async with asyncio.timeout(_TIMEOUT):
                await traffic.renewed.wait()
                results = await asyncio.gather(*callers)
            await asyncio.sleep(timing.calm)
            traffic.stopped.set()
        attempts = 1 + (_now() - started) / timing.renewal.failure_backoff
        api_log = [entry for entry in environment.server.log if entry.server == "api"]
        return Measurement(
            case=case,
            age=age,
            outcomes=Counter(result.outcome for result in results),
            longest_wait=max(result.ended - result.started for result in results),
            requests=len(traffic.results),
            lost=sum(result.outcome != OK for result in traffic.results),
            token_requests=environment.token_requests.requests - before,
            recovery=max(0.0, _first_renewed(traffic.results) - ended),
            max_token_requests=int(timing.retry.attempts * attempts),
            without_token=sum("Authorization" not in entry.headers for entry in api_log),
        )


def _first_renewed(results: list[Result]) -> float:
    return min(result.ended for result in results if result.token_number > 1)


def _now() -> float:
    return asyncio.get_running_loop().time()
