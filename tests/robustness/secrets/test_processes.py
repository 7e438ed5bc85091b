"""No canary is in a command line or an environment, where other programs can read it."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from aioalf.testing import OAuthServer
from tests.robustness.secrets import browser, program
from tests.robustness.secrets.canaries import Canaries

CLIENT_ID = "a-client-id"


@pytest.mark.rule("R007", "R063")
async def test_started_browser_sees_no_secret(oauth_server: OAuthServer, tmp_path: Path) -> None:
    """The browser gets the URL of the sign-in, without the client secret and the verifier."""
    canaries = Canaries()
    secret = canaries.plant("client secret")
    oauth_server.add_client(CLIENT_ID, secret)
    oauth_server.auto_sign_in = "Ada"
    seen = tmp_path / "seen"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", program.__name__),
        env={**os.environ, "BROWSER": f"{sys.executable} {browser.__file__} {seen} %s"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    settings = {
        "client_id": CLIENT_ID,
        "client_secret": secret,
        "issuer": oauth_server.issuer,
        "http_options": {"headers": {"X-Api-Key": canaries.plant_token("API key")}},
        "url": oauth_server.url("/things"),
    }
    async with asyncio.timeout(30):
        output, errors = await process.communicate(json.dumps(settings).encode())
    assert (output, errors) == (b"200\n", b"")
    [request] = [each for each in oauth_server.log if "code_verifier" in each.form]
    canaries.add("code_verifier", request.form["code_verifier"])
    shown = seen.read_text()
    assert "code_challenge=" in shown
    assert canaries.found_in(shown) == []
