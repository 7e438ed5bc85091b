"""How many token requests a thousand requests at once make.

On a client that has no token; after its token was revoked; and while the token endpoint fails. A
count, over real sockets; the server is `aioalf.testing`'s, in a process of its own.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import figures
import oauth_process
from contenders import Contender, Place
from effort import Effort
from figures import Figure, Results, Spread
from oauth_process import Server
from peers import installed

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
        await server.tell("revoke")
        counted.append(await _count(figures.REVOKED, contender, server, sender.once, callers))
    async with contender.open(place) as sender:
        await server.tell("fail")
        counted.append(await _count(figures.FAILING, contender, server, sender.once, callers))
        await server.tell("mend")
    return counted


async def _count(
    measure: str, contender: Contender, server: Server, once: Once, callers: int
) -> Figure:
    before = await server.tell("count")
    outcomes = Counter(await asyncio.gather(*(_outcome(once) for _ in range(callers))))
    return Figure(
        measure,
        contender.name,
        Spread.of([await server.tell("count") - before]),
        unit="token requests",
        size=callers,
        note=", ".join(f"{number} times {outcome}" for outcome, number in sorted(outcomes.items())),
    )


async def _outcome(once: Once) -> str:
    try:
        return str(await once())
    except Exception as error:  # noqa: BLE001 - whatever a contender raises is its outcome
        return type(error).__name__
