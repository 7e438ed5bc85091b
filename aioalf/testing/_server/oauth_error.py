"""A refusal in OAuth's words (RFC 6749 §5.2), and the headers of answers that nobody may keep.

Knows how a refusal looks as a response; does not know why anyone refuses.
"""

from __future__ import annotations

from aiohttp import web

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuthError(Exception):
    """Raised where a request is refused; ``error`` is a code of RFC 6749."""

    def __init__(
        self, error: str, description: str, *, status: int = 400, challenge: str | None = None
    ) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status
        self.challenge = challenge

    def response(self) -> web.Response:
        """The refusal as JSON, not to be stored."""
        headers = dict(NO_STORE)
        if self.challenge is not None:
            headers["WWW-Authenticate"] = self.challenge
        body = {"error": self.error, "error_description": self.description}
        return web.json_response(body, status=self.status, headers=headers)


def invalid_request(description: str) -> OAuthError:
    """The refusal of a request that is not put together as the RFC says."""
    return OAuthError("invalid_request", description)
