"""Clients that share a token cache: owners of cached tokens, and shared failures."""

import asyncio
import math
import sys
from pathlib import Path
from typing import Any

import pytest

from aioalf import Client, TokenHTTPError, TokenManager
from aioalf.caches import MemoryCache, TokenCache
from aioalf.client_auth import ClientSecretPost, PrivateKeyJWT, SecretFile
from aioalf.grants import JWTBearer
from aioalf.testing import CacheFault, Fault, OAuthServer, UnreliableCache
from tests.client_auth.proofs import EC


def manager_of(server: OAuthServer, cache: TokenCache, secret: Any, **options: Any) -> TokenManager:
    """Return a manager with this secret."""
    return TokenManager(server.token_endpoint, "client-id", secret, cache=cache, **options)


@pytest.mark.rule("R081")
async def test_client_with_another_secret_does_not_get_a_cached_token(
    oauth_server: OAuthServer,
) -> None:
    """A public client identifier is no proof: the server decides about the other secret."""
    cache = MemoryCache()
    async with manager_of(oauth_server, cache, "secret") as manager:
        token = await manager.get_token()
    async with manager_of(oauth_server, cache, "secret", client_auth=ClientSecretPost()) as same:
        assert await same.get_token() == token
    async with manager_of(oauth_server, cache, "wrong") as other:
        with pytest.raises(TokenHTTPError, match="invalid_client"):
            await other.get_token()


@pytest.mark.rule("R081")
async def test_client_with_another_key_does_not_get_a_cached_token(
    oauth_server: OAuthServer,
) -> None:
    """The key is a part of the cache key, also for assertions of a subject."""
    keys = [EC[256].as_pem(), EC[384].as_pem()]
    cache = MemoryCache()
    managers = [
        *(manager_of(oauth_server, cache, None, client_auth=PrivateKeyJWT(key)) for key in keys),
        *(manager_of(oauth_server, cache, "s", grant=JWTBearer(key, issuer="a")) for key in keys),
    ]
    entries: set[str] = {manager._login._entry._key for manager in managers}  # type: ignore[union-attr]  # noqa: SLF001 - has no public name
    assert len(entries) == 4


@pytest.mark.rule("R081")
async def test_namespace_replaces_a_secret_that_changes(
    oauth_server: OAuthServer, tmp_path: Path
) -> None:
    """A rotated secret keeps the cached token, and tenants with one identifier stay apart."""
    cache = MemoryCache()
    path = tmp_path / "secret"
    path.write_text("secret")
    async with manager_of(oauth_server, cache, "secret", cache_namespace="a") as manager:
        token = await manager.get_token()
    async with manager_of(oauth_server, cache, SecretFile(path), cache_namespace="a") as same:
        assert await same.get_token() == token
    async with manager_of(oauth_server, cache, "secret", cache_namespace="b") as other:
        assert await other.get_token() != token


@pytest.mark.rule("R073", "R081")
async def test_derived_clients_with_other_secrets_share_no_token(oauth_server: OAuthServer) -> None:
    """The same holds for tokens of another scope."""
    cache = MemoryCache()
    tokens: list[str] = []
    for namespace in ("a", "b", "a"):
        async with manager_of(oauth_server, cache, "secret", cache_namespace=namespace) as manager:
            tokens.append(await manager.with_options(scope="x").get_token())
    assert tokens[0] == tokens[2] != tokens[1]


async def test_flight_from_before_a_rejection_does_not_return_the_rejected_token(
    oauth_server: OAuthServer,
) -> None:
    """It reads the rejected token from the cache, so a second flight requests another one."""
    cache = UnreliableCache()
    slow = cache.new_client()
    async with (
        manager_of(oauth_server, cache, "secret") as one,
        manager_of(oauth_server, slow, "secret") as other,
    ):
        rejected = await one.get_token()
        slow.faults["get"] = CacheFault.slow(0.1).times(1)
        flight = asyncio.create_task(other.get_token())
        await asyncio.sleep(0)
        assert await other.renew_token(rejected) != rejected
        assert await flight == rejected
    assert oauth_server.token_requests == 2


_FAILING = """
import asyncio, sys, time
from aiohttp import ClientTimeout
from aioalf import Retry, TokenError, TokenManager
from aioalf.caches import FileCache

async def main(url: str, path: str, callers: int) -> None:
    retry = Retry(attempts=2, wait_initial=0)
    options = {"timeout": ClientTimeout(2)}
    manager = TokenManager(url, "id", "secret", options, cache=FileCache(path), retry=retry)
    async with manager:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        began = time.monotonic()

        async def fetch() -> float:
            try:
                await manager.get_token()
            except TokenError:
                return time.monotonic() - began
            raise AssertionError("the endpoint fails")

        print(max(await asyncio.gather(*(fetch() for _ in range(callers)))))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


async def slowest_of(server: OAuthServer, path: Path, processes: int) -> float:
    """Start processes with 200 callers each; return after how many seconds the last one failed."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        _FAILING,
        server.token_endpoint,
        str(path),
        "200",
    ]
    pipe = asyncio.subprocess.PIPE
    started = [
        await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        for _ in range(processes)
    ]
    for process in started:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in started))
    return max(float(output) for output, _ in outputs)


@pytest.mark.rule("R033", "R072", "R079")
async def test_callers_of_many_processes_fail_together(
    oauth_server: OAuthServer, tmp_path: Path
) -> None:
    """Each gets its error as soon as in a single process, and the endpoint gets one series."""
    oauth_server.token_fault = Fault.slow(math.inf)
    alone = await slowest_of(oauth_server, tmp_path / "alone", 1)
    assert oauth_server.token_requests == 2
    together = await slowest_of(oauth_server, tmp_path / "together", 8)
    assert oauth_server.token_requests == 4
    assert together <= 1.5 * alone


async def test_returned_error_response_belongs_to_the_client_that_got_it(
    oauth_server: OAuthServer,
) -> None:
    """Another client raises the shared error, because it has no response to return."""
    oauth_server.token_fault = Fault.html("no", status=500)
    cache = MemoryCache()
    arguments: Any = ("client-id", "secret", oauth_server.token_endpoint)
    async with Client(*arguments, cache=cache) as one, Client(*arguments, cache=cache) as other:
        async with one.get(oauth_server.url("/things")) as response:
            assert response.status == 500
        with pytest.raises(TokenHTTPError, match="another client with the same token cache"):
            await other.get(oauth_server.url("/things"))
