"""The grant of clients that share a login, and the judge of the refresh tokens that they send."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Final
from urllib.parse import parse_qs, urlsplit

from aiohttp import ClientSession, TraceConfig, TraceRequestEndParams

from aioalf import ClientSecretBasic, Token
from aioalf.client_auth import Credentials, MutableForm
from aioalf.grants import AuthorizationServer
from tests.robustness.soak.diary import Diary
from tests.robustness.soak.events import FILES, now

_REDIRECT_URI: Final = "http://127.0.0.1/callback"
_VERIFIER: Final = "a-verifier.of~unreserved_characters-43-to-128"
_CHALLENGE: Final = base64.urlsafe_b64encode(hashlib.sha256(_VERIFIER.encode()).digest())[:43]
_KEPT: Final = 10  # used refresh tokens

# The form of the current token request; aiohttp calls trace hooks in the task of the request.
_FORM: ContextVar[Mapping[str, object]] = ContextVar("form")


class SharedLogin(ClientSecretBasic):
    """A user who is signed in, for several clients. It is their grant and client authentication.

    The server never loses a response, and a fault replaces a request before the server sees it. So
    a used refresh token that is sent again is an error. With the file cache, a sign-in without a
    logout is an error as well. A fault of the cache that happened meanwhile explains both.
    """

    name = "authorization_code"
    can_begin = True
    is_interactive = False
    keeps_refresh_token = True
    reserved_params = frozenset[str]()
    subject_key: str | None = ""

    def __init__(self, diary: Diary, user: str, authorize_url: str) -> None:
        super().__init__()
        self._diary = diary
        self._user = user
        self._authorize_url = authorize_url
        self._is_sign_in_due = True
        self._logouts = 0
        self._last_answer = 0.0
        self._in_flight: set[str] = set()
        self._used: dict[str, float] = {}
        """The used refresh tokens, and when the server answered."""

    @contextmanager
    def logging_out(self) -> Iterator[None]:
        """Expect sign-ins during a logout, which revokes tokens at its end, and one after it."""
        self._logouts += 1
        try:
            yield
        finally:
            self._logouts -= 1
            self._is_sign_in_due = True

    async def request_token(self, server: AuthorizationServer) -> Token:
        """Sign in without a browser, and redeem the code."""
        query = {
            "response_type": "code",
            "client_id": str(server.client_id),
            "redirect_uri": _REDIRECT_URI,
            "code_challenge": _CHALLENGE.decode(),
            "code_challenge_method": "S256",
        }
        async with (
            ClientSession() as browser,
            browser.get(self._authorize_url, params=query, allow_redirects=False) as redirect,
        ):
            code = parse_qs(urlsplit(redirect.headers["Location"]).query)["code"][0]
        form = {"code": code, "redirect_uri": _REDIRECT_URI, "code_verifier": _VERIFIER}
        return await server.request({"grant_type": self.name, **form})

    # What is sent

    def trace(self) -> TraceConfig:
        """Return a TraceConfig for the requests to the authorization server."""
        config = TraceConfig()
        config.on_request_end.append(self._note_response)
        config.on_request_exception.append(self._note_end)
        return config

    async def authenticate(
        self, credentials: Credentials, form: MutableForm, audience: str
    ) -> Mapping[str, str]:
        """Check the refresh token of the request."""
        _FORM.set(form)
        if (sent := str(form.get("refresh_token", ""))) != "":
            used_at = self._used.get(sent)
            if sent in self._in_flight:
                self._judge("a refresh token is in two requests", now())
            elif used_at is not None:
                self._judge("a used refresh token is sent again", used_at)
            self._in_flight.add(sent)
        return await super().authenticate(credentials, form, audience)

    async def _note_response(
        self, session: ClientSession, context: SimpleNamespace, params: TraceRequestEndParams
    ) -> None:
        await self._note_end(session, context, params)
        form, response = _FORM.get(), params.response
        if response.status != 200 or response.content_type != "application/json":
            return  # a fault answers instead of the server, also with a page and the status 200
        if "code" in form:
            self._diary.logins["sign-ins"] += 1
            if not (self._is_sign_in_due or self._logouts) and self._user == FILES:
                self._judge("a sign-in without a logout", self._last_answer)
            self._is_sign_in_due, self._last_answer = False, now()
        elif "refresh_token" in form:
            self._diary.logins["refreshes"] += 1
            self._used[str(form["refresh_token"])] = self._last_answer = now()
            if len(self._used) > _KEPT:
                del self._used[next(iter(self._used))]

    async def _note_end(
        self, session: ClientSession, context: SimpleNamespace, params: object
    ) -> None:
        self._in_flight.discard(str(_FORM.get().get("refresh_token", "")))

    def _judge(self, fault: str, since: float) -> None:
        self._diary.note_misuse(self._user, fault, since, now())
