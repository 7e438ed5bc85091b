"""`GrantRequests`: sends the requests of a grant, and stores single-use responses.

The response to a single-use request is stored before the grant gets it. The login decides about
retries. Must not know caches.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine

from aioalf._auth_server.request_params import AmendResponse, Form
from aioalf._closing import MustFinish
from aioalf._hidden_repr import MaskedDict
from aioalf.grants import AuthorizationServer
from aioalf.token import Token


class GrantRequests:
    """The authorization server for one call of `Grant.request_token`, with its own `request`.

    Args:
        server: Sends the requests.
        receive: Returns the token of a response after storing it; None stores nothing.
        must_finish: Runs the request and `receive` to completion even if the caller is cancelled,
            because a code or a refresh token cannot be sent twice.
        is_single_attempt: Send a repeatable request only once.
    """

    def __init__(
        self,
        server: AuthorizationServer,
        receive: Callable[[Awaitable[Token]], Coroutine[object, object, Token]] | None,
        must_finish: MustFinish,
        *,
        is_single_attempt: bool,
    ) -> None:
        self._server = server
        self._receive = receive
        self._must_finish = must_finish
        self._is_single_attempt = is_single_attempt
        self.is_repeatable = False
        """Whether the last request may be sent again after a transient error."""
        self.stored: Token | None = None
        """The last token that was stored."""

    def __getattr__(self, name: str) -> object:
        return getattr(self._server, name)

    async def request(
        self, form: Form, *, is_repeatable: bool = False, amend: AmendResponse | None = None
    ) -> Token:
        """Send a token request. Store the response if the request is single-use."""
        form = MaskedDict(form)  # error reports show local variables
        self.is_repeatable = is_repeatable
        is_retried = is_repeatable and not self._is_single_attempt
        response = self._server.request(form, is_repeatable=is_retried, amend=amend)
        if self._receive is None or is_repeatable:
            return await response
        self.stored = await self._must_finish.run(self._receive(response))
        return self.stored
