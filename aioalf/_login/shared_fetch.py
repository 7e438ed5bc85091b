"""`SharedFetch`: one token request for all clients that share a cache entry, in all processes.

Each client reads the entry. If it holds no usable token, one client claims the entry, reads it
again, sends the request and stores the response; the others wait and read. The claim is released
between two attempts, and while a user signs in. Must not know refresh tokens or HTTP.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from aioalf._cache_protocol import Claim
from aioalf._closing import run_to_completion
from aioalf._login.announced_sign_in import AnnouncedSignIn
from aioalf._login.cache_entry import CacheEntry, this_process
from aioalf._login.cache_note import CacheNote, NoteKind, failure_note
from aioalf.errors import (
    CacheError,
    LoginTimeoutError,
    MetadataError,
    OAuthError,
    TokenConnectionError,
    TokenError,
)
from aioalf.renewal import RenewalSkippedError
from aioalf.retry import Retry, more_telling, pause_after
from aioalf.token import Token

logger: logging.Logger = logging.getLogger(__name__)

PATIENCE: Final = 30.0
"""The minimum time in seconds that a caller waits for the request of another client."""

_POLL: Final = 1.0
"""Seconds between two reads of the entry while another client holds the claim."""

_CACHE_PATIENCE: Final = 15.0
"""Seconds in which a failing cache is tried again, if no request may be sent without it."""

_SPREAD: Final = 0.3
"""The seconds within which clients send their requests when the cache fails for all of them."""

_MAX_AVOIDANCE: Final = 60.0
"""The longest time in seconds for which a failing cache is not used."""

_FAILURES_TO_SHARE: Final = (OAuthError, TokenConnectionError, MetadataError, LoginTimeoutError)
"""Errors that other clients would get as well."""


class BusyError(CacheError):
    """Raised when another client has been busy with the entry for too long."""


class _Turn(NamedTuple):
    """The result of one turn: a token, or the next step after the claim was released."""

    token: Token | None = None
    is_sign_in: bool = False
    """Whether a user has to sign in now."""
    pause: float = 0.0
    """The seconds until the next turn."""


@dataclass
class _Attempts:
    """The requests so far, of this client and of those whose notes it has read.

    A note may be lost, so each client counts as well: no fetch sends more requests than its `Retry`
    allows.
    """

    count: int = 0
    began: float = 0.0
    """When the first request was sent, in seconds since the epoch."""
    failure: TokenError | None = None
    """The most telling error."""

    def include(self, note: CacheNote | None) -> None:
        """Add the requests that a note counts."""
        if note is not None and note.attempt:
            self.began = min(note.began, self.began) if self.count else note.began
            self.count = max(note.attempt, self.count)


class Steps(NamedTuple):
    """The steps of one fetch, which a login provides."""

    load: Callable[[Claim | None], Awaitable[Token | None]]
    """Reads the entry, and returns its token if it is usable. Raises CacheError."""

    request: Callable[[Claim | None], Awaitable[Token | None]]
    """Sends one request under the claim, and stores its response.

    None means that the refresh token was refused, so the grant has to start again. Without a claim,
    transient errors are retried.
    """

    sign_in: Callable[[], Awaitable[Token]]
    """Lets a user sign in, and stores the response."""

    needs_person: Callable[[], bool]
    """Whether `sign_in` comes next, and not `request`; called after `load`."""

    is_repeatable: Callable[[], bool]
    """Whether the last request may be sent again after a transient error."""

    needs_cache: bool
    """Whether a request must not be sent without the claim, because it may send a refresh token."""

    name: str | None = None
    """The name of the derived client. Each derived client has a note of its own."""


class SharedFetch:
    """Fetches the tokens of one cache entry.

    Args:
        entry: The entry.
        retry: When a failed request is repeated.
        failure_backoff: The seconds for which others raise the same error and send nothing.
    """

    def __init__(self, entry: CacheEntry, retry: Retry | None, failure_backoff: float) -> None:
        self._entry = entry
        self._retry = retry or Retry()
        self._failure_backoff = failure_backoff
        self._ignored_until = 0.0
        """Errors that were noted before this time, in seconds since the epoch, are not raised."""
        self._signing_in = AnnouncedSignIn(entry)
        self._avoid_cache_until = 0.0
        self._avoidance = 0.5

    def ignore_note(self) -> None:
        """Do not raise an error that another client has noted before now."""
        self._ignored_until = time.time()

    async def run(self, steps: Steps, *, is_ahead: bool) -> Token:
        """Return a token. With `is_ahead`, do not wait for other clients, and ask no user.

        Raises RenewalSkippedError if a renewal ahead of expiry is skipped, and TokenError.
        """
        ends_at = time.monotonic() + _CACHE_PATIENCE
        while True:
            if not steps.needs_cache and time.monotonic() < self._avoid_cache_until:
                return await self._run_without_cache(steps, is_ahead=is_ahead)
            try:
                token = await self._run(steps, is_ahead=is_ahead)
            except BusyError:
                raise
            except CacheError as error:
                if not steps.needs_cache:
                    await self._avoid_cache(error)
                elif is_ahead or time.monotonic() >= ends_at:
                    raise
                else:
                    await asyncio.sleep(_jitter(_POLL))
            else:
                self._avoidance = 0.5
                return token

    async def _run(self, steps: Steps, *, is_ahead: bool) -> Token:
        patience, since = max(PATIENCE, self._retry.timeout), time.time()
        gives_up_at = time.monotonic() + patience
        attempts = _Attempts()
        while True:
            token = await steps.load(None)
            if token is not None:
                logger.debug("A token of the token cache is used")
                return token
            turn = await self._take_turn(steps, attempts, since, is_ahead=is_ahead)
            if turn is None:
                await self._wait(gives_up_at, is_ahead=is_ahead)
                continue
            gives_up_at = time.monotonic() + patience
            if turn.token is not None:
                return turn.token
            # Another fetch of this client may have begun or ended a sign-in meanwhile.
            if turn.is_sign_in and not self._signing_in.section.is_running:
                if steps.needs_person():
                    return await self._sign_in(steps)
                await self._entry.set_note(None, steps.name)
            await asyncio.sleep(turn.pause)

    async def _take_turn(
        self, steps: Steps, attempts: _Attempts, since: float, *, is_ahead: bool
    ) -> _Turn | None:
        """Take a turn with the claim; None if another fetch or client has it."""
        turn = None
        try:
            async with self._entry.claims.taken() as claim:
                if claim is not None:
                    turn = await self._turn(steps, claim, attempts, since, is_ahead=is_ahead)
                    if turn.is_sign_in:
                        await self._signing_in.announce(steps.name)
        except (Exception, asyncio.CancelledError):
            if turn is not None and turn.is_sign_in:  # this fetch asks no user
                await run_to_completion(self._entry.set_note(None, steps.name))
            raise
        return turn

    async def _turn(
        self,
        steps: Steps,
        claim: Claim,
        attempts: _Attempts,
        since: float,
        *,
        is_ahead: bool,
    ) -> _Turn:
        """Use the claim: read the entry again, then send one request, or say how long to wait.

        `since` is when the fetch started, in seconds since the epoch.
        """
        token = await steps.load(claim)
        if token is not None:
            logger.debug("A token is used that another client has just stored")
            return _Turn(token)
        note = await self._note(steps, since)
        pause = 0.0 if note is None else note.seconds_left(time.time())
        if is_ahead and (pause or steps.needs_person()):
            raise RenewalSkippedError(until_expiry=steps.needs_person())
        if note is not None and pause:
            logger.debug("Waiting up to %.1f s for %s: %s", pause, note.by, note.kind)
            return _Turn(pause=min(pause, _POLL) if note.kind is NoteKind.SIGNING_IN else pause)
        if steps.needs_person():
            self._signing_in.section.refuse_to_wait()
            is_asked = self._signing_in.section.is_running
            return _Turn(pause=_POLL) if is_asked else _Turn(is_sign_in=True)
        attempts.include(note)
        try:
            token = await self._attempt(steps, claim, attempts)
        except TokenError as error:
            attempts.failure = more_telling(error, attempts.failure)
            return _Turn(pause=await self._note_failure(attempts.failure, steps, attempts))
        attempts.count = 0  # a refused refresh token is no failure: the grant starts again
        if note is not None:
            await self._entry.set_note(None, steps.name)
        return _Turn(token)

    async def _attempt(self, steps: Steps, claim: Claim, attempts: _Attempts) -> Token | None:
        # The first request has its own timeout. A repeated one must also end within the retry
        # timeout.
        now, limit = time.time(), None
        if attempts.count:
            limit = max(0.0, self._retry.timeout - (now - attempts.began))
        else:
            attempts.began = now
        attempts.count += 1
        try:
            async with asyncio.timeout(limit):
                return await steps.request(claim)
        except TimeoutError:
            if attempts.failure is None:
                raise TokenConnectionError("A token request was not answered in time") from None
            raise attempts.failure from attempts.failure.__cause__

    async def _note_failure(self, error: TokenError, steps: Steps, attempts: _Attempts) -> float:
        """Write a note. Return the seconds until the next attempt, or raise the error."""
        now, chance = time.time(), _jitter(1.0)
        wait = None
        if steps.is_repeatable():
            elapsed = max(0.0, now - attempts.began)
            wait = self._retry.wait_after(error, attempts.count, elapsed, chance)
        if wait is not None:
            note = CacheNote(
                NoteKind.RETRYING, now + wait, this_process(), attempts.count, attempts.began
            )
            await self._entry.set_note(note, steps.name)
            return wait
        if isinstance(error, _FAILURES_TO_SHARE):
            await self._share(error, steps)
        raise error from error.__cause__

    async def _share(self, error: TokenError, steps: Steps) -> None:
        """Let other clients raise the same error, as long as this client sends no request."""
        pause = pause_after(error, self._failure_backoff)
        # Even if the pause is 0: clients that already wait read the note.
        note = failure_note(error, time.time(), pause, this_process())
        await self._entry.set_note(note, steps.name)

    async def _note(self, steps: Steps, since: float) -> CacheNote | None:
        """Return the note, or raise the error in it if that is recent."""
        note = await self._entry.note(steps.name)
        if note is None or note.kind is not NoteKind.FAILED:
            return note
        is_paused = note.failed > self._ignored_until and note.seconds_left(time.time()) > 0
        if is_paused or note.failed > since:  # or this client waited for the request
            raise note.error(time.time())
        await self._entry.set_note(None, steps.name)
        return None

    async def _wait(self, gives_up_at: float, *, is_ahead: bool) -> None:
        if is_ahead:
            raise RenewalSkippedError(until_expiry=False)
        self._entry.claims.turn.refuse_to_wait()
        left = gives_up_at - time.monotonic()
        if left <= 0:
            holder = await self._entry.claims.holder()
            raise BusyError(
                f"{holder} has been requesting this token for too long: try again, or end that "
                "process if it hangs"
            )
        logger.debug("Waiting for another client that requests this token")
        await self._entry.claims.wait(min(_jitter(2 * _POLL), left))

    async def _sign_in(self, steps: Steps) -> Token:
        with self._signing_in.section.entered():
            try:
                async with self._signing_in.renewed_note(steps.name):
                    token = await steps.sign_in()
            except (Exception, asyncio.CancelledError) as error:
                if isinstance(error, TokenError) and error.pauses_sign_in:
                    await self._share(error, steps)
                else:
                    await run_to_completion(self._entry.set_note(None, steps.name))
                raise
            await run_to_completion(self._entry.set_note(None, steps.name))
            return token

    # A cache that fails

    async def _avoid_cache(self, error: CacheError) -> None:
        """Do not use the cache for a time that doubles each time. Log that once per outage."""
        if self._avoidance < 1:
            logger.warning("Tokens are requested without the token cache: %s", error)
        self._avoidance = min(2 * self._avoidance, _MAX_AVOIDANCE)
        self._avoid_cache_until = time.monotonic() + self._avoidance
        await asyncio.sleep(_jitter(_SPREAD))  # other clients notice at the same time

    async def _run_without_cache(self, steps: Steps, *, is_ahead: bool) -> Token:
        if is_ahead and steps.needs_person():
            raise RenewalSkippedError(until_expiry=True)
        token = None if steps.needs_person() else await steps.request(None)
        return token or await steps.sign_in()


def _jitter(seconds: float) -> float:
    return seconds * random.random()  # noqa: S311 - jitter needs no secure randomness
