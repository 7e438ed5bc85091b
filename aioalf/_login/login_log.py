"""What a login logs about a sign-in. Must not know how tokens are requested or stored."""

from __future__ import annotations

import logging

from aioalf.grants import AuthorizationServer
from aioalf.token import Token

logger: logging.Logger = logging.getLogger(__name__)


def log_missing_refresh_token(token: Token, endpoint: AuthorizationServer) -> None:
    """Log which scope to request, if a sign-in lacks a refresh token because of its scope."""
    rules = endpoint.authorization_rules
    wanted = rules.refresh_scope
    requested = endpoint.request_params.scope or rules.default_scope
    if token.refresh_token is None and wanted and wanted not in requested.split():
        logger.info(
            "The sign-in yielded no refresh token, so the person must sign in again when the token "
            "expires: request the scope %s as well",
            wanted,
        )
