"""One cached token: shared by concurrent callers and renewed ahead of expiry.

The base class of `TokenManager`; the subclass knows how a token is fetched. Must not know grants,
logins or HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from functools import partial

from aioalf._closing import is_being_cancelled
from aioalf._hidden_repr import MaskedStr
from aioalf._single_flight import (
    CANCELLED_INSIDE,
    SingleFlight,
    copy_exception,
    copy_without_frames,
)
from aioalf.errors import TokenConfigurationError, TokenError
from aioalf.renewal import PAUSE_AFTER_REFUSAL, Renewal, RenewalSkippedError
from aioalf.retry import pause_after
from aioalf.token import Token, expiry_clock

logger: logging.Logger = logging.getLogger("aioalf.manager")

_NEVER = -math.inf
_SKIPPED_RENEWAL = 1.0
"""Seconds before a renewal is tried again that was skipped because another client does it."""


class RenewingToken(ABC):
    """Holds the current token, the token request in flight, and the last failure."""

    _uses_stored_tokens = False
    """Whether `_fetch_token` may return a token that was stored earlier, such as a rejected one."""

    def __init__(self, renewal: Renewal) -> None:
        self._renewal = renewal
        self._start_without_token()

    def _start_without_token(self) -> None:
        self._flight: SingleFlight[Token] = SingleFlight()
        self._generation = 0
        self._token: Token | None = None
        self._rejected_token: str | None = None
        self._renew_at = _NEVER
        self._failure: Exception | None = None
        self._paused_until = _NEVER
        self._unproven_until = _NEVER

    def cached_token(self) -> str | None:
        """Return the current token without waiting, or None if there is no valid one.

        In the last part of the token's life this starts a renewal in the background.
        """
        token = self._token
        if token is None:
            return None
        now = expiry_clock()
        if now >= self._renew_at:
            if now >= token.deadline:
                return None
            self._renew_in_background()
        return token.access_token

    async def get_token(self) -> str:
        """Return a valid access token, requesting one if necessary.

        Concurrent callers share one token request; each gets its token or a copy of its error. For
        a short time after a failure the error is raised again without a request (see `Renewal`). A
        token with ``expires_in`` 0 is returned to the callers that waited for it and not cached.

        Raises:
            TokenError: If no token is available.
        """
        token = self._token
        if token is not None and expiry_clock() < self._renew_at:  # the usual case, made fast
            return token.access_token
        return self.cached_token() or (await self._obtain()).access_token

    async def token(self) -> Token:
        """Return the whole valid token: text, scope, expiry, and all members of the response.

        A subclass that overrides `get_token` overrides this, too.

        Raises:
            TokenError: As `get_token`.
        """
        token = self._token
        if token is not None and self.cached_token() is not None:
            return token
        return await self._obtain()

    def can_renew(self, rejected: str) -> bool:
        """Tell whether `renew_token` would return another token than the rejected one.

        False if the rejected token itself came from a renewal less than ``failure_backoff`` seconds
        ago, no request has succeeded with it, and it has not expired. An API that rejects every
        token therefore does not cause a token request for each API request. If a user has to sign
        in for each token, no token is renewed for a minute after its sign-in.
        """
        token = self._token
        if token is None or token.access_token != rejected:
            return True
        begins_at = max(self._unproven_until, self._next_sign_in_at(token))
        return time.monotonic() >= begins_at or expiry_clock() >= token.deadline

    async def renew_token(self, rejected: str) -> str:
        """Return a token to use instead of one that an API rejected (RFC 6750 §3.1).

        If the token has already been replaced, this returns the replacement. Concurrent callers
        share one token request. If `can_renew` is false, this returns the rejected token.

        Raises:
            TokenError: If no token is available.
        """
        if not self.can_renew(rejected):
            return rejected
        rejected = MaskedStr(rejected)  # error reports show local variables
        self.mark_rejected(rejected)
        token = await self.get_token()
        if token == rejected and self._uses_stored_tokens:
            # The request in flight started before the rejection, and returned the stored token.
            self.mark_rejected(rejected)
            del token
            token = await self.get_token()
        return token

    def mark_rejected(self, token: str) -> None:
        """Forget a token that an API rejected, if it is the current one and `can_renew` is true."""
        if self._token is not None and self._token.access_token == token and self.can_renew(token):
            self._token = None
            self._rejected_token = token
            self._unproven_until = math.inf  # `_keep` shortens this when a new token arrives

    def mark_accepted(self) -> None:
        """Note that an API accepted a renewed token: the next rejection renews it at once."""
        self._unproven_until = _NEVER

    async def reset_token(self) -> None:
        """Forget the token and the last failure; the next `get_token` requests a new token.

        Callers that wait for a token request in flight get its token, which is not cached. If the
        token was forgotten already, a request in flight since then serves all callers.
        """
        if self._token is None and self._failure is None and self._flight.is_running:
            return
        self._flight.abandon()
        if self._token is not None:
            self._rejected_token = self._token.access_token  # a token cache may still hold it
        self._forget()

    @property
    def retry_after(self) -> float:
        """Seconds for which the last failure is raised again without a request; 0 if none."""
        return 0.0 if self._failure is None else max(0.0, self._paused_until - time.monotonic())

    @abstractmethod
    async def _fetch_token(self, *, is_ahead: bool) -> Token:
        """Return a new token. `is_ahead` is True for a renewal ahead of expiry.

        Raises TokenError, and RenewalSkippedError if a renewal ahead of expiry is skipped.
        """

    def _next_sign_in_at(self, token: Token) -> float:
        """Return the earliest time of the next sign-in; minus infinity if none is needed."""
        return token.sent_at + PAUSE_AFTER_REFUSAL if self._needs_person() else _NEVER

    def _needs_person(self) -> bool:
        """Whether a user has to sign in for the next token."""
        return False

    async def _obtain(self) -> Token:
        if self._failure is not None and not self._flight.is_running and self.retry_after:
            raise copy_exception(self._failure)
        try:
            return await self._flight.run(self._run_flight)
        except RenewalSkippedError:  # it was in flight when the token expired
            return await self._flight.run(self._run_flight)

    def _renew_in_background(self) -> None:
        if time.monotonic() >= self._paused_until and self._flight.is_idle:
            logger.debug("The token is renewed ahead of its expiry")
            self._flight.start(partial(self._run_flight, is_ahead=True))

    def _run_flight(self, *, is_ahead: bool = False) -> Coroutine[object, object, Token]:
        # The generation is read now: a reset may come before the first step of the coroutine.
        return self._run_flight_of(self._generation, is_ahead=is_ahead)

    async def _run_flight_of(self, generation: int, *, is_ahead: bool) -> Token:
        try:
            token = await self._fetch_token(is_ahead=is_ahead)
        except RenewalSkippedError as error:
            if self._token is not None:
                later = expiry_clock() + _SKIPPED_RENEWAL
                expiry = self._token.deadline
                self._renew_at = expiry if error.until_expiry else min(later, expiry)
            raise
        except asyncio.CancelledError:
            if is_being_cancelled():
                raise
            failure = TokenError(CANCELLED_INSIDE)
            self._note_failure(failure, generation)
            raise failure from None
        except Exception as error:
            self._note_failure(error, generation)
            raise
        if generation == self._generation:
            self._failure = None
            self._keep(token)
        return token

    def _keep(self, token: Token) -> None:
        if self._token is None and self._unproven_until > _NEVER:
            # Counted from now, since fetching may have taken longer than the backoff.
            pause = PAUSE_AFTER_REFUSAL if self._needs_person() else self._renewal.failure_backoff
            self._unproven_until = time.monotonic() + pause
        self._token = token
        chance = random.random()  # noqa: S311 - jitter needs no secure randomness
        self._renew_at = self._renewal.begins_at(token.expires_in, token.deadline, chance)

    def _note_failure(self, error: Exception, generation: int) -> None:
        """Back off from the token endpoint; log once if callers still have a valid token."""
        if generation != self._generation:
            return
        now = time.monotonic()
        if self._token is not None and expiry_clock() < self._token.deadline:
            if self._failure is None:
                logger.warning("The token could not be renewed ahead of its expiry: %s", error)
            if isinstance(error, TokenError) and error.pauses_sign_in:
                self._renew_at = self._token.deadline  # do not ask the user twice
        elif isinstance(error, TokenConfigurationError) and not error.pauses_sign_in:
            return  # no request was sent, and a corrected configuration should work at once
        self._failure = copy_without_frames(error)
        self._paused_until = now + pause_after(error, self._renewal.failure_backoff)

    def _forget(self) -> None:
        self._token = self._failure = None
        self._unproven_until = _NEVER
        self._generation += 1
