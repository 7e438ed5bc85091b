"""The log lines that docs/howto/logging.rst shows are real."""

import logging
import re

import pytest

from aioalf.testing import OAuthServer
from tests.auth_server.token_requests import endpoint_at, request_token
from tests.support.pages import ROOT


async def test_lines_in_the_documentation_are_real(
    oauth_server: OAuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The page shows the lines of a token request."""
    caplog.set_level(logging.DEBUG, "aioalf")
    await request_token(endpoint_at(oauth_server.token_endpoint))
    page = (ROOT / "docs" / "howto" / "logging.rst").read_text(encoding="utf-8")
    shown = re.sub(r"after \d+\.\d{3} s", "after N s", page)
    lines = [each.getMessage() for each in caplog.records if each.name.startswith("aioalf.")]
    assert lines
    for line in lines:
        public = line.replace(oauth_server.token_endpoint, "https://auth.example.com/token")
        assert re.sub(r"after \d+\.\d{3} s", "after N s", public) in shown
