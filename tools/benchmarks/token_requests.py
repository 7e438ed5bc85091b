"""Counts the token requests that a thousand concurrent requests make.

On a client without a token, after its token was revoked, and while the token endpoint fails. Over
sockets; the server comes from `aioalf.testing` and runs in a separate process.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from tools.benchmarks import figures, oauth_process
from tools.benchmarks.contenders import Contender, Place
from tools.benchmarks.effort import Effort
from tools.benchmarks.figures import Figure, Results, Spread
from tools.benchmarks.oauth_process import Server
from tools.benchmarks.peers import installed

_NO_CLIENTS = {"aiohttp", "no-op middleware", "Client, session=", "httpx"}

Once = Callable[[], Awaitable[int]]


async def token_requests(effort: Effort) -> Results:
    """Count them for each contender."""
    results = Results()
    async with oauth_process.run() as server:
        for contender in installed():
            if contender.name not in _NO_CLIENTS:
                results.figures += await _of(contender, server, effort.herd)
    return results


async def _of(contender: Contender, server: Server, callers: int) -> list[Figure]:
    place = Place(server.api, server.token_endpoint)
    async with contender.open(place) as sender:
        counted = [await _count(figures.COLD, contender, server, sender.once, callers)]
        await server.command("revoke")
        counted.append(await _count(figures.REVOKED, contender, server, sender.once, callers))
    async with contender.open(place) as sender:
        await server.command("fail")
        counted.append(await _count(figures.FAILING, contender, server, sender.once, callers))
        await server.command("repair")
    return counted


async def _count(
    measure: str, contender: Contender, server: Server, once: Once, callers: int
) -> Figure:
    before = await server.command("count")
    outcomes = Counter(await asyncio.gather(*(_outcome(once) for _ in range(callers))))
    return Figure(
        measure,
        contender.name,
        Spread.of([await server.command("count") - before]),
        unit="token requests",
        size=callers,
        note=", ".join(f"{number} times {outcome}" for outcome, number in sorted(outcomes.items())),
    )


async def _outcome(once: Once) -> str:
    try:
        return str(await once())
    except Exception as error:  # noqa: BLE001 - the error is the outcome
        return type(error).__name__
